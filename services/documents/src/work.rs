//! CPU-heavy work off the async threads, a few pieces at once.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task, time};
use tracing::Span;

use crate::{Error, config::Work};

/// Runs drawing, sealing and checking.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    places: Arc<Semaphore>,
    wait: Duration,
}

impl Workers {
    pub(crate) fn new(settings: &Work) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let parallel = if settings.parallel == 0 {
            processors
        } else {
            settings.parallel
        };
        Self {
            places: Arc::new(Semaphore::new(parallel)),
            wait: Duration::from_millis(settings.wait_ms),
        }
    }

    /// Runs `job` when a place is free. A caller that goes away does not stop a job that has begun, and the job keeps
    /// its place until it ends.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = time::timeout(self.wait, Arc::clone(&self.places).acquire_owned());
        let place = place
            .await
            .map_err(|_elapsed| Error::Busy)?
            .map_err(|_closed| Error::Busy)?;
        let span = Span::current();
        let result = task::spawn_blocking(move || {
            let _place = place;
            span.in_scope(job)
        });
        Ok(result.await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_job_that_finds_no_place_in_time_is_refused() {
        let workers = Workers::new(&Work {
            parallel: 1,
            wait_ms: 20,
        });
        let (end, ended) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run(move || ended.recv().is_ok()).await }
        });
        while workers.places.available_permits() > 0 {
            task::yield_now().await;
        }
        assert!(matches!(workers.run(|| ()).await, Err(Error::Busy)));
        end.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        workers.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_in_a_job_frees_its_place() {
        let workers = Workers::new(&Work {
            parallel: 1,
            wait_ms: 1000,
        });
        assert!(matches!(
            workers.run(|| panic!("on purpose")).await,
            Err(Error::Worker(_))
        ));
        workers.run(|| ()).await.unwrap();
    }
}
