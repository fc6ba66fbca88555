//! The load that a fault meets: some students accept what they have read, others begin.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;

use crate::{
    stage::Stage,
    walk::{Read, Walker},
};

/// Students of either kind.
const STUDENTS: usize = 3;
/// Loads that are prepared at the start.
const LOADS: usize = 3;
/// Pause between two operations of a student, so that the load outlasts the fault.
const PAUSE: Duration = Duration::from_millis(600);
/// Pause between two looks of one who only looks.
const LOOK: Duration = Duration::from_millis(10);

/// A student who has an offer and reads it.
pub(crate) struct Ready {
    walker: Walker,
    read: Read,
}

/// Students who are about to act.
pub(crate) struct Load {
    accepting: Vec<Ready>,
    beginning: Vec<Walker>,
    begun: tokio::sync::Mutex<Vec<Ready>>,
}

impl Stage {
    /// Has students begin who accept in later loads, so that no load waits for somebody to read.
    pub(crate) async fn prepare(&mut self) -> anyhow::Result<()> {
        let walkers = self.students(STUDENTS * LOADS).await?;
        self.ready.extend(begin(walkers).await?);
        Ok(())
    }

    /// The students of one load. Those who begin in it accept in a later one.
    pub(crate) async fn load(&mut self) -> anyhow::Result<Load> {
        ensure!(self.ready.len() >= STUDENTS, "nobody is ready");
        Ok(Load {
            accepting: self.ready.drain(..STUDENTS).collect(),
            beginning: self.students(STUDENTS).await?,
            begun: tokio::sync::Mutex::default(),
        })
    }
}

impl Load {
    /// Everybody acts; what needs a document is left to [`Load::sealed`].
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let accepting = try_join_all(self.accepting.iter().map(Ready::sign));
        let beginning = try_join_all(self.beginning.iter().map(start));
        let (_, reads) = tokio::try_join!(accepting, beginning)?;
        let mut begun = self.begun.lock().await;
        begun.extend(
            reads
                .into_iter()
                .zip(&self.beginning)
                .map(|(read, walker)| Ready {
                    walker: walker.clone(),
                    read,
                }),
        );
        Ok(())
    }

    /// Everybody acts, and one student looks again and again until `work` is done; how often, and what came of the work.
    pub(crate) async fn run_until<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(usize, T)> {
        let looker = self.beginning.first().context("nobody begins")?;
        let mut looks = 0;
        let looking = async {
            loop {
                looker.look().await?;
                looks += 1;
                tokio::time::sleep(LOOK).await;
            }
        };
        let all = async { tokio::try_join!(self.run(), work) };
        let done = tokio::select! {
            done = all => done?.1,
            stopped = looking => return stopped,
        };
        Ok((looks, done))
    }

    /// Waits for the documents of those who accepted; those who began are ready for another load.
    pub(crate) async fn sealed(self) -> anyhow::Result<Vec<Ready>> {
        try_join_all(self.accepting.iter().map(|one| one.walker.sealed(&one.read.id))).await?;
        Ok(self.begun.into_inner())
    }

    /// Somebody who accepts, and their agreement.
    pub(crate) fn someone(&self) -> anyhow::Result<(Walker, String)> {
        let one = self.accepting.first().context("nobody accepts")?;
        Ok((one.walker.clone(), one.read.id.clone()))
    }
}

impl Ready {
    /// The agreement.
    pub(crate) fn id(&self) -> &str {
        &self.read.id
    }

    pub(crate) async fn accept(&self) -> anyhow::Result<()> {
        self.walker.accept(&self.read).await
    }

    async fn sign(&self) -> anyhow::Result<()> {
        tokio::time::sleep(PAUSE).await;
        self.accept().await?;
        tokio::time::sleep(PAUSE).await;
        self.walker.approve(&self.read.id).await
    }
}

/// Those who begin before any fault.
async fn begin(walkers: Vec<Walker>) -> anyhow::Result<Vec<Ready>> {
    let reads = try_join_all(walkers.iter().map(start)).await?;
    let ready = walkers.into_iter().zip(reads);
    Ok(ready.map(|(walker, read)| Ready { walker, read }).collect())
}

async fn start(walker: &Walker) -> anyhow::Result<Read> {
    walker.origin().await?;
    tokio::time::sleep(PAUSE).await;
    let id = walker.offer().await?;
    walker.read(&id).await
}
