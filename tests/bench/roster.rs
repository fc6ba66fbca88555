//! Taking a roster in, against copying the same rows.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use qihang_standalone::demo::{self, Step};
use qihang_tests::Standalone;
use sqlx::{Connection as _, PgConnection};

use crate::measure::{Line, Series};

/// Students of the roster.
const STUDENTS: u32 = 100_000;

/// Reading, checking, sealing and merging an XLSX roster, against COPY of the rows that it made into a table with the same indexes.
pub(crate) async fn line(suite: &Standalone) -> anyhow::Result<Line> {
    let (mut ours, mut bare) = (Series::default(), Series::default());
    let mut took = Duration::ZERO;
    demo::walk(suite.running.url(), &suite.plan(7, STUDENTS), |step: Step| {
        if step.title == "导入" {
            took = step.took;
        }
    })
    .await?;
    ours.push(f64::from(STUDENTS) / took.as_secs_f64());
    let postgres = suite
        .running
        .postgres()
        .context("the suite has a database of its own")?;
    let mut database = PgConnection::connect(&postgres.url("qihang")).await?;
    let rows: Vec<_> = database
        .copy_out_raw("COPY identity.students TO STDOUT")
        .await?
        .try_collect()
        .await?;
    for _ in 0..3 {
        sqlx::raw_sql(
            "DROP TABLE IF EXISTS bench; CREATE TABLE bench (LIKE identity.students INCLUDING ALL)",
        )
        .execute(&mut database)
        .await?;
        let begun = Instant::now();
        let mut copy = database.copy_in_raw("COPY bench FROM STDIN").await?;
        for row in &rows {
            copy.send(row.clone()).await?;
        }
        copy.finish().await?;
        bare.push(f64::from(STUDENTS) / begun.elapsed().as_secs_f64());
    }
    sqlx::raw_sql("DROP TABLE bench").execute(&mut database).await?;
    Ok(Line {
        name: format!("roster import, XLSX of {STUDENTS} students, once"),
        ours,
        unit: "rows/s",
        baseline: Some(("COPY of the same rows with the same indexes", bare)),
        goal: "≥ 0.5 of COPY",
    })
}
