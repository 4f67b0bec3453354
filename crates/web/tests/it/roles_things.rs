//! What commands of the table of roles are about: a thing of its own for each role, so that each meets it as it has to be.

use crate::backend::Running;
use crate::world::World;
use loggia_web::api::Route;
use serde_json::{Value, json};

/// Address and body of a command about a thing that was made for one role; none where the usual thing does.
pub async fn own(
    world: &World,
    running: &Running,
    route: &Route,
    role: &str,
    path: &str,
) -> Option<(String, Option<Value>)> {
    let reason = Some(json!({"reason": "x"}));
    Some(match route.id {
        "pauseCampaign" | "resumeCampaign" | "endCampaign" => {
            let name = format!("{}-{role}", route.id.to_lowercase());
            campaign(world, &name, route.id == "resumeCampaign").await;
            (path.replace("postgres-3", &name), reason)
        }
        "proposeRelease" => {
            let version = format!("0.1.0-{role}");
            world
                .add(&format!(
                    "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {{name: postgres-{version}, annotations: \
                     {{loggia.dev/publication: draft}}}}\nspec: {{offering: postgres, version: {version}, contract: \
                     {{inputs: {{}}}}, recipe: {{driver: postgres}}}}\n"
                ))
                .await;
            (path.replace("postgres-1.0.0", &format!("postgres-{version}")), None)
        }
        "getChangeForm" => (path.replace("/main.dev", "/kept.dev"), None),
        "changeInstance" => {
            let name = format!("change-{role}");
            running.order(world, &name).await;
            (path.replace("/main.dev", &format!("/{name}.dev")), Some(json!({"plan": "large"})))
        }
        "orphanInstance" => {
            let name = format!("orphan-{role}");
            running.order(world, &name).await;
            (path.replace("/main.dev", &format!("/{name}.dev")), None)
        }
        "grantAccess" | "rotateAccess" | "revokeAccess" | "revealAccess" => {
            let name = format!("{}-{role}", route.id.to_lowercase());
            running.order(world, &name).await;
            let path = path.replace("/main.dev", &format!("/{name}.dev"));
            if route.id == "grantAccess" {
                return Some((path, None));
            }
            let id = running.grant(world, &name, "component/orders").await;
            (path.replace("00000000-0000-7000-8000-000000000000", &id), None)
        }
        "dismissLeak" | "removeLeak" => {
            let key = format!("{}-{role}", route.id.to_lowercase());
            running.leave(world, &key).await;
            let mut wish = json!({"driver": "postgres", "key": key});
            match route.id {
                "dismissLeak" => wish["reason"] = "x".into(),
                _ => wish["confirmed"] = true.into(),
            }
            (path.to_owned(), Some(wish))
        }
        "revokeToken" => {
            let made = world.post(role, "/api/v1/tokens", &json!({"name": "to-revoke"})).await;
            let id = if made.status.is_success() { made.json()["about"]["id"].clone() } else { Value::Null };
            (path.replace("00000000-0000-7000-8000-000000000000", id.as_str()?), None)
        }
        "dismissUnmatched" => {
            let name = format!("unheard-of-{role}");
            let seen = json!({"offering": name, "environment": "dev", "team": "booking", "name": "x", "version": "1"});
            assert!(world.post("admin", "/api/v1/observe", &seen).await.status.is_success());
            let all = world.get("admin", "/api/v1/unmatched").await.json();
            let line =
                all["items"].as_array()?.iter().find(|one| one.to_string().contains(&format!("\"{name}\"")))?.clone();
            (path.to_owned(), Some(json!({"keys": [line["key"]]})))
        }
        _ => return None,
    })
}

/// A campaign that runs, or rests.
async fn campaign(world: &World, name: &str, rests: bool) {
    let spec = "spec: {purpose: It is old., offering: postgres, to: \">=9\"}";
    world.add(&format!("apiVersion: loggia.dev/v1\nkind: Campaign\nmetadata: {{name: {name}}}\n{spec}\n")).await;
    let verbs = ["start", "pause"];
    for verb in verbs.into_iter().take(if rests { 2 } else { 1 }) {
        let said =
            world.post("admin", &format!("/api/v1/campaigns/default/{name}:{verb}"), &json!({"reason": "x"})).await;
        assert!(said.status.is_success(), "{verb} {name}: {}", said.text);
    }
}
