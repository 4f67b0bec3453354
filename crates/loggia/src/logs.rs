//! Logs for people or machines, and traces where a collector is named.

use crate::settings::Format;
use anyhow::Result;
use loggia_app::TRACES;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What is logged unless the environment says otherwise.
const USUAL: &str = "info,sqlx=warn,hyper=warn,opentelemetry=warn,opentelemetry_sdk=warn";

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Starts logging; call it within the runtime. `LOGGIA_LOG` or `RUST_LOG` chooses what is logged.
///
/// # Errors
/// When the filter is wrong, or logging was started already.
pub fn start(format: Format) -> Result<()> {
    let wanted = std::env::var("LOGGIA_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let filter = EnvFilter::try_new(wanted.unwrap_or_else(|_| USUAL.to_owned()))?;
    // Spans are made for traces only: without a collector they cost nothing, and lines stay short.
    let filter = filter.add_directive(format!("{TRACES}=off").parse()?);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => {
            Box::new(lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).with_filter(filter))
        }
        Format::Json => Box::new(lines.json().flatten_event(true).with_filter(filter)),
    };
    let registry = tracing_subscriber::registry().with(lines);
    let Some(provider) = traces()? else {
        // Not as a layer that is none: such a layer wants every span.
        return Ok(registry.try_init()?);
    };
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("loggia"));
    Ok(registry.with(traces.with_filter(tracing_subscriber::filter::LevelFilter::INFO)).try_init()?)
}

/// Sends what is still on its way.
pub fn end() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown()
    {
        tracing::debug!(%error, "not all traces were sent");
    }
}

/// Traces are sent only where the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`).
fn traces() -> Result<Option<&'static SdkTracerProvider>> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(None);
    }
    let inner = SpanExporter::builder().with_http().build()?;
    let exporter = WithinRuntime { inner: std::sync::Arc::new(inner), runtime: tokio::runtime::Handle::current() };
    let name = opentelemetry_sdk::Resource::builder().with_service_name("loggia").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(name).build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(Some(PROVIDER.get_or_init(|| provider)))
}

/// Sends within the runtime of the server: batches are collected on a thread that has none.
#[derive(Debug)]
struct WithinRuntime {
    inner: std::sync::Arc<SpanExporter>,
    runtime: tokio::runtime::Handle,
}

impl opentelemetry_sdk::trace::SpanExporter for WithinRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let inner = std::sync::Arc::clone(&self.inner);
        let sending = self.runtime.spawn(async move { inner.export(batch).await });
        sending.await.map_err(|error| opentelemetry_sdk::error::OTelSdkError::InternalFailure(error.to_string()))?
    }
}
