//! What a campaign leaves behind: its version and its check as standards, with who may differ from them.

use super::Found;
use crate::command::Ctx;
use crate::command::changes::{Changes, Draft};
use crate::error::Result;
use loggia_graph::Graph;
use loggia_model::campaign::steps::Campaign;
use loggia_model::check::CheckStatus;
use loggia_model::{Document, Ref, Source};
use serde_json::json;

/// Writes the version that a campaign wanted as a standard under the campaign's own name, and the check that it named
/// beside the version as another one.
///
/// # Errors
/// When a status cannot be written.
pub(super) fn leave(
    graph: &Graph,
    found: &Found,
    after: &Campaign,
    ctx: &Ctx<'_>,
    changes: &mut Changes,
) -> Result<()> {
    let (spec, name) = (&after.spec, found.record.reference.name());
    let title = found.record.parse().title().to_owned();
    let mut own = json!({"query": {"version": spec.to}, "why": spec.purpose,
        "mend": format!("Bring {{name}} in {{environment}} to {}.", spec.to), "graceDays": 0});
    if let Some(owner) = &spec.owner {
        own["owner"] = json!(owner);
    }
    let mut standards = vec![(name.to_owned(), title.clone(), own)];
    let named = spec.check.as_ref().and_then(|check| graph.get(&Ref::new("check", "default", check)));
    if let Some(check) = named.map(|record| record.parse()) {
        let own = check.spec().cloned().unwrap_or_default();
        standards.push((format!("{name}-check"), format!("{title}: {}", check.title()), own));
    }
    let status = CheckStatus { exemptions: after.status.exemptions.clone(), ..CheckStatus::default() };
    let status = serde_json::to_value(&status)?;
    for (standard, title, mut own) in standards {
        (own["of"], own["filter"], own["standing"]) = (json!("Instance"), json!(filter(after)), json!(true));
        let document = Document(json!({"apiVersion": "loggia.dev/v1", "kind": "Check",
            "metadata": {"name": standard, "namespace": "default", "title": title}, "spec": own}));
        // One of that name is somebody's text already, and stays theirs.
        if graph.get(&document.reference()).is_none() {
            let draft = Draft::new(ctx.uid(), &document, Source::server()).with_status(&status);
            changes.put("check.created", draft, json!({"campaign": name}));
        }
    }
    Ok(())
}

/// What the campaign meant, as the filter of a check.
fn filter(after: &Campaign) -> Vec<String> {
    let base = format!("spec.offering={}", after.spec.offering);
    match after.spec.scope.as_slice() {
        [] => vec![base],
        lines => lines.iter().map(|line| format!("{base},{line}")).collect(),
    }
}
