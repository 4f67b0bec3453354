//! Workloads: what a Score file asks for, brought to an environment, on to the next, and back.
//!
//! A workload is an instance of the offering that provides the type `workload`; its resources are the parts that the
//! resolver finds or makes.

pub mod deploy;
pub mod differ;
pub mod history;
pub(crate) mod resources;
pub(crate) mod runtime;
