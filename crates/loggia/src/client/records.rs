//! Reading what is known: lists, one thing, its history, search.

use super::follow::tries;
use super::http::{Access, Api, part};
use super::output::{Output, Table, day, items, minute, print, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::Args;
use loggia_model::yaml;
use loggia_model::{Kind, Ref, Uid, kinds};
use serde_json::{Value, json};

/// Arguments of `loggia get`.
#[derive(Args, Debug)]
pub struct GetArgs {
    /// A kind, such as offerings, or one thing, such as offering/postgres or instance/booking/orders.production; or
    /// operation/ID.
    #[arg(value_name = "KIND|KIND/NAME")]
    what: String,
    /// Only what fits, such as spec.owner=group:default/runtime-team; several filters mean any of them.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Only what has this text in its name, title or description.
    #[arg(long, short, value_name = "TEXT")]
    query: Option<String>,
    /// As it was at this time, such as 2026-01-31T12:00:00Z (one thing only).
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia describe`.
#[derive(Args, Debug)]
pub struct DescribeArgs {
    /// The thing, such as offering/postgres, instance/booking/orders.production or instance:booking/orders.production.
    #[arg(value_name = "KIND/NAME")]
    pub what: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub access: Access,
}

/// Arguments of `loggia history`.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// The thing, there or gone, such as offering/postgres; or its identity, which no other thing ever has.
    #[arg(value_name = "KIND/NAME|UID")]
    what: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia search`.
#[derive(Args, Debug)]
pub struct SearchArgs {
    /// Words; the last one may be incomplete.
    #[arg(required = true)]
    words: Vec<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// The kind of a name in singular or plural.
///
/// # Errors
/// When there is none.
pub fn kind_of(name: &str) -> Result<&'static Kind> {
    let lower = name.to_ascii_lowercase();
    let found = Kind::find(&lower).or_else(|| kinds::ALL.iter().copied().find(|kind| kind.plural == lower));
    found.ok_or_else(|| {
        let all = kinds::ALL.iter().map(|kind| kind.plural).collect::<Vec<_>>().join(", ");
        failure(USAGE, format!("there is no kind {name:?}. Kinds are: {all}."))
    })
}

/// Reads KIND/NAME, KIND/NAMESPACE/NAME or kind:namespace/name.
///
/// # Errors
/// When it is none of them.
pub fn reference(what: &str) -> Result<Ref> {
    let wrong = || failure(USAGE, format!("{what:?} names nothing. Write it as offering/postgres."));
    if what.contains(':') {
        let parsed = Ref::parse(what, None, "default").map_err(|_| wrong())?;
        return Ok(Ref::new(&kind_of(parsed.kind())?.lower(), parsed.namespace(), parsed.name()));
    }
    let (kind, rest) = what.split_once('/').ok_or_else(wrong)?;
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    let kind = kind_of(kind)?;
    if kind.name == "Instance" && !rest.contains('/') {
        return Err(failure(USAGE, format!("{what:?} lacks the team. Write it as instance/TEAM/{name}.")));
    }
    Ok(Ref::new(&kind.lower(), namespace, name))
}

/// The path of one thing.
pub fn path(reference: &Ref) -> String {
    format!("/api/v1/records/{}/{}/{}", part(reference.kind()), part(reference.namespace()), part(reference.name()))
}

/// `loggia get`
///
/// # Errors
/// With the words of the server.
pub async fn get(args: GetArgs) -> Result<()> {
    let api = args.access.api()?;
    if let Some(id) = args.what.strip_prefix("operation/") {
        return get_operation(&api, &args, id).await;
    }
    if args.what.contains(['/', ':']) {
        return get_one(&api, &args).await;
    }
    let kind = kind_of(&args.what)?;
    let mut query: Vec<(&str, String)> = args.filter.iter().map(|filter| ("filter", filter.clone())).collect();
    query.extend(args.query.clone().map(|words| ("q", words)));
    let found = api.list(kind.plural, &query).await?;
    let names: Vec<String> = found.iter().map(|one| text(one, "/ref")).collect();
    let table = table_of(kind, &found);
    args.output.print(&json!({"items": found}), &names, &table)
}

async fn get_one(api: &Api, args: &GetArgs) -> Result<()> {
    let reference = reference(&args.what)?;
    let query: Vec<(&str, String)> = args.at.iter().map(|at| ("at", at.clone())).collect();
    let found = api.get(&path(&reference), &query).await?;
    match args.output {
        // What can be changed and applied again.
        Output::Yaml => print(&yaml::write(found.get("document").unwrap_or(&Value::Null))),
        output => {
            let table = table_of(kind_of(reference.kind())?, std::slice::from_ref(&found));
            output.print(&found, &[text(&found, "/ref")], &table)
        }
    }
}

/// How far an operation is: which try, when the next one comes, and what went wrong.
async fn get_operation(api: &Api, args: &GetArgs, id: &str) -> Result<()> {
    let found = api.get(&format!("/api/v1/operations/{}", part(id)), &[]).await?;
    let (message, mend) = (text(&found, "/message"), text(&found, "/mend"));
    let tries = tries(&found);
    let waits = text(&found, "/state") == "waiting";
    let said = if waits { tries } else { format!("{message} {mend} {tries}").trim().to_owned() };
    let mut table = Table::new(&["INSTANCE", "WHAT", "STATE", "TRY", "HOW IT GOES"]);
    let instance = text(&found, "/instanceRef");
    let instance = instance.strip_prefix("instance:").unwrap_or(&instance).to_owned();
    table.rows.push(vec![instance, text(&found, "/verb"), text(&found, "/state"), text(&found, "/attempt"), said]);
    args.output.print(&found, &[id.to_owned()], &table)
}

/// The columns that people ask a kind for.
fn table_of(kind: &Kind, found: &[Value]) -> Table {
    type Columns = (&'static [&'static str], &'static [&'static str]);
    let (headings, fields): Columns = match kind.name {
        "Instance" => (
            &["NAME", "TEAM", "OFFERING", "ENVIRONMENT", "VERSION", "STEP", "PHASE"],
            &["/spec/team", "/spec/offering", "/spec/environment", "status/version", "/spec/step", "status/phase"],
        ),
        "Release" => (
            &["NAME", "OFFERING", "VERSION", "STATE", "DRIVER"],
            &["/spec/offering", "/spec/version", "status/publication", "/spec/recipe/driver"],
        ),
        "Offering" => (&["NAME", "TITLE", "OWNER", "CATEGORY"], &["/metadata/title", "/spec/owner", "/spec/category"]),
        _ => (&["NAME", "TITLE", "TYPE", "OWNER"], &["/metadata/title", "/spec/type", "/spec/owner"]),
    };
    let mut table = Table::new(headings);
    table.headings.push("CHANGED");
    for one in found {
        let name = text(one, "/ref");
        let short = name.split_once(':').map_or(name.as_str(), |(_, rest)| rest);
        let mut row = vec![short.strip_prefix("default/").unwrap_or(short).to_owned()];
        for field in fields {
            let at =
                field.strip_prefix("status").map_or_else(|| format!("/document{field}"), |at| format!("/status{at}"));
            let value = text(one, &at);
            row.push(value.strip_prefix("group:default/").unwrap_or(&value).to_owned());
        }
        row.push(day(one, "/updatedAt"));
        table.rows.push(row);
    }
    table
}

/// `loggia describe`
///
/// # Errors
/// With the words of the server.
pub async fn describe(args: DescribeArgs) -> Result<()> {
    let api = args.access.api()?;
    let path = path(&reference(&args.what)?);
    let mut found = api.get(&path, &[]).await?;
    if text(&found, "/source/origin").starts_with("repository:") {
        let edits = api.get(&format!("{path}/edits"), &[]).await?;
        found["edits"] = edits.get("items").cloned().unwrap_or_default();
    }
    args.output.tell(&found, &[text(&found, "/ref")], &described(&found))
}

/// One thing for people: where it is kept, its text, its state, and what it is related to.
fn described(found: &Value) -> String {
    let mut out = format!("{}\n\n", text(found, "/ref"));
    let kept = match text(found, "/source/origin").as_str() {
        "server" => "on this server".to_owned(),
        origin => {
            format!("{} {}", origin.split_once(':').map_or(origin, |(_, rest)| rest), text(found, "/source/path"))
        }
    };
    for (name, value) in [
        ("kept", kept.trim().to_owned()),
        ("made", minute(found, "/createdAt")),
        ("changed", format!("{} (revision {})", minute(found, "/updatedAt"), text(found, "/revision"))),
    ] {
        out.push_str(&format!("{name:<10}{value}\n"));
    }
    out.push('\n');
    out.push_str(&yaml::write(found.get("document").unwrap_or(&Value::Null)));
    if let Some(status) = found.get("status").filter(|status| !status.is_null()) {
        out.push_str(&yaml::write(&json!({"status": status})));
    }
    let relations = found.get("relations").and_then(Value::as_array).into_iter().flatten();
    let lines: Vec<String> =
        relations.map(|one| format!("  {:<16}{}\n", text(one, "/type"), text(one, "/target"))).collect();
    if !lines.is_empty() {
        out.push_str(&format!("\nrelated\n{}", lines.concat()));
    }
    let edits = found.get("edits").and_then(Value::as_array).into_iter().flatten();
    let waiting: String = edits.filter(|one| text(one, "/state") == "open").map(edit_line).collect();
    if !waiting.is_empty() {
        out.push_str(&format!("\nchanges that wait\n{waiting}"));
    }
    out
}

/// A change that waits, in two lines: what and by whom, and where.
fn edit_line(edit: &Value) -> String {
    let place = match (text(edit, "/branch"), text(edit, "/link")) {
        (branch, _) if branch.is_empty() => "until the repository was read".to_owned(),
        (branch, link) if link.is_empty() => branch,
        (_, link) => link,
    };
    let overtaken = edit.get("overtaken") == Some(&Value::Bool(true));
    let overtaken = if overtaken { " (the text has changed since)" } else { "" };
    let (id, why, author, made) =
        (text(edit, "/id"), text(edit, "/why"), text(edit, "/author"), minute(edit, "/madeAt"));
    format!("  {id}  {why}  by {author}, {made}{overtaken}\n    {place}\n")
}

/// Arguments of `loggia put-aside`.
#[derive(Args, Debug)]
pub struct PutAsideArgs {
    /// The change, as loggia describe tells it.
    #[arg(value_name = "ID")]
    id: Uid,
    /// Why, in a line.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia put-aside`
///
/// # Errors
/// With the words of the server.
pub async fn put_aside(args: PutAsideArgs) -> Result<()> {
    let path = format!("/api/v1/edits/{}:put-aside", args.id);
    let answer = args.access.api()?.post(&path, &json!({"reason": args.reason})).await?;
    let line = format!("put aside: {}\n", text(&answer, "/why"));
    args.output.tell(&answer, &[text(&answer, "/id")], &line)
}

/// `loggia history`
///
/// # Errors
/// With the words of the server.
pub async fn history(args: HistoryArgs) -> Result<()> {
    let path = match args.what.parse::<Uid>() {
        Ok(uid) => format!("/api/v1/history/{uid}"),
        Err(_) => format!("{}/history", path(&reference(&args.what)?)),
    };
    let answer = args.access.api()?.get(&path, &[("limit", "500".into())]).await?;
    let mut table = Table::new(&["REVISION", "TIME", "WHAT", "BY", "THROUGH", "CHANGED", "WHY"]);
    for one in items(&answer) {
        let changes = one.get("changes").and_then(Value::as_array).into_iter().flatten();
        let changed: Vec<String> = changes.map(|change| text(change, "/path")).collect();
        let more = changed.len().saturating_sub(3);
        let mut fields = changed.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            fields = format!("{fields} and {more} more");
        }
        let kind = text(one, "/type");
        let what =
            kind.strip_prefix("dev.loggia.").and_then(|kind| kind.strip_suffix(".v1")).unwrap_or(&kind).to_owned();
        let author = text(one, "/author");
        let by = if author.is_empty() { text(one, "/principal") } else { author };
        let (revision, time) = (text(one, "/revision"), minute(one, "/time"));
        table.rows.push(vec![revision, time, what, by, text(one, "/door"), fields, text(one, "/reason")]);
    }
    let names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
    args.output.print(&answer, &names, &table)
}

/// `loggia search`
///
/// # Errors
/// With the words of the server.
pub async fn search(args: SearchArgs) -> Result<()> {
    let api = args.access.api()?;
    let answer = api.get("/api/v1/search", &[("q", args.words.join(" "))]).await?;
    let mut table = Table::new(&["NAME", "TITLE", "DESCRIPTION"]);
    for hit in items(&answer) {
        let about: String = text(hit, "/description").chars().take(80).collect();
        table.rows.push(vec![text(hit, "/ref"), text(hit, "/title"), about]);
    }
    let names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
    args.output.print(&answer, &names, &table)
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn things_are_named_in_several_ways() {
        for (text, name) in [
            ("offering/postgres", "offering:default/postgres"),
            ("Offerings/postgres", "offering:default/postgres"),
            ("instance/booking/orders.production", "instance:booking/orders.production"),
            ("instance:booking/orders.production", "instance:booking/orders.production"),
            ("component:web", "component:default/web"),
        ] {
            assert_eq!(reference(text).unwrap().as_str(), name);
        }
        for text in ["postgres", "thing/x", "instance/orders.production"] {
            assert!(reference(text).is_err(), "{text}");
        }
    }
}
