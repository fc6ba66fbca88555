//! The clocks of machines jump, to both sides of the database's at once: it decides.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use qihang_kit::{clock::Clock, totp::Totp};
use qihang_standalone::{
    demo::{Plan, api::Api, factor},
    process::Signal,
};
use serde_json::json;

use crate::{client::Refusal, load::Load, stage::Stage};

/// Longer than an offer stands, than a session lasts without use and than a signing key signs.
const FAR_SECONDS: i64 = 40 * 86_400;
/// Longest that a process may take to be ready.
const READY: Duration = Duration::from_secs(30);

impl Stage {
    /// Of two processes of a service one lives weeks ahead and one weeks behind, then the other way round: no request fails, no
    /// offer ends early or late, codes and sessions are judged by the time that is right.
    pub(crate) async fn clocks(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.counts.retries.store(0, Ordering::Relaxed);
        self.jump(FAR_SECONDS)?;
        let load = self.load().await?;
        load.run().await?;
        self.late(&load).await?;
        self.codes().await?;
        self.jump(-FAR_SECONDS)?;
        // Those that start with a wrong clock do not know a better one from before.
        for name in ["identity", "contracts"] {
            for member in self.fleet.members(name) {
                member.replace(Signal::Terminate, READY).await?;
            }
        }
        let more = self.load().await?;
        more.run().await?;
        self.ready.extend(load.sealed().await?);
        self.ready.extend(more.sealed().await?);
        self.jump(0)?;
        let failed = self.counts.retries.load(Ordering::Relaxed);
        ensure!(
            failed == 0,
            "{failed} requests failed because of a machine's clock"
        );
        self.rest(
            "clocks of machines 40 days apart from the database's, to both sides",
            begun,
        )
        .await
    }

    fn jump(&self, ahead: i64) -> anyhow::Result<()> {
        let [first, second] = &self.fleet.hosts.services;
        first.set_clock(ahead)?;
        second.set_clock(-ahead)
    }

    /// An offer that ended a moment ago is not accepted, whatever the clock of the machine says.
    async fn late(&mut self, load: &Load) -> anyhow::Result<()> {
        let late = self.ready.pop().context("nobody has an offer")?;
        let end = "UPDATE contracts.agreements SET expire_time = clock_timestamp() - interval '1 second' WHERE id = $1::uuid";
        let mut database = self.fleet.database().await?;
        sqlx::query(end).bind(late.id()).execute(&mut database).await?;
        let refusal = refused(late.accept().await, "an offer that has ended is accepted")?;
        // The second when a sweep was faster.
        ensure!(
            ["OFFER_EXPIRED", "INVALID_TRANSITION"].contains(&refusal.code()),
            "an offer that has ended: {refusal}"
        );
        // Nor is anybody's session over, or not yet begun.
        load.someone()?.0.look().await
    }

    /// A code of now is right; one of the time that a wrong clock shows is not.
    async fn codes(&self) -> anyhow::Result<()> {
        let Plan {
            login,
            password,
            totp,
            ..
        } = &self.administrator;
        factor::sign_in(&Api::new(&self.fleet.front.url())?, login, password, totp).await?;
        let far = Duration::from_secs(FAR_SECONDS.unsigned_abs());
        let totp = Totp::from_base32(totp).context("no secret")?;
        let wrong = totp.code(Clock::system().now() + far);
        let wrong = json!({ "login": login, "password": password, "totpCode": wrong });
        let nobody = &self.world.nobody;
        let wrong = nobody.with_captcha(wrong).await?;
        let outcome = nobody.post("/v1/sessions:loginStaff", wrong).await;
        let refusal = refused(outcome, "a code of another time is taken")?;
        ensure!(refusal.status == 401, "a code of another time: {refusal}");
        Ok(())
    }
}

/// The refusal that an outcome must be.
fn refused<T>(outcome: anyhow::Result<T>, otherwise: &'static str) -> anyhow::Result<Refusal> {
    match outcome {
        Ok(_) => anyhow::bail!(otherwise),
        Err(error) => error.downcast(),
    }
}
