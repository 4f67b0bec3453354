//! The graph against a model that answers by looking at every record.

mod entity;
mod history;
mod large;
mod oracle;
mod search;
mod world;
