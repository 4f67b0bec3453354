//! Tests of the model through its public interface.

mod campaign_states;
mod campaigns;
mod contract_laws;
mod contracts;
mod corpus;
mod endings;
mod examples;
mod flatten;
mod golden;
mod instance_access;
mod kinds;
mod laws;
mod migrations;
mod naming;
mod shared;
mod texts;
mod versions;
mod yaml;
