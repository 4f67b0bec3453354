//! What whoever operates a server is told: traces at a collector, lines in the log.

use crate::platform;
use crate::support::{Database, Plan, folder, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A collector: takes what is sent to it, and keeps it.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let keep = Arc::clone(&keep);
            std::thread::spawn(move || take(stream, &keep));
        }
    });
    (address, kept)
}

/// Answers the requests of one connection.
fn take(mut stream: TcpStream, keep: &Mutex<Vec<u8>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        keep.lock().unwrap().extend(body);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// Whether bytes are in what was kept.
fn has(kept: &Mutex<Vec<u8>>, wanted: &[u8]) -> bool {
    kept.lock().unwrap().windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn requests_commands_and_steps_reach_the_collector_as_part_of_the_callers_trace() {
    let folder = folder();
    let root = platform::repository(folder.path());
    let (address, kept) = collector();
    let plan = Plan::new(folder.path(), "traced", &Database::Sqlite, &[&root]);
    let plan = plan.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = plan.ready();
    let mut stream = TcpStream::connect(("127.0.0.1", server.plan.port)).unwrap();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = format!(
        "GET /api/v1/offerings HTTP/1.1\r\nhost: x\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let id: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&trace[at * 2..at * 2 + 2], 16).unwrap()).collect();
    until("the trace of the caller", || has(&kept, &id));
    server.ok(&["new", "cache", "fares", "--team", "red", "--env", "dev", "--wait"]);
    for name in
        ["GET /api/v1/", "instance.order", "operation.finish", "operation apply", "probe", "instance:red/fares.dev"]
    {
        until(name, || has(&kept, name.as_bytes()));
    }
    server.stop();
}

#[test]
fn every_answer_has_an_id_and_every_operation_a_line() {
    let folder = folder();
    let root = platform::repository(folder.path());
    let plan = Plan::new(folder.path(), "logged", &Database::Sqlite, &[&root]).with("--log-format", "json");
    let server = plan.ready();
    server.ok(&["new", "cache", "fares", "--team", "red", "--env", "dev", "--wait"]);
    let lines = || -> Vec<Value> { server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect() };
    let of = |message: &str| lines().into_iter().find(|line| line["message"] == message);
    let request = of("request").unwrap();
    assert_eq!(request["route"], "/readyz", "the first of a hundred");
    assert!(request["request_id"].as_str().unwrap().len() >= 8 && request["micros"].is_u64(), "{request}");
    until("the line of the operation", || of("operation ended").is_some());
    let ended = of("operation ended").unwrap();
    assert_eq!((&ended["instance"], &ended["verb"]), (&"instance:red/fares.dev".into(), &"apply".into()));
}
