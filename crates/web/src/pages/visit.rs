//! One visit of a page: who looks, at what, and the shell around it.

use super::error::Wrong;
use crate::assets;
use crate::auth::lends;
use crate::caller::{By, cookie};
use crate::shell::{Flash, Link, Person, Place, Shell, Theme};
use crate::state::WebState;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use loggia_app::access::policy::{Action, admit};
use loggia_app::{App, Caller, Error};
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::kinds::product::{Brand, ProductSpec};
use loggia_model::{Document, Record, Ref};
use std::sync::Arc;

/// The answer of a page's handler.
pub type Answer = Result<Response, Wrong>;

/// One visit of a page.
#[derive(Clone)]
pub struct Visit {
    /// What every handler shares.
    pub state: WebState,
    /// Who looks.
    pub caller: Caller,
    /// The snapshot that the whole page is made from.
    pub graph: Arc<Graph>,
    /// The path, without the query.
    pub path: String,
    query: Vec<(String, String)>,
    whole: String,
    theme: Theme,
    tag: Option<String>,
    /// Whether they may become somebody else with one click.
    lends: bool,
}

impl FromRequestParts<WebState> for Visit {
    type Rejection = crate::error::Reply;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Self::Rejection> {
        let By(caller) = By::from_request_parts(parts, state).await?;
        Ok(Visit::new(state, caller, parts))
    }
}

impl Visit {
    /// Of a request.
    pub fn new(state: &WebState, caller: Caller, parts: &Parts) -> Visit {
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Visit {
            caller,
            graph: state.app.graph(),
            state: state.clone(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            whole: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            theme: theme(&parts.headers),
            tag: text(header::IF_NONE_MATCH),
            lends: lends(state, parts.extensions.get(), &parts.headers),
        }
    }

    /// Of somebody who asks for the content of a page in another form.
    pub fn without_page(state: &WebState, caller: &Caller) -> Visit {
        Visit {
            caller: caller.clone(),
            graph: state.app.graph(),
            state: state.clone(),
            path: String::new(),
            query: Vec::new(),
            whole: String::new(),
            theme: Theme::Auto,
            tag: None,
            lends: false,
        }
    }

    /// The application.
    pub fn app(&self) -> &Arc<App> {
        &self.state.app
    }

    /// What the caller may see.
    pub fn audience(&self) -> &Audience {
        &self.caller.audience
    }

    /// Path and query.
    pub fn address(&self) -> &str {
        &self.whole
    }

    /// A value of the query; empty when absent.
    pub fn param(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// A value of the query that says something.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.param(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Passes for whoever is signed in and may look; a token may be good for less than that.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for a token that is not good for looking.
    pub fn signed_in(&self) -> Result<(), Wrong> {
        Ok(admit(&self.caller, Action::Read)?)
    }

    /// A record that the caller may see; an old name leads to the new one.
    ///
    /// # Errors
    /// [`Wrong::Moved`] for an old name, with the address that `address` gives; [`Error::NotFound`].
    pub fn record(&self, reference: &Ref, address: impl Fn(&Ref) -> String) -> Result<Arc<Record>, Wrong> {
        self.signed_in()?;
        match self.graph.resolve(self.audience(), reference) {
            loggia_graph::Resolved::Found(record) => return Ok(record),
            loggia_graph::Resolved::Moved(now) => return Err(Wrong::Moved(address(&now))),
            loggia_graph::Resolved::Unknown => {}
        }
        let formerly =
            Predicate::equals("kind", reference.kind()).and(Predicate::equals("spec.formerly", reference.name()));
        match self.graph.select(self.audience(), &formerly).first() {
            Some(now) => Err(Wrong::Moved(address(&now.reference))),
            None => Err(Error::NotFound(format!(
                "There is no {} {}, or you may not see it.",
                reference.kind(),
                reference.name()
            ))
            .into()),
        }
    }

    /// The teams that the caller belongs to, in order of names.
    pub fn my_teams(&self) -> Vec<Arc<Record>> {
        loggia_app::record::team::own(&self.graph, &self.caller)
    }

    /// The shell of a page.
    pub fn shell(&self, active: Option<Place>) -> Shell {
        let product = product(&self.graph);
        let spec: Option<ProductSpec> = product.as_ref().and_then(|record| record.spec().ok());
        let brand = spec.and_then(|spec| spec.brand).unwrap_or_default();
        Shell {
            product_title: product.as_ref().map_or_else(|| "Loggia".to_owned(), |r| r.parse().title().to_owned()),
            logo_href: logo_of_brand(product.as_deref(), &brand),
            accent_css_href: accent_of_brand(&brand),
            links: brand.links.iter().map(|link| Link::new(&link.title, &link.url)).collect(),
            asset_version: assets::version().to_owned(),
            person: self.person(),
            people: self.people(),
            places: self.places(),
            active,
            theme: self.theme,
            path: self.whole.clone(),
            flash: self.flash(),
            request_id: self.caller.request_id.to_string(),
            ..Shell::default()
        }
    }

    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        if self.caller.is_signed_in() {
            places.extend([Place::Home, Place::Get, Place::Team]);
        }
        if self.caller.product_team || self.caller.administrator {
            places.push(Place::Studio);
        }
        places
    }

    fn person(&self) -> Option<Person> {
        match self.caller.user() {
            Some(user) => Some(person(user, &self.graph.get(user).map(|record| record.parse())?)),
            None if self.caller.is_signed_in() => {
                let name = self.caller.name();
                Some(Person {
                    name: name.rsplit(':').next().unwrap_or_default().to_owned(),
                    line: name.clone(),
                    handle: name,
                })
            }
            None => None,
        }
    }

    /// The people of the demo: those with a persona.
    fn people(&self) -> Vec<Person> {
        if !self.lends {
            return Vec::new();
        }
        let personas =
            Predicate::equals("kind", "user").and(Predicate::exists("metadata.annotations.loggia.dev/persona"));
        let all = self.graph.select(&Audience::All, &personas);
        all.iter().map(|record| person(&record.reference, &record.parse())).collect()
    }

    /// What was just done, as the redirect to this page says. Words only, so that nobody can make a page say anything.
    fn flash(&self) -> Option<Flash> {
        let (state, text) = match self.param("done") {
            "revoked" => ("ok", "The token is revoked. Whoever uses it is refused from now on."),
            "ended" => ("ok", "The session is ended."),
            "enrolled" => ("ok", "It is yours now: you are told what is due, and are asked before it changes."),
            "orphaned" => ("ok", "It runs on, and your team looks after it. Nothing was taken away."),
            "withdrawn" => ("ok", "It is only observed again."),
            "committed" => ("ok", "Committed in your name. It is shown here as soon as it was read."),
            "saved" => ("ok", "Saved."),
            "password" => ("ok", "Your password is changed. Your other sessions are ended."),
            "dismissed" => ("ok", "It is put aside."),
            "confirmed" => ("ok", "The removals are confirmed and done."),
            "published" => ("ok", "It is published: everybody can get it, and it never changes."),
            "proposed" => ("ok", "It is a candidate now."),
            "yanked" => ("ok", "It is withdrawn: nobody gets it any more. Where it runs it stays."),
            "told" => ("ok", "Done: people are told, or a second person is asked."),
            "agreed" => ("ok", "You agreed, as the second person."),
            "planned" => ("ok", "It is planned. Nobody was told yet."),
            "moved" => ("ok", "Done: it has the new days, or a second person is asked."),
            "exempted" => ("ok", "They may differ until then."),
            "cancelled" => ("ok", "It is given up; nothing goes away."),
            "taken" => ("ok", "It is taken away. Whether nothing is left is looked for by itself."),
            "approved" => ("ok", "You agreed, and it goes on."),
            "declined" => ("ok", "You said no; who asked reads why."),
            "merged" => ("ok", "It is merged, and has the new version."),
            "closed" => ("ok", "The change is given up; it stays as it is."),
            "branched" => ("ok", "Your change waits to be taken into the repository."),
            "put-aside" => ("ok", "The change is put aside."),
            "dropped" => ("ok", "It was dropped. What something runs on stays."),
            "started" => ("ok", "It is started. Whoever is concerned sees it on their page."),
            "paused" => ("ok", "It stands still. What is being changed is changed to its end."),
            "resumed" => ("ok", "It goes on; what failed is tried again."),
            "back" => ("ok", "What it moved in that wave goes back. It stands still until you let it go on."),
            "over" => ("ok", "It is over."),
            "snoozed" => ("ok", "It is left alone until that day."),
            "refreshed" => ("ok", "The repositories are being read now."),
            _ => return None,
        };
        Some(Flash { state, text: text.to_owned() })
    }

    /// A page as an answer, with a tag so that an unchanged one is not sent twice.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub fn page(&self, template: &impl Template) -> Answer {
        let text = template.render().map_err(|error| Error::Internal(format!("a page cannot be rendered: {error}")))?;
        // The request's own id stands in the foot; it must not make every answer a new one.
        let tag = tag_of(&text.replace(&*self.caller.request_id, ""));
        let mut response = if self.tag.as_deref() == Some(tag.as_str()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Html(text).into_response()
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        Ok(response)
    }
}

fn tag_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    format!("W/\"{}\"", loggia_model::canonical::hex(&digest[..12]))
}

/// The pairs of a query or a form.
pub fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(bytes).into_owned().collect()
}

fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, "theme").map(Theme::parse).unwrap_or_default()
}

/// The product that this server shows.
pub fn product(graph: &Graph) -> Option<Arc<Record>> {
    graph.of_kind(&Audience::All, "product").next()
}

fn logo_of_brand(product: Option<&Record>, brand: &Brand) -> String {
    let path = brand.logo.as_deref().unwrap_or_default();
    let files = product.map(loggia_app::record::files::of).unwrap_or_default();
    let entry = files.iter().find(|entry| entry.path == path.trim_start_matches("./"));
    entry.map(|entry| format!("/brand/logo?v={}", &entry.sha256[..12.min(entry.sha256.len())])).unwrap_or_default()
}

fn accent_of_brand(brand: &Brand) -> String {
    let accent = brand.accent.as_deref().filter(|accent| crate::brand::sheet(accent).is_ok());
    accent.map(|accent| format!("/brand/accent.css?v={}", accent.trim_start_matches('#'))).unwrap_or_default()
}

fn person(user: &Ref, document: &Document) -> Person {
    let display = document.spec().and_then(|spec| spec.pointer("/profile/displayName")).and_then(|v| v.as_str());
    let line = match document.annotation("loggia.dev/persona") {
        "" => document.spec_list("memberOf").map(team_word).collect::<Vec<_>>().join(", "),
        persona => persona.to_owned(),
    };
    Person { handle: user.short("user"), name: display.unwrap_or(document.title()).to_owned(), line }
}

fn team_word(text: &str) -> String {
    Ref::parse(text, Some("group"), "default").map_or_else(|_| text.to_owned(), |team| team.name().to_owned())
}

/// Sets what every page says about itself to browsers and caches.
pub fn headers(response: &mut Response) {
    let headers = response.headers_mut();
    let policy = "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; \
                  form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let all = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::VARY, "cookie, authorization"),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    let html = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        headers.insert("speculation-rules", HeaderValue::from_static("\"/assets/speculation.json\""));
    }
}
