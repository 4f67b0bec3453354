//! Who may see a record, as data of the record.

use std::sync::Arc;

/// A group of people who may see a record. A record has a few; a caller sees it when they share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody who is signed in and belongs to the company.
    Company,
    /// The product team: drafts and what is not announced yet.
    Product,
    /// Members of one team, by the name of its group, `group:default/booking`.
    Team(Arc<str>),
    /// Who may publish one offering, by its name: releases of it that are not published yet.
    Drafts(Arc<str>),
    /// Groups that follow a channel of one offering, by its name: candidates of it.
    Previews(Arc<str>),
    /// People of one partner organisation, by its namespace.
    Partner(Arc<str>),
}
