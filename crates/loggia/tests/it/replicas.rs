//! Several servers on one database, and a database that goes away.

use crate::platform::{drivers, repository};
use crate::support::{Database, PATIENCE, Plan, Server, folder, http, on_postgres, until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn component(name: &str) -> Value {
    json!([{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
        "spec": {"type": "service", "lifecycle": "production", "owner": "red"}}])
}

fn sees(server: &Server, name: &str) -> bool {
    server.http("GET", &format!("/api/v1/components/default/{name}"), None).0 == 200
}

/// Sends a request through one server, and waits until what it began has ended well, after one attempt.
fn carried_out(server: &Server, path: &str, body: &Value) {
    let (status, body) = server.http("POST", path, Some(body));
    assert_eq!(status, 202, "{body}");
    let path = format!("/api/v1/operations/{}", body["operation"].as_str().unwrap());
    let mut last = Value::Null;
    until("the operation ends", || {
        last = server.http("GET", &path, None).1;
        matches!(last["state"].as_str(), Some("succeeded" | "failed"))
    });
    assert_eq!((last["state"].as_str(), last["attempt"].as_i64()), (Some("succeeded"), Some(1)), "{last}");
}

/// Something is ordered through one server and upgraded through the other, which then says what it has.
fn lives(one: &Server, two: &Server, at: usize) {
    let (here, there) = if at.is_multiple_of(2) { (one, two) } else { (two, one) };
    let name = format!("l-{at}");
    let order = json!({"offering": "cache", "environment": "dev", "team": "red", "name": name, "release": "1.0.0",
        "inputs": {}});
    carried_out(here, "/api/v1/orders", &order);
    let instance = format!("/api/v1/instances/red/{name}.dev");
    until("the other sees it ready", || there.http("GET", &instance, None).1["status"]["applied"] == "cache-1.0.0");
    carried_out(there, &format!("{instance}:upgrade"), &json!({"to": "2.0.0"}));
    let status = || there.http("GET", &instance, None).1["status"].clone();
    until("it has the new version", || status()["applied"] == "cache-2.0.0");
    assert_eq!(status()["version"], "2.0.0", "{}", status());
}

#[test]
fn two_servers_see_what_the_other_wrote() {
    on_postgres("replicas", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let plan = Plan::new(folder.path(), "data", database, &[&root])
            .with("--drivers", drivers(folder.path()).to_str().unwrap());
        let one = plan.ready();
        let two = Plan { port: crate::support::free_port(), ..plan }.ready();
        for at in 0..10 {
            let (here, there) = if at % 2 == 0 { (&one, &two) } else { (&two, &one) };
            assert_eq!(here.http("POST", "/api/v1/records:apply", Some(&component(&format!("c-{at}")))).0, 200);
            let time = until("the other sees it", || sees(there, &format!("c-{at}")));
            assert!(time < Duration::from_secs(3), "{time:?}");
        }
        // Orders and upgrades through both, three at a time, carried out by either.
        std::thread::scope(|scope| {
            for at in 0..3 {
                let (one, two) = (&one, &two);
                scope.spawn(move || (0..7).for_each(|round| lives(one, two, at * 7 + round)));
            }
        });
        assert_eq!(std::fs::read_dir(one.plan.data.join("replay")).unwrap().count(), 21);
        one.stop();
        two.stop();
    });
}

/// Passes bytes on to the database, until it is told not to.
struct Proxy {
    open: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    port: u16,
}

impl Proxy {
    fn to(target: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy {
            open: Arc::new(AtomicBool::new(true)),
            streams: Arc::default(),
            port: listener.local_addr().unwrap().port(),
        };
        let (open, streams) = (Arc::clone(&proxy.open), Arc::clone(&proxy.streams));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !open.load(Ordering::Acquire) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let mut kept = streams.lock().unwrap();
                kept.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                pump(client.try_clone().unwrap(), server.try_clone().unwrap());
                pump(server, client);
            }
        });
        proxy
    }

    fn close(&self) {
        self.open.store(false, Ordering::Release);
        for stream in self.streams.lock().unwrap().drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_database_may_go_away_and_come_back() {
    on_postgres("away", |database| {
        let Database::Postgres(url) = database else { return };
        let (front, rest) = url.split_once('@').unwrap();
        let (host, name) = rest.split_once('/').unwrap();
        let proxy = Proxy::to(host.to_owned());
        let through = Database::Postgres(format!("{front}@127.0.0.1:{}/{name}", proxy.port));
        let folder = folder();
        let root = repository(folder.path());
        let server = Plan::new(folder.path(), "data", &through, &[&root]).ready();
        assert_eq!(server.http("POST", "/api/v1/records:apply", Some(&component("before"))).0, 200);
        proxy.close();
        let started = Instant::now();
        let (status, body) = server.http("POST", "/api/v1/records:apply", Some(&component("lost")));
        assert_eq!(status, 503, "{body}");
        assert!(started.elapsed() < PATIENCE / 2, "{:?}", started.elapsed());
        assert!(sees(&server, "before"), "what is known is answered all the same");
        assert!(!sees(&server, "lost"), "what was not written is not shown");
        assert_eq!(http(&server.url(), "GET", "/healthz", None).0, 200);
        proxy.open();
        until("it writes again", || server.http("POST", "/api/v1/records:apply", Some(&component("after"))).0 == 200);
        assert!(sees(&server, "after"));
        server.stop();
    });
}
