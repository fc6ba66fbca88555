//! Proposals about the province's administrators.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::administrator::{Administrator, Kind, Proposal, State},
    error::Error,
};

/// A proposal.
#[derive(Debug, Clone)]
pub(crate) struct ProposalRow {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) proposer: Uuid,
    pub(crate) proposer_name: String,
    /// True while the proposer is an administrator who may sign in.
    pub(crate) proposer_counts: bool,
    pub(crate) decider: Option<Uuid>,
    pub(crate) decider_name: Option<String>,
    pub(crate) decide_reason: String,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

impl ProposalRow {
    /// What is proposed.
    ///
    /// # Errors
    /// When the row says what it cannot say.
    pub(crate) fn kind(&self) -> Result<Kind, Error> {
        Kind::parse(&self.kind).ok_or(Error::Inconsistent("administrator_proposals.kind"))
    }
}

impl TryFrom<&ProposalRow> for Proposal {
    type Error = Error;

    fn try_from(row: &ProposalRow) -> Result<Self, Error> {
        Ok(Self {
            state: State::parse(&row.state).ok_or(Error::Inconsistent("administrator_proposals.state"))?,
            proposer: Administrator {
                account: row.proposer,
                counts: row.proposer_counts,
            },
            expire_time: row.expire_time,
        })
    }
}

/// A new proposal.
pub(crate) struct NewProposal<'a> {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) login: &'a str,
    pub(crate) name: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) proposer: Uuid,
    pub(crate) now: OffsetDateTime,
    pub(crate) expire_time: OffsetDateTime,
}

/// Writes a new proposal; false when the same is open already.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewProposal<'_>) -> sqlx::Result<bool> {
    // One whose time is over makes room.
    sqlx::query!(
        r#"
        UPDATE identity.administrator_proposals
        SET state = 'LAPSED', version = version + 1, update_time = $3
        WHERE kind = $1 AND login = $2 AND state = 'OPEN' AND expire_time <= $3
        "#,
        new.kind.as_str(),
        new.login,
        new.now,
    )
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query!(
        r#"
        INSERT INTO identity.administrator_proposals
            (id, kind, account_id, login, name, reason, proposer, expire_time, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        ON CONFLICT (kind, login) WHERE state = 'OPEN' DO NOTHING
        "#,
        new.id,
        new.kind.as_str(),
        new.account_id,
        new.login,
        new.name,
        new.reason,
        new.proposer,
        new.expire_time,
        new.now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Which proposals.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Filter {
    /// One alone.
    pub(crate) id: Option<Uuid>,
    /// Only in this state, as it is now.
    pub(crate) state: Option<&'static str>,
}

/// Proposals, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ProposalRow>> {
    sqlx::query_as!(
        ProposalRow,
        r#"
        SELECT p.id, p.kind, p.state, p.account_id, p.login, p.name, p.reason, p.proposer, a.name AS proposer_name,
               a.role = 'PROVINCE' AND a.state = 'ACTIVE' AS "proposer_counts!", p.decider, d.name AS "decider_name?",
               p.decide_reason, p.expire_time, p.version, p.create_time, p.update_time
        FROM identity.administrator_proposals p
        JOIN identity.accounts a ON a.id = p.proposer
        LEFT JOIN identity.accounts d ON d.id = p.decider
        WHERE ($1::uuid IS NULL OR p.id = $1)
          AND ($2::text IS NULL
              OR CASE WHEN p.state = 'OPEN' AND p.expire_time <= identity.kit_now() THEN 'LAPSED' ELSE p.state END = $2)
          AND ($3::uuid IS NULL OR p.id < $3)
        ORDER BY p.id DESC
        LIMIT $4
        "#,
        filter.id,
        filter.state,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// An account as one that proposes or decides.
///
/// # Errors
/// The database's.
pub(crate) async fn administrator(conn: &mut PgConnection, account: Uuid) -> sqlx::Result<Administrator> {
    let counts = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT 1 FROM identity.accounts WHERE id = $1 AND role = 'PROVINCE' AND state = 'ACTIVE'
        ) AS "counts!"
        "#,
        account,
    )
    .fetch_one(conn)
    .await?;
    Ok(Administrator { account, counts })
}

/// Keeps a proposal for the transaction: other decisions on it wait.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM identity.administrator_proposals WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await
    .map(drop)
}

/// Saves what was decided, and about which account.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(
    conn: &mut PgConnection,
    row: &ProposalRow,
    (state, account_id): (State, Option<Uuid>),
    (decider, reason): (Uuid, &str),
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.administrator_proposals
        SET state = $3, account_id = $4, decider = $5, decide_reason = $6, version = version + 1,
            update_time = identity.kit_now()
        WHERE id = $1 AND version = $2
        "#,
        row.id,
        row.version,
        state.as_str(),
        account_id,
        decider,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}
