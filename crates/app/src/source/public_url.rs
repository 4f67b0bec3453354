//! The address at which people reach this server may change. What was made under the former one names it: the places
//! that follow repositories of this server, and what instances tell about themselves. Both are given the new one at the
//! next start; the repositories lie where they lay.

use crate::App;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::Result;
use crate::source::location::{Register, UNREAD, registered};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use serde_json::{Value, json};

/// Where the address of the last start is noted.
const NOTED: &str = "public-url";

/// Gives everything the address of now, when the last start had another one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn take(app: &App) -> Result<()> {
    let now = app.settings.public_url.as_str();
    let before = app.store.put_meta_if_absent(NOTED, now).await?;
    if before != now {
        let (before, now) = (format!("{before}/git/"), format!("{now}/git/"));
        app.run(&app.system("public-url"), Readdress { before, now }).await?;
        // Only then: a start that was cut off is done again.
        app.store.put_meta(NOTED, &app.settings.public_url).await?;
    }
    Ok(())
}

/// Gives what lies in this server's repositories another address.
struct Readdress {
    before: String,
    now: String,
}

impl Command for Readdress {
    fn name(&self) -> &'static str {
        "server.readdress"
    }

    fn decide(&self, graph: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        let places = registered(graph, &Audience::All);
        for place in &places {
            let free = |target: &String| places.iter().all(|other| other.target != *target);
            if let Some(target) = self.moved(&place.target).filter(free) {
                let known = Register { id: None, kind: place.kind.clone(), target, known_is_fine: true };
                let unread = graph.by_uid(place.id).is_some_and(|record| record.document.contains(UNREAD));
                let draft = known.draft(place.id, place.reference.name(), unread, place.trusted)?;
                changes.put("location.changed", draft, json!({"trusted": place.trusted}));
            }
        }
        for record in graph.of_kind(&Audience::All, "instance") {
            let mut status: InstanceStatus = record.typed_status()?;
            let mut any = false;
            for value in status.outputs.values_mut() {
                if let Some(moved) = value.as_str().and_then(|text| self.moved(text)) {
                    (*value, any) = (json!(moved), true);
                }
            }
            if any {
                let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
                changes.put("instance.readdressed", draft, Value::Null);
            }
        }
        Ok(changes)
    }
}

impl Readdress {
    fn moved(&self, address: &str) -> Option<String> {
        Some(format!("{}{}", self.now, address.strip_prefix(&self.before)?))
    }
}
