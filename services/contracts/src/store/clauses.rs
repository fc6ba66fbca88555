//! Employers' templates of clauses.

use qihang_kit::db::{self, Stale};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{ClauseFault, Error};

/// Templates that an employer may have.
const MOST: i64 = 50;

/// A template.
pub(crate) struct Template {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

/// An employer's templates.
pub(crate) async fn list(conn: &mut PgConnection, employer_id: Uuid) -> Result<Vec<Template>, Error> {
    Ok(sqlx::query_as!(
        Template,
        "SELECT id, title, text, version, create_time, update_time FROM contracts.clause_templates
         WHERE employer_id = $1 ORDER BY title",
        employer_id
    )
    .fetch_all(conn)
    .await?)
}

/// Keeps a template unless there are too many; templates of one employer are counted one after the other.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    employer_id: Uuid,
    template: &Template,
) -> Result<(), Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 3)) AS locked",
        format!("clauses {employer_id}")
    )
    .fetch_one(&mut *conn)
    .await?;
    let inserted = sqlx::query!(
        "INSERT INTO contracts.clause_templates (id, employer_id, title, text, create_time, update_time)
         SELECT $1, $2, $3, $4, $5, $5
         WHERE (SELECT count(*) FROM contracts.clause_templates WHERE employer_id = $2) < $6",
        template.id,
        employer_id,
        template.title,
        template.text,
        template.create_time,
        MOST,
    )
    .execute(conn)
    .await
    .map_err(taken)?;
    if inserted.rows_affected() == 0 {
        return Err(Error::Clause(ClauseFault::TooMany));
    }
    Ok(())
}

/// Replaces a template's words on the version that the caller has seen.
pub(crate) async fn update(
    conn: &mut PgConnection,
    employer_id: Uuid,
    template: &Template,
    expected: Option<i32>,
) -> Result<Template, Error> {
    let updated = sqlx::query_as!(
        Template,
        "UPDATE contracts.clause_templates
         SET title = $3, text = $4, version = version + 1, update_time = $5
         WHERE id = $1 AND employer_id = $2 AND ($6::int IS NULL OR version = $6)
         RETURNING id, title, text, version, create_time, update_time",
        template.id,
        employer_id,
        template.title,
        template.text,
        template.update_time,
        expected,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(taken)?;
    match updated {
        Some(template) => Ok(template),
        None if exists(conn, employer_id, template.id).await? => Err(Stale.into()),
        None => Err(Error::Clause(ClauseFault::NotFound)),
    }
}

async fn exists(conn: &mut PgConnection, employer_id: Uuid, id: Uuid) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM contracts.clause_templates WHERE id = $1 AND employer_id = $2",
        id,
        employer_id
    );
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// Deletes a template; false when there is none.
pub(crate) async fn delete(conn: &mut PgConnection, employer_id: Uuid, id: Uuid) -> Result<bool, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM contracts.clause_templates WHERE id = $1 AND employer_id = $2",
        id,
        employer_id
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

fn taken(error: sqlx::Error) -> Error {
    match db::constraint(&error) {
        Some("clause_templates_title") => Error::Clause(ClauseFault::TitleTaken),
        _ => Error::Database(error),
    }
}
