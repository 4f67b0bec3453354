//! The file for an existing Backstage.

use super::world::{CATALOG, TOKEN, World};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use loggia_model::{backstage, yaml};

#[tokio::test]
async fn an_existing_backstage_takes_every_document() {
    let world = World::new(CATALOG).await;
    let get = async |path: String| world.raw(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(get("/catalog-info.yaml".into()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(get("/catalog-info.yaml?token=wrong".into()).await.status, StatusCode::UNAUTHORIZED);
    let said = get(format!("/catalog-info.yaml?token={TOKEN}")).await;
    assert_eq!(said.status, StatusCode::OK);
    assert!(!said.text.contains(TOKEN));
    let documents: Vec<_> = yaml::parse(&said.text).into_iter().map(|parsed| parsed.document.unwrap()).collect();
    for document in &documents {
        assert_eq!(backstage::validate(document), Ok(()), "{document}");
        assert_eq!(document["apiVersion"], "backstage.io/v1alpha1");
    }
    let [location, offering, instance] = documents.as_slice() else { panic!("{} documents", documents.len()) };
    assert_eq!(location["kind"], "Location");
    assert_eq!((&offering["kind"], &offering["spec"]["type"]), (&"Component".into(), &"platform-offering".into()));
    assert_eq!(offering["spec"]["owner"], "group:default/booking");
    assert_eq!(instance["spec"]["dependsOn"][0], "component:loggia/postgres");
    assert_eq!(instance["spec"]["dependencyOf"][0], "component:default/alpha");
    assert_eq!(offering["spec"]["lifecycle"], "deprecated", "no environment offers it");
    assert_eq!(instance["metadata"]["links"][0]["url"], "https://loggia.example.com/instances/booking/orders.prod");
}
