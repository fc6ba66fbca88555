//! Logs, traces and metrics of a process: to the terminal, to Prometheus, and over OTLP when an endpoint is set.
//!
//! The trace context travels as W3C `traceparent`, in gRPC metadata and in message headers alike.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use opentelemetry::{
    KeyValue, global,
    propagation::TextMapPropagator as _,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use prometheus::{Encoder as _, TextEncoder};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::settings::{LogFormat, TelemetrySettings};

mod format;

/// Name of the tracer and of the meter of the suite.
pub const SCOPE: &str = "qihang";

/// Longest that flushing may take at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Bounds of the histogram of call durations, in seconds.
const DURATION_BOUNDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The telemetry of a process; flushed when dropped, so that every way out keeps the last lines.
#[derive(Debug)]
pub struct Telemetry {
    registry: prometheus::Registry,
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: Option<SdkLoggerProvider>,
    done: bool,
}

/// Metrics of a process as text; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(prometheus::Registry);

impl Telemetry {
    /// Starts telemetry for the process. Must be called inside a Tokio runtime; once a process.
    ///
    /// # Errors
    /// A bad filter or endpoint, or a second start.
    pub fn start(service: &str, settings: &TelemetrySettings) -> anyhow::Result<Self> {
        let resource = Resource::builder()
            .with_service_name(service.to_owned())
            .with_attribute(KeyValue::new("service.namespace", SCOPE))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let endpoint = Some(settings.otlp_endpoint.as_str()).filter(|endpoint| !endpoint.is_empty());
        let registry = prometheus::Registry::new();
        let traces = traces(endpoint, settings.sample_ratio, resource.clone())?;
        let metrics = metrics(endpoint, &registry, resource.clone())?;
        let logs = endpoint.map(|endpoint| logs(endpoint, resource)).transpose()?;

        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(traces.clone());
        global::set_meter_provider(metrics.clone());
        subscribe(settings, &traces, logs.as_ref())?;
        Ok(Self {
            registry,
            traces,
            metrics,
            logs,
            done: false,
        })
    }

    /// A handle on the metrics for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics(self.registry.clone())
    }

    /// Sends what is left. Blocks for some seconds at most; call it last.
    pub fn flush(&mut self) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        // Errors here have nowhere to go: the exporters are what is being closed.
        let _ = self.traces.shutdown_with_timeout(FLUSH);
        let _ = self.metrics.shutdown_with_timeout(FLUSH);
        if let Some(logs) = &self.logs {
            let _ = logs.shutdown_with_timeout(FLUSH);
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Metrics {
    /// Metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.0.gather(), &mut text) {
            tracing::warn!(error = %error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

/// W3C trace context of the present span; empty outside of any trace.
#[must_use]
pub fn current_traceparent() -> String {
    traceparent(&Span::current())
}

/// W3C trace context of a span; empty when it is in no trace.
#[must_use]
pub fn traceparent(span: &Span) -> String {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    if !context.is_valid() {
        return String::new();
    }
    format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags().to_u8()
    )
}

/// Trace id of the present span, 32 hex digits; empty outside of any trace.
#[must_use]
pub fn trace_id() -> String {
    current_traceparent().get(3..35).unwrap_or_default().to_owned()
}

/// Makes a span the child of a remote one. A malformed or empty context leaves it a root. Call it before the span is entered.
pub fn set_parent(span: &Span, traceparent: &str) {
    if traceparent.is_empty() {
        return;
    }
    let carrier = std::collections::HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // Fails only for a span that no layer watches.
        let _ = span.set_parent(context);
    }
}

fn traces(endpoint: Option<&str>, ratio: f64, resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    let builder = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource);
    let Some(endpoint) = endpoint else {
        return Ok(builder.build());
    };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build();
    Ok(builder
        .with_batch_exporter(exporter.context("telemetry.otlp_endpoint")?)
        .build())
}

fn metrics(
    endpoint: Option<&str>,
    registry: &prometheus::Registry,
    resource: Resource,
) -> anyhow::Result<SdkMeterProvider> {
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_target_info()
        .build()?;
    let mut builder = SdkMeterProvider::builder()
        .with_reader(prometheus)
        .with_resource(resource);
    if let Some(endpoint) = endpoint {
        let exporter = opentelemetry_otlp::MetricExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build();
        builder = builder.with_periodic_exporter(exporter.context("telemetry.otlp_endpoint")?);
    }
    Ok(builder.build())
}

fn logs(endpoint: &str, resource: Resource) -> anyhow::Result<SdkLoggerProvider> {
    let exporter = opentelemetry_otlp::LogExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build();
    let exporter = exporter.context("telemetry.otlp_endpoint")?;
    Ok(SdkLoggerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

fn subscribe(
    settings: &TelemetrySettings,
    traces: &SdkTracerProvider,
    logs: Option<&SdkLoggerProvider>,
) -> anyhow::Result<()> {
    // Lines name the trace and no span, so spans are not written out for them.
    let filter = || -> anyhow::Result<_> {
        let wanted = EnvFilter::try_new(&settings.log_filter).context("telemetry.log_filter")?;
        let events = filter_fn(|about| about.is_event()).with_max_level_hint(LevelFilter::TRACE);
        Ok(wanted.and(events))
    };
    // Spans are exported whatever the log lines are filtered to, but for the exporters' own, which would feed themselves.
    let quiet = || EnvFilter::new("info,opentelemetry=off,hyper=off,h2=off,tonic=off,tower=off,sqlx=warn");
    // Nobody looks for a span's thread, its place in the source or the time between its polls, and each poll would pay for them.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer(SCOPE))
        .with_threads(false)
        .with_location(false)
        .with_tracked_inactivity(false)
        .with_filter(quiet());
    let sent = logs.map(|logs| OpenTelemetryTracingBridge::new(logs).with_filter(quiet()));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.event_format(format::Text).with_filter(filter()?).boxed(),
        LogFormat::Json => lines.event_format(format::Json).with_filter(filter()?).boxed(),
    };
    // The one that may be absent comes first: above the others it would have each place that nobody listens to asked each time.
    tracing_subscriber::registry()
        .with(sent)
        .with(spans)
        .with(lines)
        .try_init()
        .context("telemetry was started before")
}

/// The one histogram of calls: rate, errors and duration of each method.
#[derive(Clone, Debug)]
pub struct Calls(opentelemetry::metrics::Histogram<f64>);

impl Calls {
    /// The histogram of a side, `server` or `client`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let meter = global::meter(SCOPE);
        let histogram = meter
            .f64_histogram(name)
            .with_unit("s")
            .with_description("Duration of calls by method and code")
            .with_boundaries(DURATION_BOUNDS.to_vec());
        Self(histogram.build())
    }

    /// Counts one call.
    pub fn record(&self, service: &str, method: &str, code: tonic::Code, duration: Duration) {
        let labels = [
            KeyValue::new("service", service.to_owned()),
            KeyValue::new("method", method.to_owned()),
            KeyValue::new("code", code_name(code)),
        ];
        self.0.record(duration.as_secs_f64(), &labels);
    }
}

/// Name of a code as in the gRPC documents.
#[must_use]
pub fn code_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
