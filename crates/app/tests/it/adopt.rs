//! Taking in what runs already.

use crate::estate::platform;
use crate::harness::{World, on_each};
use loggia_app::estate::adopt::{AdoptInput, Adoption, Found, Frame, Sort, files, plan};
use loggia_app::record::prepare::prepare;
use loggia_app::{Caller, Door, Error};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::Phase;
use serde_json::json;

pub(crate) fn found(sort: Sort, what: &str, version: &str, address: &str, places: &[&str]) -> Found {
    Found {
        address: address.into(),
        sort,
        what: what.into(),
        version: version.into(),
        name: address.rsplit(['.', ' ']).next().unwrap().into(),
        places: places.iter().map(|place| (*place).to_owned()).collect(),
        attributes: [("types".to_owned(), "x".to_owned())].into(),
        ..Found::default()
    }
}

/// Databases that a rule knows, buckets that none does, one rare thing, and one that says nothing.
fn estate() -> Vec<Found> {
    vec![
        found(Sort::Module, "postgres-module", "13.4", "a.tfstate module.orders", &["booking", "dev"]),
        found(Sort::Module, "postgres-module", "15.1", "b.tfstate module.orders", &["tracking-dev"]),
        found(Sort::Module, "acme/bucket/aws", "1.0.0", "a.tfstate module.logs", &["booking", "dev"]),
        found(Sort::Module, "acme/bucket/aws", "2.0.0", "b.tfstate module.logs", &["dev", "tracking"]),
        found(Sort::Chart, "redis", "18.0.0", "helm booking-dev/cache", &["booking-dev"]),
        found(Sort::Module, "postgres-module", "16", "c.tfstate module.lost", &["nobody"]),
        found(Sort::Resource, "aws_iam_role", "", "a.tfstate aws_iam_role.x", &["booking", "dev"]),
    ]
}

pub(crate) fn input(things: Vec<Found>) -> AdoptInput {
    AdoptInput { things, ..AdoptInput::default() }
}

pub(crate) async fn adopt(world: &World, things: Vec<Found>) -> Adoption {
    let caller = Caller::administrator("test", Door::Api, "r1");
    world.app.adopt(&caller, &input(things), false).await.unwrap()
}

#[test]
fn what_runs_is_recognised_proposed_or_listed_and_twice_changes_nothing() {
    on_each("adopt", |world| async move {
        platform(&world).await;
        let caller = Caller::administrator("test", Door::Api, "r1");
        let planned = world.app.adopt(&caller, &input(estate()), true).await.unwrap();
        assert_eq!(world.names("instance"), [""; 0], "a plan reports nothing");
        let done = adopt(&world, estate()).await;
        assert_eq!(done.matched, planned.matched);
        assert_eq!(world.names("instance"), ["instance:booking/orders.dev", "instance:tracking/orders.dev"]);
        let reported = done.reported.unwrap();
        assert_eq!((reported["created"], reported["unmatched"]), (2, 3));
        assert_eq!(done.found["module calls"], 5);
        assert_eq!(done.aside["aws_iam_role"], 1);
        let bucket = &done.proposed[0];
        assert_eq!((bucket.name.as_str(), bucket.count, bucket.unplaced), ("bucket", 2, 0));
        assert_eq!(bucket.versions.keys().collect::<Vec<_>>(), ["1.0.0", "2.0.0"]);
        let why: Vec<&str> = done.unmatched.iter().map(|one| one.why.as_str()).collect();
        assert!(why[0].starts_with("It is db. Nothing says whose it is and where it runs"), "{why:?}");
        assert!(why[1].contains("there is only one"), "{why:?}");
        assert_eq!(world.app.unmatched(&caller).await.unwrap().len(), 3);
        let position = world.app.graph().position();
        let again = adopt(&world, estate()).await;
        assert_eq!(again.reported.unwrap()["seen"], 2);
        assert_eq!(world.app.graph().position(), position, "seeing it again is no change");
    });
}

#[test]
fn a_proposal_passes_and_takes_in_what_it_was_made_from() {
    on_each("proposal", |world| async move {
        platform(&world).await;
        let done = adopt(&world, estate()).await;
        let frame = Frame { product: "fairway".into(), owner: "core".into(), new: false };
        let documents = files(&done.proposed, &frame).into_iter().flat_map(|file| file.documents);
        let prepared = documents.map(|document| prepare(document, "").unwrap()).collect();
        let admin = Caller::administrator("test", Door::Api, "r0");
        let apply = loggia_app::record::Apply { prepared, if_match: None, dry_run: false };
        world.app.run(&admin, apply).await.unwrap();
        let again = adopt(&world, estate()).await;
        assert_eq!((again.proposed.len(), again.matched.len()), (0, 4));
        assert!(world.names("instance").contains(&"instance:tracking/logs.dev".to_owned()));
        let frame = Frame { product: "platform".into(), owner: "platform-team".into(), new: true };
        assert_eq!(files(&done.proposed, &frame).len(), 2);
    });
}

#[test]
fn what_is_found_no_more_is_unknown_after_a_while_and_never_gone() {
    on_each("adopt_not_seen", |world| async move {
        platform(&world).await;
        adopt(&world, estate()).await;
        world.clock.advance(15 * 86_400);
        let rest: Vec<Found> = estate().into_iter().filter(|one| !one.address.starts_with("a.")).collect();
        adopt(&world, rest).await;
        world.app.note_unseen().await.unwrap();
        let graph = world.app.graph();
        let phase = |name: &str| graph.get_text(name).unwrap().parse_status()["phase"].clone();
        assert_eq!(phase("instance:booking/orders.dev"), json!(Phase::Unknown));
        assert_eq!(phase("instance:tracking/orders.dev"), json!(Phase::Ready));
    });
}

#[test]
fn only_who_may_report_for_a_team_adopts_for_it() {
    on_each("adopt_rights", |world| async move {
        platform(&world).await;
        let refused = world.app.adopt(&world.person("ann"), &input(estate()), false).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        assert_eq!(world.names("instance"), [""; 0], "all or nothing");
        let own = estate().into_iter().filter(|one| one.places.iter().any(|place| place.contains("booking"))).collect();
        world.app.adopt(&world.person("ann"), &input(own), false).await.unwrap();
        assert_eq!(world.names("instance"), ["instance:booking/orders.dev"]);
    });
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn estate(&mut self) -> Vec<Found> {
        let sorts =
            [Sort::Module, Sort::Resource, Sort::Chart, Sort::Claim, Sort::Request, Sort::Custom, Sort::Workload];
        let places = ["booking", "prod", "dev", "eu-dev", "x_booking", "live", "", "a.b"];
        let count = self.roll(24);
        let one = |dice: &mut Dice| {
            let (sort, kind) = (sorts[dice.roll(7)], dice.roll(4));
            let address = format!("s{}.tfstate module.m{}", dice.roll(3), dice.roll(6));
            let around = [places[dice.roll(8)], places[dice.roll(8)]];
            let mut found = found(sort, &format!("kind{kind}/name{kind}/aws"), "1", &address, &around);
            found.teams = (dice.roll(4) == 0).then(|| "tracking".to_owned()).into_iter().collect();
            found
        };
        (0..count).map(|_| one(self)).collect()
    }
}

#[test]
fn whatever_is_adopted_twice_changes_nothing() {
    on_each("adopt_twice", |world| async move {
        platform(&world).await;
        let mut dice = Dice(11);
        for _ in 0..60 {
            let things = dice.estate();
            adopt(&world, things.clone()).await;
            let position = world.app.graph().position();
            adopt(&world, things).await;
            assert_eq!(world.app.graph().position(), position);
        }
        assert!(world.names("instance").is_empty(), "nothing of it is offered");
    });
    // A world of its own: what was seen before an offering is looked at again by itself, whenever that is.
    on_each("adopt_twice_offered", |world| async move {
        platform(&world).await;
        let mut dice = Dice(12);
        for (name, pattern) in [("one", "kind1/*"), ("two", "kind2/*")] {
            let spec = json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
                "problem": "x", "plans": [{"name": "s"}], "match": [{"offering": pattern}]});
            let value =
                json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": name}, "spec": spec});
            let prepared = vec![prepare(value, "").unwrap()];
            let admin = Caller::administrator("test", Door::Api, "r0");
            let apply = loggia_app::record::Apply { prepared, if_match: None, dry_run: false };
            world.app.run(&admin, apply).await.unwrap();
        }
        for _ in 0..60 {
            let things = dice.estate();
            adopt(&world, things.clone()).await;
            let position = world.app.graph().position();
            adopt(&world, things).await;
            assert_eq!(world.app.graph().position(), position);
        }
        assert!(!world.names("instance").is_empty());
    });
}

#[test]
fn the_order_of_what_was_found_does_not_matter() {
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let things = dice.estate();
        let mut other = things.clone();
        for at in (1..other.len()).rev() {
            other.swap(at, dice.roll(at + 1));
        }
        // Read twice, too.
        other.extend(things.iter().take(3).cloned());
        let of = |things: Vec<Found>| plan(&Graph::empty(), &Audience::All, &input(things)).adoption;
        let (one, same) = (of(things.clone()), of(other));
        assert_eq!(one, same);
        let mut addresses: Vec<_> = things.iter().map(|one| &one.address).collect();
        addresses.sort();
        addresses.dedup();
        let proposed: usize = one.proposed.iter().map(|one| one.count).sum();
        let aside: usize = one.aside.values().sum();
        assert_eq!(proposed + aside + one.unmatched.len() + one.matched.len(), addresses.len(), "nothing is lost");
    }
}

/// A name that several teams have is that of the organisation's own team, whatever the order; else nobody's.
#[test]
fn a_name_of_several_teams_is_the_own_one_or_is_told() {
    let group = |space: &str| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "search", "namespace": space},
            "spec": {"type": "team", "children": []}})
    };
    let spaces = ["default", "eu", "zz"];
    on_each("a_name_of_several_teams", |world| async move {
        platform(&world).await;
        for chosen in 1_usize..8 {
            let here: Vec<&str> = (0..3).filter(|at| chosen >> at & 1 == 1).map(|at| spaces[at]).collect();
            let records = here.iter().map(|space| prepare(group(space), "").unwrap()).collect();
            let caller = Caller::administrator("test", Door::Api, "r1");
            let apply = |prepared| loggia_app::record::Apply { prepared, if_match: None, dry_run: false };
            world.app.run(&caller, apply(records)).await.unwrap();
            let thing = found(Sort::Module, "postgres-module", "15", "s.tfstate module.index", &["search", "dev"]);
            let planned = world.app.adopt(&caller, &input(vec![thing.clone()]), true).await.unwrap();
            let told = planned.matched.first().map(|one| one.team.clone());
            match here.as_slice() {
                ["default", ..] => assert_eq!(told.as_deref(), Some("search"), "{here:?}"),
                [only] => assert_eq!(told, Some(format!("{only}/search"))),
                _ => {
                    let why = &planned.unmatched[0].why;
                    assert!(why.contains("ambiguous") && why.contains("eu/search and zz/search"), "{why}");
                    let team = Some("zz/search".to_owned());
                    let said = AdoptInput { things: vec![thing], team, ..AdoptInput::default() };
                    let planned = world.app.adopt(&caller, &said, true).await.unwrap();
                    assert_eq!(planned.matched[0].team, "zz/search");
                }
            }
            for space in here {
                let reference = format!("group:{space}/search").parse().unwrap();
                let delete = loggia_app::record::Delete { reference, if_match: None, dry_run: false };
                world.app.run(&caller, delete).await.unwrap();
            }
        }
    });
}

/// What a state names itself counts, however long the environment's name is; the name makes room for it.
#[test]
fn a_declared_environment_counts_whatever_its_length() {
    on_each("a_declared_environment", |world| async move {
        platform(&world).await;
        for length in [3, 20, 21, 40, 60] {
            let environment = "e".repeat(length);
            let mut thing =
                found(Sort::Module, "postgres-module", "15", "s.tfstate module.a-rather-long-name-of-it", &["booking"]);
            thing.environments = vec![environment.clone()];
            let done = adopt(&world, vec![thing]).await;
            assert_eq!(done.matched[0].environment, environment, "{done:?}");
            assert_eq!(done.reported.unwrap()["created"], 1);
        }
    });
}
