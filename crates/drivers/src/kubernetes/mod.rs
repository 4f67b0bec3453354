//! The driver `kubernetes`: objects of a cluster, applied on the server's side, looked at until they are ready, and
//! found again by their label.

mod api;
mod driver;
mod manifest;
mod ready;

pub use driver::KubernetesDriver;
