//! People who sign in at another provider: who they are here, and logins that are under way.

use crate::App;
use crate::access::caller::{Caller, Door};
use crate::access::login::Entry;
use crate::command::changes::{Changes, Draft};
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::record::prepare::prepare;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::{Document, Record, Ref, Source, Uid};
use loggia_store::{Credential, LoginState, Tie};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How long a login at another provider may take, in seconds.
const PATIENCE: i64 = 600;
/// The annotation that says who somebody is at the provider: its address, `#`, their identity there.
const SUBJECT: &str = "loggia.dev/subject";

/// Where the status of a User holds the teams that the provider named when they signed in last.
const CLAIMED: &str = "claimedTeams";

/// The teams to which somebody belongs because the provider says so, beside those of their text.
pub(crate) fn claimed(user: &Record) -> Vec<String> {
    let status = user.parse_status();
    let teams = status.get(CLAIMED).and_then(Value::as_array).into_iter().flatten();
    teams.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a provider says about somebody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// Address of the provider.
    pub issuer: String,
    /// Their identity there.
    pub subject: String,
    /// The name that they use there; empty when the provider does not say. Often theirs to choose, so it proves nothing.
    pub username: String,
    /// The name of the person here, by a claim that the operator trusts; empty without one.
    pub trusted: String,
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
        let wish = [self.trusted.clone(), front(&self.username), front(&self.email), self.subject.clone()];
        let wish = wish.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let fits = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c.to_ascii_lowercase() } else { '-' };
        let name: String = wish.chars().map(fits).take(63).collect();
        name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
    }

    /// What the annotation of their person says.
    fn tie(&self) -> String {
        format!("{}#{}", self.issuer, self.subject)
    }
}

/// Somebody has signed in at the provider: finds the person that they are here, or makes one when they are new, and
/// keeps their teams in step when the person is kept here.
struct Arrive {
    who: Identity,
    /// The person that they seem to be; its tie must be known to decide.
    person: Option<Uid>,
}

impl Command for Arrive {
    fn name(&self) -> &'static str {
        "user.arrive"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        let (issuer, subject) = (self.who.issuer.clone(), self.who.subject.clone());
        vec![Need::Ties { issuer, subject, person: self.person }]
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let own = facts.ties.iter().find(|tie| tie.subject == self.who.subject).and_then(|tie| graph.by_uid(tie.uid));
        // What an administrator wrote down later counts more than what was found once.
        let own = own.filter(|record| !names_other(record, &self.who));
        let Some(before) = own.cloned().or(self.who.person(graph)?) else { return self.make(graph, ctx) };
        let answer = Changes::answer(json!(before.reference));
        let document = before.parse();
        let named = document.annotation(SUBJECT) == self.who.tie();
        let mut changes = match facts.ties.iter().find(|tie| tie.uid == before.uid) {
            Some(tie) if tie.subject == self.who.subject => answer,
            Some(_) if !named => return Err(taken(&before.reference)),
            _ if !named && self.person != Some(before.uid) => {
                return Err(Error::Conflict("People were changed just now. Sign in again.".into()));
            }
            _ => self.tied(answer, &before.reference, before.uid, ctx),
        };
        // Whom sign-in has made is what the provider says today. Whom the catalog describes is what that says, and
        // belongs to the teams of both.
        if named && before.source.is_server() {
            changes = self.follow(graph, &before, &document, changes);
        } else {
            self.unite(graph, &before, &mut changes);
        }
        Ok(changes)
    }
}

/// Whether the person is, in so many words, somebody else at this provider.
fn names_other(record: &Record, who: &Identity) -> bool {
    let document = record.parse();
    let tie = document.annotation(SUBJECT);
    tie.split_once('#').is_some_and(|(issuer, _)| issuer == who.issuer) && tie != who.tie()
}

fn taken(reference: &Ref) -> Error {
    Error::Forbidden(format!(
        "{} signs in with another account of your company. Sign in with that one, or ask an administrator to write \
         your new one into your User.",
        reference.name()
    ))
}

impl Identity {
    /// The person that they are, by what proves it: an annotation of the person, an address that the provider has
    /// checked, or the claim that the operator trusts.
    fn person(&self, graph: &Graph) -> Result<Option<Arc<Record>>> {
        let tie = self.tie();
        let by = |field: &str, value: &str| {
            let fits = Predicate::equals("kind", "user").and(Predicate::equals(field, value));
            graph.select(&Audience::All, &fits)
        };
        // Filters do not tell upper from lower case; an identity does.
        let named = by(&format!("metadata.annotations.{SUBJECT}"), &tie);
        if let Some(record) = named.into_iter().find(|record| record.parse().annotation(SUBJECT) == tie) {
            return Ok(Some(record));
        }
        if !self.email.is_empty() {
            let mut owners = by("spec.profile.email", &self.email);
            owners.retain(|record| !names_other(record, self));
            if owners.len() > 1 {
                return Err(self.unproved("Several people here have your mail address."));
            }
            if let Some(record) = owners.pop() {
                return Ok(Some(record));
            }
        }
        let trusted = Ref::parse(&self.trusted, Some("user"), "default").ok();
        let trusted = trusted.filter(|name| name.kind() == "user").and_then(|name| graph.get(&name));
        Ok(trusted.filter(|record| !names_other(record, self)).cloned())
    }

    /// A refusal, with what an administrator can do.
    fn unproved(&self, why: &str) -> Error {
        Error::Forbidden(format!(
            "{why} Ask an administrator to write into the User that is you: annotation {SUBJECT}, value {}.",
            self.tie()
        ))
    }
}

impl Arrive {
    /// Makes the person.
    fn make(&self, graph: &Graph, ctx: &Ctx<'_>) -> Result<Changes> {
        let name = self.who.name();
        let reference = Ref::new("user", "default", &name);
        if graph.get(&reference).is_some() {
            let why = format!("There is somebody called {name} here already, and nothing says that it is you.");
            return Err(self.who.unproved(&why));
        }
        if self.who.trusted.is_empty() && self.awaited(graph, &reference, ctx)? {
            let why = format!("The name {name} is meant for somebody, and nothing says that it is you.");
            return Err(self.who.unproved(&why));
        }
        let uid = ctx.uid();
        Ok(self.tied(self.added(graph, &name, uid)?, &reference, uid, ctx))
    }

    fn added(&self, graph: &Graph, name: &str, uid: Uid) -> Result<Changes> {
        let document = self.document(graph, name, Map::new());
        let document = prepare(document, "").map_err(Error::Invalid)?.document();
        let mut changes = Changes::answer(json!(Ref::new("user", "default", name)));
        let draft = Draft::new(uid, &document, Source::server());
        changes.put("user.arrived", draft, json!({"issuer": self.who.issuer}));
        Ok(changes)
    }

    /// Whether a name gives rights to whoever gets it, because a team or a product lists it already.
    fn awaited(&self, graph: &Graph, reference: &Ref, ctx: &Ctx<'_>) -> Result<bool> {
        let alone = Arrive { who: Identity { groups: Vec::new(), ..self.who.clone() }, person: None };
        let added = alone.added(graph, reference.name(), ctx.uid())?;
        let mut trial = graph.clone();
        trial.apply(&added.entries.iter().filter_map(|entry| entry.as_graph_change(ctx.now)).collect::<Vec<_>>());
        let caller = Caller::person(&trial, reference.clone(), Door::Page, &ctx.caller.request_id);
        Ok(caller.product_team || caller.administrator || !caller.teams.is_empty())
    }

    /// With the tie to the person, so that it stays whatever becomes of their name and address.
    fn tied(&self, mut changes: Changes, reference: &Ref, uid: Uid, ctx: &Ctx<'_>) -> Changes {
        let (issuer, subject) = (self.who.issuer.clone(), self.who.subject.clone());
        // Sessions of whom the person was tied to before end with that tie.
        changes.credentials.push(Credential::SessionsEnd(uid, String::new()));
        changes.credentials.push(Credential::Tie(Tie { issuer, subject, uid, since: ctx.now }));
        let data = json!({"user": reference, "issuer": self.who.issuer, "subject": self.who.subject});
        changes.note("user.tied", None, data);
        changes
    }
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

    /// Notes the teams of the provider beside the text, which stays what it is.
    fn unite(&self, graph: &Graph, before: &Record, changes: &mut Changes) {
        let teams = self.teams(graph);
        if teams == claimed(before) {
            return;
        }
        let mut status = before.parse_status();
        if !status.is_object() {
            status = json!({});
        }
        status[CLAIMED] = json!(teams);
        let data = json!({"issuer": self.who.issuer, "teams": teams});
        changes.put("user.teams-claimed", Draft::of(before).with_status(&status), data);
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
    /// [`Error::Forbidden`] when nothing proves which person here they are.
    pub async fn arrive(&self, who: Identity, agent: &str, request_id: &str) -> Result<(Ref, Secret)> {
        let person = who.person(&self.graph())?.map(|record| record.uid);
        let mut caller = Caller::system("sign-in", Door::Page);
        caller.request_id = request_id.into();
        let Outcome { answer, .. } = self.run(&caller, Arrive { who, person }).await?;
        let user: Ref = serde_json::from_value(answer)?;
        let session = self.begin_session(&user, Entry { by: "provider", agent, request_id }).await?;
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
