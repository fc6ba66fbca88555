//! Deletes uploads that no record used within a day, and objects that no file names any more.

use std::{sync::Arc, time::Duration as Period};

use async_trait::async_trait;
use qihang_kit::{db, tasks::Task};
use time::Duration;

use crate::{App, Error, store};

/// How long an upload waits for a record.
const UNCLAIMED_FOR: Duration = Duration::hours(24);

/// How long an object outlives its release, so that a download that has begun can end.
const RELEASED_FOR: Duration = Duration::hours(1);

/// Rows at once, so that no transaction takes long.
const BATCH: i64 = 20;

/// The task.
pub(crate) struct Sweep {
    app: Arc<App>,
}

impl Sweep {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Deletes files' rows and gives up their objects; true when there may be more.
    async fn forget_files(&self) -> Result<bool, Error> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        let files = store::files::delete_forgotten(&mut transaction, now - UNCLAIMED_FOR, BATCH).await?;
        let full = is_full(files.len());
        let paths: Vec<String> = files.into_iter().flatten().collect();
        store::objects::release(&mut transaction, &paths, now).await?;
        transaction.commit().await?;
        Ok(full)
    }

    /// Deletes objects from the store, then their rows; true when there may be more. When it breaks off between, the next
    /// run deletes them again, which does nothing.
    async fn delete_objects(&self) -> Result<bool, Error> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        let paths = store::objects::lock_released(&mut transaction, now - RELEASED_FOR, BATCH).await?;
        for path in &paths {
            self.app
                .ctx
                .files
                .delete(path)
                .await
                .map_err(|error| Error::Store(error.into()))?;
        }
        store::objects::delete(&mut transaction, &paths).await?;
        transaction.commit().await?;
        Ok(is_full(paths.len()))
    }
}

fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= BATCH)
}

#[async_trait]
impl Task for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn period(&self) -> Period {
        Period::from_secs(600)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let more_files = self.forget_files().await?;
        let more_objects = self.delete_objects().await?;
        Ok(more_files || more_objects)
    }
}
