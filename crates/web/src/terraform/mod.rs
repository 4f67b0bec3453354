//! The state of Terraform and OpenTofu, in their HTTP protocol: `GET`, `POST`, `DELETE`, `LOCK` and `UNLOCK` on one
//! address for each instance. Who asks shows the credential of that one state.

use crate::error::Reply;
use crate::state::WebState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use loggia_app::instance::driver::Secret;
use loggia_app::state::Kept;
use loggia_app::{Error, Result};
use loggia_model::Uid;
use serde::Deserialize;
use serde_json::Value;

/// The largest state, in bytes.
const LIMIT: usize = 20 << 20;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/api/v1/state/{uid}", any(serve).layer(DefaultBodyLimit::max(LIMIT)))
}

/// The query of a request that changes a state.
#[derive(Deserialize)]
struct Lock {
    /// Identity of the lock that it holds.
    #[serde(rename = "ID")]
    id: Option<String>,
}

async fn serve(
    State(state): State<WebState>,
    Path(uid): Path<String>,
    Query(lock): Query<Lock>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&state, &uid, lock.id.as_deref(), (&method, &headers, &body)).await.unwrap_or_else(refuse)
}

async fn answer(
    state: &WebState,
    uid: &str,
    lock: Option<&str>,
    (method, headers, body): (&Method, &HeaderMap, &Bytes),
) -> Result<Response> {
    let refused = || Error::Unauthenticated("This is not the credential of this state.".into());
    let uid: Uid = uid.parse().map_err(|_| refused())?;
    let app = &state.app;
    app.may_use_state(uid, &crate::git::password(headers).ok_or_else(refused)?)?;
    let kept = match method.as_str() {
        "GET" => {
            return Ok(match app.state(uid).await? {
                // Revealed to the run that holds what it describes.
                Some(text) => ([(header::CONTENT_TYPE, "application/json")], text.reveal().to_owned()).into_response(),
                None => StatusCode::NO_CONTENT.into_response(),
            });
        }
        "POST" => {
            let text = json(body)?.to_string();
            app.keep_state(uid, lock, &Secret::new(text)).await?
        }
        "DELETE" => app.forget_state(uid, lock).await?,
        "LOCK" => app.lock_state(uid, &json(body)?).await?,
        // Nothing said, as `force-unlock` does: by force.
        "UNLOCK" if body.is_empty() => app.unlock_state(uid, None).await?,
        "UNLOCK" => {
            let info = json(body)?;
            app.unlock_state(uid, info["ID"].as_str()).await?
        }
        _ => {
            let allowed = [(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE, LOCK, UNLOCK"))];
            return Ok((StatusCode::METHOD_NOT_ALLOWED, allowed).into_response());
        }
    };
    Ok(match kept {
        Kept::Done => StatusCode::OK.into_response(),
        Kept::Held(info) => (StatusCode::LOCKED, axum::Json(info)).into_response(),
    })
}

fn json(body: &Bytes) -> Result<Value> {
    serde_json::from_slice(body).map_err(|error| {
        Error::invalid("state.json", "", format!("This is no JSON: {error}"), "Send it as Terraform does.")
    })
}

/// Errors as problem documents; 401 asks for the credential.
fn refuse(error: Error) -> Response {
    let unknown = matches!(error, Error::Unauthenticated(_));
    let mut response = Reply(error).into_response();
    if unknown {
        let ask = HeaderValue::from_static("Basic realm=\"Loggia\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    }
    response
}
