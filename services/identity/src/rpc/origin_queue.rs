//! What reviewers do with many records: the queue, batches, histories.

use qihang_kit::{auth::Role, db, idempotency::Call, page, status::Fault};
use qihang_proto::identity::v1::{
    BatchApproveOriginsRequest, BatchApproveOriginsResponse, ListOriginHistoryRequest,
    ListOriginHistoryResponse, ListOriginReviewsRequest, ListOriginReviewsResponse,
    batch_approve_origins_response,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::{
        calendar::Effective,
        origin::{Command, Levels, Part, State, Surroundings},
    },
    rpc::{
        origin::{OriginService, from_micros},
        origin_flow::{self, Loaded, Wanted, not_found},
        person::{self, Person},
        student_view,
    },
    sealing,
    store::{self, students::Queue},
};

impl OriginService {
    /// Approves one record of a batch; the caller keeps the transaction.
    async fn approve_one(
        &self,
        conn: &mut sqlx::PgConnection,
        person: &Person,
        (id, version): (Uuid, u32),
        now: OffsetDateTime,
    ) -> Result<State, Fault> {
        let loaded = origin_flow::load(&self.app, conn, &person.scope()?, id).await?;
        if needs_a_look(&loaded) {
            return Err(Fault::precondition(
                "NEEDS_A_LOOK",
                "学生改动了名册信息或标记了有误的项目，请打开后单独审核",
            ));
        }
        let command = Command::Approve {
            version,
            resolutions: Vec::new(),
        };
        origin_flow::take(
            &self.app,
            conn,
            &loaded,
            Wanted {
                person,
                command,
                etag: "",
                now,
            },
        )
        .await
    }

    pub(super) async fn list_reviews(
        &self,
        person: &Person,
        request: &ListOriginReviewsRequest,
    ) -> Result<ListOriginReviewsResponse, Fault> {
        let actor = person.actor()?;
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let levels = origin_flow::levels(&mut conn, person.school_code()?).await?;
        let waits = store::origin::queue_state(levels == Levels::Two, actor.part == Part::Department);
        let Some(state) = waits else {
            return Ok(ListOriginReviewsResponse::default());
        };
        let department = (!request.department.is_empty()).then(|| request.department.clone());
        let queue = Queue {
            state,
            department,
            only_changed: request.only_changed,
        };
        let query = page::Query::new(request.page_size, &request.page_token, &queue)?;
        let after = query
            .after::<(i64, Uuid)>()?
            .map(|(micros, id)| (from_micros(micros), id));
        let rows =
            store::students::list_reviews(&mut conn, &person.scope()?, &queue, after, query.limit()).await?;
        let key = |row: &store::students::StudentRow| {
            (
                store::history::micros(row.submit_time.unwrap_or(row.create_time)),
                row.id,
            )
        };
        let (rows, next_page_token) = query.finish(rows, key);
        let around = Surroundings {
            levels,
            window: Effective::Always,
            agreement_held: false,
        };
        let mut students = Vec::with_capacity(rows.len());
        for row in &rows {
            let opened = sealing::student(&self.app.sealer, row)?;
            let record = origin_flow::record(row, &opened, Vec::new())?;
            let actions = origin_flow::actions(&record, actor, around, now);
            students.push(student_view::summary(row, &opened, actions));
        }
        Ok(ListOriginReviewsResponse {
            students,
            next_page_token,
        })
    }

    pub(super) async fn batch_approve(
        &self,
        person: &Person,
        request: &BatchApproveOriginsRequest,
    ) -> Result<BatchApproveOriginsResponse, Fault> {
        let caller = person.principal.account_id;
        let mut transaction = self.app.ctx.pool.begin().await?;
        let call = Call::new("BatchApproveOrigins", caller, &request.request_id, request);
        let answer = call
            .once(&mut transaction, async |conn| {
                let now = db::now(conn).await?;
                let mut results = Vec::with_capacity(request.items.len());
                for item in &request.items {
                    let id = person::id(&item.student_id, not_found)?;
                    let mut savepoint = sqlx::Connection::begin(&mut *conn).await?;
                    let outcome = self
                        .approve_one(&mut savepoint, person, (id, item.version), now)
                        .await;
                    match &outcome {
                        Ok(_) => savepoint.commit().await?,
                        Err(_) => savepoint.rollback().await?,
                    }
                    results.push(result(item.student_id.clone(), outcome));
                }
                let approved_count = u32::try_from(results.iter().filter(|result| result.approved).count())
                    .unwrap_or_default();
                Ok(BatchApproveOriginsResponse {
                    results,
                    approved_count,
                })
            })
            .await?;
        transaction.commit().await?;
        self.app.ctx.outbox.wake();
        Ok(answer)
    }

    pub(super) async fn list_history(
        &self,
        person: &Person,
        request: &ListOriginHistoryRequest,
    ) -> Result<ListOriginHistoryResponse, Fault> {
        let id = person::id(&request.student_id, not_found)?;
        if person.principal.role == Role::Student && person.student_id()? != id {
            return Err(not_found());
        }
        let mut conn = self.app.ctx.pool.acquire().await?;
        store::students::get(&mut conn, &person.scope()?, id)
            .await?
            .ok_or_else(not_found)?;
        let query = page::Query::new(request.page_size, &request.page_token, &request.student_id)?;
        let rows = store::history::list_origin(&mut conn, id, query.after()?, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.sequence);
        Ok(ListOriginHistoryResponse {
            entries: rows.into_iter().map(student_view::history).collect(),
            next_page_token,
        })
    }
}

fn result(student_id: String, outcome: Result<State, Fault>) -> batch_approve_origins_response::Result {
    match outcome {
        Ok(state) => batch_approve_origins_response::Result {
            student_id,
            approved: true,
            reason_code: String::new(),
            reason: String::new(),
            state: student_view::wire_state(state.as_str()).into(),
        },
        Err(fault) => batch_approve_origins_response::Result {
            student_id,
            approved: false,
            reason_code: fault.reason().to_owned(),
            reason: fault.message().to_owned(),
            state: 0,
        },
    }
}

fn needs_a_look(loaded: &Loaded) -> bool {
    loaded.row.origin_flagged || loaded.row.own_differs
}
