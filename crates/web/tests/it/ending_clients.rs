//! What programs of others make of endings: npm `@octokit/request`, npm `ical.js`, and the shape that Renovate reads.

use crate::ending::{ends, today};
use crate::world::{World, on_both};
use loggia_model::{Day, Micros};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// The folder with a package of npm; none where it is not installed.
fn npm(test: &str, package: &str) -> Option<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
    let folder = std::env::var("LOGGIA_E2E").map_or(own, PathBuf::from);
    if folder.join("node_modules").join(package).is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: {package} is not installed in e2e");
    None
}

/// Runs a module; none where there is no node.
async fn node(test: &str, folder: PathBuf, script: String) -> Option<String> {
    let run = move || Command::new("node").args(["--input-type=module", "-e", &script]).current_dir(folder).output();
    let Ok(done) = tokio::task::spawn_blocking(run).await.unwrap() else {
        println!("skipped: {test}: no node");
        return None;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[tokio::test]
async fn octokit_warns_of_what_goes_away() {
    let name = "octokit_warns_of_what_goes_away";
    let Some(folder) = npm(name, "@octokit/request") else { return };
    let world = World::alone().await;
    let day = today(&world);
    ends(&world, json!({"effective": day, "off": day.plus(40)})).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(loggia_web::run(listener, world.state.clone(), std::future::pending()));
    let script = format!(
        "import {{ createRequire }} from 'node:module';
         const {{ request }} = await import(createRequire(process.cwd() + '/x.js').resolve('@octokit/request'));
         await request('GET http://127.0.0.1:{port}/api/v1/offerings/default/tern', {{
           headers: {{ authorization: 'Bearer {}' }},
           request: {{ log: {{ warn: (text) => console.log(text), debug() {{}}, info() {{}}, error() {{}} }} }} }});",
        crate::world::ADMIN
    );
    let said = node(name, folder, script).await;
    server.abort();
    let sunset = Micros(day.plus(40).start().0).datetime().format("%a, %d %b %Y 00:00:00 GMT").to_string();
    let wanted = format!("is deprecated. It is scheduled to be removed on {sunset}. See https://example.com/moving");
    assert!(said.is_none_or(|said| said.contains(&wanted)));
}

#[tokio::test]
async fn a_calendar_is_read_by_ical_js() {
    let name = "a_calendar_is_read_by_ical_js";
    let Some(folder) = npm(name, "ical.js") else { return };
    let world = World::alone().await;
    let day = today(&world);
    let window = json!([{"from": day.plus(10).start(), "to": day.plus(11).start()}]);
    ends(&world, json!({"effective": day, "closedToNew": day.plus(5), "brownouts": window, "off": day.plus(40)})).await;
    let page = world.get("member", "/endings").await.text;
    let address = page.split("http://127.0.0.1:7400/calendar/group/").nth(1).unwrap();
    let text = world.get("nobody", &format!("/calendar/group/{}", address.split('"').next().unwrap())).await.text;
    let script = format!(
        "import {{ createRequire }} from 'node:module';
         const {{ default: ICAL }} = await import(createRequire(process.cwd() + '/x.js').resolve('ical.js'));
         const calendar = new ICAL.Component(ICAL.parse({}));
         const events = calendar.getAllSubcomponents('vevent').map((event) => new ICAL.Event(event, {{ strictExceptions: true }}));
         console.log(JSON.stringify(events.map((event) => ({{ title: event.summary, uid: event.uid,
           from: event.startDate.toString(), to: event.endDate.toString(), day: event.startDate.isDate,
           alarms: event.component.getAllSubcomponents('valarm').length }}))));",
        json!(text)
    );
    let Some(said) = node(name, folder, script).await else { return };
    let events: Vec<Value> = serde_json::from_str(&said).unwrap();
    let found: Vec<(String, String)> = events
        .iter()
        .map(|event| (event["title"].as_str().unwrap().to_owned(), event["from"].as_str().unwrap().to_owned()))
        .collect();
    let stamp = |day: Day| format!("{day}T00:00:00Z");
    let expected = [
        ("Tern should not be chosen any more", day.to_string()),
        ("Tern is closed to new", day.plus(5).to_string()),
        ("Tern is off", day.plus(40).to_string()),
        ("Tern is off on trial", stamp(day.plus(10))),
    ];
    assert_eq!(found, expected.map(|(title, from)| (title.to_owned(), from)));
    assert_eq!(events[3]["to"], stamp(day.plus(11)));
    assert_eq!((events[2]["alarms"].as_i64(), events[2]["day"].as_bool()), (Some(1), Some(true)));
    let uids: std::collections::BTreeSet<&str> = events.iter().map(|event| event["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), 4);
}

/// Whether Renovate's data source `endoflife-date` takes a row, and what it makes of it: it wants `cycle` as a text, takes
/// `latest`, `releaseDate`, `eol` and `discontinued`, and takes a version as deprecated when one of the last two is true
/// or a day that has come.
fn renovate(row: &Value, today: Day) -> Option<bool> {
    let day = |value: &Value| value.as_str().and_then(Day::parse);
    let over = |name: &str| match &row[name] {
        Value::Bool(over) => Some(*over),
        Value::Null => Some(false),
        value => day(value).map(|day| day <= today),
    };
    let told = row["cycle"].is_string() && (row["latest"].is_null() || row["latest"].is_string());
    day(&row["releaseDate"]).filter(|_| told)?;
    Some(over("eol")? || over("discontinued")?)
}

#[tokio::test]
async fn renovate_reads_the_versions_of_an_offering() {
    on_both("ending_renovate", async |world| {
        let day = today(&world);
        let rows = async |world: &World| world.get("member", "/api/eol/tern.json").await.json();
        ends(&world, json!({"effective": day, "closedToNew": day.plus(10), "off": day.plus(40)})).await;
        let list = rows(&world).await;
        let all: Vec<Option<bool>> = list.as_array().unwrap().iter().map(|row| renovate(row, day)).collect();
        assert_eq!(all, [Some(false)], "{list}");
        let later: Vec<_> = list.as_array().unwrap().iter().map(|row| renovate(row, day.plus(10))).collect();
        assert_eq!(later, [Some(true)], "closed to new is deprecated there");
        let reason = json!({"reason": "It leaks."});
        let said = world.post("product", "/api/v1/releases/default/tern-6.0.0:yank", &reason).await;
        assert!(said.status.is_success(), "{}", said.text);
        let list = rows(&world).await;
        assert!(list.as_array().unwrap().iter().all(|row| renovate(row, day).is_some()), "{list}");
    })
    .await;
}
