//! One trace from the caller through the service into a message's consumer, as a collector sees it.

use qihang_kit::{
    settings::Common,
    telemetry::{self, Telemetry},
    testing,
};
use qihang_proto::identity::v1::directory_service_client::DirectoryServiceClient;
use tracing::Instrument as _;

use crate::ground::{bench, find};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_and_its_metrics_arrive() {
    let collector = testing::collector().await;
    let mut settings = Common::embedded().unwrap().telemetry;
    settings.otlp_endpoint = collector.endpoint().to_owned();
    let mut telemetry = Telemetry::start("ground", &settings).unwrap();
    let bench = bench(|_| {});
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let span = tracing::info_span!("outermost");
    telemetry::set_parent(&span, parent);
    let carried = async {
        let mut client = DirectoryServiceClient::new(bench.channels.named("contracts").get("identity"));
        client.find_student(find("x")).await.unwrap();
        telemetry::current_traceparent()
    };
    let carried = carried.instrument(span).await;
    assert_eq!(&carried[3..35], &parent[3..35]);
    let text = telemetry.metrics().text();
    assert!(text.contains("rpc_server_duration_seconds_bucket"), "{text}");
    assert!(
        text.contains("method=\"/qihang.identity.v1.DirectoryService/FindStudent\""),
        "{text}"
    );
    tokio::task::spawn_blocking(move || telemetry.flush())
        .await
        .unwrap();
    let spans = collector.spans();
    let named = |name: &str, kind: i32| {
        let found = spans
            .iter()
            .find(|(_, span)| span.name == name && span.kind == kind);
        found
            .unwrap_or_else(|| panic!("no span {name} of kind {kind}"))
            .1
            .clone()
    };
    let method = "qihang.identity.v1.DirectoryService/FindStudent";
    let (outermost, client, server) = (named("outermost", 1), named(method, 3), named(method, 2));
    assert_eq!(hex::encode(&outermost.parent_span_id), &parent[36..52]);
    assert_eq!(client.parent_span_id, outermost.span_id);
    assert_eq!(server.parent_span_id, client.span_id);
    assert!(spans.iter().all(|(service, _)| service == "ground"));
    assert_eq!(hex::encode(&server.trace_id), &parent[3..35]);
}
