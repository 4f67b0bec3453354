//! What is said of an offering before anybody gets it.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::order::input;
use loggia_app::Caller;
use loggia_app::instance::form::FormQuery;
use loggia_app::instance::order::OrderInput;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What each way of asking says of the environment: whether it can be got, what differs, and the program.
async fn said(world: &World, ann: &Caller) -> Vec<(String, String, Value)> {
    let place = world.app.offer(ann, "db").unwrap().places.remove(0);
    let form = world.app.form(ann, &FormQuery { offering: "db".into(), ..FormQuery::default() }).unwrap();
    let choice = form.environments.into_iter().find(|choice| choice.name == place.environment).unwrap();
    let wish = OrderInput { environment: place.environment, dry_run: true, ..input("orders") };
    let would = world.app.order(ann, wish).await.unwrap().answer;
    let text = |name: &str| would[name].as_str().unwrap().to_owned();
    vec![
        (place.why_not, place.note, json!(place.program)),
        (choice.why_not, choice.note, json!(choice.program)),
        (text("whyNot"), text("note"), would["program"].clone()),
    ]
}

#[test]
fn what_really_serves_there_is_said_before_the_order() {
    on_each("what_really_serves_there_is_said_before_the_order", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        world.work(&driver);
        let drivers: loggia_app::instance::worker::Drivers =
            HashMap::from([("memory".to_owned(), driver.clone() as _)]);
        let program = |version: &str| json!({"name": "Memory", "version": version});
        for (version, why_not, note) in [
            (None, "", ""),
            (Some("9"), "", ""),
            (Some("8"), "", "Memory 8 is what runs there."),
            (Some("7"), "Memory 7 is too old. Take another environment.", ""),
        ] {
            *driver.program.lock().unwrap() = version.map(str::to_owned);
            world.app.probe_all(&drivers).await;
            let expected = (why_not.to_owned(), note.to_owned(), version.map_or(Value::Null, program));
            assert_eq!(said(&world, &ann).await, vec![expected; 3], "{version:?}");
            assert_eq!(world.app.offer(&ann, "db").unwrap().can_be_got, why_not.is_empty());
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn an_offer_says_all_that_one_asks_before_the_order() {
    on_each("an_offer_says_all_that_one_asks_before_the_order", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let all = world.app.offers(&ann);
        assert_eq!(all.iter().map(|one| one.name.clone()).collect::<Vec<_>>(), ["db"]);
        let offer = world.app.offer(&ann, "db").unwrap();
        assert_eq!(offer, all[0]);
        assert!(!offer.promise.is_empty() && offer.version.is_some() && !offer.plans.is_empty());
        assert_eq!(offer.owner.unwrap().title, "core");
        assert_eq!(offer.teams, Some(0));
        world.app.order(&ann, input("orders")).await.unwrap();
        assert_eq!(world.app.offer(&ann, "db").unwrap().teams, Some(1));
        assert!(world.app.offer(&ann, "nothing").is_err());
    });
}
