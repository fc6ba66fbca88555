//! The manifests of Compose and Kubernetes say what the programs understand: each program's settings are loaded from them.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use qihang_kit::settings::{Common, Loader, Unknown};
use qihang_standalone::distributed::SERVICES;
use qihang_tests::{Scratch, root};
use serde::Deserialize as _;
use serde_yaml::Value;

/// Where Kubernetes mounts a program's secret.
const MOUNT: &str = "/run/secrets/qihang/";

/// All documents of a YAML file, with Compose's `<<` laid out.
fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| {
            let mut value = Value::deserialize(document).expect("YAML");
            value.apply_merge().expect("merges");
            value
        })
        .collect()
}

/// What is at a path of names, e.g. `spec.template`; null when nothing is.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .fold(value, |value, name| match name.parse::<usize>() {
            Ok(place) => value.get(place).unwrap_or(&Value::Null),
            Err(_) => value.get(name).unwrap_or(&Value::Null),
        })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => String::new(),
        other => panic!("not a text: {other:?}"),
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_sequence().cloned().unwrap_or_default()
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let mapping = value.as_mapping().cloned().unwrap_or_default();
    mapping
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Loads a program's settings as it would itself, refusing unknown names.
fn load(program: &str, variables: BTreeMap<String, String>) -> Common {
    let folder = match program {
        "gateway" => root().join("gateway"),
        service => root().join("services").join(service),
    };
    let defaults = fs::read_to_string(folder.join("defaults.toml")).expect("defaults");
    let loaded = Loader::new(&defaults)
        .and_then(|loader| loader.variables(variables, Unknown::Refuse))
        .and_then(Loader::load::<serde_json::Value>)
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    if program != "gateway" {
        loaded
            .common
            .validate()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
    }
    loaded.common
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

/// A value of the right kind for a secret of that name; panics at a name that nobody explained.
fn sample(name: &str) -> String {
    match name {
        "service_secret" => "s".repeat(40),
        "database_url" => "postgres://qihang@postgres-rw/qihang".to_owned(),
        "bus_url" => "amqp://rabbitmq:5672/%2f".to_owned(),
        "files_url" => "s3://qihang?region=x".to_owned(),
        "crypto_key" | "crypto_index_key" => format!("{}=", "A".repeat(43)),
        "bootstrap_password" => "a long enough password".to_owned(),
        other => panic!("no sample of the secret {other}"),
    }
}

#[test]
fn compose_starts_every_program_with_settings_it_knows() {
    let scratch = Scratch::new("compose").unwrap();
    fs::create_dir_all(scratch.path().join("deploy")).unwrap();
    let made = Command::new(root().join("deploy/tools/secrets"))
        .current_dir(scratch.path())
        .status()
        .unwrap();
    assert!(made.success());
    let compose = documents(&root().join("deploy/compose.yaml")).remove(0);
    let mut programs = BTreeSet::new();
    for (name, service) in compose["services"].as_mapping().unwrap() {
        if at(service, "build.args.PROGRAM").is_null() {
            continue;
        }
        let name = text(name);
        assert_eq!(text(at(service, "build.args.PROGRAM")), format!("qihang-{name}"));
        let mounted: BTreeSet<String> = list(&service["secrets"]).iter().map(text).collect();
        let mut variables = pairs(&service["environment"]);
        for value in variables.values_mut() {
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                assert!(mounted.contains(secret), "{name} is not given {secret}");
                let file = text(at(&compose, &format!("secrets.{secret}.file")));
                *value = scratch.path().join("deploy").join(&file).display().to_string();
            }
        }
        let common = load(&name, variables.clone());
        for (peer, address) in &common.peers {
            assert!(SERVICES.contains(&peer.as_str()), "{name}: who is {peer}?");
            assert_eq!(address, &format!("http://{peer}:9000"));
        }
        if name == "gateway" {
            let published = text(&service["ports"][0]);
            assert_eq!(port(&variables["QIHANG_GATEWAY__HTTP"]), port(&published));
        } else {
            assert_eq!(common.listen.port(), 9000);
        }
        programs.insert(name);
    }
    let wanted: BTreeSet<String> = SERVICES
        .iter()
        .copied()
        .chain(["gateway"])
        .map(str::to_owned)
        .collect();
    assert_eq!(programs, wanted);
}

#[test]
fn prometheus_asks_where_programs_answer() {
    let prometheus = documents(&root().join("deploy/observability/prometheus.yaml")).remove(0);
    let targets: BTreeSet<String> = list(&prometheus["scrape_configs"])
        .iter()
        .flat_map(|job| list(at(job, "static_configs.0.targets")))
        .map(|target| text(&target))
        .collect();
    let wanted: BTreeSet<String> = SERVICES
        .iter()
        .map(|service| format!("{service}:9100"))
        .chain(["gateway:8080".to_owned()])
        .collect();
    assert_eq!(targets, wanted);
}

/// One program's documents in the base, by kind.
fn base(program: &str) -> BTreeMap<String, Value> {
    documents(&root().join(format!("k8s/base/{program}.yaml")))
        .into_iter()
        .map(|document| {
            assert_eq!(text(at(&document, "metadata.name")), program);
            (text(&document["kind"]), document)
        })
        .collect()
}

/// The files of each program's secret, from the table in k8s/README.md.
fn secrets() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("k8s/README.md")).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let program = cells.next().unwrap().to_owned();
        let files = cells.next().unwrap().split(", ");
        (
            program,
            files.map(|file| file.trim_matches('`').to_owned()).collect(),
        )
    })
    .collect()
}

fn shared() -> BTreeMap<String, String> {
    let settings = documents(&root().join("k8s/base/settings.yaml")).remove(0);
    pairs(&settings["data"])
}

#[test]
fn kubernetes_starts_every_program_with_settings_it_knows() {
    let scratch = Scratch::new("kubernetes").unwrap();
    for program in SERVICES.into_iter().chain(["gateway"]) {
        let kinds = base(program);
        let container = at(&kinds["Deployment"], "spec.template.spec.containers.0");
        let mut variables = shared();
        for variable in list(&container["env"]) {
            variables.insert(text(&variable["name"]), text(&variable["value"]));
        }
        let mut read = BTreeSet::new();
        for value in variables.values_mut() {
            let Some(file) = value.strip_prefix(MOUNT).map(str::to_owned) else {
                continue;
            };
            if !file.starts_with("seal.") {
                let path = scratch.path().join(&file);
                fs::write(&path, sample(&file)).unwrap();
                *value = path.display().to_string();
            }
            read.insert(file);
        }
        assert_eq!(Some(&read), secrets().get(program), "k8s/README.md and {program}");
        let common = load(program, variables.clone());
        let ports: BTreeMap<String, String> = list(&container["ports"])
            .iter()
            .map(|port| (text(&port["name"]), text(&port["containerPort"])))
            .collect();
        let listens: BTreeMap<String, String> = if program == "gateway" {
            [(
                "http".to_owned(),
                port(&variables["QIHANG_GATEWAY__HTTP"]).to_owned(),
            )]
            .into()
        } else {
            let metrics = common.metrics_listen.expect("metrics").port().to_string();
            [
                ("grpc".to_owned(), common.listen.port().to_string()),
                ("metrics".to_owned(), metrics),
            ]
            .into()
        };
        assert_eq!(ports, listens, "{program}");
        pod_is_confined_and_drains(program, &kinds["Deployment"], &common);
        probes_hit_open_ports(program, container, &ports);
        for (peer, address) in &common.peers {
            let service = &base(peer)["Service"];
            let open = text(at(service, "spec.ports.0.port"));
            assert_eq!(address, &format!("http://{peer}:{open}"));
        }
    }
}

fn probes_hit_open_ports(program: &str, container: &Value, ports: &BTreeMap<String, String>) {
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &container[probe];
        let grpc = text(at(probe, "grpc.port"));
        let http = text(at(probe, "httpGet.port"));
        assert!(
            ports.values().any(|port| *port == grpc) || ports.contains_key(&http),
            "{program}: {probe:?}"
        );
    }
}

fn pod_is_confined_and_drains(program: &str, deployment: &Value, common: &Common) {
    let pod = at(deployment, "spec.template.spec");
    let container = at(pod, "containers.0");
    assert_eq!(
        at(pod, "securityContext.runAsNonRoot"),
        &Value::Bool(true),
        "{program}"
    );
    assert_eq!(
        at(container, "securityContext.readOnlyRootFilesystem"),
        &Value::Bool(true)
    );
    assert_eq!(
        at(container, "securityContext.allowPrivilegeEscalation"),
        &Value::Bool(false)
    );
    assert_eq!(text(at(pod, "volumes.0.secret.secretName")), program);
    assert_eq!(
        text(at(container, "volumeMounts.0.mountPath")),
        MOUNT.trim_end_matches('/')
    );
    for bound in [
        "resources.limits.memory",
        "resources.limits.cpu",
        "resources.requests.memory",
    ] {
        assert!(!at(container, bound).is_null(), "{program}: {bound}");
    }
    let grace = at(pod, "terminationGracePeriodSeconds")
        .as_u64()
        .expect("seconds");
    let drain = (common.limits.lame_duck_ms + common.limits.drain_ms) / 1000;
    assert!(
        grace > drain,
        "{program} is killed after {grace} s while it drains for {drain} s"
    );
}

#[test]
fn kubernetes_has_every_kind_for_every_program_and_the_base_lists_them() {
    let kustomization = documents(&root().join("k8s/base/kustomization.yaml")).remove(0);
    let listed: BTreeSet<String> = list(&kustomization["resources"]).iter().map(text).collect();
    for entry in fs::read_dir(root().join("k8s/base")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(
            name == "kustomization.yaml" || listed.contains(&name),
            "{name} is not listed"
        );
    }
    let label = |program: &str| BTreeMap::from([("app.kubernetes.io/name".to_owned(), program.to_owned())]);
    for program in SERVICES.into_iter().chain(["gateway"]) {
        let kinds = base(program);
        let names: Vec<&str> = kinds.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "Deployment",
                "HorizontalPodAutoscaler",
                "PodDisruptionBudget",
                "Service",
                "ServiceAccount"
            ]
        );
        assert_eq!(pairs(at(&kinds["Service"], "spec.selector")), label(program));
        assert_eq!(
            pairs(at(&kinds["PodDisruptionBudget"], "spec.selector.matchLabels")),
            label(program)
        );
        assert_eq!(
            text(at(&kinds["HorizontalPodAutoscaler"], "spec.scaleTargetRef.name")),
            program
        );
        let container = at(&kinds["Deployment"], "spec.template.spec.containers.0");
        assert_eq!(text(&container["image"]), format!("qihang/{program}"));
    }
}

#[test]
fn images_are_built_by_the_pinned_compiler() {
    let pinned: toml::Table = fs::read_to_string(root().join("rust-toolchain.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let channel = pinned["toolchain"]["channel"].as_str().unwrap().to_owned();
    let dockerfile = fs::read_to_string(root().join("deploy/docker/Dockerfile")).unwrap();
    assert!(
        dockerfile.contains(&format!("FROM rust:{channel}-")),
        "deploy/docker/Dockerfile builds with another compiler than {channel}"
    );
}
