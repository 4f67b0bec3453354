//! What is gone is told to whom it was told before, and to nobody else.

use crate::estate::platform;
use crate::harness::{InMemory, on_each};
use loggia_app::command::changes::{Changes, Draft};
use loggia_app::command::{Command, Ctx, Facts};
use loggia_app::estate::usage::UsageFilter;
use loggia_app::instance::order::OrderInput;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{Caller, Door, Error};
use loggia_graph::Graph;
use loggia_model::operation::{State, Verb};
use loggia_model::{Ref, Uid};
use serde_json::{Value, json};
use std::sync::Arc;

/// Keeps an instance to its team.
struct Hide(Ref);

impl Command for Hide {
    fn name(&self) -> &'static str {
        "instance.hide"
    }

    fn decide(&self, graph: &Graph, _: &Facts, _: &Ctx<'_>) -> loggia_app::error::Result<Changes> {
        let record = graph.get(&self.0).unwrap();
        let mut document = record.parse();
        document.0["metadata"]["annotations"] = json!({"loggia.dev/visibility": "team"});
        let status = record.status.as_deref().map(str::to_owned);
        let draft = Draft { status, ..Draft::new(record.uid, &document, record.source.clone()) };
        let mut changes = Changes::answer(Value::Null);
        changes.put("instance.hidden", draft, json!({}));
        Ok(changes)
    }
}

#[test]
fn a_team_follows_its_destruction_to_the_end_and_keeps_it_to_itself() {
    on_each("what_is_gone", |world| async move {
        platform(&world).await;
        let system = Caller::system("test", Door::Sync);
        let carl = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": "carl"},
            "spec": {"memberOf": ["booking"]}});
        let prepared = vec![prepare(carl, "").unwrap()];
        world.app.run(&system, Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
        let (ann, bob, carl) = (world.person("ann"), world.person("bob"), world.person("carl"));
        let wish = OrderInput {
            offering: "db".into(),
            environment: "dev".into(),
            team: "booking".into(),
            name: "orders".into(),
            ..OrderInput::default()
        };
        let instance: Ref = "instance:booking/orders.dev".parse().unwrap();
        world.app.order(&ann, wish).await.unwrap();
        world.app.run(&system, Hide(instance.clone())).await.unwrap();
        let reading = json!({"id": "1", "time": "2026-01-01T00:00:00Z", "team": "booking", "offering": "db",
            "channel": "request", "instance": instance, "outcome": "ok", "count": 1});
        world.app.report_usage(&system, vec![serde_json::from_value(reading).unwrap()]).await.unwrap();
        world.work(&Arc::new(InMemory::default()));
        let phase = |app: &loggia_app::App| app.graph().get(&instance).map(|r| r.parse_status()["phase"].clone());
        world.until("ready", |app| phase(app) == Some("ready".into())).await;
        let answer = world.app.operate(&ann, instance.clone(), Verb::Destroy, true).await.unwrap().answer;
        let id: Uid = serde_json::from_value(answer["operation"].clone()).unwrap();
        world.until("gone", |app| phase(app).is_none()).await;
        assert_eq!(world.app.operation(&carl, id).await.unwrap().state, State::Succeeded);
        assert!(matches!(world.app.operation(&bob, id).await, Err(Error::NotFound(_))));
        let filter = UsageFilter::default();
        assert!(!world.app.uses(&carl, &filter).await.unwrap().is_empty());
        assert!(world.app.uses(&bob, &filter).await.unwrap().is_empty());
        world.stop.send_replace(true);
    });
}
