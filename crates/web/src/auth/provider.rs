//! OpenID Connect with one provider: code with PKCE, discovery, nonce.

use super::login::{Back, show};
use super::session::{agent, begun, cookie as make_cookie, set};
use crate::caller::cookie;
use crate::pages::visit::Visit;
use crate::state::WebState;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::BoxFuture;
use loggia_app::Error;
use loggia_app::access::provider::Identity;
use loggia_app::instance::driver::Secret;
use loggia_app::source::exchange::Exchange;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenClaims,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Cookie that ties a login to the browser that began it.
const COOKIE: &str = "loggia_login";
/// How long a login may take, in seconds.
const PATIENCE: i64 = 600;
/// How long what the provider says about itself and its keys is believed.
const FRESH: Duration = Duration::from_secs(600);

/// What the operator says about the provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its address.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Our secret there; none for a public client.
    pub client_secret: Option<Secret>,
    /// The claim that names somebody's groups.
    pub groups_claim: String,
    /// The claim that names the person here. Only one that people cannot choose themselves; none is used when absent.
    pub username_claim: Option<String>,
}

/// All other claims, as they come.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Extra {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Extra {}

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type OurClient = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider, as far as it is known.
pub struct Provider {
    settings: ProviderSettings,
    redirect: String,
    http: Http,
    known: Mutex<Option<(Instant, Arc<OurClient>)>>,
}

/// Why the provider did not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreachable(String);

/// Asks the provider.
struct Http(Arc<dyn Exchange>);

impl Http {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        self.0.exchange(request).await.map_err(|failure| Unreachable(failure.message))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unreachable;
    type Future = BoxFuture<'c, Result<HttpResponse, Unreachable>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

impl Provider {
    /// For the settings of the operator; `public_url` is where people come back to, and `http` asks the provider.
    pub fn new(settings: ProviderSettings, public_url: &str, http: Arc<dyn Exchange>) -> Provider {
        Provider {
            settings,
            redirect: format!("{public_url}/login/callback"),
            http: Http(http),
            known: Mutex::default(),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    pub(super) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Where people come back to.
    pub(super) fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Asks for an address of the provider.
    pub(super) async fn look(&self, address: &str) -> Result<HttpResponse, String> {
        let request = http::Request::get(address).body(Vec::new()).map_err(|error| error.to_string())?;
        self.http.ask(request).await.map_err(|error| error.to_string())
    }

    /// The address at which a login would begin, with nothing that could be used.
    pub(super) fn trial(&self, endpoint: &str) -> Option<String> {
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let known = [
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.redirect),
            ("scope", "openid"),
            ("state", "doctor"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        url::Url::parse_with_params(endpoint, known).ok().map(Into::into)
    }

    /// The client, with what the provider says about itself now.
    async fn client(&self) -> Result<Arc<OurClient>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, client)) = known.filter(|(since, _)| since.elapsed() < FRESH) {
            return Ok(client);
        }
        let wrong = |text: String| {
            tracing::warn!(%text, "the sign-in provider cannot be used");
            Error::Unavailable("Your company's sign-in does not answer now. Try again in a moment.".into())
        };
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| wrong(error.to_string()))?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.http).await;
        let metadata = metadata.map_err(|error| wrong(chain(&error)))?;
        let redirect = RedirectUrl::new(self.redirect.clone()).map_err(|error| wrong(error.to_string()))?;
        // The library needs the text itself.
        let secret = self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.reveal().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let client: OurClient = Client::from_provider_metadata(metadata, id, secret).set_redirect_uri(redirect);
        let client = Arc::new(client);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&client)));
        Ok(client)
    }

    /// Where to send the browser, with what must be remembered: state, nonce, verifier.
    async fn start(&self) -> Result<(String, String, String, Secret), Error> {
        let client = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (url, state, nonce) = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("profile".into()))
            .add_scope(Scope::new("email".into()))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url.to_string(), state.into_secret(), nonce.secret().clone(), Secret::new(verifier.into_secret())))
    }

    /// Exchanges a code for what the provider says about the person, checked.
    async fn finish(&self, code: String, nonce: String, verifier: &Secret) -> Result<Identity, Error> {
        let client = self.client().await?;
        // The provider compares it with the challenge that it got.
        let verifier = PkceCodeVerifier::new(verifier.reveal().to_owned());
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(|error| refused(&error))?;
        let tokens =
            exchange.set_pkce_verifier(verifier).request_async(&self.http).await.map_err(|error| refused(&error))?;
        let id_token = tokens.id_token().ok_or_else(|| not_proved("there is no id token"))?;
        let claims = id_token.claims(&client.id_token_verifier(), &Nonce::new(nonce)).map_err(|error| {
            // Its keys may have changed; the next login asks for them.
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
            refused(&error)
        })?;
        let more = match client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) {
            Ok(request) => {
                let answer: Result<UserInfoClaims<Extra, CoreGenderClaim>, _> = request.request_async(&self.http).await;
                Some(answer.map_err(|error| refused(&error))?)
            }
            // A provider without that address says all in the token.
            Err(_) => None,
        };
        Ok(self.identity(claims, more.as_ref()))
    }

    fn identity(
        &self,
        claims: &IdTokenClaims<Extra, CoreGenderClaim>,
        more: Option<&UserInfoClaims<Extra, CoreGenderClaim>>,
    ) -> Identity {
        let first = |name: Option<&openidconnect::LocalizedClaim<openidconnect::EndUserName>>| {
            name.and_then(|name| name.iter().next()).map(|(_, name)| name.to_string())
        };
        let username = claims.preferred_username().or(more.and_then(|more| more.preferred_username()));
        let (email, verified) = match more.filter(|_| claims.email().is_none()) {
            Some(more) => (more.email(), more.email_verified()),
            None => (claims.email(), claims.email_verified()),
        };
        let extra = |name: &str| {
            claims.additional_claims().all.get(name).or(more.and_then(|more| more.additional_claims().all.get(name)))
        };
        let groups = extra(&self.settings.groups_claim);
        let trusted = match self.settings.username_claim.as_deref() {
            // The library takes this one out of the others.
            Some("preferred_username") => username.map(|name| name.to_string()),
            Some(claim) => extra(claim).and_then(Value::as_str).map(str::to_owned),
            None => None,
        };
        Identity {
            issuer: self.settings.issuer.clone(),
            subject: claims.subject().to_string(),
            username: username.map(|name| name.to_string()).unwrap_or_default(),
            title: first(claims.name()).or_else(|| first(more.and_then(|more| more.name()))).unwrap_or_default(),
            // An address that nobody has checked says nothing about who somebody is.
            email: email.filter(|_| verified == Some(true)).map(|email| email.to_string()).unwrap_or_default(),
            trusted: trusted.unwrap_or_default(),
            groups: groups.map(texts).unwrap_or_default(),
        }
    }
}

/// The texts of a claim: a list, or one text.
fn texts(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// An error with all its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn refused(error: &dyn std::error::Error) -> Error {
    not_proved(&chain(error))
}

fn not_proved(text: &str) -> Error {
    tracing::warn!(%text, "a login at the provider was refused");
    Error::Unauthenticated("Your company's sign-in did not confirm who you are. Sign in again.".into())
}

/// Sends the browser to the provider.
pub async fn begin(visit: Visit, Query(back): Query<Back>) -> Response {
    match start(&visit.state, back.path()).await {
        Ok(response) => response,
        Err(error) => wrong(&visit, back.path(), &error),
    }
}

async fn start(state: &WebState, back: &str) -> Result<Response, Error> {
    let (address, token, nonce, verifier) = provider(state)?.start().await?;
    state.app.begin_login(&token, &nonce, &verifier, back).await?;
    let mut response = Redirect::to(&address).into_response();
    set(&mut response, &make_cookie(state, COOKIE, &token, PATIENCE));
    Ok(response)
}

fn provider(state: &WebState) -> Result<&Provider, Error> {
    let missing = || Error::NotFound("People sign in with a password here.".into());
    state.provider.as_deref().ok_or_else(missing)
}

/// What the provider sends back.
#[derive(Deserialize)]
pub struct Callback {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// Takes the browser back from the provider.
pub async fn callback(visit: Visit, headers: HeaderMap, Query(said): Query<Callback>) -> Response {
    let mut response = match come_back(&visit.state, &headers, &said, &visit.caller.request_id).await {
        Ok(response) => response,
        Err(error) => wrong(&visit, "/", &error),
    };
    set(&mut response, &make_cookie(&visit.state, COOKIE, "", 0));
    response
}

async fn come_back(state: &WebState, headers: &HeaderMap, said: &Callback, id: &str) -> Result<Response, Error> {
    let provider = provider(state)?;
    // A login that another browser began must not sign this one in.
    if said.state.is_empty() || cookie(headers, COOKIE) != Some(said.state.as_str()) {
        return Err(Error::Unauthenticated("This login was begun elsewhere, or took too long. Sign in again.".into()));
    }
    let (nonce, verifier, back) = state.app.resume_login(&said.state).await?;
    if !said.error.is_empty() || said.code.is_empty() {
        return Err(not_proved(&format!("the provider said {:?}", said.error)));
    }
    let who = provider.finish(said.code.clone(), nonce, &verifier).await?;
    let (_, token) = state.app.arrive(who, agent(headers), id).await?;
    Ok(begun(state, &token, &back))
}

fn wrong(visit: &Visit, back: &str, error: &Error) -> Response {
    show(visit, crate::error::status(error), back, "", &crate::error::public_text(error))
}
