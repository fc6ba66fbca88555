//! Who has read what.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::announcements::Viewer;

/// Notes that somebody has read an announcement; the first time counts.
///
/// # Errors
/// The database's.
pub(crate) async fn note(
    conn: &mut PgConnection,
    announcement_id: Uuid,
    account_id: Uuid,
    staff: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO push.announcement_reads (announcement_id, account_id, staff, read_time)
        VALUES ($1, $2, $3, push.kit_now())
        ON CONFLICT DO NOTHING
        "#,
        announcement_id,
        account_id,
        staff,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// When an account read each of some announcements.
///
/// # Errors
/// The database's.
pub(crate) async fn of_account(
    conn: &mut PgConnection,
    account_id: Uuid,
    announcements: &[Uuid],
) -> sqlx::Result<Vec<(Uuid, OffsetDateTime)>> {
    let rows = sqlx::query!(
        r#"
        SELECT announcement_id, read_time
        FROM push.announcement_reads
        WHERE account_id = $1 AND announcement_id = ANY ($2)
        "#,
        account_id,
        announcements,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.announcement_id, row.read_time))
        .collect())
}

/// When each of some accounts read an announcement.
///
/// # Errors
/// The database's.
pub(crate) async fn of_announcement(
    conn: &mut PgConnection,
    announcement_id: Uuid,
    accounts: &[Uuid],
) -> sqlx::Result<Vec<(Uuid, OffsetDateTime)>> {
    let rows = sqlx::query!(
        r#"
        SELECT account_id, read_time
        FROM push.announcement_reads
        WHERE announcement_id = $1 AND account_id = ANY ($2)
        "#,
        announcement_id,
        accounts,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.account_id, row.read_time))
        .collect())
}

/// How many of the staff have read an announcement.
///
/// # Errors
/// The database's.
pub(crate) async fn count_staff(conn: &mut PgConnection, announcement_id: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM push.announcement_reads WHERE announcement_id = $1 AND staff"#,
        announcement_id,
    )
    .fetch_one(conn)
    .await
}

/// How many announcements concern somebody and are not read by them.
///
/// # Errors
/// The database's.
pub(crate) async fn count_unread(conn: &mut PgConnection, viewer: &Viewer) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM push.announcements a
        WHERE push.announcement_shown(a, push.kit_now())
          AND push.announcement_concerns(a, $2, $3, $4, $5)
          AND NOT EXISTS (
              SELECT 1 FROM push.announcement_reads r WHERE r.announcement_id = a.id AND r.account_id = $1
          )
        "#,
        viewer.account_id,
        viewer.role,
        viewer.school_code,
        viewer.department,
        viewer.cohort,
    )
    .fetch_one(conn)
    .await
}

/// The titles of what an account has read, and when, newest first.
///
/// # Errors
/// The database's.
pub(crate) async fn titles(
    conn: &mut PgConnection,
    account_id: Uuid,
) -> sqlx::Result<Vec<(String, OffsetDateTime)>> {
    let rows = sqlx::query!(
        r#"
        SELECT a.title, r.read_time
        FROM push.announcement_reads r
        JOIN push.announcements a ON a.id = r.announcement_id
        WHERE r.account_id = $1
        ORDER BY r.read_time DESC
        LIMIT 1000
        "#,
        account_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.title, row.read_time)).collect())
}

/// Deletes what is known of an account's reading.
///
/// # Errors
/// The database's.
pub(crate) async fn forget(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM push.announcement_reads WHERE account_id = $1",
        account_id
    )
    .execute(conn)
    .await
    .map(drop)
}
