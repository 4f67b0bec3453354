//! Operations: their steps for people, and the stream that says when they have moved.

use super::visit::{Answer, Visit};
use super::words;
use crate::caller::again;
use crate::design::{Fault, StepLine, StepState};
use crate::state::WebState;
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use futures_util::stream;
use loggia_app::{Caller, Error};
use loggia_model::Ref;
use loggia_model::operation::{Operation, OperationStep, State, Verb};
use loggia_model::{Micros, Uid, time};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/operations/{id}", get(page)).route("/operations/{id}/events", get(events))
}

/// From when on a step takes long, in microseconds.
const LONG: i64 = 5 * time::SECOND;

/// How long to wait for news before looking again: another server may carry the operation out.
const LOOK: Duration = Duration::from_secs(1);

/// An operation is shown on the page of its instance.
async fn page(visit: Visit, Path(id): Path<String>) -> Answer {
    visit.signed_in()?;
    let operation = visit.app().operation(&visit.caller, read(&id)?).await?;
    let instance: Ref =
        operation.instance_ref.parse().map_err(|_| Error::Internal("an operation without an instance".into()))?;
    Ok(Redirect::to(&super::instance::href(&instance)).into_response())
}

fn read(id: &str) -> Result<Uid, Error> {
    id.parse().map_err(|_| Error::NotFound("There is no such operation, or you may not see it.".into()))
}

/// The stream of one operation: `changed` when it has moved, `end` when it has ended.
async fn events(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    visit.signed_in()?;
    let id = read(&id)?;
    let receiver = visit.app().progress();
    visit.app().operation(&visit.caller, id).await?;
    let (state, caller) = (visit.state.clone(), visit.caller.clone());
    let watch = Watch { state, caller, headers, id, receiver, last: None, ended: false };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who watches an operation.
struct Watch {
    state: WebState,
    caller: Caller,
    /// What the caller proves itself with, again and again.
    headers: HeaderMap,
    id: Uid,
    receiver: broadcast::Receiver<Uid>,
    /// What was told last, and for how long its step had gone on, in units of [`LONG`].
    last: Option<(Operation, i64)>,
    ended: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            // What may be seen can change while somebody watches; then the stream ends.
            self.caller = again(&self.state, &self.headers, &self.caller).await.ok()?;
            let operation = self.state.app.operation(&self.caller, self.id).await.ok()?;
            if operation.state.is_end() {
                self.ended = true;
                return Some(Event::default().event("end").data(operation.state.to_string()));
            }
            // What hangs does not move, and yet there is something new to say.
            let since = operation.trying().and_then(|step| step.started_at);
            let beat = since.map_or(0, |since| (self.state.app.now().0 - since.0).div_euclid(LONG));
            if self.last.as_ref() != Some(&(operation.clone(), beat)) {
                let state = operation.state.to_string();
                self.last = Some((operation, beat));
                return Some(Event::default().event("changed").data(state));
            }
            self.moved().await;
        }
        None
    }

    /// Waits until this operation may have moved.
    async fn moved(&mut self) {
        let mine = async {
            while let Ok(id) = self.receiver.recv().await {
                if id == self.id {
                    return;
                }
            }
            // Too much happened, or the server stops: look again at the usual pace.
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(LOOK, mine).await;
    }
}

/// The steps that an operation takes, in order, also those to come.
pub fn steps(operation: &Operation, lines: Vec<String>, now: Micros) -> Vec<StepLine> {
    let names: &[&str] = match operation.verb {
        Verb::Apply => &["probe", "plan", "apply", "observe"],
        Verb::Observe => &["probe", "observe"],
        Verb::Destroy | Verb::Retire => &["probe", "destroy", "observe"],
        Verb::Import => &["probe", "import", "observe"],
        Verb::Propose => &["probe", "propose", "observe"],
    };
    let over = operation.state.is_end();
    let mut steps: Vec<StepLine> = names
        .iter()
        .enumerate()
        .map(|(at, name)| match operation.steps.get(at) {
            Some(step) => step_line(step, now),
            None if over => StepLine { title: title(name), state: StepState::Skipped, ..StepLine::default() },
            None => StepLine { title: title(name), ..StepLine::default() },
        })
        .collect();
    let last = operation.steps.len().clamp(1, steps.len()) - 1;
    if let Some(step) = steps.get_mut(last) {
        step.lines = lines;
        if operation.state == State::Waiting {
            let again = "It is tried again by itself.";
            step.note = format!("{} {again}", step.note.trim_end_matches(again).trim_end());
        }
    }
    steps
}

fn step_line(step: &OperationStep, now: Micros) -> StepLine {
    let took = step.started_at.map(|from| took(step, from, now)).unwrap_or_default();
    StepLine {
        title: title(&step.name),
        state: match step.state {
            State::Queued | State::Waiting => StepState::Waiting,
            State::Running => StepState::Running,
            State::Succeeded => StepState::Done,
            State::Failed => StepState::Failed,
            State::Cancelled => StepState::Skipped,
        },
        took,
        note: step.message.clone(),
        lines: Vec::new(),
    }
}

/// How long it took; of what still runs, also how long it may take.
fn took(step: &OperationStep, from: Micros, now: Micros) -> String {
    let took = words::took(from, step.ended_at.unwrap_or(now));
    match step.until.filter(|_| step.state == State::Running) {
        Some(until) => format!("{took} of at most {}", words::took(from, until)),
        None => took,
    }
}

fn title(name: &str) -> String {
    match name {
        "probe" => "Ask the backend".to_owned(),
        "plan" => "Plan".to_owned(),
        "apply" => "Make it".to_owned(),
        "destroy" => "Take it away".to_owned(),
        "import" => "Compare it with what runs".to_owned(),
        "propose" => "Make the change".to_owned(),
        "observe" => "Look whether it is so".to_owned(),
        other => words::capital(&words::spaced(other)),
    }
}

/// Which try it is and when the next one comes; empty when there is nothing to say.
pub fn tries(operation: &Operation, now: Micros) -> String {
    operation.tries(|next| {
        let seconds = (next.0 - now.0).max(0).div_euclid(time::SECOND) + 1;
        if seconds < 60 { format!("in {seconds} s") } else { words::ago(now, next) }
    })
}

/// What is being tried now, since when, and what happens without an answer; empty while nothing takes long.
pub fn hangs(operation: &Operation, now: Micros) -> String {
    let Some(step) = operation.trying() else { return String::new() };
    let Some(since) = step.started_at.filter(|since| now.0 - since.0 >= LONG) else { return String::new() };
    let took = words::took(since, now);
    let then = match step.until {
        Some(until) if until > now => {
            let left = words::took(now, until);
            format!(" Without an answer it is cut off in {left}, and tried again after a pause.")
        }
        _ => String::new(),
    };
    format!("“{}” goes on for {took}, since {} UTC.{then}", title(&step.name), since.datetime().format("%H:%M:%S"))
}

/// The operation in one sentence.
pub fn sentence(operation: &Operation) -> &'static str {
    match (operation.verb, operation.state) {
        (Verb::Apply, State::Succeeded) => "It is ready.",
        (Verb::Apply, State::Failed) => "It could not be made.",
        (Verb::Apply, _) => "It is being made. You may leave this page.",
        (Verb::Destroy, State::Succeeded) => "It is gone: we looked, and it is not there any more.",
        (Verb::Destroy, State::Failed) => "It could not be destroyed.",
        (Verb::Destroy, _) => "It is being destroyed. You may leave this page.",
        (Verb::Import, State::Succeeded) => "It is managed: taking it over changed nothing.",
        (Verb::Import, State::Failed) => "It was not taken over, and is as it was.",
        (Verb::Import, _) => "We compare what runs with its version.",
        (Verb::Retire, State::Succeeded) => "What was kept of the earlier version is gone.",
        (Verb::Retire, State::Failed) => "What was kept of the earlier version could not be taken away.",
        (Verb::Retire, _) => "What was kept of the earlier version is being taken away.",
        (Verb::Propose, State::Succeeded) => "The change is made.",
        (Verb::Propose, State::Failed) => "The change could not be made; nothing was touched.",
        (Verb::Propose, _) => "The change is being made. You may leave this page.",
        (Verb::Observe, State::Succeeded) => "We looked at it.",
        (Verb::Observe, State::Failed) => "It could not be looked at.",
        (Verb::Observe, _) => "We are looking at it.",
    }
}

/// What went wrong, as an answer.
pub fn fault(operation: &Operation, environment: &str) -> Option<Fault> {
    if operation.message.is_empty() || operation.state == State::Succeeded {
        return None;
    }
    let waits = operation.state != State::Failed;
    Some(Fault {
        what: if waits {
            "It does not go on right now".to_owned()
        } else {
            sentence(operation).trim_end_matches('.').to_owned()
        },
        why: operation.message.clone(),
        who: format!("Whoever runs {} in {}", operation.driver, environment),
        mend: if operation.mend.is_empty() { "Try again.".to_owned() } else { operation.mend.clone() },
        id: operation.id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggia_model::Micros;

    #[test]
    fn says_what_hangs_since_when_and_what_then() {
        let at = |seconds: i64| Micros(seconds * time::SECOND);
        let step = OperationStep {
            name: "probe".into(),
            state: State::Running,
            message: String::new(),
            started_at: Some(at(100)),
            ended_at: None,
            until: Some(at(130)),
        };
        let operation = Operation { state: State::Running, steps: vec![step], attempt: 2, ..operation() };
        assert_eq!(hangs(&operation, at(103)), "");
        let told = hangs(&operation, at(112));
        assert!(told.starts_with("“Ask the backend” goes on for 12 s, since 00:01:40 UTC."), "{told}");
        assert!(told.ends_with("Without an answer it is cut off in 18 s, and tried again after a pause."), "{told}");
        assert!(hangs(&operation, at(131)).ends_with("UTC."));
        for state in [State::Waiting, State::Succeeded, State::Failed] {
            assert_eq!(hangs(&Operation { state, ..operation.clone() }, at(112)), "");
        }
    }

    fn operation() -> Operation {
        let id = Uid(uuid::Uuid::nil());
        Operation {
            id,
            instance: id,
            instance_ref: "instance:booking/orders.dev".into(),
            verb: Verb::Apply,
            driver: "postgres".into(),
            state: State::Running,
            steps: Vec::new(),
            attempt: 1,
            requested_by: "user:default/amara".into(),
            created_at: Micros(0),
            ended_at: None,
            message: String::new(),
            mend: String::new(),
            next_at: None,
            last_failure: String::new(),
        }
    }

    #[test]
    fn shows_the_steps_to_come() {
        let done = OperationStep {
            name: "probe".into(),
            state: State::Succeeded,
            message: "The backend answers.".into(),
            started_at: Some(Micros(0)),
            ended_at: Some(Micros(1_200_000)),
            until: None,
        };
        let operation = Operation { steps: vec![done], ..operation() };
        let steps = steps(&operation, vec!["a line".into()], Micros(5_000_000));
        let states: Vec<_> = steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Waiting, StepState::Waiting, StepState::Waiting]);
        assert_eq!((steps[0].took.as_str(), steps[0].lines.len()), ("1.2 s", 1));
    }
}
