//! The main job, end to end, with the whole suite in one process.

use qihang_kit::{settings::Common, telemetry::Telemetry};
use qihang_standalone::demo::{Step, walk, walk_again};
use qihang_tests::Standalone;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_ends_with_a_sealed_agreement_that_verifies() {
    let telemetry = Telemetry::start("standalone", &Common::embedded().unwrap().telemetry).unwrap();
    let suite = Standalone::start("walk", telemetry.metrics(), &[]).await.unwrap();
    let mut steps = Vec::new();
    let outcome = walk(suite.running.url(), &suite.plan(42, 200), |step: Step| {
        steps.push(step.title)
    })
    .await
    .unwrap_or_else(|error| panic!("after {steps:?}: {error:#}"));
    assert!(outcome.pdf.starts_with(b"%PDF-"));

    let destination = outcome.student.get("/v1/destinations/mine").await.unwrap();
    assert_eq!(destination["state"], json!("SLOT_STATE_HELD"), "{destination}");
    let path = format!("/v1/agreements/{}/history", outcome.agreement);
    let history = outcome.school.get(&path).await.unwrap();
    assert_eq!(history["intact"], json!(true), "{history}");
    let operations = outcome.province.get("/v1/operations").await.unwrap();
    let services = operations["services"].as_array().unwrap();
    assert_eq!(services.len(), 7, "{operations}");
    assert!(
        services.iter().all(|service| service["reachable"] == json!(true)),
        "{operations}"
    );
    let metrics = outcome.province.download("/metrics").await.unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("rpc_server_duration"), "{metrics}");
    // A second time on the same data, as when the first one broke off.
    let again = walk_again(suite.running.url(), &suite.plan(42, 200), 43)
        .await
        .unwrap();
    assert_ne!(again.serial, outcome.serial);
    suite.stop().await;
    tokio::task::spawn_blocking(move || drop(telemetry))
        .await
        .unwrap();
}
