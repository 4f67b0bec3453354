//! Giving a consumer a credential, and taking one away: done when a look says so.

use super::run::Run;
use crate::instance::driver::{Call, Driver, Failure, Request, RunLog, Whose};
use crate::instance::instance_access::contract::{Grants, Login};
use crate::instance::instance_access::settle::AccessEnd;
use crate::instance::operation_end::Ending;
use crate::instance::run_log::{readable, readable_map};
use loggia_model::instance::InstanceStatus;
use loggia_model::instance_access::{self as access, Credential, CredentialState};
use loggia_model::operation::Verb;
use std::sync::Arc;

impl Run<'_> {
    /// The credential that the operation is about, as it stands now; none for other operations, and when nobody wants
    /// what was asked for any more.
    pub(super) fn wanted(&self) -> Option<(Login, Credential)> {
        let id = self.credential?;
        let record = self.worker.app.graph().by_uid(self.operation.instance).cloned()?;
        let status: InstanceStatus = record.typed_status().ok()?;
        let (known, credential) = access::of(&status.access, id)?;
        let state = match self.operation.verb {
            Verb::Grant => CredentialState::Making,
            _ => CredentialState::Revoking,
        };
        let login = Login { id: id.to_string(), consumer: known.to.clone(), role: known.role.clone() };
        (credential.state == state).then(|| (login, credential.clone()))
    }

    /// Whether the operation is about a credential that nobody wants made, or taken away, any more.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.operation.verb, Verb::Grant | Verb::Revoke) && self.wanted().is_none()
    }

    pub(super) async fn grant(&mut self, driver: &dyn Driver, request: &Request) -> Result<Ending, Failure> {
        let Some((login, _)) = self.wanted() else { return Ok(Ending::Access(AccessEnd::Idle)) };
        let grants = able(driver)?;
        let log = Arc::clone(&self.lines);
        // Not for whom: more people see what is done to it than who uses it.
        log.line(&format!("role {}", login.role));
        let made = self.step((Call::Grant, driver), grants.grant(request, &login, &*log), |_| "Done.".into()).await?;
        if !self.is_there(driver, grants, request, &login).await? {
            let message = "The credential was made, but cannot be seen yet.";
            return Err(Failure::backend(message, "It is looked for again by itself."));
        }
        self.granted = made.secrets.into_iter().map(|(name, secret)| (readable(&name), secret)).collect();
        Ok(Ending::Access(AccessEnd::Made(readable_map(made.outputs))))
    }

    pub(super) async fn revoke(&mut self, driver: &dyn Driver, request: &Request) -> Result<Ending, Failure> {
        let Some((login, _)) = self.wanted() else { return Ok(Ending::Access(AccessEnd::Idle)) };
        let grants = able(driver)?;
        let log = Arc::clone(&self.lines);
        self.step((Call::Revoke, driver), grants.revoke(request, &login, &*log), |()| "Done.".into()).await?;
        if self.is_there(driver, grants, request, &login).await? {
            let message = "The credential was taken away but is still there.";
            return Err(Failure::backend(message, "It is tried again by itself."));
        }
        Ok(Ending::Access(AccessEnd::Taken))
    }

    async fn is_there(
        &mut self,
        driver: &dyn Driver,
        grants: &dyn Grants,
        request: &Request,
        login: &Login,
    ) -> Result<bool, Failure> {
        let there = |all: &Vec<String>| all.contains(&login.id);
        let tell = |all: &Vec<String>| if there(all) { "It is there." } else { "It is not there." }.to_owned();
        self.step((Call::Observe, driver), grants.granted(request), tell).await.map(|all| there(&all))
    }
}

fn able(driver: &dyn Driver) -> Result<&dyn Grants, Failure> {
    driver.grants().ok_or_else(|| Failure {
        retry: false,
        whose: Whose::Ours,
        message: format!("The driver {} gives consumers no access of their own.", driver.name()),
        mend: "Ask the owner of the offering.".to_owned(),
    })
}
