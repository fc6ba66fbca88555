//! What stands before the gateways in life: a load balancer that sends new connections to one that says that it is ready.

use std::time::Duration;

use qihang_standalone::distributed::Processes;
use tokio::task::JoinHandle;

use crate::link::Link;

/// Pause between two looks at who is ready.
const LOOK: Duration = Duration::from_millis(100);
/// Longest that one may take to say so.
const PATIENCE: Duration = Duration::from_secs(3);

/// A load balancer.
pub(crate) struct Front {
    port: u16,
    work: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn open(processes: &Processes) -> anyhow::Result<Self> {
        let gateways = processes
            .members()
            .filter(|member| member.name().starts_with("gateway"));
        let ports: Vec<u16> = gateways.map(|member| member.port()).collect();
        let link = Link::open().await?;
        let port = link.port();
        link.lead_to(ports.first().copied().unwrap_or_default());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let work = tokio::spawn(async move {
            let mut leads_to = ports.first().copied();
            loop {
                let ready = first_ready(&http, leads_to, &ports).await;
                if let Some(port) = ready.filter(|port| Some(*port) != leads_to) {
                    link.lead_to(port);
                    leads_to = Some(port);
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Self { port, work })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// The gateway that is led to, as long as it is ready, else another one.
async fn first_ready(http: &reqwest::Client, now: Option<u16>, ports: &[u16]) -> Option<u16> {
    for port in now.iter().chain(ports) {
        let answer = http.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Some(*port);
        }
    }
    None
}
