//! The suite in one process: how soon it is ready, what it takes while nobody asks.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use qihang_standalone::process::free_port;
use qihang_tests::programs;

use crate::measure::{Line, Series};

/// Starts of each kind.
const STARTS: usize = 3;
/// Time to settle before memory is looked at.
const SETTLE: Duration = Duration::from_secs(15);

/// Measures starts on data that are there, and memory.
pub(crate) async fn lines(folder: &Path) -> anyhow::Result<Vec<Line>> {
    let data = folder.join("standalone");
    let (mut first, mut warm, mut memory) = (Series::default(), Series::default(), Series::default());
    first.push(Running::start(&data).await?.1);
    for _ in 0..STARTS {
        let (running, took) = Running::start(&data).await?;
        warm.push(took);
        tokio::time::sleep(SETTLE).await;
        memory.push(running.memory()?);
    }
    let line = |name: &str, ours: Series, unit: &'static str, goal: &'static str| Line {
        name: name.to_owned(),
        ours,
        unit,
        baseline: None,
        goal,
    };
    Ok(vec![
        line(
            "the suite in one process: ready, with its data folder there",
            warm,
            "s",
            "≤ 3 s",
        ),
        line("the same on an empty folder, with initdb", first, "s", "–"),
        line(
            "memory of it while idle, PostgreSQL included (PSS)",
            memory,
            "MB",
            "≤ 250 MB",
        ),
    ])
}

/// The program `qihang run`.
struct Running(Child);

impl Running {
    /// Starts it and waits until it is ready: the seconds that took.
    async fn start(data: &Path) -> anyhow::Result<(Self, f64)> {
        let port = free_port()?;
        let begun = Instant::now();
        let child = Command::new(programs().join("qihang"))
            .args(["run", "--http", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let running = Self(child);
        let ready = format!("http://127.0.0.1:{port}/readyz");
        while begun.elapsed() < Duration::from_secs(120) {
            if reqwest::get(&ready)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok((running, begun.elapsed().as_secs_f64()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("qihang run did not come up")
    }

    /// Megabytes of it and of everything that it started; pages that several share are counted once.
    fn memory(&self) -> anyhow::Result<f64> {
        let mut family = vec![self.0.id()];
        let mut total = 0;
        while let Some(pid) = family.pop() {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let kilobytes: u64 = rollup
                .lines()
                .find_map(|line| line.strip_prefix("Pss:"))
                .and_then(|rest| rest.split_whitespace().next())
                .and_then(|number| number.parse().ok())
                .unwrap_or_default();
            total += kilobytes;
            for task in fs::read_dir(format!("/proc/{pid}/task"))?.filter_map(Result::ok) {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                family.extend(
                    children
                        .split_whitespace()
                        .filter_map(|child| child.parse::<u32>().ok()),
                );
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let megabytes = total as f64 / 1024.0;
        Ok(megabytes)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.0.wait());
    }
}
