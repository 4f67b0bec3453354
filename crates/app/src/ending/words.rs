//! What goes away and what replaces it, in the words that people know.

use loggia_graph::{Audience, Graph};
use loggia_model::kinds::EndingSpec;
use loggia_model::kinds::ending::offering_of;
use loggia_model::{Ref, Scope};
use std::sync::Arc;

/// What people call something: its title, that of a version with its number, as "Tern cache 6.2.0". What the audience
/// may not see, or is not there, goes by its name.
pub fn title_of(graph: &Graph, audience: &Audience, name: &Ref) -> String {
    let seen = |name: &Ref| graph.get(name).filter(|record| graph.visible(audience, record)).cloned();
    let offering = offering_of(name).filter(|_| name.kind() == "release");
    if let Some(offering) = offering {
        let version = name.name()[offering.len()..].trim_start_matches('-');
        let title = seen(&Ref::new("offering", "default", &offering));
        return title.map_or_else(|| name.name().to_owned(), |record| format!("{} {version}", record.parse().title()));
    }
    seen(name).map_or_else(|| name.name().to_owned(), |record| record.parse().title().to_owned())
}

/// What goes away, in words.
pub fn subject_words(graph: &Graph, audience: &Audience, spec: &EndingSpec) -> String {
    let name = spec.subject_ref().map_or_else(|| spec.subject.clone(), |name| title_of(graph, audience, &name));
    match (&spec.plan, &spec.feature, &spec.rule) {
        (Some(plan), ..) => format!("the plan {plan} of {name}"),
        (_, Some(feature), _) => format!("{feature} of {name}"),
        (.., Some(rule)) => format!("the rule {rule} of {name}"),
        _ => name,
    }
}

/// What to take instead, in words.
pub fn instead(graph: &Graph, audience: &Audience, spec: &EndingSpec) -> String {
    match spec.replacement_ref() {
        Some(other) => format!("Take {} instead.", title_of(graph, audience, &other)),
        None => "Nothing replaces it.".to_owned(),
    }
}

/// What everybody of the company may see: for words that many people read.
pub(super) fn company() -> Audience {
    Audience::Scopes(Arc::new([Scope::Company].into_iter().collect()))
}
