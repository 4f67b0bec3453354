//! The driver `git`: bare repositories of the server, filled from golden paths.

pub mod backend;
mod change;
pub mod cli;
mod door;
mod driver;
mod folder;
pub(crate) mod import;
pub(crate) mod render;
mod repository;
mod scaffolder;
pub mod source;
mod standing;
pub(crate) mod template_check;
mod three_way;

pub use door::GitDoor;
pub use driver::GitDriver;
pub use folder::{make_repository, take_commits};
pub use import::{NewFile, Signature, path_is_safe};
pub use repository::name_is_safe;
pub use scaffolder::{SUPPORTED, TemplateCheck, check_template};

use loggia_app::instance::driver::Request;

/// The address from which a repository can be cloned.
fn clone_url(request: &Request) -> String {
    format!("{}/git/{}/{}.git", request.public_url, request.namespace, request.name)
}
