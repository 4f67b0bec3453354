//! Who uses what.

use crate::estate::platform;
use crate::harness::{InMemory, START, on_each};
use loggia_app::estate::usage::{UnknownName, UsageFilter};
use loggia_app::instance::order::OrderInput;
use loggia_app::{Caller, Door};
use loggia_model::Micros;
use loggia_model::usage::{MOST_A_DAY, MOST_COUNT, UsageReading};
use serde_json::json;
use std::sync::Arc;

fn reading(id: &str, mut rest: serde_json::Value) -> UsageReading {
    let mut all = json!({"id": id, "time": START, "offering": "db", "channel": "request"});
    all.as_object_mut().unwrap().append(rest.as_object_mut().unwrap());
    serde_json::from_value(all).unwrap()
}

#[test]
fn the_ledger_keeps_each_name_in_one_form_whatever_the_way_in() {
    on_each("the_ledger_keeps_each_name_in_one_form", |world| async move {
        platform(&world).await;
        let (ann, admin) = (world.person("ann"), Caller::administrator("test", Door::Api, "r1"));
        world.work(&Arc::new(InMemory::default()));
        let (offering, environment) = ("db".into(), "dev".into());
        let wish =
            OrderInput { offering, environment, team: "booking".into(), name: "a".into(), ..OrderInput::default() };
        world.app.order(&ann, wish).await.unwrap();
        let instance: loggia_model::Ref = "instance:booking/a.dev".parse().unwrap();
        let ready = |app: &loggia_app::App| {
            app.graph().get(&instance).is_some_and(|record| record.parse_status()["phase"] == "ready")
        };
        world.until("ready", ready).await;
        let record = world.app.graph().get(&instance).cloned().unwrap();
        // Somebody of another team: the repository is its team's all the same.
        world.app.note_fetch(&world.person("bob"), &record).await.unwrap();
        let sent = vec![
            reading("1", json!({"team": "booking", "instance": "booking/a.dev"})),
            reading("2", json!({"team": "Group:default/Booking", "instance": "instance:booking/A.dev"})),
            reading(
                "3",
                json!({"team": "group:booking", "release": "release:default/db-1.1.0", "instance": "instance:booking/a.dev"}),
            ),
            reading(
                "4",
                json!({"principal": "service:gateway", "offering": "offering:default/db", "instance": "booking/a.dev"}),
            ),
            reading("5", json!({"team": "", "principal": "service:gateway", "instance": "booking/a.dev"})),
        ];
        let said = world.app.report_usage(&admin, sent).await.unwrap();
        assert_eq!((said.new, said.unknown), (5, Vec::new()));
        let rows = world.app.usage_rows(&ann, "db", (Micros(0), Micros(i64::MAX)), 100).await.unwrap();
        let mut channels: Vec<&str> = rows.iter().map(|row| row.channel.as_str()).collect();
        channels.sort_unstable();
        assert_eq!(
            channels,
            ["connection", "fetch", "order", "request", "request", "request", "request", "request"],
            "every way in"
        );
        for row in &rows {
            assert_eq!(row.team.as_deref(), Some("group:default/booking"), "{row:?}");
            assert_eq!(row.instance.as_deref(), Some("instance:booking/a.dev"), "{row:?}");
            assert_eq!((row.offering.as_str(), row.release.as_deref()), ("db", Some("db-1.1.0")), "{row:?}");
        }
        for team in ["booking", "group:default/booking"] {
            let filter = UsageFilter { team: Some(team.into()), ..UsageFilter::default() };
            let uses = world.app.uses(&ann, &filter).await.unwrap();
            assert_eq!((uses.len(), uses[0].total()), (1, 8), "one team, one release, one instance: one row");
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn what_readings_name_and_nobody_knows_is_told() {
    on_each("what_readings_name_and_nobody_knows_is_told", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let sent = vec![
            reading("1", json!({"team": "booking"})),
            reading("2", json!({"team": "bookings"})),
            reading("3", json!({"team": "bookings", "offering": "dbs"})),
        ];
        let said = world.app.report_usage(&admin, sent).await.unwrap();
        let unknown =
            |field: &str, name: &str, readings| UnknownName { field: field.into(), name: name.into(), readings };
        assert_eq!(said.new, 3);
        assert_eq!(said.unknown, [unknown("offering", "dbs", 1), unknown("team", "group:default/bookings", 2)]);
        // What a team is said to do that does not exist is no team's use.
        let uses = world.app.uses(&admin, &UsageFilter::default()).await.unwrap();
        let mut teams: Vec<_> = uses.iter().map(|row| (row.team.as_str(), row.unknown_team.as_str())).collect();
        teams.sort_unstable();
        assert_eq!(teams, [("", "group:default/bookings"), ("group:default/booking", "")]);
        let wrong = world.app.report_usage(&admin, vec![reading("4", json!({"team": "user:default/ann"}))]).await;
        assert!(wrong.unwrap_err().to_string().contains("not the name of a team"));
    });
}

/// Everything that could make the writing of another reading fail, or pass for one of Loggia's own, is refused by name.
#[test]
fn readings_that_could_break_others_are_refused() {
    on_each("readings_that_could_break_others_are_refused", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let long = "x".repeat(301);
        let mut wrong: Vec<(&str, serde_json::Value)> = vec![
            ("count", json!({"count": i64::MAX})),
            ("count", json!({"count": MOST_COUNT + 1})),
            ("count", json!({"count": -1})),
            ("channel", json!({"channel": "order"})),
            ("channel", json!({"channel": "fetch"})),
        ];
        for source in ["loggia", "Loggia", " git", "postgres", "command", "replay"] {
            wrong.push(("source", json!({"source": source})));
        }
        for field in ["id", "source", "principal", "offering", "release", "feature", "instance", "channel"] {
            for text in ["a\u{0}b", "a\nb", long.as_str()] {
                wrong.push((field, json!({field: text})));
            }
        }
        for (field, more) in wrong {
            let mut all = json!({"principal": "service:gateway"});
            all.as_object_mut().unwrap().append(more.clone().as_object_mut().unwrap());
            let said = world.app.report_usage(&admin, vec![reading("bad", all)]).await;
            let Err(loggia_app::Error::Invalid(problems)) = said else { panic!("{more}: {said:?}") };
            assert!(problems.iter().any(|problem| problem.path == format!("0.{field}")), "{more}: {problems:?}");
        }
    });
}

/// The highest that anybody may report, again and again: figures stay figures, and an order of that name goes through.
#[test]
fn no_number_of_readings_breaks_figures_or_orders() {
    on_each("no_number_of_readings_breaks_figures_or_orders", |world| async move {
        platform(&world).await;
        let (ann, admin) = (world.person("ann"), Caller::administrator("test", Door::Api, "r1"));
        for round in 0..3 {
            let most = |at: usize| {
                let team = json!({"team": "booking", "instance": "booking/a.dev", "count": MOST_COUNT});
                reading(&format!("{round}-{at}"), team)
            };
            world.app.report_usage(&admin, (0..1_500).map(most).collect()).await.unwrap();
        }
        let uses = world.app.uses(&ann, &UsageFilter::default()).await.unwrap();
        assert_eq!(uses[0].by_choice, MOST_A_DAY, "{uses:?}");
        let (offering, environment) = ("db".into(), "dev".into());
        let wish =
            OrderInput { offering, environment, team: "booking".into(), name: "a".into(), ..OrderInput::default() };
        world.app.order(&ann, wish).await.unwrap();
        assert!(world.app.uses(&ann, &UsageFilter::default()).await.unwrap().iter().all(|one| one.by_choice > 0));
    });
}

/// Pages are the whole list, each row once and in its order, however small they are and whatever the caller may see.
#[test]
fn pages_of_uses_are_the_whole_list() {
    on_each("pages_of_uses_are_the_whole_list", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let teams = ["booking", "tracking", "core", "nobody"];
        let one = |at: usize| {
            let team = teams[at % teams.len()];
            reading(&at.to_string(), json!({"team": team, "instance": format!("booking/i{}.dev", at % 7)}))
        };
        world.app.report_usage(&admin, (0..60).map(one).collect()).await.unwrap();
        for caller in [admin, world.person("ann")] {
            let all = world.app.uses(&caller, &UsageFilter::default()).await.unwrap();
            assert_eq!(all.len(), 28);
            for limit in [1, 3, 28, 29] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let filter = UsageFilter::default();
                    let (rows, next) = world.app.uses_page(&caller, &filter, after.as_ref(), limit).await.unwrap();
                    assert!(rows.len() <= limit);
                    found.extend(rows);
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, all, "{limit}");
            }
        }
    });
}
