//! Where something ordered is to be, and what it is called there.

use crate::error::{Error, Result};
use crate::instance::order::OrderInput;
use crate::instance::request::base_name;
use crate::record::{suggestion, visible};
use crate::release::offering;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::instance::Step;
use loggia_model::kinds::environment::{EnvironmentSpec, Purpose};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Ref, naming};

/// What the name of something that runs looks like.
pub(crate) const NAME: &str = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$";
/// How many characters it has at most.
const LONGEST: usize = 40;

/// Passes for what may be the name of something.
pub(crate) fn check_name(name: &str) -> Result<()> {
    match refusal(name) {
        None => Ok(()),
        Some((message, mend)) => Err(Error::invalid("order.name", "name", message, mend)),
    }
}

/// What keeps a text from being a name, and what to do; none for a name.
pub(crate) fn refusal(name: &str) -> Option<(String, String)> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let length = name.chars().count();
    if length == 0 {
        return Some(("It has no name".to_owned(), "Give it one, such as orders.".to_owned()));
    }
    if length > LONGEST {
        let message = format!("The name has {length} characters, and may have {LONGEST}");
        return Some((message, "Choose a shorter one.".to_owned()));
    }
    let message = if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        let what = match odd {
            ' ' => "a space".to_owned(),
            odd if odd.is_uppercase() => format!("a capital letter, {odd}"),
            odd => format!("{odd:?}"),
        };
        format!("The name {name:?} has {what}")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        format!("The name {name:?} does not begin with a letter")
    } else if name.ends_with('-') {
        format!("The name {name:?} ends with a hyphen")
    } else {
        return None;
    };
    let near = proposal(name);
    let such = if near.is_empty() { String::new() } else { format!(", such as {near}") };
    Some((message, format!("Use small letters, digits and hyphens{such}.")))
}

/// The nearest name to a text; empty when nothing is left of it.
fn proposal(text: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let folded: String = text.chars().map(fold).collect();
    let words: Vec<&str> = folded.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").trim_start_matches(|c: char| !c.is_ascii_lowercase()).to_owned()
}

/// Passes for a name that fits with its environment.
pub(crate) fn check_together(name: &str, environment: &str) -> Result<()> {
    naming::name(name, environment).map_err(|unfit| Error::invalid("order.name", "name", unfit.message, unfit.mend))
}

/// Drivers that make things which are found by team and name alone, whatever the environment.
const NAMED_ONCE: [&str; 1] = ["git"];

/// Passes unless the driver has made something of this name for the team in another environment.
pub(crate) fn check_once(graph: &Graph, team: &Ref, (name, environment): (&str, &str), driver: &str) -> Result<()> {
    if !NAMED_ONCE.contains(&driver) {
        return Ok(());
    }
    let namespaces = vec![naming::namespace(team), naming::earlier_namespace(team)];
    let predicate = Predicate::equals("kind", "instance")
        .and(Predicate::In("metadata.namespace".to_owned(), namespaces))
        .and(Predicate::prefix("metadata.name", format!("{name}.")));
    let found = graph.query(&Audience::All, &Query { predicate, ..Query::default() }).records;
    let there = found.iter().find_map(|record| {
        let spec: InstanceSpec = record.spec().ok()?;
        let same = base_name(&record.reference, &spec.environment) == name && spec.team_ref().as_ref() == Some(team);
        let its = same && spec.step == Step::Managed && spec.environment != environment;
        (its && made_by(graph, &spec).as_deref() == Some(driver)).then_some(spec.environment)
    });
    let Some(there) = there else { return Ok(()) };
    let message = format!("{} already has a repository {name}, in {there}", team.short("group"));
    let mend = format!("A repository serves all environments: use that one, or choose another name, such as {name}-2.");
    Err(Error::invalid("name.taken", "name", message, mend))
}

/// The driver of the release that something shall have.
fn made_by(graph: &Graph, spec: &InstanceSpec) -> Option<String> {
    let release = graph.get(&Ref::new("release", "default", spec.target.as_deref()?))?;
    let release: ReleaseSpec = release.spec().ok()?;
    Some(release.recipe.driver)
}

/// The environment, when the offering may run there and there is a backend for it.
pub(crate) fn environment(
    graph: &Graph,
    audience: &Audience,
    input: &OrderInput,
    driver: &str,
) -> Result<(String, Purpose)> {
    let missing = |_| {
        let message = format!("There is no environment {:?}", input.environment);
        let mend = suggestion::of_kind(graph, audience, "environment", &input.environment);
        Error::invalid("order.environment", "environment", message, mend)
    };
    let record = visible(graph, audience, &Ref::new("environment", "default", &input.environment)).map_err(missing)?;
    let spec: EnvironmentSpec = record.spec()?;
    let name = record.reference.name().to_owned();
    if !spec.allows(&input.offering) {
        let message = format!("{} is not offered in {name}", input.offering);
        return Err(Error::invalid("order.environment", "environment", message, "Choose another environment."));
    }
    if offering::backend(&spec, driver).is_none() {
        return Err(Error::refused(
            "environment.backend-missing",
            format!("{name} has no backend for {driver}."),
            "Choose another environment, or ask its owner to add one.",
        ));
    }
    Ok((name, spec.purpose))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_says_what_is_wrong_with_it() {
        let told = |name: &str| refusal(name).map(|(message, mend)| format!("{message}. {mend}")).unwrap_or_default();
        assert_eq!(told("orders-2"), "");
        assert_eq!(told(&"a".repeat(40)), "");
        assert_eq!(told(&"a".repeat(46)), "The name has 46 characters, and may have 40. Choose a shorter one.");
        let mend = "Use small letters, digits and hyphens, such as orders-db.";
        assert_eq!(told("Orders_DB"), format!("The name \"Orders_DB\" has a capital letter, O. {mend}"));
        assert_eq!(told("orders db"), format!("The name \"orders db\" has a space. {mend}"));
        assert_eq!(told("orders-db-"), format!("The name \"orders-db-\" ends with a hyphen. {mend}"));
        assert_eq!(told("7-orders-db"), format!("The name \"7-orders-db\" does not begin with a letter. {mend}"));
        assert_eq!(told("é"), "The name \"é\" has 'é'. Use small letters, digits and hyphens.");
        assert_eq!(told(""), "It has no name. Give it one, such as orders.");
    }

    /// What is said here, and what the schema of an order lets through, are the same.
    #[test]
    fn the_words_and_the_pattern_agree() {
        let schema = serde_json::json!({"type": "string", "pattern": NAME});
        let letters = ["a", "b9", "-", "A", "é", " ", "9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"];
        for first in letters {
            for second in letters {
                for third in letters {
                    let name = format!("{first}{second}{third}");
                    let fits = crate::record::schema::check(&schema, &name.clone().into(), "").is_empty();
                    assert_eq!(fits, refusal(&name).is_none(), "{name:?}");
                }
            }
        }
    }
}
