//! An OTLP collector inside the test, which keeps the spans it is sent.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A collector that listens until the test's runtime ends.
#[derive(Clone, Default)]
pub struct Collector {
    endpoint: String,
    spans: Arc<Mutex<Vec<(String, Span)>>>,
}

/// Starts a collector on a free port.
///
/// # Panics
/// When no port is free.
#[expect(clippy::expect_used, reason = "tests")]
pub async fn collector() -> Collector {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let collector = Collector {
        endpoint,
        ..Collector::default()
    };
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    collector
}

impl Collector {
    /// What to set `telemetry.otlp_endpoint` to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Spans so far, each with the name of its service.
    #[must_use]
    pub fn spans(&self) -> Vec<(String, Span)> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for group in request.into_inner().resource_spans {
            let attributes = group
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            let name = attributes
                .into_iter()
                .find(|one| one.key == "service.name")
                .and_then(|one| one.value?.value);
            let name = if let Some(Value::StringValue(name)) = name {
                name
            } else {
                String::new()
            };
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.extend(spans.map(|span| (name.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
