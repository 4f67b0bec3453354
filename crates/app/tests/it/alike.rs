//! What `loggia check` says of files and what a first synchronisation says of them is the same, with the same places.

use crate::harness::{World, file, on_each};
use loggia_app::record::check::{Recipes, check};
use loggia_model::Problem;

type Told = (String, u32, u32, String, String, String);

fn told(problem: &Problem) -> Told {
    let place = |number: Option<u32>| number.unwrap_or_default();
    let file = problem.file.clone().unwrap_or_default();
    let Problem { rule, message, mend, .. } = problem;
    (file, place(problem.line), place(problem.column), rule.clone(), message.clone(), mend.clone())
}

/// The problems of a check, which a synchronisation tells as well.
async fn problems(world: &World, files: &[(&str, &str)]) -> Vec<Told> {
    let all: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
    let mut checked: Vec<Told> = check(&all, &Recipes::new()).problems.iter().map(told).collect();
    let mut synced: Vec<Told> = world.sync("repository:main", files).await.problems.iter().map(told).collect();
    checked.sort();
    synced.sort();
    assert_eq!(checked, synced);
    checked
}

fn places(told: &[Told]) -> Vec<(&str, u32, u32, &str)> {
    told.iter().map(|(file, line, column, rule, ..)| (file.as_str(), *line, *column, rule.as_str())).collect()
}

const TEAM: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: core}\nspec: {type: team, children: []}\n";

/// An ending by a rule of a product that comes with it, in a file that is read before.
#[test]
fn what_comes_in_one_commit_is_judged_as_one() {
    on_each("what_comes_in_one_commit", |world| async move {
        let product = "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: fairway}\nspec: {team: core, \
            endingRules: {house: {notice: {ga: 90, preview: 30}, exemption: 20}}}\n";
        let offering = "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {name: db}\nspec: {product: fairway, owner: \
            core, category: data, promise: p, for: f, problem: x, plans: [{name: small}]}\n";
        let files = [
            ("a-ending.yaml", crate::ending::PLAN),
            ("b-team.yaml", TEAM),
            ("c-product.yaml", product),
            ("d-offering.yaml", offering),
        ];
        assert_eq!(problems(&world, &files).await, []);
        assert_eq!(world.names("ending"), ["ending:default/db-end"]);
    });
}

#[test]
fn a_location_that_points_to_nothing_is_told_at_its_target() {
    on_each("a_location_that_points_to_nothing", |world| async move {
        let location = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n  targets:\n    - \
            ./teams/core.yaml\n    - ./teams/gone.yaml\n    - ./teams/*.yaml\n    - ./**/core.yaml\n    - ./none/*.yaml\n    - \
            https://example.org/a.yaml\n";
        let optional = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: maybe}\nspec: {target: ./gone.yaml, presence: optional}\n";
        let one =
            "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: one}\nspec:\n  target: ../out.yaml\n";
        let files = [("all.yaml", location), ("maybe.yaml", optional), ("one.yaml", one), ("teams/core.yaml", TEAM)];
        let told = problems(&world, &files).await;
        let wanted = [
            ("all.yaml", 8, 7, "location.target"),
            ("all.yaml", 11, 7, "location.target"),
            ("one.yaml", 5, 3, "location.target"),
        ];
        assert_eq!(places(&told), wanted, "{told:?}");
        assert!(told[0].4.contains("./teams/gone.yaml") && told[1].4.contains("no file fits"), "{told:?}");
    });
}

#[test]
fn what_a_document_names_beside_it_and_is_not_there_has_a_place() {
    on_each("what_a_document_names_beside_it", |world| async move {
        let product = "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: x}\nspec: {team: core}\n---\n";
        let offering = "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {name: db}\nspec: {product: x, owner: core, \
            category: data, promise: p, for: f, problem: x, plans: [{name: small}], docs: nowhere}\n";
        let told = problems(&world, &[("a.yaml", &format!("{product}{offering}")), ("t.yaml", TEAM)]).await;
        assert_eq!(places(&told), [("a.yaml", 6, 1, "file.missing")], "{told:?}");
    });
}

#[test]
fn a_number_where_a_text_belongs_is_put_into_quotes() {
    on_each("a_number_where_a_text_belongs", |world| async move {
        let text = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: 2001\n  annotations:\n    \
            example.org/version: 1.10\n    example.org/on: true\n  tags:\n    - 12\nspec: {type: s, lifecycle: l, owner: core}\n";
        let told = problems(&world, &[("a.yaml", text), ("t.yaml", TEAM)]).await;
        let mends: Vec<(u32, u32, &str)> = told.iter().map(|one| (one.1, one.2, one.5.as_str())).collect();
        assert!(mends.contains(&(4, 9, "Put it in quotes: name: \"2001\"")), "{told:?}");
        for (line, mend) in [(6, "\"1.10\""), (7, "\"true\""), (9, "Put it in quotes: \"12\"")] {
            assert!(mends.iter().any(|(at, _, said)| *at == line && said.ends_with(mend)), "{line} {mend}: {told:?}");
        }
        let own = "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {name: db-1}\nspec:\n  offering: db\n  version: 1.10\n  \
            contract: {inputs: {type: object}}\n  recipe: {driver: memory}\n";
        let told = problems(&world, &[("r.yaml", own), ("t.yaml", TEAM)]).await;
        assert!(told.iter().any(|one| (one.1, one.2) == (6, 12) && one.5.ends_with("version: \"1.10\"")), "{told:?}");
    });
}

#[test]
fn a_text_below_a_head_that_takes_none_is_told_where_it_begins() {
    on_each("a_text_below_a_head", |world| async move {
        let head = "---\napiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: x}\nspec: {team: core}\n---\n";
        let told = problems(&world, &[("x.md", &format!("{head}\nA tale.\n")), ("t.yaml", TEAM)]).await;
        assert_eq!(places(&told), [("x.md", 8, 1, "markdown.body")], "{told:?}");
        assert!(told[0].4.starts_with("A Product takes no text"), "{told:?}");
        assert_eq!(problems(&world, &[("x.md", &format!("{head}\n  \n")), ("t.yaml", TEAM)]).await, []);
    });
}

#[test]
fn what_is_ignored_is_not_read() {
    on_each("what_is_ignored", |world| async move {
        let files = [
            (".loggiaignore", "drafts/\n"),
            ("drafts/a.yaml", "kind: [\n"),
            ("chart/Chart.yaml", "name: {{ x }}\n"),
            ("chart/templates/a.yaml", "kind: {{ .Kind }}\n"),
            ("t.yaml", TEAM),
        ];
        assert_eq!(problems(&world, &files).await, []);
        assert_eq!(world.names("group"), ["group:default/core"]);
        let wrong = [(".loggiaignore", "fine/\n[z-a]\n"), ("t.yaml", TEAM)];
        assert_eq!(places(&problems(&world, &wrong).await), [(".loggiaignore", 2, 1, "ignore.pattern")]);
    });
}

#[test]
fn a_ring_of_groups_is_warned_of() {
    let group = |name: &str, parent: &str| {
        TEAM.replace("core", name).replace("children", &format!("parent: {parent}, children"))
    };
    let files = [("a.yaml", group("a", "b")), ("b.yaml", group("b", "a"))];
    let files: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
    let report = check(&files, &Recipes::new());
    let rings: Vec<_> = report.warnings.iter().filter(|one| one.rule == "reference.ring").collect();
    assert_eq!((rings.len(), report.problems.len()), (1, 0), "{:?}", report.warnings);
    assert_eq!((rings[0].file.as_deref(), rings[0].line), (Some("a.yaml"), Some(4)));
    assert!(rings[0].message.contains("group:default/a → group:default/b → group:default/a"), "{}", rings[0].message);
}
