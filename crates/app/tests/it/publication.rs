//! Decision 9: a published release never changes, and commands say how far a release is.

use crate::estate::{platform, seen};
use crate::harness::{InMemory, on_each};
use loggia_app::estate::Observe;
use loggia_app::estate::usage::UsageFilter;
use loggia_app::estate::who_runs::WhoRunsQuery;
use loggia_app::instance::order::OrderInput;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::release::offering::{publication, release_status};
use loggia_app::release::publication::Publish;
use loggia_app::{App, Caller, Door, Error, Result};
use loggia_model::{Publication, Ref};
use serde_json::json;
use std::sync::Arc;

const ORIGIN: &str = "repository:main";

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

fn release(version: &str, size: &str, begins: &str) -> String {
    let begins = if begins.is_empty() {
        String::new()
    } else {
        format!("\n  annotations: {{loggia.dev/publication: {begins}}}")
    };
    format!(
        "apiVersion: loggia.dev/v1\nkind: Release\nmetadata:\n  name: queue-{version}{begins}\nspec:\n  offering: queue\n  \
         version: {version}\n  contract: {{inputs: {{type: object, properties: {{size: {{type: string, default: {size}}}}}}}}}\n  \
         recipe: {{driver: memory}}\n"
    )
}

const QUEUE: &str = "apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: queue}
spec: {product: fairway, owner: booking, category: data, promise: p, for: f, problem: x, plans: [{name: small, default: true}]}
";

async fn apply(app: &App, text: &str) -> Result<serde_json::Value> {
    let documents = loggia_model::yaml::parse(text).into_iter();
    let prepared = documents.map(|parsed| prepare(parsed.document.unwrap(), "").unwrap()).collect();
    Ok(app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await?.answer)
}

fn named(name: &str) -> Ref {
    Ref::new("release", "default", name)
}

async fn publish(app: &App, by: &Caller, name: &str, to: Publication, reason: &str) -> Result<()> {
    let command = Publish { release: named(name), to, reason: reason.into(), accept_failing: false };
    app.run(by, command).await.map(drop)
}

fn state(app: &App, name: &str) -> Option<Publication> {
    app.graph().get(&named(name)).map(|record| publication(record))
}

fn order(team: &str, release: Option<&str>) -> OrderInput {
    OrderInput {
        offering: "queue".into(),
        release: release.map(str::to_owned),
        environment: "dev".into(),
        team: team.into(),
        name: "one".into(),
        ..OrderInput::default()
    }
}

fn rule(error: &Error) -> &str {
    match error {
        Error::Refused(refusal) => &refusal.rule,
        Error::Invalid(problems) => &problems[0].rule,
        _ => "another error",
    }
}

#[test]
fn a_draft_is_for_its_owners_until_it_is_published() {
    on_each("a_draft_is_for_its_owners_until_it_is_published", |world| async move {
        platform(&world).await;
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", "draft"))).await.unwrap();
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let refused = world.app.order(&bob, order("tracking", Some("1.0.0"))).await.unwrap_err();
        assert_eq!(rule(&refused), "order.release");
        let usual = world.app.order(&ann, order("booking", None)).await.unwrap_err();
        assert!(usual.to_string().contains("no published release"), "{usual}");
        world.app.order(&ann, order("booking", Some("1.0.0"))).await.unwrap();
        let stranger = publish(&world.app, &bob, "queue-1.0.0", Publication::Published, "").await;
        assert!(matches!(stranger, Err(Error::NotFound(_))), "{stranger:?}");
        // A draft may change.
        apply(&world.app, &release("1.0.0", "m", "draft")).await.unwrap();
        publish(&world.app, &ann, "queue-1.0.0", Publication::Candidate, "").await.unwrap();
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Candidate));
        publish(&world.app, &ann, "queue-1.0.0", Publication::Published, "").await.unwrap();
        world.app.order(&bob, order("tracking", None)).await.unwrap();
        let back = publish(&world.app, &ann, "queue-1.0.0", Publication::Candidate, "").await.unwrap_err();
        assert_eq!(rule(&back), "release.published");
        let other = apply(&world.app, &release("1.0.0", "l", "draft")).await.unwrap_err();
        assert_eq!(rule(&other), "release.immutable");
        // Its title may, and publishes nothing back.
        apply(&world.app, &release("1.0.0", "m", "draft").replace("metadata:", "metadata:\n  title: One"))
            .await
            .unwrap();
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Published));
    });
}

#[test]
fn what_is_withdrawn_is_got_by_nobody_and_stays_where_it_runs() {
    on_each("what_is_withdrawn_is_got_by_nobody", |world| async move {
        platform(&world).await;
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        world.app.run(&ann, Observe { seen: vec![seen("db", "1.1.0", "a")] }).await.unwrap();
        let stranger = publish(&world.app, &bob, "db-1.1.0", Publication::Yanked, "It loses data.").await;
        assert!(matches!(stranger, Err(Error::Forbidden(_))), "{stranger:?}");
        let silent = publish(&world.app, &admin(), "db-1.1.0", Publication::Yanked, " ").await.unwrap_err();
        assert_eq!(rule(&silent), "release.reason");
        publish(&world.app, &admin(), "db-1.1.0", Publication::Yanked, "It loses data.").await.unwrap();
        let input = |release: Option<&str>| OrderInput { offering: "db".into(), ..order("booking", release) };
        let newest = world.app.order(&ann, OrderInput { dry_run: true, ..input(None) }).await.unwrap();
        assert_eq!(newest.answer["release"], "db-1.0.0");
        let named = world.app.order(&ann, input(Some("1.1.0"))).await.unwrap_err().to_string();
        assert!(named.contains("It loses data") && named.contains("Take 1.0.0 instead."), "{named}");
        let query = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        let rows = world.app.who_runs(&ann, &query).unwrap();
        assert_eq!((rows[0].release.as_str(), rows[0].withdrawn.as_str()), ("db-1.1.0", "It loses data."));
        publish(&world.app, &admin(), "db-1.1.0", Publication::Published, "").await.unwrap();
        assert!(world.app.who_runs(&ann, &query).unwrap()[0].withdrawn.is_empty());
        let never = "queue-1.0.0";
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", "candidate"))).await.unwrap();
        let refused = publish(&world.app, &world.person("ann"), never, Publication::Yanked, "No.").await.unwrap_err();
        assert_eq!(rule(&refused), "release.unpublished");
    });
}

#[test]
fn what_was_published_once_is_remembered_for_good() {
    on_each("what_was_published_once_is_remembered_for_good", |world| async move {
        platform(&world).await;
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", ""))).await.unwrap();
        publish(&world.app, &admin(), "queue-1.0.0", Publication::Yanked, "Too slow.").await.unwrap();
        let delete = || Delete { reference: named("queue-1.0.0"), if_match: None, dry_run: false };
        world.app.run(&admin(), delete()).await.unwrap();
        for app in [Arc::clone(&world.app), world.restarted().await] {
            for begins in ["", "draft"] {
                let other = apply(&app, &release("1.0.0", "m", begins)).await.unwrap_err();
                assert_eq!(rule(&other), "release.immutable");
            }
        }
        let other = release("1.0.0", "m", "");
        let report = world.sync(ORIGIN, &[("queue.yaml", &other)]).await;
        assert_eq!((report.problems[0].rule.as_str(), report.created), ("release.immutable", 0));
        assert_eq!(report.problems[0].file.as_deref(), Some("queue.yaml"));
        assert_eq!(state(&world.app, "queue-1.0.0"), None);
        // The same content is itself again, however its text says that it begins: published, and withdrawn.
        let report = world.sync(ORIGIN, &[("queue.yaml", &release("1.0.0", "s", "draft"))]).await;
        assert_eq!((report.problems.len(), report.created), (0, 1), "{report:?}");
        let graph = world.app.graph();
        let status = release_status(graph.get(&named("queue-1.0.0")).unwrap());
        assert_eq!((status.publication, status.reason.as_str()), (Publication::Yanked, "Too slow."));
        // A draft that was never published leaves nothing behind.
        apply(&world.app, &release("2.0.0", "s", "draft")).await.unwrap();
        world.app.run(&admin(), Delete { reference: named("queue-2.0.0"), ..delete() }).await.unwrap();
        apply(&world.app, &release("2.0.0", "m", "draft")).await.unwrap();
    });
}

#[test]
fn a_draft_does_not_get_the_name_of_what_was_published() {
    on_each("a_draft_does_not_get_the_name_of_what_was_published", |world| async move {
        platform(&world).await;
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", ""))).await.unwrap();
        let delete = Delete { reference: named("queue-1.0.0"), if_match: None, dry_run: false };
        world.app.run(&admin(), delete).await.unwrap();
        world.sync(ORIGIN, &[("r.yaml", &release("1.1.0", "m", "draft"))]).await;
        let renamed = |size: &str| {
            release("1.0.0", size, "draft")
                .replace("annotations: {", "annotations: {loggia.dev/formerly: queue-1.1.0, ")
        };
        let report = world.sync(ORIGIN, &[("r.yaml", &renamed("m"))]).await;
        assert_eq!((report.problems[0].rule.as_str(), report.renamed), ("release.immutable", 0), "{report:?}");
        assert_eq!(
            (state(&world.app, "queue-1.0.0"), state(&world.app, "queue-1.1.0")),
            (None, Some(Publication::Draft))
        );
        // The content that was published is what it was: published.
        let report = world.sync(ORIGIN, &[("r.yaml", &renamed("s"))]).await;
        assert_eq!((report.problems.len(), report.renamed), (0, 1), "{report:?}");
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Published));
    });
}

#[test]
fn a_number_is_checked_however_a_release_becomes_published() {
    on_each("a_number_is_checked_however_a_release_becomes_published", |world| async move {
        platform(&world).await;
        let dated = |begins: &str| release("2026.04", "m", begins).replace("version: 2026.04", "version: '2026.04'");
        for begins in ["draft", "candidate", "yanked"] {
            apply(&world.app, &format!("{QUEUE}---\n{}", dated(begins))).await.unwrap();
            let refused = publish(&world.app, &admin(), "queue-2026.04", Publication::Published, "").await.unwrap_err();
            assert_eq!(rule(&refused), "release.versioning", "{begins}");
            let delete = Delete { reference: named("queue-2026.04"), if_match: None, dry_run: false };
            world.app.run(&admin(), delete).await.unwrap();
        }
    });
}

#[test]
fn an_offering_with_releases_is_not_taken_away() {
    on_each("an_offering_with_releases_is_not_taken_away", |world| async move {
        platform(&world).await;
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", ""))).await.unwrap();
        let delete = |reference| Delete { reference, if_match: None, dry_run: false };
        let offering = || delete(Ref::new("offering", "default", "queue"));
        let refused = world.app.run(&admin(), offering()).await.unwrap_err();
        assert_eq!(rule(&refused), "record.in-use");
        world.app.run(&admin(), delete(named("queue-1.0.0"))).await.unwrap();
        world.app.run(&admin(), offering()).await.unwrap();
    });
}

#[test]
fn a_repository_publishes_what_it_no_longer_calls_a_draft() {
    on_each("a_repository_publishes_what_it_no_longer_calls_a_draft", |world| async move {
        platform(&world).await;
        let sync = async |text: &str| world.sync(ORIGIN, &[("o.yaml", QUEUE), ("r.yaml", text)]).await;
        sync(&release("1.0.0", "s", "draft")).await;
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Draft));
        sync(&release("1.0.0", "m", "candidate")).await;
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Candidate));
        let report = sync(&release("1.0.0", "m", "")).await;
        assert_eq!((report.problems.len(), state(&world.app, "queue-1.0.0")), (0, Some(Publication::Published)));
        // Nothing that the text says later takes that back, and a new name is no way around it.
        sync(&release("1.0.0", "m", "draft")).await;
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Published));
        let renamed = release("1.0.1", "m", "")
            .replace("metadata:", "metadata:\n  annotations: {loggia.dev/formerly: queue-1.0.0}");
        let report = sync(&renamed).await;
        assert_eq!((report.problems[0].rule.as_str(), report.renamed), ("release.immutable", 0), "{report:?}");
        assert_eq!(state(&world.app, "queue-1.0.0"), Some(Publication::Published));
        // What `check` says of a number holds here too; the offering may come in the same commit.
        let dated = release("2026.04", "m", "").replace("version: 2026.04", "version: '2026.04'");
        let report = sync(&dated).await;
        assert_eq!(report.problems[0].rule, "release.versioning", "{report:?}");
        let wrong = prepare(serde_json::from_value(json!({"apiVersion": "loggia.dev/v1", "kind": "Release",
            "metadata": {"name": "queue-3.0.0", "annotations": {"loggia.dev/publication": "final"}},
            "spec": {"offering": "queue", "version": "3.0.0", "contract": {"inputs": {}}, "recipe": {"driver": "memory"}}}))
        .unwrap(), "");
        assert_eq!(wrong.unwrap_err()[0].rule, "release.publication");
    });
}

#[test]
fn what_runs_is_not_touched_by_a_withdrawal() {
    on_each("what_runs_is_not_touched_by_a_withdrawal", |world| async move {
        platform(&world).await;
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        let ann = world.person("ann");
        let input = OrderInput { offering: "db".into(), ..order("booking", Some("1.1.0")) };
        world.app.order(&ann, input).await.unwrap();
        let ready = |app: &App| {
            let graph = app.graph();
            let one = graph.get_text("instance:booking/one.dev");
            one.is_some_and(|record| record.parse_status()["phase"] == "ready")
        };
        world.until("ready", ready).await;
        publish(&world.app, &admin(), "db-1.1.0", Publication::Yanked, "It loses data.").await.unwrap();
        assert!(ready(&world.app));
        assert_eq!(driver.resources.lock().unwrap().len(), 1);
        world.stop.send_replace(true);
    });
}

/// What runs a draft is seen by its team and by the owners of the draft; by everybody once it is published.
#[test]
fn what_runs_a_draft_is_told_to_those_who_see_the_draft() {
    on_each("what_runs_a_draft", |world| async move {
        platform(&world).await;
        apply(&world.app, &format!("{QUEUE}---\n{}", release("1.0.0", "s", "draft"))).await.unwrap();
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        world.app.order(&ann, order("booking", Some("1.0.0"))).await.unwrap();
        world.work(&Arc::new(InMemory::default()));
        let query = WhoRunsQuery { offering: "queue".into(), ..WhoRunsQuery::default() };
        let ready =
            |app: &App| app.who_runs(&ann, &query).is_ok_and(|rows| rows.iter().any(|row| !row.release.is_empty()));
        world.until("it runs", ready).await;
        let releases = |who: &Caller| -> Vec<String> {
            world.app.who_runs(who, &query).unwrap().into_iter().map(|row| row.release).collect()
        };
        let used = async |who: &Caller, filter: UsageFilter| {
            let uses = world.app.uses(who, &filter).await.unwrap();
            uses.into_iter().filter(|one| one.offering == "queue").map(|one| one.release).collect::<Vec<_>>()
        };
        let asked = UsageFilter { release: Some("queue-1.0.0".into()), ..UsageFilter::default() };
        assert_eq!((releases(&ann), releases(&bob)), (vec!["queue-1.0.0".to_owned()], vec![]));
        assert!(used(&ann, UsageFilter::default()).await.contains(&"queue-1.0.0".to_owned()));
        assert!(used(&bob, UsageFilter::default()).await.is_empty() && used(&bob, asked.clone()).await.is_empty());
        publish(&world.app, &admin(), "queue-1.0.0", Publication::Published, "").await.unwrap();
        assert_eq!(releases(&bob), ["queue-1.0.0"]);
        assert!(!used(&bob, asked).await.is_empty());
        world.stop.send_replace(true);
    });
}
