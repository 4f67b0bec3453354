//! Keeping in step with repositories: decision 8, and the complaints 10 and 11 about portals.

use crate::harness::on_each;

const ORIGIN: &str = "repository:main";

fn component(name: &str, owner: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: {owner}\n"
    )
}

fn files(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| (format!("{name}.yaml"), component(name, "team-a"))).collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// #11179, #2053: feedback comes at once, with file, line, column, and what to do; the others are taken over.
#[test]
fn a_wrong_document_tells_its_place_and_costs_only_itself() {
    on_each("a_wrong_document_tells_its_place_and_costs_only_itself", |world| async move {
        let wrong = format!(
            "{}---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: b\nspec:\n  type: service\n  lifecycle: production\n",
            component("a", "x")
        );
        let report = world.sync(ORIGIN, &[("all.yaml", &wrong)]).await;
        assert_eq!(world.names("component"), ["component:default/a"]);
        let problem = &report.problems[0];
        assert_eq!((problem.file.as_deref(), problem.line), (Some("all.yaml"), Some(14)), "{problem}");
        assert!(problem.path.contains("owner") || problem.message.contains("owner"), "{problem}");
        assert!(!problem.mend.is_empty());
    });
}

/// #24076: the error is attributed to the file that has it. A number as a name is the file's own problem.
#[test]
fn a_name_that_is_a_number_is_told_at_its_own_file() {
    on_each("a_name_that_is_a_number_is_told_at_its_own_file", |world| async move {
        let number = component("2001", "x");
        let report = world.sync(ORIGIN, &[("good.yaml", &component("good", "x")), ("bad.yaml", &number)]).await;
        assert_eq!(world.names("component"), ["component:default/good"]);
        assert!(report.problems.iter().all(|p| p.file.as_deref() == Some("bad.yaml")), "{:?}", report.problems);
        assert_eq!(report.problems[0].line, Some(4));
    });
}

/// #12333: an error does not stick after it was mended, and the last good text is served meanwhile.
#[test]
fn an_error_goes_away_with_its_cause() {
    on_each("an_error_goes_away_with_its_cause", |world| async move {
        let good = component("a", "x");
        world.sync(ORIGIN, &[("a.yaml", &good), ("b.yaml", &component("b", "x"))]).await;
        let report = world.sync(ORIGIN, &[("a.yaml", "kind: [broken"), ("b.yaml", &component("b", "x"))]).await;
        assert_eq!(report.problems.len(), 1);
        assert_eq!(world.names("component"), ["component:default/a", "component:default/b"], "the last good one stays");
        let report = world.sync(ORIGIN, &[("a.yaml", &good), ("b.yaml", &component("b", "x"))]).await;
        assert!(report.problems.is_empty());
        assert_eq!(world.names("component").len(), 2);
    });
}

/// #17083, #16579, #27398, #19069: a moved file is an update of the same thing, not a conflict.
#[test]
fn a_moved_file_keeps_its_identity() {
    on_each("a_moved_file_keeps_its_identity", |world| async move {
        let text = component("a", "x");
        world.sync(ORIGIN, &[("a.yaml", &text)]).await;
        let before = world.app.graph().get_text("component:default/a").unwrap().uid;
        let report = world.sync(ORIGIN, &[("moved/here.yaml", &text)]).await;
        assert!(report.problems.is_empty() && report.removed == 0 && report.created == 0, "{report:?}");
        let graph = world.app.graph();
        let after = graph.get_text("component:default/a").unwrap();
        assert_eq!(after.uid, before);
        assert_eq!(&*after.source.path, "moved/here.yaml#0");
    });
}

/// #28858: a renamed thing keeps identity and history; the old name leads to the new one.
#[test]
fn a_renamed_thing_is_found_under_its_old_name() {
    on_each("a_renamed_thing_is_found_under_its_old_name", |world| async move {
        world.sync(ORIGIN, &[("a.yaml", &component("old", "x"))]).await;
        let before = world.app.graph().get_text("component:default/old").unwrap().uid;
        let renamed = component("new", "x")
            .replace("  name: new\n", "  name: new\n  annotations:\n    loggia.dev/formerly: old\n");
        let report = world.sync(ORIGIN, &[("a.yaml", &renamed)]).await;
        assert_eq!((report.renamed, report.created, report.removed), (1, 0, 0));
        assert_eq!(world.app.graph().get_text("component:default/new").unwrap().uid, before);
        for app in [world.app.clone(), world.restarted().await] {
            let graph = app.graph();
            let old = graph.resolve(&loggia_graph::Audience::All, &"component:default/old".parse().unwrap());
            assert!(format!("{old:?}").contains("component:default/new"), "{old:?}");
        }
    });
}

/// #18610, #29318: what another source owns is not touched, and the first source wins, whatever comes later.
#[test]
fn the_first_source_wins_a_name() {
    on_each("the_first_source_wins_a_name", |world| async move {
        world.sync(ORIGIN, &[("a.yaml", &component("a", "first"))]).await;
        let uid = world.app.graph().get_text("component:default/a").unwrap().uid;
        let report = world.sync("repository:other", &[("z.yaml", &component("a", "second"))]).await;
        assert_eq!(report.problems[0].rule, "name.taken");
        assert_eq!(report.problems[0].file.as_deref(), Some("z.yaml"));
        world.sync("repository:other", &[]).await;
        let graph = world.app.graph();
        let kept = graph.get_text("component:default/a").unwrap();
        assert_eq!((kept.uid, kept.parse().spec_text("owner")), (uid, "first"));
    });
}

/// Decision 8: a synchronisation that would remove more than a fifth waits for a person.
#[test]
fn many_removals_wait_for_a_yes() {
    on_each("many_removals_wait_for_a_yes", |world| async move {
        let all = files(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        world.sync(ORIGIN, &borrowed(&all)).await;
        let report = world.sync(ORIGIN, &borrowed(&all[..7])).await;
        assert_eq!((report.held.len(), report.removed), (3, 0));
        assert_eq!(world.names("component").len(), 10);
        let report = world.sync(ORIGIN, &borrowed(&all[..8])).await;
        assert_eq!((report.held.len(), report.removed), (0, 2), "a fifth is let through");
        let report = world.sync_confirmed(ORIGIN, &borrowed(&all[..2]), true).await;
        assert_eq!(report.removed, 6);
        assert_eq!(world.names("component"), ["component:default/a", "component:default/b"]);
    });
}

/// What did not change is not written: no revision, no event.
#[test]
fn the_same_again_changes_nothing() {
    on_each("the_same_again_changes_nothing", |world| async move {
        let all = files(&["a", "b", "c"]);
        world.sync(ORIGIN, &borrowed(&all)).await;
        let position = world.app.graph().position();
        let report = world.sync(ORIGIN, &borrowed(&all)).await;
        assert_eq!(report, loggia_app::source::sync::SyncReport::default());
        assert_eq!(world.app.graph().position(), position);
    });
}

/// The same name twice in one source: told, and one of them is served.
#[test]
fn a_duplicate_is_told() {
    on_each("a_duplicate_is_told", |world| async move {
        let report = world.sync(ORIGIN, &[("a.yaml", &component("a", "x")), ("b.yaml", &component("a", "y"))]).await;
        assert_eq!(report.problems[0].rule, "name.duplicate");
        assert_eq!(world.names("component"), ["component:default/a"]);
    });
}

/// A second file with a name that is described already takes nothing over, whatever it is called.
#[test]
fn a_newcomer_takes_no_name_over_and_is_told() {
    on_each("a_newcomer_takes_no_name_over_and_is_told", |world| async move {
        let (own, other) = (component("a", "x"), component("a", "y"));
        world.sync(ORIGIN, &[("m.yaml", &own)]).await;
        let owner = || world.app.graph().get_text("component:default/a").unwrap().parse().spec_text("owner").to_owned();
        let report = world.sync(ORIGIN, &[("a.yaml", &other), ("m.yaml", &own)]).await;
        let problem = &report.problems[0];
        assert_eq!((problem.rule.as_str(), problem.file.as_deref()), ("name.duplicate", Some("a.yaml")));
        assert!(problem.message.contains("m.yaml"), "{problem}");
        assert_eq!(owner(), "x");
        // Also when its own file got another document before it.
        let both = format!("{}---\n{own}", component("first", "x"));
        let report = world.sync(ORIGIN, &[("a.yaml", &other), ("m.yaml", &both)]).await;
        assert_eq!(report.problems[0].file.as_deref(), Some("a.yaml"));
        assert_eq!(owner(), "x");
    });
}

/// #25622: an annotation that is a list is told as what it is, at its place; nothing else is said to be missing.
#[test]
fn an_annotation_that_is_a_list_is_told_as_one() {
    on_each("an_annotation_that_is_a_list_is_told_as_one", |world| async move {
        let listed =
            component("a", "x").replace("  name: a\n", "  name: a\n  annotations:\n    acme.com/teams: [b, c]\n");
        let report = world.sync(ORIGIN, &[("a.yaml", &listed), ("b.yaml", &component("b", "x"))]).await;
        assert_eq!(world.names("component"), ["component:default/b"]);
        let said: Vec<_> = report.problems.iter().map(|p| (p.path.as_str(), p.file.as_deref(), p.line)).collect();
        assert_eq!(said, [("metadata.annotations.acme.com/teams", Some("a.yaml"), Some(6))], "{:?}", report.problems);
        let text = report.problems[0].to_string();
        assert!(text.contains("string") && !text.contains("managed-by-location"), "{text}");
    });
}

/// #4834, #4336, #9245: what is wrong is told before anything is pushed, by the same code, without a server.
#[test]
fn a_check_without_a_server_says_what_a_synchronisation_says() {
    on_each("a_check_without_a_server_says_what_a_synchronisation_says", |world| async move {
        let wrong = component("a", "x").replace("  type: service\n", "");
        let files = [("a.yaml", wrong.as_str()), ("b.yaml", "kind: [broken"), ("c.yaml", &component("c", "x"))];
        let report = world.sync(ORIGIN, &files).await;
        let files: Vec<_> = files.iter().map(|(path, text)| crate::harness::file(path, text)).collect();
        let checked = loggia_app::record::check::check(&files, &loggia_app::record::check::Recipes::new()).problems;
        let line = |problem: &loggia_model::Problem| (problem.to_string(), problem.line, problem.column);
        let mut synced: Vec<_> = report.problems.iter().map(line).collect();
        synced.sort();
        let mut before: Vec<_> = checked.iter().map(line).collect();
        before.sort();
        assert_eq!((synced.len(), &synced), (2, &before));
    });
}

/// #10262, #13177: a problem that is about another thing too names both by their full names.
#[test]
fn a_problem_names_what_it_is_about() {
    on_each("a_problem_names_what_it_is_about", |world| async move {
        world.sync(ORIGIN, &[("a.yaml", &component("a", "first"))]).await;
        let report = world.sync("repository:other", &[("z.yaml", &component("a", "second"))]).await;
        let text = report.problems[0].to_string();
        assert!(text.contains("component:default/a") && text.contains(ORIGIN), "{text}");
    });
}

/// #15521: what is gone from its source goes, and may come from another one afterwards.
#[test]
fn what_left_one_source_may_come_from_another() {
    on_each("what_left_one_source_may_come_from_another", |world| async move {
        let (a, b) = (component("a", "x"), component("b", "x"));
        world.sync(ORIGIN, &[("a.yaml", &a), ("b.yaml", &b)]).await;
        world.sync(ORIGIN, &[("b.yaml", &b)]).await;
        let report = world.sync("repository:other", &[("here.yaml", &a)]).await;
        assert_eq!((report.created, report.problems.len()), (1, 0), "{report:?}");
        let graph = world.app.graph();
        assert_eq!(&*graph.get_text("component:default/a").unwrap().source.origin, "repository:other");
    });
}

/// The thing itself says that its newest text is not taken over, and why, until it is; where another one in the same file is
/// seen by fewer people, it does not say why.
#[test]
fn a_thing_says_that_its_newest_text_is_not_taken() {
    on_each("a_thing_says_that_its_newest_text_is_not_taken", |world| async move {
        let good = component("a", "x");
        let hidden =
            component("h", "x").replace("  name: h\n", "  name: h\n  annotations: {loggia.dev/visibility: team}\n");
        let both = format!("{}---\n{hidden}", component("b", "x"));
        let said = |name: &str| {
            let graph = world.app.graph();
            let status = graph.get_text(&format!("component:default/{name}")).unwrap().parse_status();
            status.pointer("/conditions/0/message").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        };
        world.sync(ORIGIN, &[("a.yaml", &good), ("b.yaml", &both)]).await;
        assert_eq!((said("a"), said("b")), Default::default());
        let broken = [
            "kind: [broken".to_owned(),
            good.replace("owner: x", ""),
            good.replace("kind: Component", "kind: Componen"),
        ];
        for text in &broken {
            for _ in 0..2 {
                let files = [("a.yaml", text.as_str()), ("b.yaml", text.as_str())];
                world.sync(ORIGIN, &files).await;
                let start = "The newest text in a.yaml is not taken over. ";
                assert!(said("a").starts_with(start) && said("a").len() > start.len() + 10, "{text}: {}", said("a"));
                assert_eq!(said("b"), "The newest text in b.yaml is not taken over.", "{text}");
            }
            let position = world.app.graph().position();
            world.sync(ORIGIN, &[("a.yaml", text), ("b.yaml", text)]).await;
            assert_eq!(world.app.graph().position(), position, "the same again is no change");
        }
        world.sync(ORIGIN, &[("a.yaml", &good), ("b.yaml", &both)]).await;
        assert_eq!((said("a"), said("b")), Default::default());
    });
}
