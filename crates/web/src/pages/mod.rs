//! Pages, for people: struct, template and handler of each noun in a file of its own.

mod agenda;
pub mod asset;
pub mod brand;
pub mod campaign;
mod campaign_list;
mod change;
pub mod change_request;
pub mod changes;
pub mod check;
mod clone;
mod composition;
mod condition;
mod curve;
pub mod design;
mod differences;
pub mod docs;
pub mod edit;
pub mod ending;
mod ending_acts;
mod ending_form;
pub mod entity;
pub mod environment;
pub mod error;
pub mod files;
pub mod form;
pub mod get;
pub mod help;
pub mod home;
pub mod instance;
mod instance_access;
mod instance_outputs;
pub mod instance_view;
mod leaks;
pub mod markdown;
pub mod me;
pub mod offer;
pub mod offering;
pub mod operation;
pub mod order;
pub mod order_form;
mod password;
pub mod picture;
pub mod releases;
pub mod search;
pub mod source;
pub mod start;
pub mod studio;
pub mod team;
mod upgrade;
mod versions;
pub mod visit;
pub mod who_runs;
pub mod words;
mod workload;

use crate::state::WebState;
use axum::Router;
use axum::middleware::from_fn_with_state;

/// The routes.
pub fn routes(state: &WebState) -> Router<WebState> {
    Router::new()
        .merge(brand::routes())
        .merge(campaign::routes())
        .merge(check::routes())
        .merge(change::routes())
        .merge(change_request::routes())
        .merge(design::routes())
        .merge(studio::routes())
        .merge(docs::routes())
        .merge(edit::routes())
        .merge(ending::routes())
        .merge(ending_acts::routes())
        .merge(ending_form::routes())
        .merge(entity::routes())
        .merge(environment::routes())
        .merge(files::routes())
        .merge(get::routes())
        .merge(help::routes())
        .merge(home::routes())
        .merge(instance::routes())
        .merge(instance_access::routes())
        .merge(leaks::routes())
        .merge(me::routes())
        .merge(offering::routes())
        .merge(operation::routes())
        .merge(order::routes())
        .merge(password::routes())
        .merge(releases::routes())
        .merge(search::routes())
        .merge(source::routes())
        .merge(team::routes())
        .merge(upgrade::routes())
        .merge(workload::routes())
        .merge(differences::routes())
        .merge(versions::routes())
        .merge(who_runs::routes())
        .fallback(error::not_found)
        .layer(from_fn_with_state(state.clone(), error::show))
}
