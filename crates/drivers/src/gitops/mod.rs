//! The driver `gitops`: writes what is wanted into the environment's repository. Somebody else, such as Flux, Argo CD or a
//! pipeline, makes it so, and may tell how far it is in a file of the same repository.

mod driver;
mod place;
mod told;

pub use driver::GitOpsDriver;
