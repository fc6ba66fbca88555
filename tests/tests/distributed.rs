//! The main job, end to end, with each service as a process on PostgreSQL, Redis and RabbitMQ; and its traces.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use qihang_kit::testing::{Collector, collector};
use qihang_standalone::{
    demo::{Outcome, walk, walk::PASSWORD},
    distributed::{LAST_PAUSE, Options, SERVICES, start},
    postgres::Use,
    secrets::Secrets,
};
use qihang_tests::{Scratch, plan, programs};
use sqlx::{Connection as _, PgConnection};

/// Number of a span that receives a message.
const CONSUMER: i32 = 5;
/// Longest that processes may take to hand their spans in.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_runs_across_processes_and_each_request_is_one_trace() {
    let folder = Scratch::new("distributed").unwrap();
    let secrets = Secrets::open(&folder.path().join("secrets")).unwrap();
    let collector = collector().await;
    let options = Options {
        programs: programs(),
        http: Some(([127, 0, 0, 1], qihang_standalone::process::free_port().unwrap()).into()),
        purpose: Use::Throwaway,
        environment: vec![(
            "QIHANG_TELEMETRY__OTLP_ENDPOINT".to_owned(),
            collector.endpoint().to_owned(),
        )],
        environment_of: Vec::new(),
        replicas: 1,
        last_pause: LAST_PAUSE,
    };
    let running = start(folder.path(), &secrets, &options).await.unwrap();
    let outcome = walk(running.url(), &plan(&secrets, 43, 200), |_| {}).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(outcome.pdf.starts_with(b"%PDF-"));

    schemas_are_closed_to_each_other(&running.servers().postgres.url("qihang")).await;
    one_trace_from_the_gateway_to_the_consumer(&collector).await;
    running.stop().await;
    logs_hold_nobody(&folder.path().join("log"), &outcome);
}

/// What the processes wrote while a whole walk went through them names none of its people.
fn logs_hold_nobody(logs: &Path, outcome: &Outcome) {
    let person = &outcome.person;
    let mut lines = 0;
    for entry in std::fs::read_dir(logs).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        lines += text.lines().count();
        for secret in [
            &person.identity,
            &person.name,
            &person.mobile,
            &person.email,
            &person.number,
            PASSWORD,
            &outcome.verify_code,
            outcome.student.token().unwrap(),
        ] {
            assert!(!text.contains(secret), "{} holds {secret}", path.display());
        }
    }
    assert!(lines > 0, "nothing was logged");
}

/// A role of its own for each service, which may look into no other's schema.
async fn schemas_are_closed_to_each_other(url: &str) {
    let mut database = PgConnection::connect(url).await.unwrap();
    for service in SERVICES {
        for other in SERVICES {
            let may: bool = sqlx::query_scalar("SELECT has_schema_privilege($1, $2, 'USAGE')")
                .bind(format!("qihang_{service}"))
                .bind(other)
                .fetch_one(&mut database)
                .await
                .unwrap();
            assert_eq!(may, service == other, "{service} and the schema of {other}");
        }
    }
    database.close().await.unwrap();
}

/// The approval goes gateway, contracts, RabbitMQ, contracts' consumer, documents: all in one trace, and the acceptance asks
/// identity in its own.
async fn one_trace_from_the_gateway_to_the_consumer(collector: &Collector) {
    let begun = std::time::Instant::now();
    loop {
        let mut traces: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
        for (service, span) in collector.spans() {
            let kinds = traces.entry(span.trace_id).or_default();
            if span.kind == CONSUMER {
                kinds.insert(format!("{service} consumer"));
            }
            kinds.insert(service);
        }
        let holds = |wanted: &[&str]| {
            traces
                .values()
                .any(|kinds| wanted.iter().all(|one| kinds.contains(*one)))
        };
        let sealed = holds(&["gateway", "contracts", "contracts consumer", "documents"]);
        let asked = holds(&["gateway", "contracts", "identity"]);
        let heard = holds(&["gateway", "contracts", "identity consumer"])
            || holds(&["gateway", "identity", "contracts consumer"]);
        if sealed && asked && heard {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "no whole trace: sealed {sealed}, asked {asked}, heard {heard}; services by trace: {:?}",
            traces
                .values()
                .filter(|kinds| kinds.len() > 2)
                .collect::<Vec<_>>()
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
