//! Tests of the model through its public interface.

mod corpus;
mod endings;
mod examples;
mod flatten;
mod golden;
mod kinds;
mod laws;
mod shared;
mod texts;
mod versions;
mod yaml;
