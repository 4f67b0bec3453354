//! In whose name addresses are read. The server may read every repository that teams got from it; who writes an address
//! into a file, or asks for a place, gets no more than they may read themselves.

use crate::App;
use crate::access::caller::{Caller, Door, Limits};
use crate::instance::driver::Failure;
use crate::instance::git_http::GitAddress;
use crate::source::fetch::{Fetch, raw};
use loggia_model::Ref;
use std::sync::Arc;

/// Reads addresses for somebody.
pub struct Reach<'a> {
    app: &'a App,
    fetch: &'a dyn Fetch,
    caller: Caller,
    /// The repository that is read in any case.
    home: Option<GitAddress>,
}

impl<'a> Reach<'a> {
    /// For a caller: of teams' repositories, those that they may read.
    pub fn of(app: &'a App, fetch: &'a dyn Fetch, caller: &Caller) -> Reach<'a> {
        Reach { app, fetch, caller: caller.clone(), home: None }
    }

    /// For what is kept at a place: of teams' repositories, the one in which the place is, and those that its team may
    /// read; for a place elsewhere, those that the whole company may read.
    pub(crate) fn from(app: &'a App, fetch: &'a dyn Fetch, target: &str) -> Reach<'a> {
        let home = fetch.own(&raw(target));
        let caller = match &home {
            Some(home) => {
                let team = Ref::new("group", "default", &home.team);
                Caller::bound_service(&app.graph(), "catalog", team, Limits::None, Door::Sync, "catalog")
            }
            None => Caller::service("catalog", Limits::None, Door::Sync, "catalog"),
        };
        Reach { app, fetch, caller, home }
    }

    /// The bytes at an address.
    ///
    /// # Errors
    /// As [`Fetch::fetch`]. What may not be read answers as what is not there.
    pub async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let url = raw(url);
        match self.fetch.own(&url) {
            Some(own) if !self.may_read(&own) => Err(missing(&url)),
            _ => self.fetch.fetch(&url).await,
        }
    }

    fn may_read(&self, own: &GitAddress) -> bool {
        self.home.as_ref() == Some(own) || self.app.git_access(&self.caller, own).is_ok()
    }
}

/// What is not in a repository.
pub fn missing(url: &str) -> Failure {
    Failure::yours(format!("no resource found at {url}"), "Push the file, or correct the address.")
}
