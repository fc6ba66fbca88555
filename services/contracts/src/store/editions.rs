//! Editions of the form, as they were published.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

/// An edition that was published.
pub(crate) struct Published {
    pub(crate) id: Uuid,
    pub(crate) template: String,
    pub(crate) cohort: i32,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
}

/// Lets one publication be decided at a time.
pub(crate) async fn lock(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("LOCK TABLE contracts.editions IN SHARE ROW EXCLUSIVE MODE")
        .execute(conn)
        .await?;
    Ok(())
}

/// The template that counts for a graduation year, when one was published.
pub(crate) async fn in_force(conn: &mut PgConnection, cohort: i32) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        "SELECT template FROM contracts.editions WHERE cohort <= $1 ORDER BY cohort DESC, id DESC LIMIT 1",
        cohort,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// Writes a publication.
pub(crate) async fn insert(conn: &mut PgConnection, published: &Published, actor: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.editions (id, template, cohort, actor_id, actor_name, create_time)
         VALUES ($1, $2, $3, $4, $5, $6)",
        published.id,
        published.template,
        published.cohort,
        actor,
        published.actor_name,
        published.create_time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was published, newest first.
pub(crate) async fn list(conn: &mut PgConnection) -> Result<Vec<Published>, Error> {
    let rows = sqlx::query_as!(
        Published,
        "SELECT id, template, cohort, actor_name, create_time FROM contracts.editions ORDER BY id DESC LIMIT 100",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
