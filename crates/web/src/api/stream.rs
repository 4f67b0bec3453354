//! An operation as it happens, as server-sent events.
//!
//! The stream says what it says from the database: once when this server hears that the operation has moved, and once a
//! second in any case, because another server may be at work. It ends with the operation. The id of an event tells how
//! many lines of the log came before it, so that a client that comes back misses nothing.

use super::call::Call;
use super::operations::Line;
use super::route::Handled;
use crate::caller::again;
use crate::state::WebState;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use loggia_app::Caller;
use loggia_model::Uid;
use loggia_model::operation::Operation;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// How often the database is asked in any case.
const POLL: Duration = Duration::from_secs(1);
/// How often something is sent, so that nobody in between closes the line.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The events of an operation.
pub async fn events(call: Call) -> Handled {
    let operation = call.app().operation(&call.caller, call.uid("id")?).await?;
    let last = call.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = last.and_then(|text| text.parse().ok()).unwrap_or(0);
    let stream = follow(&call.state, call.caller.clone(), call.headers.clone(), (operation.id, after));
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Where a stream is.
struct Watch {
    state: WebState,
    caller: Caller,
    /// What the caller proves itself with, again and again: it may be taken back while the stream goes on.
    headers: HeaderMap,
    id: Uid,
    progress: Receiver<Uid>,
    stop: watch::Receiver<bool>,
    waiting: VecDeque<Event>,
    lines: i64,
    shown: Option<Operation>,
    ended: bool,
}

/// Follows an operation from a line of its log.
pub fn follow(
    state: &WebState,
    caller: Caller,
    headers: HeaderMap,
    (operation, after): (Uid, i64),
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let watch = Watch {
        state: state.clone(),
        caller,
        headers,
        id: operation,
        progress: state.app.progress(),
        stop: state.stopping.subscribe(),
        waiting: VecDeque::new(),
        lines: after,
        shown: None,
        ended: false,
    };
    stream::unfold(watch, |mut watch| async move { Some((Ok(watch.next().await?), watch)) })
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.ended || *self.stop.borrow() {
                return None;
            }
            if self.shown.is_some() {
                self.moved().await;
            }
            // What cannot be read now is read at the next turn; the client waits either way.
            if let Err(error) = self.look().await {
                tracing::debug!(%error, operation = %self.id, "cannot follow an operation");
                if !matches!(error, loggia_app::Error::Unavailable(_)) {
                    return None;
                }
            }
        }
    }

    /// Waits until the operation has moved, the server stops, or it is time to look anyway.
    async fn moved(&mut self) {
        let heard = async {
            loop {
                match self.progress.recv().await {
                    Ok(id) if id == self.id => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = heard => {}
            () = tokio::time::sleep(POLL) => {}
            _ = self.stop.changed() => {}
        }
    }

    async fn look(&mut self) -> loggia_app::Result<()> {
        self.caller = again(&self.state, &self.headers, &self.caller).await?;
        let app = &self.state.app;
        let operation = app.operation(&self.caller, self.id).await?;
        let lines = app.log_lines(self.id, self.lines).await?;
        for line in lines {
            self.lines = line.seq;
            self.send("line", &Line::from(line));
        }
        if self.shown.as_ref() != Some(&operation) {
            self.send(if operation.state.is_end() { "end" } else { "operation" }, &operation);
            self.ended = operation.state.is_end();
            self.shown = Some(operation);
        }
        Ok(())
    }

    fn send(&mut self, name: &str, data: &impl serde::Serialize) {
        match Event::default().event(name).id(self.lines.to_string()).json_data(data) {
            Ok(event) => self.waiting.push_back(event),
            Err(error) => tracing::error!(%error, "cannot write an event"),
        }
    }
}
