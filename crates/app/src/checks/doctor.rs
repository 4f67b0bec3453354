//! What only a running server knows about what it stands on: sources, files of releases, drivers.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::Result;
use crate::record::files;
use crate::release::offering::publication;
use crate::source::Sources;
use crate::source::sources::SourceView;
use loggia_graph::Audience;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Micros, Publication};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// How long a source may give no answer before somebody should look, in seconds.
const LATE: i64 = 60;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing needs to be done.
    Ok,
    /// It works, and somebody may want to know.
    Note,
    /// Something does not work.
    Bad,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// What it is about: `source`, `template`, `driver` or `sign-in`.
    pub what: String,
    /// How it stands.
    pub state: State,
    /// What was found, and what to do.
    pub found: String,
}

impl Finding {
    /// One finding.
    pub fn new(what: &str, state: State, found: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), state, found: found.into() }
    }
}

impl Sources {
    /// Looks at everything that this server reads, holds for releases, and reaches through drivers.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] unless the caller administers this server; [`crate::Error::Unavailable`] when the
    /// database does not answer.
    pub async fn doctor(&self, caller: &Caller) -> Result<Vec<Finding>> {
        self.app.require(caller, Action::Administer, &Subject::default())?;
        let (views, answered) = (self.list(caller).await?, self.answered());
        let unread = self.locations.iter().filter(|place| views.iter().all(|view| view.row.location != **place));
        let unread = unread.map(|place| Finding::new("source", State::Note, format!("{place}: was not read yet")));
        let mut found: Vec<Finding> = unread.collect();
        found.extend(views.iter().map(|view| source(view, answered.get(&view.row.location).copied(), self.app.now())));
        found.extend(self.app.templates().await?);
        found.extend(self.app.drivers_found());
        Ok(found)
    }
}

/// How a source stands; `answered` is when it last gave an answer, as far as this server asks it all the time.
fn source(view: &SourceView, answered: Option<Micros>, now: Micros) -> Finding {
    let (place, report) = (&view.row.location, &view.state.report);
    let finding = |state, text: String| Finding::new("source", state, format!("{place}: {text}"));
    if !view.followed && view.row.kind != "location" {
        return finding(State::Note, "is not read any more. Name it again at the start, or drop it.".to_owned());
    }
    if !view.state.failure.is_empty() {
        return finding(State::Bad, view.state.failure.clone());
    }
    let Some(last) = answered.or(view.row.last_ok) else {
        return finding(State::Note, "was not read yet".to_owned());
    };
    let ago = (now.0 - last.0).max(0) / 1_000_000;
    if answered.is_some() && ago > LATE {
        return finding(State::Bad, format!("has not answered for {ago} s. Check whether it can be reached."));
    }
    let read = format!("{} documents, read {ago} s ago", view.state.documents);
    match (report.problems.len(), report.held.len()) {
        (0, 0) => finding(State::Ok, read),
        (0, held) => finding(State::Note, format!("{held} removals wait for a yes; {read}")),
        (many, _) => finding(State::Note, format!("{many} problems, see: loggia sources; {read}")),
    }
}

impl App {
    /// Whether the files of every published release are here.
    async fn templates(&self) -> Result<Vec<Finding>> {
        let (mut count, mut found, mut known) = (0, Vec::new(), HashMap::new());
        for record in self.graph().of_kind(&Audience::All, "release") {
            let (entries, spec) = (files::of(&record), record.spec::<ReleaseSpec>());
            let template = spec.is_ok_and(|spec| spec.recipe.settings.contains_key("template"));
            if publication(&record) != Publication::Published || entries.is_empty() && !template {
                continue;
            }
            count += 1;
            let name = record.reference.name();
            if entries.is_empty() {
                let text = format!("{name} names a template and has no files. Publish a version with them.");
                found.push(Finding::new("template", State::Bad, text));
            }
            for entry in entries {
                let there = match known.get(&entry.sha256) {
                    Some(there) => *there,
                    None => self.store.blob(&entry.sha256).await?.is_some(),
                };
                known.insert(entry.sha256.clone(), there);
                if !there {
                    let text = format!("{name}: the file {} is lost. Restore a backup that has it.", entry.path);
                    found.push(Finding::new("template", State::Bad, text));
                }
            }
        }
        if found.is_empty() && count > 0 {
            found.push(Finding::new(
                "template",
                State::Ok,
                format!("the files of {count} published releases are here"),
            ));
        }
        Ok(found)
    }

    /// What drivers said when they were asked last.
    fn drivers_found(&self) -> Vec<Finding> {
        let probed = self.probed.load();
        let found = probed.iter().map(|((environment, driver), probe)| match probe.why_not.as_str() {
            "" => Finding::new("driver", State::Ok, format!("{driver} can work in {environment}")),
            why => Finding::new("driver", State::Bad, format!("{driver} cannot work in {environment}: {why}")),
        });
        found.collect()
    }
}
