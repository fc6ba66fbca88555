//! Pages of the guide and their versions.

use qihang_kit::{db, history};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

/// One section.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) body: String,
}

/// One version of a page, with the page's own numbers.
pub(crate) struct Page {
    pub(crate) slug: String,
    pub(crate) number: i32,
    pub(crate) title: String,
    pub(crate) position: i32,
    pub(crate) sections: Json<Vec<Section>>,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) published: Option<i32>,
    pub(crate) version: i32,
}

/// Lists the published versions in their order.
pub(crate) async fn published(conn: &mut PgConnection) -> Result<Vec<Page>, Error> {
    Ok(sqlx::query_as!(
        Page,
        r#"SELECT v.slug, v.number, v.title, v.position, v.sections AS "sections: Json<Vec<Section>>", v.create_time,
                  g.published, g.version
           FROM contracts.guides AS g
           JOIN contracts.guide_versions AS v ON v.slug = g.slug AND v.number = g.published
           ORDER BY v.position, v.slug"#
    )
    .fetch_all(conn)
    .await?)
}

/// Lists the newest versions in their order.
pub(crate) async fn latest(conn: &mut PgConnection) -> Result<Vec<Page>, Error> {
    Ok(sqlx::query_as!(
        Page,
        r#"SELECT v.slug, v.number, v.title, v.position, v.sections AS "sections: Json<Vec<Section>>", v.create_time,
                  g.published, g.version
           FROM contracts.guides AS g
           JOIN contracts.guide_versions AS v ON v.slug = g.slug AND v.number = g.latest
           ORDER BY v.position, v.slug"#
    )
    .fetch_all(conn)
    .await?)
}

/// Gets the published version of a page.
pub(crate) async fn get_published(conn: &mut PgConnection, slug: &str) -> Result<Option<Page>, Error> {
    Ok(sqlx::query_as!(
        Page,
        r#"SELECT v.slug, v.number, v.title, v.position, v.sections AS "sections: Json<Vec<Section>>", v.create_time,
                  g.published, g.version
           FROM contracts.guides AS g
           JOIN contracts.guide_versions AS v ON v.slug = g.slug AND v.number = g.published
           WHERE g.slug = $1"#,
        slug
    )
    .fetch_optional(conn)
    .await?)
}

/// Gets the newest version of a page.
pub(crate) async fn get_latest(conn: &mut PgConnection, slug: &str) -> Result<Option<Page>, Error> {
    Ok(sqlx::query_as!(
        Page,
        r#"SELECT v.slug, v.number, v.title, v.position, v.sections AS "sections: Json<Vec<Section>>", v.create_time,
                  g.published, g.version
           FROM contracts.guides AS g
           JOIN contracts.guide_versions AS v ON v.slug = g.slug AND v.number = g.latest
           WHERE g.slug = $1"#,
        slug
    )
    .fetch_optional(conn)
    .await?)
}

/// The numbers of a page, locked until the transaction's end.
pub(crate) struct Numbers {
    pub(crate) latest: i32,
    pub(crate) published: Option<i32>,
    pub(crate) version: i32,
}

/// Locks a page.
pub(crate) async fn lock(conn: &mut PgConnection, slug: &str) -> Result<Option<Numbers>, Error> {
    Ok(sqlx::query_as!(
        Numbers,
        "SELECT latest, published, version FROM contracts.guides WHERE slug = $1 FOR UPDATE",
        slug
    )
    .fetch_optional(conn)
    .await?)
}

/// Makes a page whose first version is to come; somebody who made it at the same time was faster.
pub(crate) async fn make(conn: &mut PgConnection, slug: &str, published: Option<i32>) -> Result<(), Error> {
    let made = sqlx::query!(
        "INSERT INTO contracts.guides (slug, latest, published, create_time, update_time)
         VALUES ($1, 1, $2, contracts.kit_now(), contracts.kit_now())
         ON CONFLICT DO NOTHING",
        slug,
        published
    )
    .execute(conn)
    .await?;
    Ok(db::one(&made)?)
}

/// Sets a page's numbers.
pub(crate) async fn save(conn: &mut PgConnection, slug: &str, numbers: &Numbers) -> Result<(), Error> {
    let saved = sqlx::query!(
        "UPDATE contracts.guides
         SET latest = $3, published = $4, version = version + 1, update_time = contracts.kit_now()
         WHERE slug = $1 AND version = $2",
        slug,
        numbers.version,
        numbers.latest,
        numbers.published,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// A version to be written, as its hash covers it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Draft<'a> {
    pub(crate) slug: &'a str,
    pub(crate) number: i32,
    pub(crate) title: &'a str,
    pub(crate) position: i32,
    pub(crate) sections: &'a [Section],
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_name: &'a str,
    pub(crate) address: &'a str,
    pub(crate) client: &'a str,
}

/// Writes a version; the page is locked or was just made.
pub(crate) async fn write(conn: &mut PgConnection, draft: &Draft<'_>) -> Result<(), Error> {
    let last = sqlx::query_scalar!(
        "SELECT hash FROM contracts.guide_versions WHERE slug = $1 ORDER BY number DESC LIMIT 1",
        draft.slug
    )
    .fetch_optional(&mut *conn)
    .await?;
    let hash = history::next_hash(last.as_deref(), draft);
    sqlx::query!(
        "INSERT INTO contracts.guide_versions
             (slug, number, title, position, sections, actor_id, actor_name, address, client, hash, create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, contracts.kit_now())",
        draft.slug,
        draft.number,
        draft.title,
        draft.position,
        Json(draft.sections) as _,
        draft.actor_id,
        draft.actor_name,
        draft.address,
        draft.client,
        hash.as_slice(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes who published a version.
pub(crate) async fn note_published(
    conn: &mut PgConnection,
    (slug, number): (&str, i32),
    publisher: Option<(Uuid, &str)>,
) -> Result<(), Error> {
    let (id, name) = publisher.unzip();
    let noted = sqlx::query!(
        "UPDATE contracts.guide_versions
         SET publish_time = contracts.kit_now(), publisher_id = $3, publisher_name = $4
         WHERE slug = $1 AND number = $2 AND publish_time IS NULL",
        slug,
        number,
        id,
        name.unwrap_or_default(),
    )
    .execute(conn)
    .await?;
    Ok(db::one(&noted)?)
}

/// A version in the list of a page's.
pub(crate) struct VersionRow {
    pub(crate) number: i32,
    pub(crate) title: String,
    pub(crate) published: bool,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) publish_time: Option<OffsetDateTime>,
    pub(crate) publisher_name: String,
    pub(crate) hash: Vec<u8>,
}

/// Lists versions, newest first, before a number.
pub(crate) async fn versions(
    conn: &mut PgConnection,
    slug: &str,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<VersionRow>, Error> {
    Ok(sqlx::query_as!(
        VersionRow,
        r#"SELECT v.number, v.title, (g.published IS NOT DISTINCT FROM v.number) AS "published!", v.actor_name,
                  v.create_time, v.publish_time, v.publisher_name, v.hash
           FROM contracts.guide_versions AS v
           JOIN contracts.guides AS g ON g.slug = v.slug
           WHERE v.slug = $1 AND ($2::integer IS NULL OR v.number < $2)
           ORDER BY v.number DESC LIMIT $3"#,
        slug,
        before,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// Since when a student's oldest open offer waits.
pub(crate) async fn offers_since(
    conn: &mut PgConnection,
    student_id: Uuid,
) -> Result<Option<OffsetDateTime>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT min(waiting_since) FROM contracts.agreements
         WHERE student_id = $1 AND state = 'PENDING_STUDENT' AND expire_time >= contracts.kit_now()",
        student_id
    )
    .fetch_one(conn)
    .await?)
}
