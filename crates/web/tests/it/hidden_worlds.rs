//! Random companies with hidden teams, offerings, environments and drafts, and things that run on all of them: to an
//! outsider no answer holds the name of what is hidden, and nothing that may be seen is missing.

use crate::doors;
use crate::world::{World, on_both};
use axum::http::{Method, Request, header};
use loggia_web::api::registry;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

/// In every name of what is hidden, and in no other.
const CANARY: &str = "zebrafish";
const OUTSIDERS: [&str; 3] = ["other", "service", "partner"];

/// A stream of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }
}

/// What may be run by whom where; one of each is hidden.
const TEAMS: [&str; 3] = ["booking", "harbour", "zebrafish-team"];
const PLACES: [&str; 3] = ["dev", "test", "zebrafish-place"];
const VERSIONS: [&str; 4] = ["", "postgres-1.0.0", "postgres-2.0.0-zebrafish", "postgres-3.0.0-zebrafish"];

const GROUND: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: harbour}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: zebrafish-team, title: Zebrafish, annotations: {loggia.dev/visibility: product}}
spec: {type: team, children: [], profile: {email: zebrafish@example.com}}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: test}
spec: {product: fairway, type: development, owner: platform, order: 2, backends: {postgres: {driver: postgres}}}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: zebrafish-place, annotations: {loggia.dev/visibility: product}}
spec: {product: fairway, type: development, owner: platform, order: 3, backends: {postgres: {driver: postgres}}}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: zebrafish-offering, title: Zebrafish, annotations: {loggia.dev/visibility: product}}
spec: {product: fairway, owner: data, category: data, promise: Zebrafish, for: Zebrafish, problem: Zebrafish,
  plans: [{name: small, default: true}]}
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: postgres-2.0.0-zebrafish, annotations: {loggia.dev/publication: draft}}
spec: {offering: postgres, version: 2.0.0-zebrafish, contract: {inputs: {type: object}}, recipe: {driver: postgres}}
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: postgres-3.0.0-zebrafish, annotations: {loggia.dev/publication: candidate}}
spec: {offering: postgres, version: 3.0.0-zebrafish, contract: {inputs: {type: object}}, recipe: {driver: postgres}}
---
apiVersion: loggia.dev/v1
kind: Ending
metadata: {name: first-end}
spec: {subject: offering:postgres, reason: Nobody needs it any more., replacement: none, preset: aip-181,
  dates: {effective: 2035-01-01, off: 2036-01-01}}
";

/// Something that runs.
#[derive(Clone)]
struct Run {
    team: &'static str,
    name: String,
    place: &'static str,
    offering: &'static str,
    target: &'static str,
}

impl Run {
    fn random(at: usize, dice: &mut Dice) -> Run {
        let offering = if dice.roll(5) == 0 { "zebrafish-offering" } else { "postgres" };
        let target = if offering == "postgres" { dice.pick(&VERSIONS) } else { "" };
        Run { team: dice.pick(&TEAMS), name: format!("run{at}"), place: dice.pick(&PLACES), offering, target }
    }

    fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.place)
    }

    fn is_open(&self) -> bool {
        ![self.team, self.place, self.offering, self.target].iter().any(|word| word.contains(CANARY))
    }

    fn text(&self) -> String {
        let mut text = format!(
            "---\napiVersion: loggia.dev/v1\nkind: Instance\nmetadata: {{name: {}, namespace: {}}}\nspec: {{offering: {}, \
             team: {}, environment: {}, step: observed",
            self.full_name(),
            self.team,
            self.offering,
            self.team,
            self.place
        );
        if !self.target.is_empty() {
            let version = self.target.trim_start_matches("postgres-");
            let _ = write!(text, ", target: {}, constraint: \"{version}\", inputs: {{of: {version}}}", self.target);
        }
        text.push_str("}\n");
        text
    }
}

/// Writes what runs, lets some of it move to another version, and says that all of it is used.
async fn build(world: &World, dice: &mut Dice) -> Vec<Run> {
    world.add(GROUND).await;
    let mut runs: Vec<Run> = (0..14).map(|at| Run::random(at, dice)).collect();
    world.add(&runs.iter().map(Run::text).collect::<String>()).await;
    for run in runs.iter_mut().filter(|run| run.offering == "postgres") {
        if dice.roll(3) == 0 {
            run.target = dice.pick(&VERSIONS);
            world.add(&run.text()).await;
        }
    }
    for (at, run) in runs.iter().enumerate() {
        let reading = json!({"id": at.to_string(), "time": "2026-01-01T00:00:00Z", "offering": run.offering,
            "instance": format!("{}/{}", run.team, run.full_name()), "team": run.team, "channel": "x"});
        let said = world.post("admin", "/api/v1/usage", &reading).await;
        assert!(said.status.is_success(), "{}", said.text);
    }
    runs
}

/// Decides about what is hidden, where those read of it who may not see it: a campaign that moves it, permissions to differ.
async fn decide(world: &World, runs: &[Run]) {
    let said = world.post("admin", "/api/v1/campaigns/default/postgres-2:start", &json!({})).await;
    assert!(said.status.is_success(), "{}", said.text);
    let hidden = runs.iter().find(|run| run.team == "booking" && run.full_name().contains(CANARY));
    let one = hidden.map(|run| format!("{}/{}", run.team, run.full_name()));
    let said = world.post("admin", "/api/v1/endings/default/first-end:announce", &json!({})).await;
    assert!(said.status.is_success(), "{}", said.text);
    for path in ["campaigns/default/postgres-2", "endings/default/first-end", "checks/default/postgres-owned"] {
        let path = format!("/api/v1/{path}:exempt");
        let until = if path.contains("ending") { "2035-06-01" } else { "2034-01-01" };
        let team = json!({"team": "zebrafish-team", "until": until, "reason": "Not now."});
        let said = world.post("admin", &path, &team).await;
        assert!(said.status.is_success(), "{path}: {}", said.text);
        if let Some(one) = &one {
            let what = if path.contains("checks") { "thing" } else { "instance" };
            let named = if path.contains("checks") { format!("instance:{one}") } else { one.clone() };
            let instance = json!({"team": "booking", what: named, "until": until, "reason": "Not now."});
            let said = world.post("admin", &path, &instance).await;
            assert!(said.status.is_success(), "{path}: {}", said.text);
        }
    }
}

/// Whatever is counted is what is listed: a campaign, its waves, curve and line, a standard, an ending and the versions.
async fn counts_what_is_seen(world: &World, runs: &[Run], seed: u64) {
    for who in ["admin", "product", "owner", "member", "other", "service"] {
        let mut seen = listed(world, who).await;
        let offered = |name: &String| runs.iter().any(|run| run.full_name() == *name && run.offering == "postgres");
        seen.retain(offered);
        let own = json!(if ["admin", "member"].contains(&who) { 2 } else { 1 });
        let all = json!(seen.len() as u64 + own.as_u64().unwrap());
        let state = world.get(who, "/api/v1/campaigns/default/postgres-2/state").await.json();
        let rows = state["items"].as_array().unwrap();
        assert_eq!((json!(rows.len()), &state["more"]), (all.clone(), &json!(0)), "world {seed} {who}: {seen:?}");
        assert_eq!((&state["counts"]["total"], &state["frozen"]), (&all, &all), "world {seed} {who}");
        let waves: u64 =
            state["waves"].as_array().unwrap().iter().map(|w| w["counts"]["total"].as_u64().unwrap()).sum();
        assert_eq!(json!(waves), all, "world {seed} {who}");
        let curve = world.get(who, "/api/v1/campaigns/default/postgres-2/burn-down").await.json();
        assert_eq!((&curve["counts"]["total"], &curve["days"][0]["total"]), (&all, &all), "world {seed} {who}");
        let list = world.get(who, "/api/v1/campaigns:overview").await.json();
        let line = list["items"].as_array().unwrap().iter().find(|line| line["campaign"] == state["campaign"]);
        assert_eq!(line.unwrap()["counts"]["total"], all, "world {seed} {who}");
        let record = world.get(who, "/api/v1/campaigns/default/postgres-2").await.text;
        assert!(["counts", "frozen", "days", "exemptions"].iter().all(|word| !record.contains(word)), "{record}");
        let standing = &world.get(who, "/api/v1/checks/default/postgres-owned/state").await.json()["standing"];
        let sum: u64 = standing.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(json!(sum), all, "world {seed} {who}");
        let ending = world.get(who, "/api/v1/endings/default/first-end/state").await.json();
        assert_eq!(ending["running"], all, "world {seed} {who}");
        let versions = world.get(who, "/api/v1/versions/postgres").await.json();
        let running = versions["versions"].as_array().unwrap().iter().map(|row| row["running"].as_u64().unwrap());
        assert_eq!(json!(running.sum::<u64>() + versions["others"].as_u64().unwrap()), all, "world {seed} {who}");
    }
}

/// Every address that is read, with the names of everything that runs and of what it stands on.
async fn addresses(world: &World, runs: &[Run]) -> BTreeSet<String> {
    let ways = doors::all(world).await.into_iter().filter(|way| way.method == "GET").map(|way| way.path);
    let api = registry::all().iter().filter(|route| route.method == Method::GET).map(|route| route.path.to_owned());
    let mut all = BTreeSet::new();
    for path in ways.chain(api).filter(|path| path != "/metrics") {
        all.insert(doors::filled(&path));
        for run in runs.iter().filter(|run| path.contains("{name}") && !run.full_name().contains(CANARY)) {
            let named = path.replace("{kind}", "instance").replace("{plural}", "instances");
            let named = named.replace("{namespace}", run.team).replace("{name}", &run.full_name());
            all.insert(doors::filled(&named));
        }
        for group in TEAMS.iter().filter(|_| path.contains("{team}")) {
            all.insert(doors::filled(&path.replace("{team}", group)));
        }
        for (kind, plural, name) in [
            ("group", "groups", "booking"),
            ("offering", "offerings", "postgres"),
            ("environment", "environments", "dev"),
            ("campaign", "campaigns", "postgres-2"),
            ("ending", "endings", "first-end"),
            ("check", "checks", "postgres-owned"),
        ] {
            let named = path.replace("{kind}", kind).replace("{plural}", plural).replace("{namespace}", "default");
            all.insert(doors::filled(&named.replace("{name}", name)));
        }
    }
    all.extend(
        ["/api/v1/search?q=zebra", "/search?q=run1", "/api/v1/instances?limit=3&order=-metadata.name"].map(Into::into),
    );
    all
}

async fn tells_nothing(world: &World, runs: &[Run], seed: u64) {
    for address in addresses(world, runs).await {
        for who in OUTSIDERS {
            let said = world.get(who, &address).await;
            let text = said.text.to_lowercase().replace(&address.to_lowercase(), "");
            let asked = address.contains(CANARY);
            assert!(asked || !text.contains(CANARY), "world {seed}: {address} tells {who}: {text}");
            assert!(
                !asked || !said.status.is_success() || !text.contains("run"),
                "world {seed}: {address} {who} {text}"
            );
        }
    }
    let questions = [
        ("entities/by-query", json!({})),
        (
            "entity-facets",
            json!({"facets": ["metadata.namespace", "spec.team", "spec.target", "relations.ownedBy",
            "relations.runsRelease", "relations.hasInstance", "spec.inputs.of"]}),
        ),
        ("entities/by-refs", json!({"entityRefs": ["group:default/booking", "offering:default/postgres"]})),
    ];
    for (path, question) in questions {
        let request = Request::post(format!("/api/catalog/{path}")).header(header::CONTENT_TYPE, "application/json");
        let said = world.send("other", request, question.to_string()).await;
        assert!(said.status.is_success() && !said.text.to_lowercase().contains(CANARY), "{path}: {}", said.text);
    }
}

/// Which of the things that run somebody is told of.
async fn listed(world: &World, who: &str) -> BTreeSet<String> {
    let said = world.get(who, "/api/v1/instances?limit=100").await.json();
    let name = |item: &serde_json::Value| item["document"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    said["items"].as_array().unwrap().iter().map(name).filter(|name| name.starts_with("run")).collect()
}

#[tokio::test]
async fn random_companies_tell_no_name_of_what_is_hidden() {
    on_both("hidden_worlds", async |first| {
        let mut first = Some(first);
        for seed in 0..4 {
            let world = match first.take() {
                Some(world) => world,
                None => World::alone().await,
            };
            let runs = build(&world, &mut Dice(seed)).await;
            decide(&world, &runs).await;
            counts_what_is_seen(&world, &runs, seed).await;
            tells_nothing(&world, &runs, seed).await;
            let names = |shown: &dyn Fn(&Run) -> bool| -> BTreeSet<String> {
                runs.iter().filter(|run| shown(run)).map(Run::full_name).collect()
            };
            assert_eq!(listed(&world, "other").await, names(&Run::is_open), "world {seed}");
            assert_eq!(listed(&world, "product").await, names(&|_| true));
            // Its own team sees what it runs, whatever it runs on.
            assert_eq!(listed(&world, "member").await, names(&|run| run.team == "booking" || run.is_open()));
        }
    })
    .await;
}

/// Who sees what runs follows from the team, and from the version, as they are now.
#[tokio::test]
async fn what_runs_comes_and_goes_with_what_it_stands_on() {
    on_both("hidden_follows", async |world| {
        let mut dice = Dice(7);
        let mut runs = build(&world, &mut dice).await;
        runs.retain(|run| run.offering == "postgres" && !run.place.contains(CANARY));
        let shown = |team: bool, drafts: bool| -> BTreeSet<String> {
            let open = |word: &str, open: bool| open || !word.contains(CANARY);
            let both = |run: &&Run| open(run.team, team) && open(run.target, drafts);
            runs.iter().filter(both).map(Run::full_name).collect()
        };
        assert_eq!(listed(&world, "other").await, shown(false, false));
        let open = GROUND.split("---").nth(1).unwrap().replace(", annotations: {loggia.dev/visibility: product}", "");
        world.add(&open).await;
        assert_eq!(listed(&world, "other").await, shown(true, false));
        for version in &VERSIONS[2..] {
            let said = world.post("admin", &format!("/api/v1/releases/default/{version}:publish"), &json!({})).await;
            assert!(said.status.is_success(), "{}", said.text);
        }
        assert_eq!(listed(&world, "other").await, shown(true, true));
        world.add(GROUND.split("---").nth(1).unwrap()).await;
        assert_eq!(listed(&world, "other").await, shown(false, true));
    })
    .await;
}
