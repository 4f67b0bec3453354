//! Folders of skeletons, templates and docs take what is below a document, and nothing that stands for itself.

use crate::harness::on_each;
use loggia_app::record::check::{Recipes, check};
use loggia_app::source::read::SourceFile;
use loggia_model::Problem;

const ORIGIN: &str = "repository:main";

fn component(name: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: team-a\n"
    )
}

fn template(url: &str) -> String {
    format!(
        "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata:\n  name: path\nspec:\n  type: service\n  \
         owner: team-a\n  steps:\n    - action: fetch:template\n      input:\n        url: {url}\n"
    )
}

fn offering(docs: &str) -> String {
    format!(
        "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata:\n  name: cache\nspec:\n  owner: team-a\n  category: data\n  \
         promise: Fast.\n  for: Everybody\n  problem: Slow reads.\n  docs: {docs}\n  product: yard\n  plans: [{{name: small, default: true}}]\n"
    )
}

fn checked(files: &[(&str, String)]) -> (usize, Vec<Problem>) {
    let file = |(path, text): &(&str, String)| SourceFile {
        path: (*path).to_owned(),
        bytes: text.as_bytes().into(),
        executable: false,
        size: text.len(),
    };
    let report = check(&files.iter().map(file).collect::<Vec<_>>(), &Recipes::new());
    let problems = report.problems.into_iter().filter(|problem| !problem.rule.starts_with("reference"));
    (report.documents, problems.filter(|problem| problem.rule == "file.folder").collect())
}

fn place(problem: &Problem) -> (&str, u32) {
    (problem.file.as_deref().unwrap(), problem.line.unwrap())
}

/// Every way to write a folder that holds the document: said at its line, and nothing else is lost.
#[test]
fn a_folder_that_holds_the_document_itself_is_none() {
    for (path, other, urls) in [
        ("template.yaml", "catalog-info.yaml", &["./", ".", "./.", "./skeleton/.."][..]),
        ("a/template.yaml", "a/catalog-info.yaml", &["./", "./../a", "./template.yaml"]),
        ("a/b/template.yaml", "a/catalog-info.yaml", &["./..", "./../..", "./../../a"]),
    ] {
        for url in urls {
            let (documents, problems) = checked(&[(path, template(url)), (other, component("shop"))]);
            assert_eq!((documents, problems.len()), (1, 1), "{path} {url}: {problems:?}");
            assert_eq!(place(&problems[0]), (path, 11), "{url}: {}", problems[0]);
        }
        let (documents, problems) = checked(&[(path, template("./skeleton")), (other, component("shop"))]);
        assert_eq!((documents, problems.len()), (2, 0), "{path}: {problems:?}");
    }
    let (_, problems) = checked(&[("x/a/o.yaml", offering("..")), ("x/b/broken.yaml", "kind: [\n".to_owned())]);
    assert_eq!(place(&problems[0]), ("x/a/o.yaml", 11), "{problems:?}");
}

/// What is right by itself and lies elsewhere, or names files of its own, stands for itself.
#[test]
fn a_folder_that_holds_other_documents_is_none() {
    let with = |path: &'static str, docs: &str, other: &'static str, text: String| {
        checked(&[(path, offering(docs)), (other, text)])
    };
    let (documents, problems) = with("x/a/o.yaml", "../b", "x/b/shop.yaml", component("shop"));
    assert_eq!((documents, place(&problems[0])), (1, ("x/a/o.yaml", 11)), "{problems:?}");
    assert!(problems[0].message.contains("x/b/shop.yaml"), "{}", problems[0]);
    let (documents, problems) = with("x/o.yaml", "b", "x/b/template.yaml", template("./skeleton"));
    assert_eq!((documents, place(&problems[0])), (1, ("x/o.yaml", 11)), "{problems:?}");
    // Examples below a document and templates anywhere are files.
    for (path, docs, other, text) in [
        ("x/o.yaml", "docs", "x/docs/example.yaml", component("shop")),
        ("x/a/o.yaml", "../b", "x/b/catalog-info.yaml", component("${{ values.name }}")),
        ("x/a/o.yaml", "../b", "x/b/catalog-info.yaml", component("{{ name }}")),
    ] {
        let (documents, problems) = with(path, docs, other, text);
        assert_eq!((documents, problems.len()), (1, 0), "{other}: {problems:?}");
    }
}

/// A golden path may be a template of Backstage: its text is a part of the recipe.
#[test]
fn a_template_of_backstage_lies_in_the_folder_of_its_release() {
    let release = "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {name: cache-1.0.0}\nspec:\n  offering: cache\n  \
        version: 1.0.0\n  contract: {inputs: {type: object}}\n  recipe: {driver: git, template: ../template, scaffolder: \
        true}\n";
    let (documents, problems) = checked(&[
        ("x/releases/1.yaml", release.to_owned()),
        ("x/template/template.yaml", template("./skeleton")),
        ("x/template/skeleton/catalog-info.yaml", component("${{ values.name }}")),
    ]);
    assert_eq!((documents, problems.len()), (1, 0), "{problems:?}");
}

/// On a running server: what was there stays as itself, whatever folder is named over it, and when it is taken back.
#[test]
fn nothing_that_is_there_is_lost_under_a_folder() {
    on_each("nothing_that_is_there_is_lost_under_a_folder", |world| async move {
        let shop = component("shop");
        let uid = || world.app.graph().get_text("component:default/shop").map(|record| record.uid);
        world.sync(ORIGIN, &[("x/b/shop.yaml", &shop)]).await;
        let before = uid();
        for (path, docs) in [("x/a/o.yaml", ".."), ("x/a/o.yaml", "../b"), ("x/o.yaml", "b"), ("o.yaml", "x")] {
            let naming = offering(docs);
            let report = world.sync(ORIGIN, &[("x/b/shop.yaml", &shop), (path, &naming)]).await;
            let problem = report.problems.iter().find(|problem| problem.rule == "file.folder");
            assert_eq!(problem.map(place), Some((path, 11)), "{docs}: {:?}", report.problems);
            assert_eq!((report.removed, uid()), (0, before), "{docs}");
            world.sync(ORIGIN, &[("x/b/shop.yaml", &shop)]).await;
            assert_eq!(uid(), before, "{docs}");
        }
    });
}
