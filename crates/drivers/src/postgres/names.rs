//! Names within the server.

use loggia_app::instance::driver::Request;
use sha2::{Digest, Sha256};

/// Longest name that PostgreSQL keeps, in bytes.
const LONGEST: usize = 63;

/// The name of role and database: readable, and different for every key.
pub(super) fn name(request: &Request) -> String {
    let digest = Sha256::digest(request.key.as_bytes());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let parts = format!("{}_{}_{}", request.namespace, request.name, request.environment);
    let mut readable: String = parts.chars().map(plain).take(LONGEST - short.len() - 1).collect();
    // An identifier that starts with a digit, or like those of the server itself, is trouble for its users.
    if !readable.starts_with(|c: char| c.is_ascii_lowercase()) || readable.starts_with("pg_") {
        readable = format!("db_{}", &readable[..readable.len().min(LONGEST - short.len() - 4)]);
    }
    format!("{readable}_{short}")
}

/// The name of another role at the same database: readable as far as there is room, and different for every mark.
pub(super) fn beside(database: &str, what: &str, mark: &str) -> String {
    let digest = Sha256::digest(mark.as_bytes());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let what: String = what.chars().map(plain).take(20).collect();
    let room = LONGEST - short.len() - what.len() - 2;
    let begin: String = database.chars().take(room).collect();
    format!("{begin}_{what}_{short}")
}

/// The comment that says whose it is.
pub(super) fn comment(key: &str) -> String {
    format!("loggia:{key}")
}

/// A quoted identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

/// A quoted text.
pub(super) fn literal(text: &str) -> String {
    let text = text.replace('\0', "");
    match text.contains('\\') {
        true => format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal, name};
    use loggia_app::instance::driver::Request;

    fn of(team: &str, named: &str) -> String {
        let (namespace, named) = (team.to_owned(), named.to_owned());
        name(&Request { key: "k".into(), namespace, name: named, environment: "dev".into(), ..Request::default() })
    }

    #[test]
    fn names_fit_and_read_well() {
        assert!(of("booking", "quotes").starts_with("booking_quotes_dev_"));
        assert!(of("9team", "x-y").starts_with("db_9team_x_y_dev_"));
        assert!(of("pg", "x").starts_with("db_pg_x_dev_"));
        let long = of(&"a".repeat(80), "x");
        assert_eq!(long.len(), 63);
        assert_eq!(of("9".repeat(80).as_str(), "x").len(), 63);
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
