//! The driver `terraform`: any directory of Terraform or OpenTofu, with the state on this server.

mod driver;
mod run;
mod shown;

pub use driver::{TerraformDriver, TerraformOptions};
