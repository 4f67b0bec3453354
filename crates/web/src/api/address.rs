//! Finds the route of a request. The verb of a command stands behind the last colon of a path, which no router of
//! whole segments can see, so paths are matched here.

use super::route::Route;
use axum::http::Method;

/// What a path leads to.
pub enum Found {
    /// A route, with the segments that vary.
    Route(&'static Route, Vec<(&'static str, String)>),
    /// The path is right, the method is not; these are.
    Methods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// Finds the route of a method and a path. The most literal path wins, and only its methods count.
pub fn find(routes: &'static [Route], method: &Method, path: &str) -> Found {
    let Some(parts) = parts(path) else { return Found::Nothing };
    let mut best: Option<(u64, &'static str)> = None;
    for route in routes {
        if let Some(worth) = worth(route.path, &parts)
            && best.is_none_or(|(known, _)| worth > known)
        {
            best = Some((worth, route.path));
        }
    }
    let Some((_, path)) = best else { return Found::Nothing };
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    match routes.iter().find(|route| route.path == path && route.method == *wanted) {
        Some(route) => Found::Route(route, named(route.path, parts)),
        None => Found::Methods(methods(routes, path)),
    }
}

fn methods(routes: &'static [Route], path: &str) -> Vec<&'static str> {
    let mut methods: Vec<&str> = routes.iter().filter(|r| r.path == path).map(|r| r.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods
}

/// The decoded parts of a path, the verb of the last segment as a part of its own with its colon.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    for (at, segment) in segments.iter().enumerate() {
        let (segment, verb) = match segment.rsplit_once(':') {
            Some((front, verb)) if at + 1 == segments.len() => (front, Some(verb)),
            _ => (*segment, None),
        };
        parts.push(decode(segment)?);
        parts.extend(verb.map(|verb| format!(":{verb}")));
    }
    Some(parts)
}

/// Undoes percent-encoding; none for what is no text or could be taken for a path.
fn decode(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok())?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                at += 3;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The parts of a declared path.
fn declared(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').skip(1).flat_map(|segment| {
        let verb = segment.rfind(':');
        let front = verb.map_or(segment, |at| &segment[..at]);
        std::iter::once(front).chain(verb.map(|at| &segment[at..]))
    })
}

/// How well a declared path fits: literal parts count more the earlier they stand.
fn worth(path: &'static str, parts: &[String]) -> Option<u64> {
    let mut worth = 1u64;
    let mut declared = declared(path);
    for part in parts {
        let wanted = declared.next()?;
        worth = match wanted.starts_with('{') {
            true if !part.is_empty() && !part.starts_with(':') => worth << 1,
            false if wanted == part => (worth << 1) | 1,
            _ => return None,
        };
    }
    declared.next().is_none().then_some(worth)
}

fn named(path: &'static str, parts: Vec<String>) -> Vec<(&'static str, String)> {
    let names = declared(path).map(|part| part.strip_prefix('{').and_then(|p| p.strip_suffix('}')));
    names.zip(parts).filter_map(|(name, part)| Some((name?, part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> String {
        match find(crate::api::registry::all(), &method.parse().unwrap(), path) {
            Found::Route(route, named) => {
                let values: Vec<String> = named.into_iter().map(|(_, value)| value).collect();
                format!("{} {}", route.id, values.join(" "))
            }
            Found::Methods(methods) => methods.join(","),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn the_most_literal_path_wins_and_verbs_stand_behind_the_last_colon() {
        assert_eq!(route("GET", "/api/v1/records/component/default/web"), "getRecord component default web");
        assert_eq!(route("GET", "/api/v1/components/default/web"), "getByPlural components default web");
        assert_eq!(route("POST", "/api/v1/instances/booking/orders.dev:retry"), "retryInstance booking orders.dev");
        assert_eq!(route("GET", "/api/v1/instances/booking/orders.dev:retry"), "POST");
        assert_eq!(route("GET", "/api/v1/orders"), "POST");
        assert_eq!(route("GET", "/api/v1/records:apply"), "POST");
        assert_eq!(route("HEAD", "/api/v1/me"), "me ");
        assert_eq!(route("GET", "/api/v1/components/default/we%62"), "getByPlural components default web");
        assert_eq!(route("GET", "/api/v1/components/default/we%ff"), "nothing");
        assert_eq!(route("GET", "/api/v1/components//web"), "nothing");
        assert_eq!(route("GET", "/api/v1/operations/1/2/3/4"), "nothing");
    }
}
