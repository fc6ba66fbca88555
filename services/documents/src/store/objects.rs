//! What is in the file store.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Error;

/// Notes an object before it is written.
pub(crate) async fn reserve(conn: &mut PgConnection, path: &str, now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO documents.objects (path, create_time, release_time) VALUES ($1, $2, $2)",
        path,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps an object for good.
pub(crate) async fn keep(conn: &mut PgConnection, path: &str) -> Result<(), Error> {
    let result = sqlx::query!("UPDATE documents.objects SET kept = true WHERE path = $1", path)
        .execute(conn)
        .await?;
    Ok(qihang_kit::db::one(&result)?)
}

/// Gives objects up; they are deleted later.
pub(crate) async fn release(
    conn: &mut PgConnection,
    paths: &[String],
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE documents.objects SET kept = false, release_time = $2 WHERE path = ANY($1)",
        paths,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks objects given up before `released_before`.
pub(crate) async fn lock_released(
    conn: &mut PgConnection,
    released_before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let paths = sqlx::query_scalar!(
        "SELECT path
         FROM documents.objects
         WHERE NOT kept AND release_time < $1
         ORDER BY release_time
         LIMIT $2
         FOR UPDATE SKIP LOCKED",
        released_before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(paths)
}

/// Forgets objects that are gone from the store.
pub(crate) async fn delete(conn: &mut PgConnection, paths: &[String]) -> Result<(), Error> {
    sqlx::query!("DELETE FROM documents.objects WHERE path = ANY($1)", paths)
        .execute(conn)
        .await?;
    Ok(())
}
