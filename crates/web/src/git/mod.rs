//! Git over HTTP: who may read or write a repository, and nothing else; Git itself is behind
//! [`loggia_app::instance::git_http::GitBackend`].
//!
//! Git clients send a name and a password: the password is a token, the name does not matter. A bearer token works too.

use crate::caller::{By, by_token};
use crate::error::{public_text, status};
use crate::state::WebState;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, TryStreamExt, stream};
use loggia_app::instance::driver::Failure;
use loggia_app::instance::git_http::{Body as GitBody, GitAddress, GitRequest};
use loggia_app::{App, Caller, Door, Error};
use loggia_model::Record;
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/git/{*rest}", any(serve))
}

async fn serve(State(state): State<WebState>, By(caller): By, request: Request) -> Response {
    match answer(&state, caller, request).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

async fn answer(state: &WebState, caller: Caller, request: Request) -> Result<Response, Error> {
    let missing = || Error::NotFound("There is no such repository.".into());
    let caller = match password(request.headers()) {
        Some(token) if !caller.is_signed_in() => by_token(state, &token, Door::Git, &caller.request_id).await?,
        _ => caller,
    };
    let (parts, body) = request.into_parts();
    let git = state.git.as_ref().ok_or_else(missing)?;
    let path = parts.uri.path().strip_prefix("/git").unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    if parts.method == Method::GET
        && let Some(address) = git.file_address(path)
    {
        state.app.git_access(&caller, &address)?;
        let found = git.file(path).await.map_err(|failure| unserved(&failure))?;
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        return found.map(|bytes| ([kind], bytes).into_response()).ok_or_else(missing);
    }
    let Some(address) = git.address(parts.method.as_str(), path, query) else {
        // Without a token the answer is the same for every address.
        loggia_app::access::policy::admit(&caller, loggia_app::access::policy::Action::GitRead)?;
        return Err(missing());
    };
    let instance = state.app.git_access(&caller, &address)?;
    if address.write {
        state.app.writable(&caller)?;
    }
    let text = |name: HeaderName| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let request = GitRequest {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: text(header::CONTENT_TYPE),
        content_encoding: text(header::CONTENT_ENCODING),
        content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        protocol: text(HeaderName::from_static("git-protocol")),
        user: caller.name(),
        body: Box::pin(body.into_data_stream().map_err(std::io::Error::other)),
    };
    let (reads, writes) = (fetches(&address, &request.method), address.write && parts.method == Method::POST);
    let answer = git.serve(request).await.map_err(|failure| unserved(&failure))?;
    let answer = answer.ok_or_else(missing)?;
    let mut response = if reads && answer.status == 200 {
        Response::new(Body::from_stream(counted(Arc::clone(&state.app), caller, instance, answer.body)))
    } else if writes {
        Response::new(Body::from_stream(told(state.clone(), instance, address, answer.body)))
    } else {
        Response::new(Body::from_stream(answer.body))
    };
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn unserved(failure: &Failure) -> Error {
    tracing::error!(message = %failure.message, "git cannot be served");
    Error::Unavailable("Git cannot be served now. Try again in a moment.".into())
}

/// Whether a request may take something out of a repository. Before a fetch, and when there is nothing new, clients only
/// ask what there is.
fn fetches(address: &GitAddress, method: &str) -> bool {
    !address.write && method == "POST"
}

/// A body that is noted as a fetch when objects are sent in it.
fn counted(app: Arc<App>, caller: Caller, instance: Arc<Record>, body: GitBody) -> GitBody {
    let mut waiting = Some((Pack::default(), app, caller, instance));
    Box::pin(body.inspect_ok(move |chunk| {
        if let Some((_, app, caller, instance)) = waiting.take_if(|(pack, ..)| pack.begins_in(chunk)) {
            note(app, caller, instance);
        }
    }))
}

/// A body after whose end it is looked what became of a change that waits, and what the repository says of itself.
fn told(state: WebState, instance: Arc<Record>, repository: GitAddress, body: GitBody) -> GitBody {
    let after = stream::once(async move {
        state.app.pushed_to(&instance);
        state.sources.places.pushed(&repository).await;
    });
    Box::pin(body.map(Some).chain(after.map(|()| None)).filter_map(std::future::ready))
}

/// Looks for the beginning of objects in an answer, whichever version of the protocol it is in: `PACK` on the first
/// band, or after the last line of the negotiation where there are no bands. Names of branches cannot contain either.
#[derive(Default)]
struct Pack {
    /// The end of the chunk before.
    tail: Vec<u8>,
}

impl Pack {
    const SIGNS: [&[u8]; 2] = [b"\x01PACK", b"NAK\nPACK"];
    const LONGEST: usize = 8;

    fn begins_in(&mut self, chunk: &[u8]) -> bool {
        let has = |bytes: &[u8]| Pack::SIGNS.iter().any(|sign| bytes.windows(sign.len()).any(|part| part == *sign));
        self.tail.extend(&chunk[..chunk.len().min(Pack::LONGEST)]);
        let found = has(&self.tail) || has(chunk);
        self.tail.extend(&chunk[chunk.len().min(Pack::LONGEST)..]);
        self.tail.drain(..self.tail.len().saturating_sub(Pack::LONGEST));
        found
    }
}

fn note(app: Arc<App>, caller: Caller, instance: Arc<Record>) {
    tokio::spawn(async move {
        if let Err(error) = app.note_fetch(&caller, &instance).await {
            tracing::debug!(%error, "a fetch could not be counted");
        }
    });
}

/// The password of a Basic header.
pub(crate) fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let both = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()?;
    let both = String::from_utf8(both).ok()?;
    both.split_once(':').map(|(_, password)| password.to_owned()).filter(|password| !password.is_empty())
}

/// Errors as Git clients show them: plain text; 401 asks for a name and a password.
fn refuse(error: &Error) -> Response {
    let mut response = (status(error), public_text(error) + "\n").into_response();
    if matches!(error, Error::Unauthenticated(_)) {
        let ask = HeaderValue::from_static("Basic realm=\"Loggia\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_wherever_the_answer_is_cut() {
        let begins = |parts: &[&[u8]]| {
            let mut pack = Pack::default();
            parts.iter().any(|part| pack.begins_in(part))
        };
        let answer = b"000dpackfile\n0015\x02Counting: 3\n0031\x01PACK\0\0\0\x02";
        for at in 0..answer.len() {
            assert!(begins(&[&answer[..at], &answer[at..]]), "cut at {at}");
        }
        assert!(begins(&answer.iter().map(std::slice::from_ref).collect::<Vec<_>>()), "byte by byte");
        assert!(begins(&[b"0008NAK\nPACK"]));
        assert!(!begins(&[b"003d1f refs/heads/PACK\n", b"PACK", b"0000"]));
    }

    #[test]
    fn the_password_is_the_token_whatever_the_name() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
            password(&headers)
        };
        assert_eq!(read("Basic YW1hcmE6bGd0X3g6eQ=="), Some("lgt_x:y".into()));
        assert_eq!(read("Basic YW1hcmE6"), None);
        assert_eq!(read("Bearer x"), None);
        assert_eq!(read("Basic %%%"), None);
    }
}
