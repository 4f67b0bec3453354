//! Endings: from the plan to the proof, and what is refused meanwhile.

use crate::estate::platform;
use crate::harness::{World, on_each};
use loggia_app::access::differ::Differ;
use loggia_app::clock::Clock;
use loggia_app::command::due;
use loggia_app::ending::{Decide, Verb};
use loggia_app::estate::who_runs::WhoRunsQuery;
use loggia_app::estate::{Observe, Observed};
use loggia_app::instance::order::OrderInput;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::{Caller, Door, Error, Result};
use loggia_model::ending::Dates;
use loggia_model::usage::UsageReading;
use loggia_model::{Day, EndingState, Micros, Ref};
use loggia_store::EventFilter;

pub fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r1")
}

pub const PEOPLE: &str = "apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: cora}
spec: {memberOf: [core]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: dan}
spec: {memberOf: [core]}
---
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: fairway}
spec: {team: core, endingRules: {house: {notice: {ga: 90, preview: 30}, exemption: 20}}}
";

pub const PLAN: &str = "apiVersion: loggia.dev/v1
kind: Ending
metadata: {name: db-end}
spec:
  subject: offering:db
  reason: Its makers end it
  replacement: none
  preset: house
  dates:
    effective: 2027-02-01
    closedToNew: 2027-03-01
    brownouts: [{from: '2027-03-16T10:00:00Z', to: '2027-03-16T12:00:00Z'}]
    closedToUpdates: 2027-04-01
    off: 2027-05-01
";

pub async fn apply(world: &World, text: &str) -> Result<()> {
    let documents = loggia_model::yaml::parse(text).into_iter();
    let prepared = documents.map(|parsed| prepare(parsed.document.unwrap(), "").unwrap()).collect();
    world.app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.map(drop)
}

pub fn named() -> Ref {
    Ref::new("ending", "default", "db-end")
}

pub async fn decide(world: &World, who: &str, verb: Verb) -> Result<()> {
    world.app.run(&world.person(who), Decide { ending: named(), verb }).await.map(drop)
}

pub fn rule(result: Result<()>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        Err(Error::Gone(ended) | Error::Paused(ended)) => ended.refusal.rule,
        Err(Error::Invalid(problems)) => problems[0].rule.clone(),
        other => format!("{other:?}"),
    }
}

async fn order(world: &World, who: &str, team: &str) -> Result<()> {
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: team.into(),
        name: "one".into(),
        dry_run: true,
        ..OrderInput::default()
    };
    world.app.order(&world.person(who), input).await.map(drop)
}

pub fn until(world: &World, day: &str) {
    let time = Micros::parse(&if day.contains('T') { day.to_owned() } else { format!("{day}T00:00:00Z") }).unwrap();
    world.clock.advance((time.0 - world.clock.now().0) / 1_000_000);
}

pub async fn state(world: &World) -> EndingState {
    world.app.ending(&admin(), &named()).await.unwrap().line.state
}

pub async fn dates(world: &World, change: impl Fn(&mut Dates)) -> Box<Dates> {
    let mut dates = world.app.ending(&admin(), &named()).await.unwrap().line.dates;
    change(&mut dates);
    Box::new(dates)
}

pub fn seen(team: &str, removed: bool) -> Observe {
    let one = Observed {
        offering: "postgres".into(),
        version: "1.0.0".into(),
        environment: "dev".into(),
        team: team.into(),
        name: Some("old".into()),
        removed,
        ..Observed::default()
    };
    Observe { seen: vec![one] }
}

pub fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub async fn sweep(world: &World) {
    world.clock.advance(3_600);
    due::fire(&world.app, &due::handlers()).await.unwrap();
}

/// The end of the offering is planned and told.
pub async fn announced(world: &World) {
    due::arrange(&world.app).await.unwrap();
    apply(world, PEOPLE).await.unwrap();
    apply(world, PLAN).await.unwrap();
    decide(world, "cora", Verb::Announce { emergency: None }).await.unwrap();
}

pub async fn planned(world: &World) {
    platform(world).await;
    due::arrange(&world.app).await.unwrap();
    assert_eq!(rule(apply(world, PLAN).await), "ending.preset");
    apply(world, PEOPLE).await.unwrap();
    apply(world, PLAN).await.unwrap();
    for team in ["booking", "tracking"] {
        world.app.run(&admin(), seen(team, false)).await.unwrap();
    }
}

#[test]
fn what_was_told_is_refused_moved_and_differed_from_as_told() {
    on_each("what_was_told_is_refused_moved_and_differed_from_as_told", |world| async move {
        planned(&world).await;
        let strange = decide(&world, "bob", Verb::Announce { emergency: None }).await;
        assert!(matches!(strange, Err(Error::NotFound(_))), "{strange:?}");
        assert_eq!(world.app.endings(&world.person("bob")).len(), 0);
        decide(&world, "cora", Verb::Announce { emergency: None }).await.unwrap();
        let query = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        let rows = world.app.who_runs(&world.person("bob"), &query).unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.ending == "going away"), "{rows:?}");
        until(&world, "2027-02-27");
        order(&world, "ann", "booking").await.unwrap();
        until(&world, "2027-03-01");
        assert_eq!(rule(order(&world, "ann", "booking").await), "ending.closed");
        let (team, reason) = (Ref::new("group", "default", "booking"), "Quarter's end.".to_owned());
        let exempt = |until: &str| {
            Verb::Exempt(Differ { team: team.clone(), thing: None, until: day(until), reason: reason.clone() })
        };
        assert_eq!(rule(decide(&world, "cora", exempt("2027-05-22")).await), "ending.exemption");
        let strange = decide(&world, "ann", exempt("2027-05-20")).await;
        assert!(matches!(strange, Err(Error::Forbidden(_))), "{strange:?}");
        decide(&world, "cora", exempt("2027-05-20")).await.unwrap();
        order(&world, "ann", "booking").await.unwrap();
        until(&world, "2027-03-16T11:00:00Z");
        let Err(Error::Paused(ended)) = order(&world, "bob", "tracking").await else { panic!("not paused") };
        assert_eq!((ended.refusal.rule.as_str(), ended.wait), ("ending.brownout", 3_601));
        order(&world, "ann", "booking").await.unwrap();
        moved(&world).await;
        until(&world, "2027-04-25");
        assert_eq!(rule(order(&world, "bob", "tracking").await), "ending.gone");
    });
}

/// Later is one person's, earlier is an emergency and two people's.
async fn moved(world: &World) {
    let later = dates(world, |dates| dates.off = day("2027-05-10")).await;
    decide(world, "cora", Verb::Move { dates: later, emergency: None }).await.unwrap();
    let earlier = dates(world, |dates| dates.off = day("2027-04-20")).await;
    let urgent =
        |emergency: Option<&str>| Verb::Move { dates: earlier.clone(), emergency: emergency.map(str::to_owned) };
    assert_eq!(rule(decide(world, "cora", urgent(None)).await), "ending.earlier");
    decide(world, "cora", urgent(Some("It leaks."))).await.unwrap();
    assert_eq!(world.app.ending(&admin(), &named()).await.unwrap().line.dates.off, day("2027-05-10"));
    assert_eq!(rule(decide(world, "cora", Verb::Approve).await), "ending.second");
    decide(world, "dan", Verb::Approve).await.unwrap();
    let view = world.app.ending(&admin(), &named()).await.unwrap();
    assert_eq!((view.line.dates.off, view.exemptions[0].until), (day("2027-04-20"), day("2027-05-10")));
    let emergency = view.emergency.unwrap();
    assert_eq!((emergency.by.as_str(), emergency.approved_by.as_str()), ("user:default/cora", "user:default/dan"));
    let back = PLAN.replace("off: 2027-05-01", "off: 2027-04-10");
    assert_eq!(rule(apply(world, &back).await), "ending.earlier");
    let other = PLAN.replace("offering:db", "release:db-1.0.0");
    assert_eq!(rule(apply(world, &other).await), "ending.told");
    let delete = Delete { reference: named(), if_match: None, dry_run: false };
    assert_eq!(rule(world.app.run(&admin(), delete).await.map(drop)), "ending.told");
}

#[test]
fn gone_is_proved_and_reopened() {
    on_each("gone_is_proved_and_reopened", |world| async move {
        planned(&world).await;
        decide(&world, "cora", Verb::Announce { emergency: None }).await.unwrap();
        until(&world, "2027-05-01");
        assert_eq!(rule(decide(&world, "cora", Verb::Cancel { reason: "No.".into() }).await), "ending.state");
        assert_eq!(rule(decide(&world, "cora", Verb::Remove).await), "ending.in-use");
        world.app.run(&admin(), seen("tracking", true)).await.unwrap();
        world.app.run(&admin(), seen("booking", true)).await.unwrap();
        decide(&world, "cora", Verb::Remove).await.unwrap();
        world.clock.advance(2 * 86_400);
        sweep(&world).await;
        let left = world.app.ending(&admin(), &named()).await.unwrap().left.unwrap();
        assert_eq!((left.instances.len(), left.callers.len(), left.texts.len()), (0, 0, 3), "{left:?}");
        assert_eq!(state(&world).await, EndingState::Removed);
        for name in ["release:default/db-1.0.0", "release:default/db-1.1.0", "offering:default/db"] {
            let delete = Delete { reference: name.parse().unwrap(), if_match: None, dry_run: false };
            world.app.run(&admin(), delete).await.unwrap();
        }
        sweep(&world).await;
        assert_eq!(state(&world).await, EndingState::Proved);
        assert_eq!(world.app.ending(&admin(), &named()).await.unwrap().line.standing, "gone (proved)");
        let reading = UsageReading {
            source: "runtime".into(),
            id: "1".into(),
            time: world.clock.now(),
            team: Some("tracking".into()),
            principal: None,
            offering: "db".into(),
            release: None,
            feature: None,
            instance: None,
            channel: "connection".into(),
            count: 1,
            outcome: "ok".into(),
            mandated: false,
        };
        world.app.report_usage(&admin(), vec![reading]).await.unwrap();
        sweep(&world).await;
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        assert_eq!((view.line.state, view.reopened.len()), (EndingState::Removed, 1));
        assert!(view.reopened[0].found.contains("group:default/tracking used it"), "{view:?}");
        let filter = EventFilter { after: Some(0), limit: 10_000, ..EventFilter::default() };
        let events = world.store.events(&filter).await.unwrap();
        let told: Vec<&str> = events
            .iter()
            .filter_map(|event| event.kind.strip_prefix("dev.loggia.ending.")?.strip_suffix(".v1"))
            .collect();
        let expected = ["applied", "announced", "refused", "refused", "removed", "proved", "reopened"];
        assert_eq!(told.iter().copied().filter(|kind| *kind != "reached").collect::<Vec<_>>(), expected);
    });
}

#[test]
fn a_repository_moves_what_was_told_later_only() {
    on_each("a_repository_moves_what_was_told_later_only", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        let sync = async |text: &str| world.sync("repository:test", &[("end.yaml", text), ("x.yaml", "")]).await;
        let planned = PLAN.replace("dates:\n", "dates:\n    announced: 2027-01-20\n");
        assert_eq!(sync(&planned).await.problems, []);
        sweep(&world).await;
        assert_eq!(state(&world).await, EndingState::Draft);
        until(&world, "2027-01-20");
        sweep(&world).await;
        assert_eq!(state(&world).await, EndingState::Announced);
        let report = sync(&planned.replace("off: 2027-05-01", "off: 2027-04-21")).await;
        assert_eq!(report.problems[0].rule, "ending.earlier", "{report:?}");
        let report = sync(&planned.replace("off: 2027-05-01", "off: 2027-06-01")).await;
        assert_eq!((report.problems.len(), report.changed), (0, 1), "{report:?}");
        let here = dates(&world, |dates| dates.off = day("2027-07-01")).await;
        assert_eq!(rule(decide(&world, "cora", Verb::Move { dates: here, emergency: None }).await), "source.elsewhere");
        // People were told: the record stays when its file goes.
        let report = world.sync("repository:test", &[("x.yaml", "")]).await;
        assert_eq!((report.removed, report.kept), (0, vec![named()]));
        decide(&world, "cora", Verb::Cancel { reason: "Too early.".into() }).await.unwrap();
        assert_eq!(state(&world).await, EndingState::Cancelled);
    });
}

/// Tells everybody that nobody new gets a release from a day on.
pub async fn closing(world: &World, release: &str, day: &str) {
    apply(world, PEOPLE).await.unwrap();
    let plan = PLAN
        .replace("db-end", &format!("{release}-end"))
        .replace("offering:db", &format!("release:{release}"))
        .replace("closedToNew: 2027-03-01", &format!("closedToNew: {day}"));
    apply(world, &plan).await.unwrap();
    let ending = Ref::new("ending", "default", &format!("{release}-end"));
    let announce = Decide { ending, verb: Verb::Announce { emergency: None } };
    world.app.run(&world.person("cora"), announce).await.unwrap();
}
