//! A Backstage template that is not offered yet, and the two documents that offer it.

use crate::harness::{file, on_each};
use loggia_app::instance::form::FormQuery;
use loggia_app::record::check::{Recipes, check};
use loggia_app::release::from_template::documents;
use loggia_app::{Caller, Door};
use loggia_graph::Audience;
use loggia_model::{Ref, yaml};

const PRODUCT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: core}\nspec: {type: team, children: []}\n---\n\
    apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: quay}\nspec: {team: core}\n";

const TEMPLATE: &str = "apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: svc, title: Service, description: A service in a repository.}
spec:
  type: service
  owner: core
  parameters:
    - title: What
      required: [title, repoUrl]
      properties:
        title: {type: string, ui:autofocus: true}
        repoUrl: {type: string, ui:field: RepoUrlPicker}
    - properties:
        size: {type: string, enum: [s, m], default: s}
  steps:
    - {id: fetch, action: 'fetch:template', input: {url: ./skeleton, values: {title: '${{ parameters.title }}'}}}
";

#[test]
fn a_template_is_named_where_it_was_meant_and_its_documents_are_right() {
    on_each("a_template_is_named_where_it_was_meant", |world| async move {
        let files = [("product.yaml", PRODUCT), ("paths/svc-path/template.yaml", TEMPLATE)];
        world.sync("repository:main", &files).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let asked = FormQuery { offering: "svc".into(), ..FormQuery::default() };
        let said = world.app.form(&admin, &asked).unwrap_err().to_string();
        assert!(said.contains("svc is a template") && said.contains("/catalog/template/default/svc"), "{said}");
        let graph = world.app.graph();
        let template = graph.get(&Ref::new("template", "default", "svc")).unwrap();
        let (at, both) = documents(&graph, &Audience::All, template).unwrap();
        assert_eq!(at, "paths/svc.yaml");
        let inputs = &both[1]["spec"]["contract"]["inputs"];
        assert_eq!(inputs["required"], serde_json::json!(["title"]));
        assert_eq!(inputs["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["size", "title"]);
        let text: String = both.iter().map(yaml::write).collect::<Vec<_>>().join("---\n");
        let all = [files[0], files[1], (at.as_str(), text.as_str())];
        let checked: Vec<_> = all.iter().map(|(path, text)| file(path, text)).collect();
        assert_eq!(check(&checked, &Recipes::new()).problems, []);
        assert_eq!(world.sync("repository:main", &all).await.problems, []);
        assert!(world.app.form(&admin, &asked).is_ok());
        let graph = world.app.graph();
        assert_eq!(
            graph.get(&Ref::new("release", "default", "svc-1.0.0")).map(|one| loggia_app::record::files::of(one).len()),
            Some(1)
        );
        assert!(graph.get(&Ref::new("template", "default", "svc")).is_none(), "it is a part of the version now");
    });
}
