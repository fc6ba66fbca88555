//! Writes down that an employer's approval is over, which the guard has known since the time itself; before that reminds of it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{
    db,
    outbox::{self, Outgoing},
    tasks::Task,
};
use qihang_proto::messages::v1::EmployerExpiring;
use uuid::Uuid;

use crate::{
    App,
    domain::employer::{self, Actor, Command, Part},
    rpc::{
        employer_flow::{record, save},
        person::timestamp,
    },
    store::{self, history::Author},
};

/// Employers of one portion.
const PORTION: i64 = 50;

/// The task.
pub(crate) struct ExpireEmployers {
    app: Arc<App>,
}

impl ExpireEmployers {
    /// The task on a service.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Tells of approvals that end soon; the row is the claim, so each reminder is published once.
    async fn remind(&self) -> anyhow::Result<usize> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let due = store::employers::claim_expiring(&mut transaction, PORTION).await?;
        for reminder in &due {
            let message = EmployerExpiring {
                employer_id: reminder.id.to_string(),
                days: u32::try_from(reminder.days).unwrap_or_default(),
                expire_time: Some(timestamp(reminder.approval_expire_time)),
            };
            let key = "identity.employer.expiring.v1";
            let outgoing = Outgoing::new(self.app.ctx.ids.new_id(), key, reminder.id, &message);
            outbox::publish(&mut transaction, outgoing).await?;
        }
        transaction.commit().await?;
        if !due.is_empty() {
            self.app.ctx.outbox.wake();
        }
        Ok(due.len())
    }

    async fn expire(&self, id: Uuid) -> anyhow::Result<()> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        let Some(row) = store::employers::get(&mut transaction, id, true).await? else {
            return Ok(());
        };
        let system = Actor {
            account: Uuid::nil(),
            part: Part::System,
        };
        // Someone else was quicker: nothing is left to do.
        let Ok(decision) = employer::decide(&record(&row)?, Command::Expire, system, now) else {
            return Ok(());
        };
        let author = Author {
            account: None,
            role: "SYSTEM".to_owned(),
            name: String::new(),
            address: String::new(),
            client: "SYS".to_owned(),
        };
        save(&self.app, &mut transaction, &row, (&decision, &author), now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Task for ExpireEmployers {
    fn name(&self) -> &'static str {
        "expire_employers"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(300)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let due = store::employers::expired(&mut conn, now, PORTION).await?;
        drop(conn);
        for id in &due {
            self.expire(*id).await?;
        }
        let reminded = self.remind().await?;
        let full = |count: usize| i64::try_from(count).unwrap_or_default() == PORTION;
        Ok(full(due.len()) || full(reminded))
    }
}
