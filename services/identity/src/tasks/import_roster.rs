//! Takes imports one after another. An import is all or nothing, so one that a stopped process left behind is simply
//! done again from its file; after three attempts it fails with the reason.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use futures::StreamExt as _;
use qihang_kit::{db, outbox, sheet, status::Fault, tasks::Task};
use qihang_proto::{
    documents::v1::{ReadFileRequest, file_service_client::FileServiceClient},
    messages::v1::RosterImported,
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::roster_check::Frame,
    store::{
        history::{self, Author, Step},
        imports::{self, Ending, ImportRow},
        merge,
    },
    tasks::import_plan::{self, Checked, Plan},
};

/// An import whose worker was silent for so long is taken by another.
const SILENCE: time::Duration = time::Duration::minutes(5);

/// Attempts after which an import that keeps stopping the process is given up.
const MAX_ATTEMPTS: i32 = 3;

/// The task.
pub(crate) struct ImportRoster {
    app: Arc<App>,
}

impl ImportRoster {
    /// The task on a service.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[async_trait]
impl Task for ImportRoster {
    fn name(&self) -> &'static str {
        "import_roster"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let worker = self.app.ctx.ids.new_id();
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let Some(import) = imports::take(&mut conn, worker, now, now - SILENCE).await? else {
            return Ok(false);
        };
        drop(conn);
        let run = Run {
            app: &self.app,
            import: &import,
            worker,
        };
        let ending = if import.attempts > MAX_ATTEMPTS {
            failed(
                "INTERRUPTED",
                "导入多次中断，未导入任何数据，请检查文件后重新导入".to_owned(),
            )
        } else {
            match run.process().await {
                Ok(None) => return Ok(true),
                Ok(Some(ending)) => ending,
                Err(fault) => failed(
                    fault.reason(),
                    format!("{}；未导入任何数据，请重新导入", fault.message()),
                ),
            }
        };
        run.end(&ending).await?;
        Ok(true)
    }
}

fn failed(code: &'static str, error: String) -> Ending {
    Ending {
        error_code: code,
        error,
        ..Ending::default()
    }
}

/// One import on one worker.
struct Run<'a> {
    app: &'a Arc<App>,
    import: &'a ImportRow,
    worker: Uuid,
}

impl Run<'_> {
    /// Does the import. `None` when its ending is already written, in the transaction of its rows.
    async fn process(&self) -> Result<Option<Ending>, Fault> {
        let bytes = self.read_file().await?;
        let frame = self.frame();
        let check = tokio::task::spawn_blocking(move || import_plan::check(&bytes, &frame));
        let checked = match check.await.map_err(|error| Fault::internal(&error))? {
            Ok(checked) => checked,
            Err(refused) => return Ok(Some(failed(refused.code, refused.message))),
        };
        self.beat(&checked, 1).await?;
        let mut transaction = self.app.ctx.pool.begin().await?;
        merge::lock_school(&mut transaction, &self.import.school_code).await?;
        let (checked, plan) = self.plan(&mut transaction, checked).await?;
        self.beat(&checked, 2).await?;
        if self.import.dry_run || checked.errors > 0 {
            transaction.rollback().await?;
            return self.report(&checked, &plan).await.map(Some);
        }
        let now = db::now(&mut transaction).await?;
        self.write(&mut transaction, &plan, now).await?;
        imports::report(&mut transaction, self.import.id, &checked.findings, &plan.changes).await?;
        if !imports::end(
            &mut transaction,
            (self.import.id, self.worker),
            &checked.ending(&plan),
            now,
        )
        .await?
        {
            // Another worker has it; what we did must not count.
            transaction.rollback().await?;
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(None)
    }

    fn frame(&self) -> Frame {
        let school = qihang_kit::codes::school(&self.import.school_code);
        Frame {
            school_code: self.import.school_code.clone(),
            short_code: school.map_or_else(
                || self.import.school_code.clone(),
                |school| school.short_code.to_owned(),
            ),
            cohort: self.import.cohort,
        }
    }

    async fn read_file(&self) -> Result<Vec<u8>, Fault> {
        let unavailable =
            |_| Fault::unavailable("DOCUMENTS_UNAVAILABLE", "读取名册文件失败，文件服务暂时不可用");
        let mut client = FileServiceClient::new(self.app.ctx.channels.get("documents"));
        let request = ReadFileRequest {
            id: self.import.file_id.to_string(),
        };
        let mut pieces = client.read_file(request).await.map_err(unavailable)?.into_inner();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(unavailable)?.data);
            if bytes.len() > sheet::MAX_BYTES {
                return Err(Fault::invalid(
                    "fileId",
                    "FILE_TOO_LARGE",
                    "名册文件超过64 MiB，请分批导入",
                ));
            }
        }
        Ok(bytes)
    }

    /// Compares with the roster, away from the async threads.
    async fn plan(&self, conn: &mut PgConnection, mut checked: Checked) -> Result<(Checked, Plan), Fault> {
        let present = merge::present(conn, &self.import.school_code).await?;
        let app = Arc::clone(self.app);
        let work = tokio::task::spawn_blocking(move || {
            let plan = import_plan::plan(&app.sealer, &app.ctx.ids, &mut checked, &present)?;
            Ok((checked, plan))
        });
        work.await.map_err(|error| Fault::internal(&error))?
    }

    async fn write(&self, conn: &mut PgConnection, plan: &Plan, now: OffsetDateTime) -> Result<(), Fault> {
        let import = self.import;
        merge::stage(conn, import.id, &import.school_code, &plan.staged).await?;
        let changed = merge::merge(conn, import.id, import.account_id, now).await?;
        let digests: std::collections::HashMap<Uuid, &[u8]> = plan
            .staged
            .iter()
            .map(|row| (row.id, row.locked_digest.as_slice()))
            .collect();
        for student in changed.iter().filter(|student| student.origin_version > 0) {
            let after = digests.get(&student.id).copied().unwrap_or_default();
            history::append_origin(conn, &self.step(student, after, now)).await?;
        }
        let message = RosterImported {
            operation_id: import.id.to_string(),
            school_code: import.school_code.clone(),
            inserted: plan.inserted,
            updated: plan.updated,
        };
        let id = self.app.ctx.ids.new_id();
        outbox::publish(
            conn,
            outbox::Outgoing::new(id, "identity.roster.imported.v1", import.id, &message),
        )
        .await
    }

    fn step(&self, student: &merge::Changed, after: &[u8], now: OffsetDateTime) -> Step {
        Step {
            subject: student.id,
            event: "rosterUpdate".to_owned(),
            from_state: student.origin_state.clone(),
            to_state: student.origin_state.clone(),
            submission_version: student.origin_version,
            author: Author {
                account: Some(self.import.account_id),
                role: "SCHOOL".to_owned(),
                name: self.import.actor_name.clone(),
                address: self.import.address.clone(),
                client: self.import.client.clone(),
            },
            reason_code: String::new(),
            reason: String::new(),
            before_hash: student.locked_digest.clone(),
            after_hash: after.to_vec(),
            micros: history::micros(now),
            time: now,
        }
    }

    /// Writes what was found, and how it ends when nothing is written.
    async fn report(&self, checked: &Checked, plan: &Plan) -> Result<Ending, Fault> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        imports::report(&mut transaction, self.import.id, &checked.findings, &plan.changes).await?;
        transaction.commit().await?;
        let ending = checked.ending(plan);
        if self.import.dry_run {
            return Ok(ending);
        }
        let error = format!(
            "共有{}处错误，未导入任何数据；请按错误清单修改后重新导入",
            checked.errors
        );
        Ok(Ending {
            error_code: "ROWS_INVALID",
            error,
            inserted: 0,
            updated: 0,
            unchanged: 0,
            ..ending
        })
    }

    /// Notes the progress: the rows count three times, read, compared, written.
    async fn beat(&self, checked: &Checked, steps: i64) -> Result<(), Fault> {
        let rows = i64::try_from(checked.rows.len()).unwrap_or(i64::MAX);
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let ours = imports::beat(
            &mut conn,
            (self.import.id, self.worker),
            (rows * steps, rows * 3),
            now,
        )
        .await?;
        if ours {
            Ok(())
        } else {
            Err(Fault::aborted("IMPORT_TAKEN", "导入已由另一进程接手"))
        }
    }

    async fn end(&self, ending: &Ending) -> anyhow::Result<()> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        imports::end(&mut conn, (self.import.id, self.worker), ending, now)
            .await
            .context("ending an import")?;
        Ok(())
    }
}
