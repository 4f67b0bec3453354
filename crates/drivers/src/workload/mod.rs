//! The driver `process`: keeps programs running on this machine, each in walls of its own.
//!
//! A program is held by the lock on the file that it writes its lines to: the lock is taken before it is started, goes
//! on with it when this server dies, and is free when its last process has ended. So a server that starts finds what
//! runs and goes on with it, and there are never two.

mod code;
mod driver;
mod health;
mod house;
mod keeper;
mod place;
mod run;
mod wanted;

pub use driver::{ProcessDriver, ProcessOptions};
pub use run::{end_all, running};
