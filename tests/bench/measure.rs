//! Rounds, medians with their spread, processor time.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// Clock ticks a second of /proc: the same on every Linux that this runs on.
const TICKS: u64 = 100;

/// What one side measured, one value a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Adds a round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a handful of rounds"
        )]
        let place = (last as f64 * share).round() as usize;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The middle value.
    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Smallest and largest value.
    pub(crate) fn spread(&self) -> (f64, f64) {
        (self.at(0.0), self.at(1.0))
    }
}

/// A line of the table.
pub(crate) struct Line {
    /// What was measured.
    pub(crate) name: String,
    /// Our figure.
    pub(crate) ours: Series,
    /// Unit of both figures.
    pub(crate) unit: &'static str,
    /// The other side of the same rounds, when there is one.
    pub(crate) baseline: Option<(&'static str, Series)>,
    /// What is aimed at.
    pub(crate) goal: &'static str,
}

impl Line {
    /// The line as a row of a Markdown table.
    pub(crate) fn row(&self) -> String {
        let figure = |series: &Series| {
            let (low, high) = series.spread();
            format!("{:.2} ({low:.2}–{high:.2}) {}", series.median(), self.unit)
        };
        let (against, ratio) = match &self.baseline {
            Some((name, series)) => (
                format!("{name}: {}", figure(series)),
                format!("{:.2}", self.ours.median() / series.median()),
            ),
            None => ("–".to_owned(), "–".to_owned()),
        };
        format!(
            "| {} | {} | {against} | {ratio} | {} |",
            self.name,
            figure(&self.ours),
            self.goal
        )
    }
}

/// Processor time that a process has used, with its ended threads.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold blanks; the fields after it do not.
    let (_, fields) = text.rsplit_once(')').context("a line of /proc/…/stat")?;
    let ticks = |place: usize| -> anyhow::Result<u64> {
        let field = fields.split_whitespace().nth(place);
        Ok(field.context("a field of /proc/…/stat")?.parse()?)
    };
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS))
}

/// The child of this process that runs a program.
pub(crate) fn child(program: &str) -> anyhow::Result<u32> {
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let parent = text
            .rsplit_once(')')
            .and_then(|(_, fields)| fields.split_whitespace().nth(1));
        // The kernel keeps fifteen characters of a name.
        let short: String = program.chars().take(15).collect();
        if parent == Some(own.as_str()) && text.contains(&format!("({short})")) {
            return Ok(pid);
        }
    }
    anyhow::bail!("{program} does not run")
}

/// Microseconds.
pub(crate) fn micros(time: Duration, operations: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands of operations")]
    let operations = operations as f64;
    time.as_secs_f64() * 1e6 / operations
}
