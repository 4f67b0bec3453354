//! The cookie of a session, and where to go when one begins.

use crate::caller::COOKIE;
use crate::state::WebState;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use loggia_app::access::login::SESSION_SECONDS;
use loggia_app::instance::driver::Secret;

/// Whether browsers shall send cookies over TLS only.
fn secure(state: &WebState) -> &'static str {
    if state.app.settings.public_url.starts_with("https://") { "; Secure" } else { "" }
}

/// A cookie that only this server reads.
pub fn cookie(state: &WebState, name: &str, value: &str, seconds: i64) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{}", secure(state))
}

/// Adds a cookie to an answer.
pub fn set(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The way on, with the cookie of a session that has begun.
pub fn begun(state: &WebState, token: &Secret, back: &str) -> Response {
    let mut response = Redirect::to(within(back)).into_response();
    // The cookie is what the token is for.
    set(&mut response, &cookie(state, COOKIE, token.reveal(), SESSION_SECONDS));
    response
}

/// The way home, without a session.
pub fn ended(state: &WebState) -> Response {
    let mut response = Redirect::to("/login").into_response();
    set(&mut response, &cookie(state, COOKIE, "", 0));
    response
}

/// An address within this server; the first page for everything else.
pub fn within(back: &str) -> &str {
    let safe = back.starts_with('/')
        && !back.starts_with("//")
        && !back.contains(['\\', '\r', '\n', '\t'])
        && !["/login", "/logout"].iter().any(|path| back.starts_with(path));
    if safe { back } else { "/" }
}

/// What the browser says it is.
pub fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn leads_to_nobody_else() {
        for foreign in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nb"] {
            assert_eq!(within(foreign), "/", "{foreign}");
        }
        assert_eq!(within("/get/postgres?plan=small"), "/get/postgres?plan=small");
        assert_eq!(within("/login?back=/login"), "/");
    }
}
