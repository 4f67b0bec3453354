//! Figures in the OpenMetrics text format.

use crate::caller::By;
use crate::error::Reply;
use crate::state::WebState;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use loggia_app::access::policy::{Action, admit};
use loggia_app::app::Figures;
use loggia_app::{Caller, Error, Principal};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0, 10.0];

/// Which requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    /// Path of the route, with its names; never what people sent.
    route: Cow<'static, str>,
    method: &'static str,
    status: u16,
}

/// Which requests are measured together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    route: Cow<'static, str>,
}

/// Which operations are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    verb: String,
    driver: String,
    outcome: String,
}

/// Which sources are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

/// One driver at one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    environment: String,
    driver: String,
}

/// What is counted of one route, method and status; at hand it costs less than looked up for each request.
pub struct Figure {
    duration: Histogram,
    requests: Counter,
}

impl Figure {
    /// Counts one request.
    pub fn count(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        self.requests.inc();
    }
}

type Durations = Family<Timed, Histogram, fn() -> Histogram>;

/// What this server counts.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Durations,
    operations: Family<Ended, Counter>,
    sources: Family<InState, Gauge>,
    drivers: Family<Place, Gauge>,
    commits: Gauge,
    records: Gauge,
    position: Gauge,
    waiting: Gauge,
    held: Gauge,
    drifted: Gauge,
    leaks: Gauge,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("loggia");
        let requests = Family::<Request, Counter>::default();
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register("http_requests", "Requests by route, method and status", requests.clone());
        registry.register("http_request_seconds", "Time until the answer began, by route", durations.clone());
        let operations = Family::<Ended, Counter>::default();
        let sources = Family::<InState, Gauge>::default();
        let drivers = Family::<Place, Gauge>::default();
        let about = "Operations that ended on this server since its start, by verb, driver and outcome";
        registry.register("operations", about, operations.clone());
        registry.register("sources", "Sources by state: ok, problems or failing", sources.clone());
        registry.register("driver_able", "Whether a driver can work in an environment: 1 or 0", drivers.clone());
        let mut gauge = |name: &str, about: &str| {
            let gauge = Gauge::default();
            registry.register(name, about, gauge.clone());
            gauge
        };
        Metrics {
            requests,
            durations,
            operations,
            sources,
            drivers,
            commits: gauge("commits", "Transactions of the writer since the start"),
            records: gauge("records", "Records in memory"),
            position: gauge("position", "Position of the history that is in memory"),
            waiting: gauge("work_open", "Pieces of work that have not ended, on all servers"),
            held: gauge("work_held", "Pieces of work that a worker holds, on all servers"),
            drifted: gauge("drifted", "Instances that are no longer as they were made"),
            leaks: gauge("leaks", "Things at backends that carry our mark and belong to no instance"),
            registry,
        }
    }
}

impl Metrics {
    /// Counts one request.
    pub fn count(&self, route: Cow<'static, str>, method: &'static str, status: u16, took: Duration) {
        self.figure(route, method, status).count(took);
    }

    /// The figures of one route, method and status.
    pub fn figure(&self, route: Cow<'static, str>, method: &'static str, status: u16) -> Figure {
        let timed = Timed { route };
        let duration = self.durations.get_or_create(&timed).clone();
        Figure {
            duration,
            requests: self.requests.get_or_create(&Request { route: timed.route, method, status }).clone(),
        }
    }

    /// Takes over what the application counts.
    fn set(&self, figures: Figures) {
        self.commits.set(i64::try_from(figures.commits).unwrap_or(i64::MAX));
        self.records.set(i64::try_from(figures.records).unwrap_or(i64::MAX));
        self.position.set(figures.position);
        self.waiting.set(figures.waiting);
        self.held.set(figures.held);
        self.drifted.set(figures.drifted);
        self.leaks.set(figures.leaks);
        for ((verb, driver, outcome), count) in figures.ended {
            let counter = self.operations.get_or_create(&Ended { verb, driver, outcome }).clone();
            counter.inner().store(count, Ordering::Relaxed);
        }
        for (state, count) in figures.sources {
            self.sources.get_or_create(&InState { state }).set(count);
        }
        // Places go away.
        self.drivers.clear();
        for ((environment, driver), able) in figures.drivers {
            self.drivers.get_or_create(&Place { environment, driver }).set(i64::from(able));
        }
    }
}

/// Who may see the figures: the product team, an administrator, or a service whose token may read; everybody when the
/// operator says so.
fn may(state: &WebState, caller: &Caller) -> Result<(), Error> {
    if state.open_metrics {
        return Ok(());
    }
    admit(caller, Action::Read)?;
    match &caller.principal {
        Principal::Service(_) => Ok(()),
        _ if caller.administrator || caller.product_team => Ok(()),
        _ => Err(Error::Forbidden("Only the product team, an administrator or a service may see this.".into())),
    }
}

/// The figures.
pub async fn show(State(state): State<WebState>, By(caller): By) -> Result<Response, Reply> {
    may(&state, &caller)?;
    let metrics = &state.metrics;
    metrics.set(state.app.figures().await?);
    let mut text = String::new();
    encode(&mut text, &metrics.registry).map_err(|error| Error::Internal(format!("cannot write figures: {error}")))?;
    let media = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_operations_sources_and_drivers_are_shown() {
        let name = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let figures = |ended: u64, place: &str| Figures {
            ended: [(("apply".to_owned(), "git".to_owned(), "failed".to_owned()), ended)].into(),
            sources: [("failing", 1)].into(),
            drivers: [(name(place, "git"), false)].into(),
            ..Figures::default()
        };
        let metrics = Metrics::default();
        metrics.set(figures(2, "old"));
        metrics.set(figures(3, "dev"));
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        for line in [
            "loggia_operations_total{verb=\"apply\",driver=\"git\",outcome=\"failed\"} 3\n",
            "loggia_sources{state=\"failing\"} 1\n",
            "loggia_driver_able{environment=\"dev\",driver=\"git\"} 0\n",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        assert!(!text.contains("\"old\""), "what is not there any more is not told");
    }
}
