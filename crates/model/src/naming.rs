//! Whose something is, where it runs, and what it is called there: one rule for every way in, that of the kinds Group,
//! Environment and Instance.

use crate::Ref;
use crate::field::{is_name, is_namespace};
use crate::kinds::instance::metadata_name;
use crate::reference::DEFAULT_NAMESPACE;
use sha2::{Digest, Sha256};

/// A team, as `booking`, `eu/booking` or `group:default/booking`.
pub const TEAM: &str =
    r"^([Gg]roup:)?([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// An environment, as `production` or `environment:default/production`.
pub const ENVIRONMENT: &str = r"^([Ee]nvironment:)?([Dd]efault/)?[A-Za-z0-9]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?$";
/// What something is called in its environment.
pub const NAME: &str = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,59}[A-Za-z0-9])?$";
/// How many characters a name and its environment have together at most: with a dot between them they are a name.
pub const TOGETHER: usize = 62;

/// What letters and digits are joined by, for people.
const SIGNS: &str = "Use letters and digits, joined by";

/// Why a text is not a name of something, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub mend: String,
}

fn unfit<T>(message: impl Into<String>, mend: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { message: message.into(), mend: mend.into() })
}

/// Reads the name of a team.
///
/// # Errors
/// What keeps it from being the name of a group.
pub fn team(text: &str) -> Result<Ref, Unfit> {
    let mend = "Give it as booking, eu/booking or group:default/booking.";
    let team = match Ref::parse(text, Some("group"), DEFAULT_NAMESPACE) {
        Ok(team) if team.kind() == "group" => team,
        _ => return unfit(format!("{text:?} is not the name of a team"), mend),
    };
    for part in [team.namespace(), team.name()] {
        long("The name of a team", part)?;
    }
    let spaced = is_name(team.namespace()) && !team.namespace().contains(['_', '.']);
    match spaced && is_name(team.name()) {
        true => Ok(team),
        false => unfit(format!("{text:?} is not the name of a team"), format!("{SIGNS} -, _ and dots. {mend}")),
    }
}

/// Reads the name of an environment.
///
/// # Errors
/// What keeps it from being one.
pub fn environment(text: &str) -> Result<String, Unfit> {
    let message = || format!("{text:?} is not the name of an environment");
    let read = Ref::parse(text, Some("environment"), DEFAULT_NAMESPACE);
    let read = read.ok().filter(|found| found.kind() == "environment" && found.namespace() == DEFAULT_NAMESPACE);
    let Some(found) = read else {
        return unfit(message(), "Give it as production or environment:default/production.");
    };
    long("The name of an environment", found.name())?;
    match is_name(found.name()) && !found.name().contains('.') {
        true => Ok(found.name().to_owned()),
        false => unfit(message(), format!("{SIGNS} - and _.")),
    }
}

/// Passes for what something may be called in an environment.
///
/// # Errors
/// What keeps it from being a name there.
pub fn name(name: &str, environment: &str) -> Result<(), Unfit> {
    let whole = metadata_name(name, environment);
    let length = whole.chars().count() - 1;
    if length > TOGETHER {
        let left = TOGETHER.saturating_sub(environment.chars().count());
        let message = format!("Name and environment have {length} characters together, and may have {TOGETHER}");
        let mend = match left {
            0 => "Choose an environment with a shorter name.".to_owned(),
            left => format!("In {environment}, choose a name of at most {left}."),
        };
        return unfit(message, mend);
    }
    match is_name(name) {
        true => Ok(()),
        false => unfit(format!("{name:?} cannot be a name"), format!("{SIGNS} -, _ and dots.")),
    }
}

/// The plain name of something that everybody shares, such as an offering, however it is named in full:
/// `offering:default/postgres`, `offering/postgres` or `default/postgres`. What names something else stays as it is.
pub fn shared<'a>(kind: &str, text: &'a str) -> &'a str {
    let without = |text: &'a str, front: &str, sign: char| {
        let split = text.split_once(sign)?;
        split.0.eq_ignore_ascii_case(front).then_some(split.1)
    };
    let rest = without(text, kind, ':').or_else(|| without(text, kind, '/')).unwrap_or(text);
    without(rest, DEFAULT_NAMESPACE, '/').unwrap_or(rest)
}

fn long(what: &str, text: &str) -> Result<(), Unfit> {
    let length = text.chars().count();
    match length > 63 {
        true => unfit(format!("{what} has {length} characters, and may have 63"), "Choose a shorter one."),
        false => Ok(()),
    }
}

/// What is said of a text that does not fit one of the patterns here; none for other patterns.
pub fn words(pattern: &str, text: &str) -> Option<Unfit> {
    match pattern {
        TEAM => team(text).err(),
        ENVIRONMENT => environment(text).err(),
        NAME => name(text, "x").err(),
        _ => None,
    }
}

/// The namespace of what a team has: its name, where that can be a namespace and the team is one of the organisation
/// itself; else the words of its name with a digest, so that no two teams share one.
pub fn namespace(team: &Ref) -> String {
    let own = team.namespace() == DEFAULT_NAMESPACE;
    if own && is_namespace(team.name()) {
        return team.name().to_owned();
    }
    let all = if own { team.name().to_owned() } else { format!("{}-{}", team.namespace(), team.name()) };
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let folded: String = all.chars().map(fold).collect();
    let words: Vec<&str> = folded.split('-').filter(|word| !word.is_empty()).collect();
    let digest: String =
        Sha256::digest(team.as_str().as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let front: String = words.join("-").chars().take(63 - 1 - digest.len()).collect();
    format!("{}-{digest}", front.trim_end_matches('-')).trim_start_matches('-').to_owned()
}

/// The namespace that a team outside the rule for names had in earlier versions; what is there stays there.
pub fn earlier_namespace(team: &Ref) -> String {
    match team.namespace() {
        DEFAULT_NAMESPACE => team.name().to_owned(),
        other => format!("{other}--{}", team.name()),
    }
}
