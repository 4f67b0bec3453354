//! People who sign in at another provider: who they are here, and logins that are under way.

use crate::App;
use crate::caller::{Caller, Door};
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::driver::Secret;
use crate::error::{Error, Result};
use crate::prepare::prepare;
use crate::writer::Outcome;
use loggia_graph::{Audience, Graph};
use loggia_model::{Document, Record, Ref, Source};
use loggia_store::LoginState;
use serde_json::{Map, Value, json};

/// How long a login at another provider may take, in seconds.
const PATIENCE: i64 = 600;
/// The annotation that ties a person here to one at the provider.
const SUBJECT: &str = "loggia.dev/sign-in-subject";

/// What a provider says about somebody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// Address of the provider.
    pub issuer: String,
    /// Their identity there.
    pub subject: String,
    /// The name that they use there; empty when the provider does not say.
    pub username: String,
    /// What people call them; empty when the provider does not say.
    pub title: String,
    /// Their mail address; empty when the provider does not say, or has not checked it.
    pub email: String,
    /// The groups that they belong to there.
    pub groups: Vec<String>,
}

impl Identity {
    /// The name here: that which they use there, else the first part of their address, else their identity.
    fn name(&self) -> String {
        let front = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
        let wish = [front(&self.username), front(&self.email), self.subject.clone()];
        let wish = wish.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let fits = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c.to_ascii_lowercase() } else { '-' };
        let name: String = wish.chars().map(fits).take(63).collect();
        name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
    }

    /// What ties them to the person here.
    fn tie(&self) -> String {
        format!("{} {}", self.issuer, self.subject)
    }
}

/// Somebody has signed in at the provider: makes the person when they are new, and keeps their teams in step when the
/// person is kept here.
struct Arrive {
    who: Identity,
}

impl Command for Arrive {
    fn name(&self) -> &'static str {
        "user.arrive"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let name = self.who.name();
        let tied = tied(graph, &self.who.tie());
        let reference = tied.unwrap_or_else(|| Ref::new("user", "default", &name));
        let answer = Changes::answer(json!(reference));
        let Some(before) = graph.get(&reference) else {
            let document = self.document(graph, &name, Map::new());
            let prepared = prepare(document, "").map_err(Error::Invalid)?;
            let mut changes = answer;
            let draft = Draft::new(ctx.uid(), &prepared.document(), Source::server());
            changes.put("user.arrived", draft, json!({"issuer": self.who.issuer}));
            return Ok(changes);
        };
        let document = before.parse();
        let tie = document.annotation(SUBJECT);
        if !tie.is_empty() && tie != self.who.tie() {
            return Err(Error::Forbidden(format!(
                "{} is the name of somebody else here. Ask an administrator to give you another one.",
                reference.name()
            )));
        }
        // Whose text is kept in a repository, their teams are said there.
        if !before.source.is_server() || tie.is_empty() {
            return Ok(answer);
        }
        Ok(self.follow(graph, before, &document, answer))
    }
}

/// The person who is tied to an identity.
fn tied(graph: &Graph, tie: &str) -> Option<Ref> {
    let fits = |record: &std::sync::Arc<Record>| record.parse().annotation(SUBJECT) == tie;
    graph.of_kind(&Audience::All, "user").find(fits).map(|record| record.reference.clone())
}

impl Arrive {
    /// The teams as the provider says them today.
    fn follow(&self, graph: &Graph, before: &Record, document: &Document, mut changes: Changes) -> Changes {
        let spec = document.spec().and_then(Value::as_object).cloned().unwrap_or_default();
        let mut text = document.0.clone();
        text["spec"] = self.document(graph, document.name(), spec)["spec"].clone();
        let after = Document(text);
        if after.canonical() != *before.document {
            let mut draft = Draft::new(before.uid, &after, Source::server());
            draft.status = before.status.as_deref().map(str::to_owned);
            changes.put("user.arrived", draft, json!({"issuer": self.who.issuer}));
        }
        changes
    }

    fn document(&self, graph: &Graph, name: &str, mut spec: Map<String, Value>) -> Value {
        spec.insert("memberOf".to_owned(), json!(self.teams(graph)));
        let mut profile = spec.get("profile").and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, value) in [("displayName", &self.who.title), ("email", &self.who.email)] {
            if !value.is_empty() {
                profile.insert(key.to_owned(), json!(value));
            }
        }
        if !profile.is_empty() {
            spec.insert("profile".to_owned(), Value::Object(profile));
        }
        json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "User",
            "metadata": {"name": name, "namespace": "default", "annotations": {SUBJECT: self.who.tie()}},
            "spec": spec,
        })
    }

    /// The groups of the provider that exist here, by their names, in order.
    fn teams(&self, graph: &Graph) -> Vec<String> {
        let known = |name: &String| {
            let group = Ref::parse(name.trim_start_matches('/'), Some("group"), "default").ok()?;
            (group.kind() == "group" && graph.get(&group).is_some()).then(|| group.to_string())
        };
        let mut teams: Vec<String> = self.who.groups.iter().filter_map(known).collect();
        teams.sort_unstable();
        teams.dedup();
        teams
    }
}

impl App {
    /// Begins a session for somebody who has signed in at the provider.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when their name belongs to somebody else here.
    pub async fn arrive(&self, who: Identity, agent: &str, request_id: &str) -> Result<(Ref, Secret)> {
        let mut caller = Caller::system("sign-in", Door::Page);
        caller.request_id = request_id.into();
        let Outcome { answer, .. } = self.run(&caller, Arrive { who }).await?;
        let user: Ref = serde_json::from_value(answer)?;
        let session = self.begin_session(&user, agent).await?;
        Ok((user, session))
    }

    /// Remembers a login that goes on at the provider: `state` comes back, `nonce` and `verifier` stay here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn begin_login(&self, state: &str, nonce: &str, verifier: &Secret, return_to: &str) -> Result<()> {
        let now = self.now();
        self.store.delete_expired_login_states(now).await?;
        let row = LoginState {
            state: state.to_owned(),
            nonce: nonce.to_owned(),
            // It is worth nothing without the code that only the provider gives, and lives for minutes.
            verifier: verifier.reveal().to_owned(),
            return_to: return_to.to_owned(),
            expires_at: now.plus_seconds(PATIENCE),
        };
        Ok(self.store.put_login_state(&row).await?)
    }

    /// Takes a login up that comes back: its nonce, its verifier, and where to go then. Once.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a login that is unknown, used or too old.
    pub async fn resume_login(&self, state: &str) -> Result<(String, Secret, String)> {
        let row = self.store.take_login_state(state, self.now()).await?;
        let late = || Error::Unauthenticated("This login took too long, or was used before. Sign in again.".into());
        let row = row.ok_or_else(late)?;
        Ok((row.nonce, Secret::new(row.verifier), row.return_to))
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn names_fit_the_catalog() {
        let named = |username: &str, email: &str, subject: &str| {
            let (username, email, subject) = (username.to_owned(), email.to_owned(), subject.to_owned());
            Identity { username, email, subject, ..Identity::default() }.name()
        };
        assert_eq!(named("Amara.Obi", "x@example.com", "7"), "amara.obi");
        assert_eq!(named("amara@corp.example", "", "7"), "amara");
        assert_eq!(named("", "amara@example.com", "7"), "amara");
        assert_eq!(named("", "", "auth0|65f/1"), "auth0-65f-1");
        assert_eq!(named("--Zoë--", "", ""), "zo");
    }
}
