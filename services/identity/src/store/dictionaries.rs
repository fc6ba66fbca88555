//! Changes of code tables, and what they touch.

use qihang_kit::{codes::Entry, history};
use serde::Serialize;
use sqlx::{PgConnection, types::Json};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    domain::{calendar::day, dictionary::Change},
    store::history::{Author, micros},
};

/// A change as it was kept.
pub(crate) struct ChangeRow {
    pub(crate) id: Uuid,
    pub(crate) dictionary: String,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) parent: String,
    pub(crate) attributes: Json<Vec<(String, String)>>,
    pub(crate) valid_from: Date,
    pub(crate) valid_to: Option<Date>,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) hash: Vec<u8>,
}

impl ChangeRow {
    /// The change that it keeps.
    pub(crate) fn change(&self) -> Change {
        Change {
            table: self.dictionary.clone(),
            entry: Entry {
                code: self.code.clone(),
                name: self.name.clone(),
                parent: Some(self.parent.clone()).filter(|parent| !parent.is_empty()),
                attributes: self.attributes.0.clone(),
                ended: false,
            },
            from: self.valid_from,
            to: self.valid_to,
        }
    }
}

/// Every change of a table, or of all, in the order of publication.
///
/// # Errors
/// The database's.
pub(crate) async fn all(conn: &mut PgConnection, dictionary: Option<&str>) -> sqlx::Result<Vec<Change>> {
    let rows = sqlx::query_as!(
        ChangeRow,
        r#"
        SELECT id, dictionary, code, name, parent, attributes AS "attributes: Json<Vec<(String, String)>>", valid_from,
               valid_to, actor_name, create_time, hash
        FROM identity.dictionary_changes
        WHERE $1::text IS NULL OR dictionary = $1
        ORDER BY id
        "#,
        dictionary,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(ChangeRow::change).collect())
}

/// Lists a table's changes, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    dictionary: &str,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ChangeRow>> {
    sqlx::query_as!(
        ChangeRow,
        r#"
        SELECT id, dictionary, code, name, parent, attributes AS "attributes: Json<Vec<(String, String)>>", valid_from,
               valid_to, actor_name, create_time, hash
        FROM identity.dictionary_changes
        WHERE dictionary = $1 AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC
        LIMIT $3
        "#,
        dictionary,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Lets one change of code tables follow another.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('identity/dictionaries', 0))")
        .fetch_one(conn)
        .await
        .map(drop)
}

/// A change as its hash covers it.
#[derive(Serialize)]
struct Hashed<'a> {
    dictionary: &'a str,
    code: &'a str,
    name: &'a str,
    parent: &'a str,
    attributes: &'a [(String, String)],
    valid_from: String,
    valid_to: Option<String>,
    author: &'a Author,
    micros: i64,
}

/// Writes a change; the tables are locked by the caller.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    change: &Change,
    (author, now): (&Author, OffsetDateTime),
) -> sqlx::Result<()> {
    let last = sqlx::query_scalar!(
        "SELECT hash FROM identity.dictionary_changes WHERE dictionary = $1 ORDER BY id DESC LIMIT 1",
        change.table,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let parent = change.entry.parent.as_deref().unwrap_or_default();
    let hashed = Hashed {
        dictionary: &change.table,
        code: &change.entry.code,
        name: &change.entry.name,
        parent,
        attributes: &change.entry.attributes,
        valid_from: day(change.from),
        valid_to: change.to.map(day),
        author,
        micros: micros(now),
    };
    let hash = history::next_hash(last.as_deref(), &hashed);
    sqlx::query!(
        r#"
        INSERT INTO identity.dictionary_changes
            (id, dictionary, code, name, parent, attributes, valid_from, valid_to, actor_id, actor_name, address, client,
             hash, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        "#,
        id,
        change.table,
        change.entry.code,
        change.entry.name,
        parent,
        Json(&change.entry.attributes) as _,
        change.from,
        change.to,
        author.account.unwrap_or_default(),
        author.name,
        author.address,
        author.client,
        hash.as_slice(),
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// How many records have a code of a table: students, and employers.
///
/// # Errors
/// The database's.
pub(crate) async fn affected(conn: &mut PgConnection, table: &str, code: &str) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"
        SELECT
            (SELECT count(*) FROM identity.students
             WHERE CASE $1::text
                 WHEN 'gender' THEN locked ->> 'gender' = $2
                 WHEN 'ethnic' THEN locked ->> 'ethnic' = $2
                 WHEN 'political' THEN locked ->> 'political' = $2
                 WHEN 'education_moe' THEN locked ->> 'education' = $2
                 WHEN 'training_mode' THEN locked ->> 'training_mode' = $2
                 WHEN 'normal_student' THEN locked ->> 'normal_student' = $2
                 WHEN 'hardship' THEN locked ->> 'hardship' = $2
                 WHEN 'region_gbt2260' THEN origin_region = $2
                 ELSE false
             END) AS "students!",
            (SELECT count(*) FROM identity.employers
             WHERE CASE $1::text
                 WHEN 'employer_nature' THEN nature_code = $2
                 WHEN 'employer_scale' THEN scale_code = $2
                 WHEN 'industry_moe' THEN industry_code = $2
                 WHEN 'region_gbt2260' THEN region_code = $2
                 ELSE false
             END) AS "employers!"
        "#,
        table,
        code,
    )
    .fetch_one(conn)
    .await?;
    Ok((row.students, row.employers))
}
