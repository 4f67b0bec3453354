//! What something is made of, on its page: the parts, and why each of them.

use super::instance::href;
use super::visit::Visit;
use super::words;
use crate::shell::Link;
use loggia_app::Error;
use loggia_model::instance::InstanceStatus;
use loggia_model::{Record, Ref};

/// The section of a page.
#[derive(Default)]
pub struct MadeOf {
    /// Its parts.
    pub parts: Vec<PartLine>,
    /// Why it is there itself, for what others chose.
    pub chosen: Vec<(Link, String)>,
    /// What needs it.
    pub needed_by: Vec<Link>,
    /// What all of it costs; empty where nothing is made of parts, or costs anything.
    pub together: String,
}

/// One part.
pub struct PartLine {
    /// Its name among the parts.
    pub name: String,
    /// The instance; without an address for a part that was left out.
    pub link: Link,
    /// Name of the release.
    pub release: String,
    /// How it is.
    pub state: Option<(&'static str, &'static str)>,
    /// Why, in sentences.
    pub because: String,
}

impl MadeOf {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.chosen.is_empty() && self.needed_by.is_empty()
    }
}

fn link(instance: &Ref) -> Link {
    Link::new(instance.name(), href(instance))
}

/// The section for an instance.
pub fn made_of(visit: &Visit, record: &Record) -> Result<MadeOf, Error> {
    let explained = visit.app().explanation(&visit.caller, &record.reference)?;
    if explained.is_plain() {
        return Ok(MadeOf::default());
    }
    let costs = !explained.made_of.is_empty() && !explained.prices.is_empty();
    let together = if costs { words::prices(&explained.prices) } else { String::new() };
    let parts = explained.made_of.into_iter().map(|choice| {
        let instance = choice.instance.as_deref().and_then(|name| name.parse::<Ref>().ok());
        let there = instance.as_ref().and_then(|name| visit.graph.get(name));
        let status = there.and_then(|record| record.typed_status::<InstanceStatus>().ok());
        PartLine {
            link: instance.as_ref().map_or_else(|| Link::new("left out", ""), link),
            state: status.map(|status| words::phase(status.phase)),
            name: choice.part,
            release: choice.release,
            because: choice.because.join(" "),
        }
    });
    let chosen = explained.chosen_by.into_iter().map(|one| (link(&one.whole), one.choice.because.join(" ")));
    Ok(MadeOf {
        parts: parts.collect(),
        chosen: chosen.collect(),
        together,
        needed_by: explained.needed_by.iter().map(link).collect(),
    })
}
