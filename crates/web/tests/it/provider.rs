//! Signing in at a real provider (npm `oidc-provider`), with the test as the browser.

use crate::world::{Said, World, on_both};
use axum::http::{Request, StatusCode, header};
use loggia_app::instance::driver::Secret;
use loggia_drivers::exchange::for_provider;
use loggia_web::auth::provider::{Provider, ProviderSettings};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const CALLBACK: &str = "http://127.0.0.1:7400/login/callback";

/// The provider as a process of its own.
struct Running {
    child: Child,
    issuer: String,
    teams: tempfile::NamedTempFile,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modules() -> Option<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
    let folder = std::env::var("LOGGIA_E2E").map_or(own, PathBuf::from);
    folder.join("node_modules/oidc-provider").is_dir().then_some(folder)
}

fn start(name: &str) -> Option<Running> {
    let Some(folder) = modules() else {
        println!("skipped: {name}: oidc-provider is not installed in e2e");
        return None;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let teams = tempfile::NamedTempFile::new().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/provider.mjs");
    let child = Command::new("node")
        .args([script, &port.to_string(), CALLBACK])
        .arg(teams.path())
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: {name}: no node");
        return None;
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let up = lines.any(|line| line == "up");
    // It goes on writing, and ends when nobody reads.
    std::thread::spawn(move || lines.count());
    assert!(up, "the provider did not start");
    Some(Running { child, issuer: format!("http://127.0.0.1:{port}"), teams })
}

/// A browser that keeps cookies by name and follows redirects by hand.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Browser {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser { http, cookies: BTreeMap::new() }
    }

    /// Goes to an address until it leads back to the callback, filling in the forms on the way.
    async fn sign_in(&mut self, issuer: &str, mut url: String, login: &str) -> String {
        let mut form: Option<String> = None;
        for _ in 0..20 {
            if url.starts_with(CALLBACK) {
                return url;
            }
            let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let request = match form.take() {
                Some(body) => {
                    let request = self.http.post(&url).body(body);
                    request.header("content-type", "application/x-www-form-urlencoded")
                }
                None => self.http.get(&url),
            };
            let response = request.header("cookie", cookies.join("; ")).send().await.unwrap();
            for value in response.headers().get_all("set-cookie") {
                let pair = value.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            if let Some(location) = response.headers().get("location") {
                let location = location.to_str().unwrap();
                url = if location.starts_with('/') { format!("{issuer}{location}") } else { location.to_owned() };
                continue;
            }
            let page = response.text().await.unwrap();
            let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            url = action.unwrap_or_else(|| panic!("a page without a form: {page}")).to_owned();
            form = Some(match page.contains("value=\"login\"") {
                true => format!("prompt=login&login={login}&password=x"),
                false => "prompt=consent".to_owned(),
            });
        }
        panic!("the provider leads round in circles");
    }
}

fn cookie_of(said: &Said, name: &str) -> String {
    let all = said.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let pair = all.map(|text| text.split(';').next().unwrap()).find(|pair| pair.starts_with(name));
    pair.unwrap_or_else(|| panic!("no cookie {name}: {}", said.text)).to_owned()
}

/// Begins at our door, signs in there, comes back.
async fn come_back(world: &World, provider: &Running, login: &str, teams: &str) -> (Said, String, String) {
    std::fs::write(provider.teams.path(), teams).unwrap();
    let began = world.get("nobody", "/login/provider?back=/get").await;
    assert_eq!(began.status, StatusCode::SEE_OTHER, "{}", began.text);
    let cookie = cookie_of(&began, "loggia_login");
    let url = began.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert!(url.contains("code_challenge_method=S256") && url.contains("nonce="), "{url}");
    let back = Browser::new().sign_in(&provider.issuer, url, login).await;
    let path = back.strip_prefix("http://127.0.0.1:7400").unwrap().to_owned();
    let said = world.send("nobody", Request::get(&path).header(header::COOKIE, &cookie), "").await;
    (said, path, cookie)
}

async fn me(world: &World, said: &Said) -> serde_json::Value {
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text);
    assert_eq!(said.headers[header::LOCATION], "/get");
    let session = cookie_of(said, "loggia_session");
    world.send("nobody", Request::get("/api/v1/me").header(header::COOKIE, session), "").await.json()
}

#[tokio::test]
async fn people_sign_in_at_the_provider_and_belong_to_their_teams() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let Some(running) = start("people_sign_in_at_the_provider_and_belong_to_their_teams") else { return };
    on_both("provider", async |world| {
        let settings = ProviderSettings {
            issuer: running.issuer.clone(),
            client_id: "loggia".into(),
            client_secret: Some(Secret::new("not-so-secret")),
            groups_claim: "teams".into(),
            username_claim: None,
        };
        let http = Arc::new(for_provider(&settings.issuer, &[]).unwrap());
        let provider = Provider::new(settings, "http://127.0.0.1:7400", http);
        let world = world.with(|state| state.with_provider(provider));

        let (said, path, cookie) = come_back(&world, &running, "zoe", "booking\nunheard-of").await;
        let zoe = me(&world, &said).await;
        assert_eq!((zoe["user"].as_str(), zoe["title"].as_str()), (Some("user:default/zoe"), Some("zoe of the test")));
        assert_eq!(zoe["teams"], serde_json::json!(["group:default/booking"]));
        let record = world.get("admin", "/api/v1/users/default/zoe").await.json();
        assert_eq!(record["document"]["spec"]["profile"]["email"], "zoe@example.com");

        // The same answer again, or in another browser, is worth nothing.
        let again = world.send("nobody", Request::get(&path).header(header::COOKIE, &cookie), "").await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED);
        let (_, path, _) = come_back(&world, &running, "zoe", "gate").await;
        assert_eq!(world.get("nobody", &path).await.status, StatusCode::UNAUTHORIZED);

        // Teams follow the provider for whom it made.
        let (said, ..) = come_back(&world, &running, "zoe", "gate").await;
        assert_eq!(me(&world, &said).await["teams"], serde_json::json!(["group:default/gate"]));
        for login in ["unchecked--amara", "bob"] {
            let (said, ..) = come_back(&world, &running, login, "gate").await;
            assert_eq!(said.status, StatusCode::FORBIDDEN, "{login}");
            assert!(said.text.contains("loggia.dev/subject"), "{login}: {}", said.text);
        }
        // The teams of both count for whom the catalog describes, as long as either says so; her text stays what it is.
        for (claim, teams) in [("gate", vec!["booking", "gate"]), ("booking", vec!["booking"]), ("", vec!["booking"])] {
            let (said, ..) = come_back(&world, &running, "amara", claim).await;
            let mut told: Vec<String> = serde_json::from_value(me(&world, &said).await["teams"].clone()).unwrap();
            told.sort();
            let teams: Vec<String> = teams.iter().map(|team| format!("group:default/{team}")).collect();
            assert_eq!(told, teams, "{claim}");
            let record = world.get("admin", "/api/v1/users/default/amara").await.json();
            assert_eq!(record["document"]["spec"]["memberOf"], serde_json::json!(["booking"]), "{claim}");
            let page = world.get("admin", "/api/v1/groups/default/gate").await.text;
            assert_eq!(
                page.contains("user:default/amara"),
                teams.contains(&"group:default/gate".to_owned()),
                "{claim}"
            );
        }
        let (said, ..) = come_back(&world, &running, "other--amara", "gate").await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_told() {
    drop(rustls::crypto::ring::default_provider().install_default());
    on_both("provider_away", async |world| {
        let settings = ProviderSettings {
            issuer: "http://127.0.0.1:9".into(),
            client_id: "loggia".into(),
            client_secret: None,
            groups_claim: "groups".into(),
            username_claim: None,
        };
        let http = Arc::new(for_provider(&settings.issuer, &[]).unwrap());
        let provider = Provider::new(settings, "http://127.0.0.1:7400", http);
        let world = world.with(|state| state.with_provider(provider));
        let said = world.get("nobody", "/login/provider").await;
        assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(said.text.contains("does not answer"), "{}", said.text);
    })
    .await;
}
