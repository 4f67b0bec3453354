//! Where something ordered is to be, and what it is called there.

use crate::error::{Error, Result};
use crate::instance::order::OrderInput;
use crate::record::visible;
use crate::release::offering;
use loggia_graph::{Audience, Graph};
use loggia_model::Ref;
use loggia_model::kinds::environment::{EnvironmentSpec, Purpose};

/// Passes for what may be the name of something.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.as_bytes()[0].is_ascii_lowercase()
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    let mend = "Use lower-case letters, digits and hyphens, at most 40, beginning with a letter.";
    Err(Error::invalid("order.name", "name", format!("{name:?} is not a name"), mend))
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
        Error::invalid("order.environment", "environment", message, "See them: loggia get environments.")
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

/// The namespace of what a team has (decision 3): its name; outside the organisation's own namespace, that namespace
/// and the name.
pub fn namespace_for(team: &Ref) -> String {
    match team.namespace() {
        "default" => team.name().to_owned(),
        other => format!("{other}--{}", team.name()),
    }
}

/// The team whose namespace that is.
pub fn team_of(namespace: &str) -> Ref {
    let (organisation, team) = namespace.split_once("--").unwrap_or(("default", namespace));
    Ref::new("group", organisation, team)
}
