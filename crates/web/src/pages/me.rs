//! My sessions and tokens.

use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use crate::caller::{COOKIE, cookie};
use crate::design::{Choice, Field, Input};
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::login::{Session, digest};
use loggia_app::access::policy::Action;
use loggia_app::access::token::{Token, TokenWish};
use loggia_model::Problem;
use std::collections::BTreeSet;

/// The part of the page where tokens are made.
pub const TOKENS: &str = "/me#tokens";

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/me", get(show))
        .route("/me/tokens", post(create))
        .route("/me/tokens/{id}/revoke", post(revoke))
        .route("/me/sessions/{hash}/end", post(end))
}

#[derive(Template)]
#[template(path = "me/page.html")]
struct MePage {
    shell: Shell,
    who: String,
    teams: Vec<String>,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenLine>,
    fields: Vec<Field>,
    refused: Vec<String>,
    /// The token that was just made; it is never shown again.
    fresh: String,
    password: Vec<Field>,
    has_password: bool,
    server: String,
    personal: bool,
}

/// One session.
struct SessionLine {
    hash: String,
    agent: String,
    here: bool,
    since: When,
    used: When,
    until: String,
}

/// One token.
struct TokenLine {
    id: String,
    name: String,
    scopes: String,
    made: When,
    used: When,
    expires: String,
    state: &'static str,
    word: &'static str,
}

async fn show(visit: Visit, headers: HeaderMap) -> Answer {
    visit.signed_in()?;
    page(&visit, &headers, Said::default()).await
}

async fn create(visit: Visit, headers: HeaderMap, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let wish = TokenWish {
        name: form.one("name").to_owned(),
        service: None,
        team: None,
        // No scope is no limit.
        scopes: Some(form.all("scopes")).filter(|all| all.iter().all(|one| one != EVERYTHING)).unwrap_or_default(),
        days: form.one("days").parse().ok(),
    };
    let made = if wish.name.is_empty() {
        Err(Error::invalid(
            "token.name",
            "name",
            "It has no name",
            "Say where it will be used, so that you know it again.",
        ))
    } else if form.all("scopes").is_empty() {
        // A token that may do everything is asked for, and never what is left over.
        Err(Error::invalid("token.scopes", "scopes", "Nothing is ticked that it may do", "Tick what it is for."))
    } else {
        visit.app().create_token(&visit.caller, wish).await
    };
    match made {
        // Shown once, here, to the person who asked for it; only its digest is kept.
        Ok((_, token)) => {
            let fresh = token.reveal().to_owned();
            let mut answer = page(&visit, &headers, Said { fresh, ..Said::default() }).await?;
            answer.headers_mut().remove(header::ETAG);
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(answer)
        }
        Err(Error::Invalid(problems)) => {
            let said = Said { form, token: &problems, ..Said::default() };
            let mut answer = page(&visit, &headers, said).await?;
            *answer.status_mut() = StatusCode::BAD_REQUEST;
            Ok(answer)
        }
        Err(error) => Err(error.into()),
    }
}

async fn revoke(visit: Visit, Path(id): Path<String>) -> Answer {
    visit.signed_in()?;
    let id = id.parse().map_err(|_| Error::NotFound("You have no such token.".into()))?;
    visit.app().revoke_token(&visit.caller, id).await?;
    Ok(Redirect::to("/me?done=revoked#tokens").into_response())
}

async fn end(visit: Visit, Path(hash): Path<String>) -> Answer {
    visit.signed_in()?;
    visit.app().end_session(&visit.caller, &hash).await?;
    Ok(Redirect::to("/me?done=ended").into_response())
}

/// What the page answers to what was just sent.
#[derive(Default)]
pub(super) struct Said<'a> {
    /// The form of a token, filled again.
    pub(super) form: Form,
    /// What is wrong with it.
    pub(super) token: &'a [Problem],
    /// What is wrong with a password.
    pub(super) password: &'a [Problem],
    /// The token that was just made.
    pub(super) fresh: String,
}

pub(super) async fn page(visit: &Visit, headers: &HeaderMap, said: Said<'_>) -> Answer {
    let here = cookie(headers, COOKIE).map(digest).unwrap_or_default();
    let sessions = visit.app().my_sessions(&visit.caller).await?;
    let tokens = visit.app().my_tokens(&visit.caller).await?;
    let has_password = visit.app().has_password(&visit.caller).await?;
    let mut fields = fields(&said.form);
    let mut refused = Vec::new();
    for problem in said.token {
        let text = format!("{}. {}", problem.message, problem.mend);
        match fields.iter_mut().find(|field| field.name == problem.path) {
            Some(field) => field.error = text,
            None => refused.push(text),
        }
    }
    let shell = Shell {
        command: "loggia token list".into(),
        json_twin: "/api/v1/tokens".into(),
        json_also: vec![Link::new("Sessions as JSON", "/api/v1/sessions"), Link::new("You as JSON", "/api/v1/me")],
        ..visit.shell(None)
    };
    visit.page(&MePage {
        who: shell.person.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
        shell,
        teams: visit.my_teams().iter().map(|team| super::entity::title(team)).collect(),
        sessions: sessions.iter().map(|session| session_line(visit, session, &here)).collect(),
        tokens: tokens.iter().map(|token| token_line(visit, token)).collect(),
        fields,
        refused,
        fresh: said.fresh,
        password: super::password::fields(has_password, said.password),
        has_password,
        server: visit.app().settings.public_url.clone(),
        personal: visit.caller.user().is_some(),
    })
}

fn session_line(visit: &Visit, session: &Session, here: &str) -> SessionLine {
    let now = visit.app().now();
    SessionLine {
        here: session.hash == here,
        agent: browser(&session.user_agent),
        since: When::ago(now, Some(session.created_at)),
        used: When::ago(now, Some(session.last_used_at)),
        until: words::day(session.expires_at),
        hash: session.hash.clone(),
    }
}

/// A browser as people call it.
fn browser(agent: &str) -> String {
    let known =
        [("Firefox", "Firefox"), ("Edg/", "Edge"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl")];
    let systems =
        [("Android", "Android"), ("iPhone", "iPhone"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let find =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, word)| *word);
    match (find(&known), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => "a program".to_owned(),
    }
}

fn token_line(visit: &Visit, token: &Token) -> TokenLine {
    let now = visit.app().now();
    let (state, word) = match (token.revoked_at, token.expires_at) {
        (Some(_), _) => ("off", "revoked"),
        (None, Some(at)) if at <= now => ("off", "expired"),
        _ => ("ok", "valid"),
    };
    TokenLine {
        id: token.id.to_string(),
        name: token.name.clone(),
        scopes: if token.scopes.is_empty() { "everything you may".to_owned() } else { token.scopes.join(", ") },
        made: When::ago(now, Some(token.created_at)),
        used: When::ago(now, token.last_used_at),
        expires: token.expires_at.map_or_else(|| "never".to_owned(), words::day),
        state,
        word,
    }
}

/// The choice of a token without limits of its own.
const EVERYTHING: &str = "everything";

fn fields(form: &Form) -> Vec<Field> {
    let scopes: BTreeSet<&str> = Action::ALL.iter().map(|action| action.scope()).collect();
    let chosen = if form.is_empty() { vec!["read".to_owned()] } else { form.all("scopes") };
    let scope = |scope: &str| Choice {
        value: scope.to_owned(),
        title: scope_words(scope).to_owned(),
        chosen: chosen.iter().any(|c| c == scope),
        ..Choice::default()
    };
    let days = if form.is_empty() { "90" } else { form.one("days") };
    let day = |(value, title): (&str, &str)| Choice {
        value: value.into(),
        title: title.into(),
        chosen: value == days,
        ..Choice::default()
    };
    let field = |name: &str, label: &str, input| Field {
        id: format!("f-{name}"),
        name: name.into(),
        label: label.into(),
        input,
        ..Field::default()
    };
    vec![
        Field {
            value: form.one("name").to_owned(),
            required: true,
            help: "Where it will be used, such as “laptop” or “pipeline of booking”.".into(),
            autocomplete: "off".into(),
            ..field("name", "Name", Input::Text)
        },
        Field {
            options: [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "for ever")].map(day).to_vec(),
            required: true,
            ..field("days", "Valid for", Input::Select)
        },
        Field {
            options: scopes.into_iter().filter(|scope| *scope != "admin").chain([EVERYTHING]).map(scope).collect(),
            ..field("scopes", "It may", Input::Choices)
        },
    ]
}

fn scope_words(scope: &str) -> &str {
    match scope {
        "read" => "see what you may see",
        "write" => "change what the catalog says",
        "order" => "get, change and destroy things",
        "reveal" => "show passwords and other secrets",
        "observe" => "report what runs",
        "usage" => "report what is used, and how often",
        "sync" => "have repositories read, and confirm removals",
        "approve" => "agree to what waits for it",
        "audit" => "read the whole history",
        "git:read" => "clone and pull with Git",
        "git:write" => "push with Git",
        EVERYTHING => "everything that you may, also what comes later",
        other => other,
    }
}
