//! The checks of what a driver does for consumers, where it does anything.

use super::checks::{Held, Not, Trial, failed, held, new_key};
use super::cut;
use loggia_app::instance::instance_access::contract::{Granted, Grants, Login};

impl<'a> Trial<'a> {
    /// What the driver does for consumers, and a role to try it with.
    fn able(&self) -> Result<(&'a dyn Grants, String), Not> {
        let none = || Not::Tried("it gives consumers no access of their own".to_owned());
        let grants = self.contract.driver.grants().ok_or_else(none)?;
        let known = grants.roles().and_then(|roles| roles.first()).map(|role| (*role).to_owned());
        let role = known.or_else(|| self.contract.role.clone());
        Ok((grants, role.ok_or_else(|| Not::Tried("nobody said which role a consumer may have".to_owned()))?))
    }

    fn login(role: &str, name: &str) -> Login {
        Login { id: new_key(), consumer: format!("component:default/{name}"), role: role.to_owned() }
    }

    async fn granted(&mut self, grants: &dyn Grants, login: &Login) -> Result<Granted, Not> {
        let granted = grants.grant(&self.request, login, &self.log).await;
        let granted = granted.map_err(|failure| failed("grant", &failure))?;
        self.said.push(format!("{:?}", granted.outputs));
        self.secrets.extend(granted.secrets.iter().map(|(_, secret)| secret.reveal().to_owned()));
        held(!granted.secrets.is_empty(), "grant gives no secret")?;
        Ok(granted)
    }

    async fn revoked(&self, grants: &dyn Grants, login: &Login) -> Held {
        let revoked = grants.revoke(&self.request, login, &self.log).await;
        revoked.map_err(|failure| failed("revoke", &failure))
    }

    async fn are_there(&self, grants: &dyn Grants, wanted: &[&Login]) -> Held {
        let found = grants.granted(&self.request).await.map_err(|failure| failed("granted", &failure))?;
        let all = wanted.len() == found.len() && wanted.iter().all(|login| found.contains(&login.id));
        held(all, format!("{} credentials are there instead of {}", found.len(), wanted.len()))
    }

    pub(super) async fn access(&mut self) -> Held {
        let (grants, role) = self.able()?;
        let (one, other) = (Self::login(&role, "one"), Self::login(&role, "other"));
        self.are_there(grants, &[]).await?;
        self.revoked(grants, &one).await?;
        let first = self.granted(grants, &one).await?;
        let second = self.granted(grants, &other).await?;
        let same = first.secrets.iter().any(|secret| second.secrets.contains(secret));
        held(!same, "two consumers got the same secret")?;
        let again = self.granted(grants, &one).await?;
        held(again.outputs == first.outputs, "the outputs differ when it is granted again")?;
        self.are_there(grants, &[&one, &other]).await?;
        self.revoked(grants, &one).await?;
        self.revoked(grants, &one).await?;
        self.are_there(grants, &[&other]).await?;
        self.revoked(grants, &other).await?;
        self.are_there(grants, &[]).await
    }

    pub(super) async fn access_cut_off(&mut self) -> Held {
        let (grants, role) = self.able()?;
        let mut pace = cut::Pace::default();
        for round in 0..self.contract.rounds {
            let login = Self::login(&role, "cut");
            let (polls, time) = pace.next(round);
            cut::short(grants.grant(&self.request, &login, &self.log), polls, time).await;
            let started = std::time::Instant::now();
            self.granted(grants, &login).await?;
            pace.took(started.elapsed());
            self.are_there(grants, &[&login]).await?;
            cut::short(grants.revoke(&self.request, &login, &self.log), polls, time).await;
            self.revoked(grants, &login).await?;
            self.are_there(grants, &[]).await?;
        }
        Ok(())
    }

    /// Leaves one credential there, where the driver gives any.
    pub(super) async fn one_with_access(&mut self) -> Held {
        let Ok((grants, role)) = self.able() else { return Ok(()) };
        self.granted(grants, &Self::login(&role, "left")).await.map(drop)
    }

    pub(super) async fn nobody_has_access(&self) -> Held {
        match self.able() {
            Ok((grants, _)) => self.are_there(grants, &[]).await,
            Err(_) => Ok(()),
        }
    }
}
