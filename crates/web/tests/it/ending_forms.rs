//! The forms of endings: what people plan, move, allow and agree to without the command line; and the table of versions.

use crate::ending::{ends, today};
use crate::world::{Said, World, on_both};
use axum::http::{Request, StatusCode, header};
use serde_json::json;

async fn send(world: &World, role: &str, path: &str, fields: &[(&str, &str)]) -> Said {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::builder().method("POST").uri(path);
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(role, request, body).await
}

#[tokio::test]
async fn an_ending_is_planned_with_the_days_of_its_rule() {
    on_both("ending_form_plan", async |world| {
        let day = today(&world);
        assert!(!world.get("member", "/endings").await.text.contains("Plan an ending"));
        assert!(world.get("product", "/endings").await.text.contains("Plan an ending"));
        let plan = [
            ("subject", "offering:postgres"),
            ("reason", "It is old."),
            ("replacement", "none"),
            ("preset", "aws-lambda"),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&plan[..], more].concat();
        let proposed = send(&world, "product", "/ending/new", &with(&[("do", "propose")])).await;
        assert_eq!(proposed.status, StatusCode::OK, "{}", proposed.text);
        for text in [
            format!("value=\"{}\"", day.plus(180)),
            format!("Closed to new: {}", day.plus(30).words()),
            "aws-lambda asks for 180 days of notice".to_owned(),
        ] {
            assert!(proposed.text.contains(&text), "{text}: {}", proposed.text);
        }
        let wrong = send(&world, "product", "/ending/new", &with(&[("do", "plan"), ("brownouts", "soon")])).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(wrong.text.contains("2027-03-16 10:00 to 12:00") && wrong.text.contains("It is old."));
        let refused = send(&world, "member", "/ending/new", &with(&[("do", "plan")])).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
        let done = send(&world, "product", "/ending/new", &with(&[("do", "plan")])).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        let view = world.get("product", "/api/v1/endings/default/postgres-end/state").await.json();
        assert_eq!(
            (view["state"].as_str(), view["dates"]["off"].as_str()),
            (Some("draft"), Some(day.plus(180).to_string().as_str()))
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_decided_has_a_form_that_says_why_not() {
    on_both("ending_form_acts", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "off": day.plus(40)})).await;
        let page = world.get("member", "/endings/tern-end").await.text;
        assert!(!page.contains("What you can do") && page.contains(&day.plus(40).words()), "{page}");
        let page = world.get("product", "/endings/tern-end").await.text;
        for word in ["move", "exempt", "cancel"] {
            assert_eq!(page.contains(&format!("action=\"/endings/tern-end/{word}\"")), word != "cancel", "{word}");
        }
        let (off, until) = (day.plus(20).to_string(), day.plus(60).to_string());
        let fields =
            [("effective", &*day.to_string()), ("off", off.as_str())].map(|(key, value)| (key, value.to_owned()));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let said = send(&world, "product", "/endings/tern-end/move", &fields).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            said.text.contains("People were told that it is off on") && said.text.contains(&format!("value=\"{off}\""))
        );
        let team = [("team", "group:default/booking"), ("instance", ""), ("until", until.as_str())];
        let said = send(&world, "product", "/endings/tern-end/exempt", &[&team[..], &[("reason", "")]].concat()).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", said.text);
        let said =
            send(&world, "product", "/endings/tern-end/exempt", &[&team[..], &[("reason", "The quarter.")]].concat())
                .await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text);
        let page = world.get("member", "/endings/tern-end").await.text;
        assert!(
            page.contains("Who may differ") && page.contains("The quarter.") && page.contains("Granted by"),
            "{page}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_table_of_versions_says_until_when_and_who() {
    on_both("version_table", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "off": day.plus(40)})).await;
        let page = world.get("member", "/get/tern/versions").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for text in [day.plus(39).words(), "it goes away".to_owned(), "How soon what is wrong is mended".to_owned()] {
            assert!(page.text.contains(&text), "{text}: {}", page.text);
        }
        let table = world.get("member", "/api/v1/versions/tern").await.json();
        assert_eq!(table["versions"][0]["phase"], "active");
        assert_eq!(table["versions"][0]["end"], json!(day.plus(39)));
        assert_eq!(world.get("partner", "/api/v1/versions/tern").await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.get("member", "/api/v1/versions/nothing").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}
