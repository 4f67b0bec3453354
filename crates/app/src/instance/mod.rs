//! What runs: getting it, the work on it, and the drivers that do the work.

pub mod availability;
pub(crate) mod backend;
pub mod change;
pub mod change_form;
pub mod change_request;
pub(crate) mod change_target;
pub mod driver;
pub mod form;
pub mod git_http;
pub mod instance_access;
pub(crate) mod instance_place;
pub mod operation;
pub(crate) mod operation_end;
pub mod order;
pub(crate) mod order_namespace;
pub(crate) mod order_parts;
pub(crate) mod order_place;
pub mod program;
pub mod request;
pub(crate) mod run_log;
pub(crate) mod secret_input;
pub mod take_over;
pub mod worker;
