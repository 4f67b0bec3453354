//! A server below a path of its host, such as `https://example.org/portal`: what comes in may have the path before it or
//! not, as the proxy likes it; what goes out has it wherever a browser follows.
//!
//! Handlers know nothing of it. Addresses that leave the browser are made from the public address and have it already.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use loggia_app::Error;
use std::sync::Arc;

/// Largest page that is looked through, in bytes.
const LARGEST: usize = 64 << 20;

/// The attributes of a page that a browser follows.
const FOLLOWED: [&str; 5] = [" href=\"/", " src=\"/", " action=\"/", " formaction=\"/", " data-live=\"/"];

/// The path of the public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(Arc<str>);

impl Prefix {
    /// The path of an address, without a slash at its end; none for a server that has its host for itself.
    pub(crate) fn of(public_url: &str) -> Option<Prefix> {
        let path = url::Url::parse(public_url).ok()?.path().trim_end_matches('/').to_owned();
        (!path.is_empty()).then(|| Prefix(path.into()))
    }

    /// The request as handlers know it.
    pub(crate) fn inward(&self, mut request: Request) -> Request {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let rest = path.strip_prefix(&*self.0).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let inner = rest.map(|rest| if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") });
        if let Some(uri) = inner.and_then(|path| path.parse::<Uri>().ok()) {
            *request.uri_mut() = uri;
        }
        // Pages are looked through on their way out; the proxy before them presses them.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
        request
    }

    /// The answer as browsers outside need it.
    pub(crate) async fn outward(&self, mut response: Response) -> Response {
        self.headers(response.headers_mut());
        let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media.is_some_and(|media| media.starts_with("text/html")) {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, LARGEST).await else {
            return crate::error::Reply(Error::Internal("a page is too large".to_owned())).into_response();
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Response::from_parts(parts, Body::from(self.page(text))),
            Err(_) => Response::from_parts(parts, Body::from(bytes)),
        }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        // What browsers may fetch beforehand is said for a whole host.
        headers.remove("speculation-rules");
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        if let Some(Ok(value)) = location.map(|path| HeaderValue::from_str(&self.address(path))) {
            headers.insert(header::LOCATION, value);
        }
        let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
        headers.remove(header::SET_COOKIE);
        for cookie in cookies {
            let text = cookie.to_str().map(|text| text.replace("; Path=/;", &format!("; Path={};", self.0)));
            let own = text.ok().and_then(|text| HeaderValue::from_str(&text).ok());
            headers.append(header::SET_COOKIE, own.unwrap_or(cookie));
        }
    }

    /// An address as it is followed from outside; one that leads elsewhere, or has the path already, stays.
    fn address(&self, path: &str) -> String {
        let has = path.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
        let own = path.starts_with('/') && !path.starts_with("//") && !has;
        if own { format!("{}{path}", self.0) } else { path.to_owned() }
    }

    /// A page with the path before every address of ours that is followed. Quotes in texts are written otherwise, so
    /// nothing but markup looks so.
    fn page(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 16);
        let mut rest = text;
        while let Some((at, found)) = next(rest) {
            let (before, after) = rest.split_at(at + found.len() - 1);
            out.push_str(before);
            let end = after.find('"').unwrap_or(after.len());
            out.push_str(&self.address(&after[..end]));
            rest = &after[end..];
        }
        out.push_str(rest);
        out
    }
}

/// The next attribute that is followed.
fn next(text: &str) -> Option<(usize, &'static str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find("=\"/")?;
        let found = FOLLOWED.iter().find(|one| text[..at + 3].ends_with(**one));
        if let Some(found) = found {
            return Some((at + 3 - found.len(), found));
        }
        from = at + 3;
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Prefix};
    use axum::http::Request;

    #[test]
    fn only_what_is_followed_gets_the_path() {
        let prefix = Prefix::of("https://example.org/portal/").unwrap();
        for (before, after) in [
            ("<a href=\"/get\">", "<a href=\"/portal/get\">"),
            ("<a class=\"x\" href=\"/\"><b>", "<a class=\"x\" href=\"/portal/\"><b>"),
            ("<form action=\"/a?b=/c\"><input value=\"/d\">", "<form action=\"/portal/a?b=/c\"><input value=\"/d\">"),
            ("<a href=\"//other/x\"><a href=\"https://o/\">", "<a href=\"//other/x\"><a href=\"https://o/\">"),
            ("<a href=\"/portal/get\"><a href=\"/portals\">", "<a href=\"/portal/get\"><a href=\"/portal/portals\">"),
            ("<use href=\"#s-ok\"/><i data-copy=\"/x\">", "<use href=\"#s-ok\"/><i data-copy=\"/x\">"),
            ("href=&#34;/x&#34; ü <a href=\"/ü", "href=&#34;/x&#34; ü <a href=\"/portal/ü"),
        ] {
            assert_eq!(prefix.page(before), after);
        }
        for none in ["https://example.org", "https://example.org/", "http://127.0.0.1:7400"] {
            assert_eq!(Prefix::of(none), None);
        }
    }

    #[test]
    fn requests_may_have_the_path_or_not() {
        let prefix = Prefix::of("https://example.org/a/b").unwrap();
        for (asked, inner) in [
            ("/a/b", "/"),
            ("/a/b/", "/"),
            ("/a/b/get?x=1", "/get?x=1"),
            ("/a/b?x=1", "/?x=1"),
            ("/get", "/get"),
            ("/a/bc", "/a/bc"),
        ] {
            let request = Request::get(asked).body(Body::empty()).unwrap();
            assert_eq!(prefix.inward(request).uri().to_string(), inner, "{asked}");
        }
    }
}
