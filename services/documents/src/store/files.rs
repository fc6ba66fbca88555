//! Files.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        file::{Claim, Content, File, FileId, State},
        purpose::Purpose,
    },
};

struct Row {
    id: Uuid,
    purpose: String,
    state: String,
    file_name: String,
    uploader_account_id: Option<Uuid>,
    object_path: Option<String>,
    content_type: Option<String>,
    size_bytes: Option<i64>,
    sha256: Option<Vec<u8>>,
    reject_reason: Option<String>,
    owner: Option<String>,
    school_code: Option<String>,
    department: Option<String>,
    class_name: Option<String>,
    employer_id: Option<Uuid>,
    student_id: Option<Uuid>,
    create_time: OffsetDateTime,
    version: i32,
}

fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent {
        table: "files",
        column,
    }
}

impl TryFrom<Row> for File {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let content = match (row.object_path, row.content_type, row.size_bytes, row.sha256) {
            (Some(path), Some(media_type), Some(size), Some(sha256)) => {
                let size = u64::try_from(size).map_err(|_negative| inconsistent("size_bytes"))?;
                Some(Content {
                    path,
                    media_type,
                    size,
                    sha256,
                })
            }
            _ => None,
        };
        let claim = row.owner.map(|owner| Claim {
            owner,
            school_code: row.school_code,
            department: row.department,
            class_name: row.class_name,
            employer_id: row.employer_id,
            student_id: row.student_id,
        });
        let state = match (row.state.as_str(), content, claim, row.reject_reason) {
            ("PENDING", None, None, None) => State::Pending,
            ("READY", Some(content), None, None) => State::Ready(content),
            ("CLAIMED", Some(content), Some(claim), None) => State::Claimed(content, claim),
            ("REJECTED", None, None, Some(reason)) => State::Rejected(reason),
            _ => return Err(inconsistent("state")),
        };
        Ok(Self {
            id: FileId(row.id),
            purpose: Purpose::parse(&row.purpose).ok_or_else(|| inconsistent("purpose"))?,
            state,
            name: row.file_name,
            uploader: row.uploader_account_id,
            create_time: row.create_time,
            version: row.version,
        })
    }
}

/// A file's columns as they are written.
struct Columns<'a> {
    content: Option<&'a Content>,
    size: Option<i64>,
    claim: Option<&'a Claim>,
    reason: Option<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(file: &'a File) -> Result<Self, Error> {
        let content = file.content();
        let size = content.map(|content| i64::try_from(content.size)).transpose();
        Ok(Self {
            content,
            size: size.map_err(|_too_large| inconsistent("size_bytes"))?,
            claim: if let State::Claimed(_, claim) = &file.state {
                Some(claim)
            } else {
                None
            },
            reason: if let State::Rejected(reason) = &file.state {
                Some(reason)
            } else {
                None
            },
        })
    }
}

/// Writes a new file.
pub(crate) async fn insert(conn: &mut PgConnection, file: &File) -> Result<(), Error> {
    let columns = Columns::of(file)?;
    let (content, claim) = (columns.content, columns.claim);
    sqlx::query!(
        "INSERT INTO documents.files (
            id, purpose, state, file_name, uploader_account_id, object_path, content_type, size_bytes, sha256,
            reject_reason, owner, school_code, department, employer_id, student_id, create_time, update_time, class_name
         )
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17)",
        file.id.0,
        file.purpose.as_str(),
        file.state.as_str(),
        file.name,
        file.uploader,
        content.map(|content| content.path.as_str()),
        content.map(|content| content.media_type.as_str()),
        columns.size,
        content.map(|content| content.sha256.as_slice()),
        columns.reason,
        claim.map(|claim| claim.owner.as_str()),
        claim.and_then(|claim| claim.school_code.as_deref()),
        claim.and_then(|claim| claim.department.as_deref()),
        claim.and_then(|claim| claim.employer_id),
        claim.and_then(|claim| claim.student_id),
        file.create_time,
        claim.and_then(|claim| claim.class_name.as_deref()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes a changed file over the version that it was read in.
pub(crate) async fn save(conn: &mut PgConnection, file: &File, now: OffsetDateTime) -> Result<(), Error> {
    let columns = Columns::of(file)?;
    let (content, claim) = (columns.content, columns.claim);
    let result = sqlx::query!(
        "UPDATE documents.files
         SET state = $3, file_name = $4, object_path = $5, content_type = $6, size_bytes = $7, sha256 = $8,
             reject_reason = $9, owner = $10, school_code = $11, department = $12, employer_id = $13,
             student_id = $14, update_time = $15, class_name = $16, version = version + 1
         WHERE id = $1 AND version = $2",
        file.id.0,
        file.version,
        file.state.as_str(),
        file.name,
        content.map(|content| content.path.as_str()),
        content.map(|content| content.media_type.as_str()),
        columns.size,
        content.map(|content| content.sha256.as_slice()),
        columns.reason,
        claim.map(|claim| claim.owner.as_str()),
        claim.and_then(|claim| claim.school_code.as_deref()),
        claim.and_then(|claim| claim.department.as_deref()),
        claim.and_then(|claim| claim.employer_id),
        claim.and_then(|claim| claim.student_id),
        now,
        claim.and_then(|claim| claim.class_name.as_deref()),
    )
    .execute(conn)
    .await?;
    Ok(db::one(&result)?)
}

/// Reads a file.
pub(crate) async fn find(conn: &mut PgConnection, id: FileId) -> Result<Option<File>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, purpose, state, file_name, uploader_account_id, object_path, content_type, size_bytes, sha256,
                reject_reason, owner, school_code, department, class_name, employer_id, student_id, create_time, version
         FROM documents.files
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(File::try_from).transpose()
}

/// Reads and locks files, in the order of their ids so that two claims never wait for each other in a ring.
pub(crate) async fn lock(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<File>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, purpose, state, file_name, uploader_account_id, object_path, content_type, size_bytes, sha256,
                reject_reason, owner, school_code, department, class_name, employer_id, student_id, create_time, version
         FROM documents.files
         WHERE id = ANY($1)
         ORDER BY id
         FOR UPDATE",
        ids,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(File::try_from).collect()
}

/// How many uploads of an account no record uses.
pub(crate) async fn count_unclaimed(conn: &mut PgConnection, uploader: Uuid) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!"
         FROM documents.files
         WHERE uploader_account_id = $1 AND state <> 'CLAIMED'"#,
        uploader,
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Deletes the rows of uploads that no record uses since before `opened_before`; answers the paths of their objects.
pub(crate) async fn delete_forgotten(
    conn: &mut PgConnection,
    opened_before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Option<String>>, Error> {
    let paths = sqlx::query_scalar!(
        "DELETE FROM documents.files
         WHERE id IN (
             SELECT id
             FROM documents.files
             WHERE state <> 'CLAIMED' AND create_time < $1
             ORDER BY create_time
             LIMIT $2
             FOR UPDATE SKIP LOCKED
         )
         RETURNING object_path",
        opened_before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(paths)
}

/// Lets no record use the files of an owner any more.
pub(crate) async fn give_up(conn: &mut PgConnection, owner: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE documents.files
         SET state = 'READY', owner = NULL, school_code = NULL, department = NULL, employer_id = NULL, student_id = NULL,
             version = version + 1, update_time = documents.kit_now()
         WHERE owner = $1 AND state = 'CLAIMED'",
        owner,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A file that somebody brought or that is about a student, as its owner sees it.
pub(crate) struct OwnFile {
    pub(crate) purpose: String,
    pub(crate) file_name: String,
    pub(crate) size_bytes: Option<i64>,
    pub(crate) create_time: OffsetDateTime,
}

/// The files that an account brought or that records keep about a student, newest first.
pub(crate) async fn of_subject(
    conn: &mut PgConnection,
    account: Uuid,
    student: Option<Uuid>,
) -> Result<Vec<OwnFile>, Error> {
    let files = sqlx::query_as!(
        OwnFile,
        "SELECT purpose, file_name, size_bytes, create_time
         FROM documents.files
         WHERE uploader_account_id = $1 OR student_id = $2
         ORDER BY create_time DESC
         LIMIT 1000",
        account,
        student,
    )
    .fetch_all(conn)
    .await?;
    Ok(files)
}
