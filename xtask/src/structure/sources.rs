//! Calls and words that belong in one place or nowhere. The words are put together here, so that this file does not
//! contain them itself.

use super::code::{code_only, without_tests};

const LINES: usize = 400;

/// Calls that never belong outside tests.
const NOWHERE: &[(&str, &str)] = &[
    (concat!(".unw", "rap()"), "may panic; return an error"),
    (concat!(".exp", "ect("), "may panic; return an error"),
    (concat!("db", "g!("), "is for a moment of searching"),
    (concat!("to", "do!("), "is unfinished"),
    (concat!("unimpl", "emented!("), "is unfinished"),
    (concat!("uns", "afe {"), "is not allowed"),
];

/// Words in any source file that say that something is unfinished.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("#[ign", "ore")];

const CLOCK: &[&str] = &["SystemTime::now(", "Utc::now(", "Local::now("];
const RANDOMNESS: &[&str] = &["Uuid::now_v7(", "Uuid::new_v4(", "rand::rng(", "rand::random", "SysRng", "OsRng"];
const ENVIRONMENT: &[&str] = &["env::var(", "env::var_os(", "env::vars("];

/// Crates and the calls that they must be given the results of.
const GIVEN: &[(&str, &[&[&str]])] = &[
    ("crates/model/", &[CLOCK, RANDOMNESS, ENVIRONMENT]),
    ("crates/graph/", &[CLOCK, RANDOMNESS, ENVIRONMENT]),
    ("crates/store/", &[CLOCK, RANDOMNESS, ENVIRONMENT]),
    ("crates/app/", &[CLOCK, RANDOMNESS, ENVIRONMENT]),
    ("crates/drivers/", &[CLOCK, ENVIRONMENT]),
    ("crates/web/", &[CLOCK, RANDOMNESS, ENVIRONMENT]),
];

/// File, call, and why it may stand there.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("crates/app/src/clock.rs", "SystemTime::now(", "the one clock that everything else is given"),
    ("crates/app/src/clock.rs", "rand::rng(", "the one source of ids and secrets that everything else is given"),
    (
        "crates/drivers/src/lib.rs",
        "SystemTime::now(",
        "drivers name and date what they leave in the world by its own clock",
    ),
    ("crates/drivers/src/process.rs", "env::var_os(", "the search path of the programs that drivers start"),
];

pub fn problems(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        if path.ends_with(".rs") {
            rust(path, text, &mut found);
        }
        if [".rs", ".mjs", ".js", ".css", ".html", ".sql", ".sh", ".toml"].iter().any(|end| path.ends_with(end)) {
            for word in UNFINISHED {
                report(path, text, word, "is unfinished", &mut found);
            }
        }
    }
    found
}

fn rust(path: &str, text: &str, found: &mut Vec<String>) {
    let file = path.rsplit('/').next().unwrap_or(path);
    if path.contains("/tests/") || path.contains("/benches/") || file == "tests.rs" || file.ends_with("_tests.rs") {
        return;
    }
    let lines = text.lines().count();
    if lines > LINES {
        found.push(format!("{path}: {lines} lines, more than {LINES}"));
    }
    let code = without_tests(&code_only(text));
    for (call, why) in NOWHERE {
        report(path, &code, call, why, found);
    }
    for (_, calls) in GIVEN.iter().filter(|(folder, _)| path.starts_with(folder)) {
        for call in calls.iter().copied().flatten() {
            if !ALLOWED.iter().any(|(file, allowed, _)| *file == path && allowed == call) {
                report(path, &code, call, "belongs to the binary or the one place that gives it to all", found);
            }
        }
    }
}

fn report(path: &str, text: &str, word: &str, why: &str, found: &mut Vec<String>) {
    for (number, _) in text.lines().enumerate().filter(|(_, line)| line.contains(word)) {
        found.push(format!("{path}:{}: {word} {why}", number + 1));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_are_found_outside_tests_only() {
        let call = concat!("x.unw", "rap();");
        let text = format!("fn f() {{ {call} }}\n#[cfg(test)]\nmod tests {{ fn g() {{ {call} }} }}\n// {call}\n");
        let files = [("crates/model/src/a.rs".to_string(), text + "fn h() { Utc::now(); }")];
        let found = super::problems(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/model/src/a.rs:1:") && found[1].starts_with("crates/model/src/a.rs:5:"));
    }
}
