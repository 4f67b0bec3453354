//! What was made may describe itself: a repository with a catalog file is followed as a registered place from the moment
//! it is there, until it is destroyed.

use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::Result;
use crate::source::location::{Register, Registered, registered, take_out};
use loggia_graph::{Audience, Graph};
use serde_json::{Map, Value};

/// The address of the catalog file that an instance has: `catalog_info_path` among its outputs says that there is one.
fn target(outputs: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| outputs.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (clone, branch, path) = (text("clone_url")?, text("default_branch")?, text("catalog_info_path")?);
    Some(format!("{}/blob/{branch}/{path}", clone.trim_end_matches(".git")))
}

fn known(graph: &Graph, target: &str) -> Option<Registered> {
    registered(graph, &Audience::All).into_iter().find(|one| one.kind == "url" && one.target == target)
}

/// Registers the catalog file of what was made, unless it is registered.
pub(crate) fn follow(changes: &mut Changes, graph: &Graph, outputs: &Map<String, Value>, ctx: &Ctx<'_>) -> Result<()> {
    let Some(target) = target(outputs).filter(|target| known(graph, target).is_none()) else { return Ok(()) };
    Register { id: None, kind: "url".to_owned(), target, known_is_fine: true }.add(changes, graph, ctx)
}

/// Takes out what the catalog file of a destroyed thing described.
pub(crate) fn leave(changes: &mut Changes, graph: &Graph, outputs: &Map<String, Value>) {
    if let Some(place) = target(outputs).and_then(|target| known(graph, &target)) {
        take_out(changes, graph, &place);
    }
}
