//! Sessions and their refresh tokens.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::refresh::Presented;

/// A session to be opened.
#[derive(Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) client: &'a str,
    pub(crate) address: &'a str,
    pub(crate) amr: &'a [String],
    pub(crate) auth_time: OffsetDateTime,
    pub(crate) expire_time: OffsetDateTime,
}

/// A session.
#[derive(Debug, Clone)]
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) client: String,
    pub(crate) address: String,
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: OffsetDateTime,
    pub(crate) refresh_time: OffsetDateTime,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) create_time: OffsetDateTime,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// Its owner signed out.
    Logout,
    /// Its owner ended it from elsewhere.
    Revoked,
    /// An old refresh token came back.
    Reused,
    /// The account, or its place with the employer, does not count any more.
    Disabled,
    /// The password was changed elsewhere.
    Password,
    /// The account got a new activation.
    Reset,
    /// The second factor was set elsewhere, or taken away.
    Factor,
    /// The account belongs elsewhere, or to other classes.
    Scope,
}

impl EndReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "LOGOUT",
            Self::Revoked => "REVOKED",
            Self::Reused => "REUSED",
            Self::Disabled => "DISABLED",
            Self::Password => "PASSWORD",
            Self::Reset => "RESET",
            Self::Factor => "FACTOR",
            Self::Scope => "SCOPE",
        }
    }
}

/// Opens a session.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewSession<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.sessions
            (id, account_id, client, address, amr, auth_time, refresh_time, expire_time, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $6)
        "#,
        new.id,
        new.account_id,
        new.client,
        new.address,
        new.amr,
        new.auth_time,
        new.expire_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Adds a refresh token to a session.
///
/// # Errors
/// The database's.
pub(crate) async fn insert_token(
    conn: &mut PgConnection,
    session_id: Uuid,
    generation: i32,
    token_hash: &[u8],
    expire_time: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.refresh_tokens (token_hash, session_id, generation, expire_time, create_time)
        VALUES ($1, $2, $3, $4, identity.kit_now())
        "#,
        token_hash,
        session_id,
        generation,
        expire_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Locks the session of a refresh token, so that uses of its tokens come one after another.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_by_token(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> sqlx::Result<Option<SessionRow>> {
    sqlx::query_as!(
        SessionRow,
        r#"
        SELECT s.id, s.account_id, s.client, s.address, s.amr, s.auth_time, s.refresh_time, s.expire_time, s.create_time
        FROM identity.sessions s
        JOIN identity.refresh_tokens t ON t.session_id = s.id
        WHERE t.token_hash = $1
        FOR UPDATE OF s
        "#,
        token_hash,
    )
    .fetch_optional(conn)
    .await
}

/// The token as it is now, with its generation. The session must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn present(conn: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<(Presented, i32)> {
    let row = sqlx::query!(
        r#"
        SELECT t.generation, t.expire_time, t.use_time, t.use_request_id, s.expire_time AS session_expire_time,
               s.end_time IS NOT NULL AS "ended!",
               EXISTS (
                   SELECT 1 FROM identity.refresh_tokens n
                   WHERE n.session_id = t.session_id AND n.generation = t.generation + 1 AND n.use_time IS NOT NULL
               ) AS "successor_used!"
        FROM identity.refresh_tokens t
        JOIN identity.sessions s ON s.id = t.session_id
        WHERE t.token_hash = $1
        "#,
        token_hash,
    )
    .fetch_one(conn)
    .await?;
    let presented = Presented {
        session_ended: row.ended,
        session_expire_time: row.session_expire_time,
        expire_time: row.expire_time,
        use_time: row.use_time,
        use_request_id: row.use_request_id,
        successor_used: row.successor_used,
    };
    Ok((presented, row.generation))
}

/// Locks an account's session that still counts, with the generation of its newest token.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_open(
    conn: &mut PgConnection,
    account_id: Uuid,
    id: Uuid,
) -> sqlx::Result<Option<(SessionRow, i32)>> {
    let now = db::now(conn).await?;
    let session = sqlx::query_as!(
        SessionRow,
        r#"
        SELECT id, account_id, client, address, amr, auth_time, refresh_time, expire_time, create_time
        FROM identity.sessions
        WHERE id = $2 AND account_id = $1 AND end_time IS NULL AND expire_time > $3
        FOR UPDATE
        "#,
        account_id,
        id,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let newest = sqlx::query_scalar!(
        r#"SELECT coalesce(max(generation), 0) AS "newest!" FROM identity.refresh_tokens WHERE session_id = $1"#,
        id,
    )
    .fetch_one(conn)
    .await?;
    Ok(Some((session, newest)))
}

/// Notes a proof of the person, and that the tokens until now do not count any more. The session must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn prove(
    conn: &mut PgConnection,
    id: Uuid,
    amr: &[String],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE identity.sessions SET amr = $2, auth_time = $3, refresh_time = $3 WHERE id = $1",
        id,
        amr,
        now,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        UPDATE identity.refresh_tokens SET use_time = $2, use_request_id = 'proof'
        WHERE session_id = $1 AND use_time IS NULL
        "#,
        id,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Takes a way of proof out of an account's open sessions.
///
/// # Errors
/// The database's.
pub(crate) async fn forget_way(conn: &mut PgConnection, account_id: Uuid, way: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE identity.sessions SET amr = array_remove(amr, $2) WHERE account_id = $1 AND end_time IS NULL",
        account_id,
        way,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Marks a token as used. The session must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn use_token(
    conn: &mut PgConnection,
    token_hash: &[u8],
    request_id: &str,
    now: OffsetDateTime,
) -> sqlx::Result<sqlx::postgres::PgQueryResult> {
    sqlx::query!(
        "UPDATE identity.refresh_tokens SET use_time = $3, use_request_id = $2 WHERE token_hash = $1 AND use_time IS NULL",
        token_hash,
        request_id,
        now,
    )
    .execute(conn)
    .await
}

/// Notes a refresh.
///
/// # Errors
/// The database's.
pub(crate) async fn touch(conn: &mut PgConnection, id: Uuid, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE identity.sessions SET refresh_time = $2 WHERE id = $1",
        id,
        now
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Lists an account's open sessions, newest first, after an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    account_id: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<SessionRow>> {
    let now = db::now(conn).await?;
    sqlx::query_as!(
        SessionRow,
        r#"
        SELECT id, account_id, client, address, amr, auth_time, refresh_time, expire_time, create_time
        FROM identity.sessions
        WHERE account_id = $1 AND end_time IS NULL AND expire_time > $4 AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC
        LIMIT $3
        "#,
        account_id,
        after,
        limit,
        now,
    )
    .fetch_all(conn)
    .await
}

/// Ends an open session of an account; the number ended is 0 or 1.
///
/// # Errors
/// The database's.
pub(crate) async fn end(
    conn: &mut PgConnection,
    account_id: Uuid,
    id: Uuid,
    reason: EndReason,
) -> sqlx::Result<u64> {
    sqlx::query!(
        r#"
        UPDATE identity.sessions
        SET end_time = identity.kit_now(), end_reason = $3
        WHERE id = $2 AND account_id = $1 AND end_time IS NULL
        "#,
        account_id,
        id,
        reason.as_str(),
    )
    .execute(conn)
    .await
    .map(|result| result.rows_affected())
}

/// Ends all open sessions of an account but one.
///
/// # Errors
/// The database's.
pub(crate) async fn end_all(
    conn: &mut PgConnection,
    account_id: Uuid,
    except: Option<Uuid>,
    reason: EndReason,
) -> sqlx::Result<u64> {
    sqlx::query!(
        r#"
        UPDATE identity.sessions
        SET end_time = identity.kit_now(), end_reason = $3
        WHERE account_id = $1 AND end_time IS NULL AND ($2::uuid IS NULL OR id <> $2)
        "#,
        account_id,
        except,
        reason.as_str(),
    )
    .execute(conn)
    .await
    .map(|result| result.rows_affected())
}

/// Deletes sessions that nobody can ask about any more, some at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    sqlx::query!(
        r#"
        DELETE FROM identity.sessions
        WHERE id IN (
            SELECT id FROM identity.sessions
            WHERE expire_time < identity.kit_now() - interval '30 days'
            ORDER BY expire_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(conn)
    .await
    .map(|result| result.rows_affected())
}
