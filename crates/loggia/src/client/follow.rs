//! The steps of an operation, as they happen.

use super::http::Api;
use super::output::text;
use crate::exit::told;
use anyhow::Result;
use loggia_model::operation::Operation;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the server is asked when it gives no events.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a broken line is picked up again before we give up.
const TRIES: usize = 20;

/// Shows the steps of an operation until it has ended; gives the operation.
///
/// # Errors
/// When it failed, after its message was shown; when the server is away for long.
pub async fn follow(api: &Api, id: &str) -> Result<Value> {
    let mut shown = Shown::default();
    let mut tries = 0;
    loop {
        let operation = match stream(api, id, &mut shown).await {
            Ok(Some(end)) => end,
            // No events, or the line was cut: ask.
            other => match api.get(&format!("/api/v1/operations/{id}"), &[]).await {
                Ok(operation) => operation,
                Err(error) if tries >= TRIES => return Err(error),
                Err(_) => {
                    tries += 1;
                    drop(other);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        shown.steps(&operation);
        match text(&operation, "/state").as_str() {
            "succeeded" => return Ok(operation),
            "failed" | "cancelled" => {
                eprintln!("\nIt did not work: {} {}", text(&operation, "/message"), text(&operation, "/mend"));
                eprintln!("Operation {id}");
                return Err(told());
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Reads server-sent events until the end; none when the line was cut before.
async fn stream(api: &Api, id: &str, shown: &mut Shown) -> Result<Option<Value>> {
    let request = api.request(Method::GET, &format!("/api/v1/operations/{id}/events"));
    let mut response = api.send(request.header("last-event-id", shown.lines.to_string())).await?;
    let mut buffer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        buffer.extend_from_slice(&chunk);
        while let Some(at) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..at + 2).collect();
            if let Some(end) = shown.event(&String::from_utf8_lossy(&event)) {
                return Ok(Some(end));
            }
        }
    }
    Ok(None)
}

/// What was shown already, so that nothing is shown twice.
#[derive(Default)]
struct Shown {
    steps: BTreeMap<(i64, usize), String>,
    lines: i64,
    attempt: i64,
    /// What was said last about tries.
    told: String,
}

/// Which try an operation is at, when the next one comes, and why the last one did not work; empty when there is
/// nothing to say.
pub fn tries(operation: &Value) -> String {
    let read: Option<Operation> = serde_json::from_value(operation.clone()).ok();
    read.map(|operation| operation.tries(|next| next.datetime().format("at %H:%M:%S UTC").to_string()))
        .unwrap_or_default()
}

impl Shown {
    /// Shows one event; gives the operation when it was the last one.
    fn event(&mut self, event: &str) -> Option<Value> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
        let data: Value = serde_json::from_str(field("data:")?).ok()?;
        match field("event:")? {
            "line" => {
                let number = data.get("seq").and_then(Value::as_i64).unwrap_or_default();
                if number > self.lines {
                    self.lines = number;
                    eprintln!("      {}", text(&data, "/text"));
                }
                None
            }
            "end" => Some(data),
            _ => {
                self.steps(&data);
                None
            }
        }
    }

    fn steps(&mut self, operation: &Value) {
        let attempt = operation.get("attempt").and_then(Value::as_i64).unwrap_or_default();
        if attempt > self.attempt {
            self.attempt = attempt;
        }
        let waits = tries(operation);
        if !waits.is_empty() && waits != self.told {
            eprintln!("  {waits}");
            self.told = waits;
        }
        let steps = operation.get("steps").and_then(Value::as_array).into_iter().flatten();
        for (at, step) in steps.enumerate() {
            let state = text(step, "/state");
            if self.steps.insert((attempt, at), state.clone()).is_some_and(|before| before == state) {
                continue;
            }
            let mark = match state.as_str() {
                "succeeded" => "done",
                "failed" => "failed",
                _ => "...",
            };
            eprintln!("  {mark:<7}{:<9}{}", text(step, "/name"), text(step, "/message"));
        }
    }
}
