//! Where settings lead. Two questions, of two kinds of people: the settings of a backend are written by administrators,
//! and are read for what looks like a place, so that a slip is seen; those of a recipe are written by whoever offers
//! something, and must show that they name no place that is not allowed.

use serde_json::{Map, Value};
use std::net::IpAddr;
use url::Url;

/// The end of the name of a setting that holds a place, whatever the place looks like.
const PLACES: [&str; 21] = [
    "host",
    "hostname",
    "hostaddr",
    "address",
    "addr",
    "server",
    "endpoint",
    "url",
    "uri",
    "socket",
    "proxy",
    "domain",
    "broker",
    "node",
    "peer",
    "remote",
    "upstream",
    "gateway",
    "target",
    "destination",
    "dsn",
];
/// The least number that is an address of the network when it is read as one, such as 2130706433.
const ADDRESS: u64 = 1 << 24;

/// The hosts and sockets that the settings of a backend lead to: what stands under a name such as `host`, and every
/// value that reads as an address.
pub(crate) fn addresses(settings: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in settings {
        collect(is_place(key), value, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn is_place(key: &str) -> bool {
    let last = key.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    let one = lower.strip_suffix("es").filter(|one| one.ends_with("address")).or(lower.strip_suffix('s'));
    // Many words end in "ip".
    let ip = matches!(&*lower, "ip" | "ips") || last.ends_with("Ip") || last.ends_with("IP");
    ip || PLACES.iter().any(|place| lower.ends_with(place) || one.is_some_and(|one| one.ends_with(place)))
}

/// `named` says that the name of the setting, or one around it, is that of a place.
fn collect(named: bool, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(parts(text).filter_map(|part| address(named, part))),
        Value::Number(number) if named => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|one| collect(named, one, found)),
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(named || is_place(key), value, found)),
        _ => {}
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ",;".contains(c)).filter(|part| !part.is_empty())
}

fn address(named: bool, text: &str) -> Option<String> {
    if text.contains("://") {
        let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        return Some(host.map_or_else(|| text.to_owned(), |host| host.trim_end_matches('.').to_owned()).to_lowercase());
    }
    // One of `host=a user=b`.
    if let Some((key, value)) = text.split_once('=') {
        return address(is_place(key), value).filter(|found| !found.is_empty());
    }
    let bare = match text.strip_prefix("//") {
        Some(rest) => host_of(rest),
        None if text.starts_with('/') => text,
        None => host_of(text),
    };
    // `ops@example.com` is a person.
    let looks = text.starts_with("//") || is_remote(text) || (!text.contains('@') && reads_as_host(bare));
    (!bare.is_empty() && (named || looks)).then(|| bare.to_lowercase())
}

/// Whether a text is of the form `user@host:path`.
fn is_remote(text: &str) -> bool {
    text.split_once('@').is_some_and(|(_, rest)| rest.contains(':'))
}

/// The host of `user@host:port/path`, without a dot at its end.
fn host_of(text: &str) -> &str {
    let text = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let host = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None if text.matches(':').count() == 1 => text.split(':').next().unwrap_or_default(),
        None => text,
    };
    host.trim_end_matches('.')
}

/// Whether a text reads as an IP address, also as one number, or as a name with a domain. A version such as `16.2` does
/// not.
fn reads_as_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() || text.parse::<u32>().is_ok_and(|number| u64::from(number) >= ADDRESS) {
        return true;
    }
    let labels: Vec<&str> = text.split('.').collect();
    let fits = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let ends_in_a_word = labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_alphabetic()));
    labels.len() > 1 && ends_in_a_word && labels.iter().all(fits)
}

/// The first setting of a recipe that may name a place other than `hosts`; none when all show that they do not. `free`
/// says which settings are never taken for a place. No text is trusted for how it looks: a host can be spelled in more
/// ways than anybody lists.
pub(crate) fn doubtful<'a>(
    recipe: &'a Map<String, Value>,
    free: impl Fn(&str) -> bool,
    hosts: &[String],
) -> Option<&'a str> {
    let shown = |name: &str, value: &Value| free(name) || (is_word(name) && only(value, hosts));
    recipe.iter().find(|(name, value)| !shown(name, value)).map(|(name, _)| name.as_str())
}

/// Whether the name of a setting is a plain word, and cannot be a message itself.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Whether a value can name nothing but `hosts`.
fn only(value: &Value, hosts: &[String]) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        // A greater number, or one with a dot, is an address to some programs.
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|number| number.unsigned_abs() < ADDRESS);
            small || leads_to(&number.to_string(), hosts)
        }
        Value::String(text) => leads_to(text, hosts) || parts(text).all(|part| leads_to(part, hosts)),
        Value::Array(list) => list.iter().all(|one| only(one, hosts)),
        Value::Object(map) => map.iter().all(|(name, value)| leads_to(name, hosts) && only(value, hosts)),
    }
}

/// Whether a text is one of `hosts`, or such a host with a scheme before it, a port behind it and a plain path.
fn leads_to(text: &str, hosts: &[String]) -> bool {
    let is_host = |text: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(text));
    if is_host(text) {
        return true;
    }
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => rest,
        Some(_) => return false,
        None => text,
    };
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b));
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.len() <= 5 && port.parse::<u16>().is_ok() => host,
        _ => place,
    };
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    plain && (is_host(place) || is_host(host) || inside.is_some_and(|host| host.contains(':') && is_host(host)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const GOOD: &str = "db.example.com";

    fn passes(recipe: &Value) -> bool {
        doubtful(recipe.as_object().unwrap(), |_| false, &[GOOD.to_owned()]).is_none()
    }

    #[test]
    fn finds_where_settings_of_a_backend_lead() {
        for (config, expected) in [
            (json!({"host": "db", "port": 5432, "any_major": true, "version": "16.2"}), vec!["db"]),
            (json!({"public_host": "DB.example.com"}), vec!["db.example.com"]),
            (json!({"clusterEndpoint": "db:5432", "socket": "/run/pg"}), vec!["/run/pg", "db"]),
            (json!({"target": "https://x.example.com:8443/a"}), vec!["x.example.com"]),
            (json!({"nodes": [{"a": "10.0.0.1:99"}, "b.example.com"]}), vec!["10.0.0.1", "b.example.com"]),
            (json!({"user": "app", "database": "main", "sslmode": "verify-full"}), vec![]),
            (json!({"hosts": ["evil"], "servers": "evil2:9092,evil3"}), vec!["evil", "evil2", "evil3"]),
            (json!({"endpoints": {"a": "evil:1"}}), vec!["evil"]),
            (json!({"dsn": "host=evil port=1 user=x"}), vec!["evil"]),
            (json!({"connection": "hostaddr=evil;user=x"}), vec!["evil"]),
            (
                json!({"a": "evil.example.com.", "b": "evil2.example.com/put"}),
                vec!["evil.example.com", "evil2.example.com"],
            ),
            (json!({"a": "//evil/x", "b": "2130706433", "c": "git@evil2:x.git"}), vec!["2130706433", "evil", "evil2"]),
            (
                json!({"httpProxy": "a", "ip": "b", "publicIp": "c", "domain": "d", "brokers": "e"}),
                vec!["a", "b", "c", "d", "e"],
            ),
            (json!({"skip": "a", "owner": "ops@example.org", "host": "db/put"}), vec!["db"]),
            (json!({"host": 2_130_706_433}), vec!["2130706433"]),
            (json!({"host": "[::1]:5432"}), vec!["::1"]),
        ] {
            assert_eq!(addresses(config.as_object().unwrap()), expected, "{config}");
        }
    }

    #[test]
    fn a_recipe_names_what_is_allowed() {
        for recipe in [
            json!({}),
            json!({"a": GOOD, "b": "DB.example.com:5432", "c": "https://db.example.com:443/a/b.c"}),
            json!({"a": [GOOD, format!("{GOOD}:1,{GOOD}:2")], "b": {GOOD: true}}),
            json!({"a": true, "b": 16, "c": null, "d": "", "e": -1}),
        ] {
            assert!(passes(&recipe), "{recipe}");
        }
    }

    /// Every way in which a place was smuggled past a reader that looks for what looks like one.
    #[test]
    fn a_recipe_names_nothing_else() {
        for recipe in [
            json!({"hosts": ["evil"]}),
            json!({"servers": "evil:9092"}),
            json!({"endpoints": {"a": "evil:1"}}),
            json!({"endpoints": {"evil": 1}}),
            json!({"dsn": "host=evil port=1"}),
            json!({"a": "db.example.com."}),
            json!({"a": "evil/put"}),
            json!({"a": "//evil/x"}),
            json!({"a": "2130706433"}),
            json!({"a": 2_130_706_433}),
            json!({"a": 10.1}),
            json!({"a": "0x7f000001"}),
            json!({"a": "git@evil:x.git"}),
            json!({"a": "db.example.com,evil"}),
            json!({"a": "https://db.example.com@evil/"}),
            json!({"a": "https://db.example.com\\@evil/"}),
            json!({"a": "https://db.example.com:443@evil/"}),
            json!({"a": "https://evil#db.example.com"}),
            json!({"proxy": "evil"}),
            json!({"evil.example.com": true}),
            json!({"2130706433": true}),
        ] {
            assert!(!passes(&recipe), "{recipe}");
        }
    }

    /// Texts put together from what addresses are made of.
    fn spelling() -> impl Strategy<Value = String> {
        let atoms = [
            "evil", "evil", GOOD, GOOD, ".", ":", "/", "//", "@", ",", " ", ";", "=", "host", "\\", "?", "#", "%40",
            "[", "]", "9092", "https://", "tcp", "0x7f", "\n", "\t", "-",
        ];
        proptest::collection::vec(proptest::sample::select(atoms.to_vec()), 1..9).prop_map(|atoms| atoms.concat())
    }

    /// A recipe that holds a value somewhere.
    fn within(form: u8, value: &str) -> Value {
        match form % 6 {
            0 => json!({"a": value}),
            1 => json!({"hosts": [GOOD, value]}),
            2 => json!({"a": {"b": {"c": value}}}),
            3 => json!({"a": {value: 1}}),
            4 => json!({"a": [{GOOD: [value]}], "b": 1}),
            _ => json!({"a": 1, value: true}),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        /// Whatever passes leads to the allowed host and to no other, as a person reads it: each piece begins with it,
        /// after a scheme at most, and nothing but a port or a path comes behind it.
        #[test]
        fn no_spelling_leads_elsewhere(text in spelling(), form in any::<u8>()) {
            let recipe = within(form, &text);
            if passes(&recipe) && form % 6 != 5 {
                for piece in text.split([',', ';', ' ', '\n', '\t']).filter(|piece| !piece.is_empty()) {
                    let host = piece.split("://").last().unwrap().split('/').next().unwrap();
                    let port = host.strip_prefix(GOOD);
                    prop_assert!(matches!(port, Some("" | ":9092")), "{recipe}");
                }
            }
            // A text that names no allowed host at all passes in no place.
            if text.contains("evil") && !text.contains(GOOD) && form % 6 != 5 {
                prop_assert!(!passes(&recipe), "{recipe}");
            }
        }
    }
}
