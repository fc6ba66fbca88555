//! Frozen terms and the signatures under them.

use qihang_kit::history;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{domain::terms::Terms, error::Error};

/// A party's consent.
pub(crate) struct Signature<'a> {
    pub(crate) agreement_id: Uuid,
    pub(crate) revision: i32,
    pub(crate) party: &'a str,
    pub(crate) account_id: Uuid,
    pub(crate) signer: &'a str,
    pub(crate) address: &'a str,
    pub(crate) client: &'a str,
    pub(crate) time: OffsetDateTime,
}

/// A consent as the document shows it.
pub(crate) struct Signed {
    pub(crate) party: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) create_time: OffsetDateTime,
}

/// Writes a revision; a draft's own may be written again.
pub(crate) async fn write(
    conn: &mut PgConnection,
    id: Uuid,
    number: i32,
    terms: &Terms,
) -> Result<(), Error> {
    let json = serde_json::to_value(terms).map_err(Error::Json)?;
    let hash = history::next_hash(None, &json);
    sqlx::query!(
        "INSERT INTO contracts.revisions (agreement_id, number, terms, hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (agreement_id, number) DO UPDATE SET terms = excluded.terms, hash = excluded.hash",
        id,
        number,
        json,
        hash.as_slice(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The terms of a revision.
pub(crate) async fn terms(conn: &mut PgConnection, id: Uuid, number: i32) -> Result<Option<Terms>, Error> {
    let json: Option<Value> = sqlx::query_scalar!(
        "SELECT terms FROM contracts.revisions WHERE agreement_id = $1 AND number = $2",
        id,
        number
    )
    .fetch_optional(conn)
    .await?;
    json.map(serde_json::from_value).transpose().map_err(Error::Json)
}

/// The terms of several agreements' revisions in force, by agreement.
pub(crate) async fn of_many(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, Terms)>, Error> {
    let rows = sqlx::query!(
        "SELECT r.agreement_id, r.terms FROM contracts.revisions AS r
         JOIN contracts.agreements AS a ON a.id = r.agreement_id AND a.revision = r.number
         WHERE a.id = ANY($1)",
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok((
                row.agreement_id,
                serde_json::from_value(row.terms).map_err(Error::Json)?,
            ))
        })
        .collect()
}

/// Signs a revision: its own hash goes along.
pub(crate) async fn sign(conn: &mut PgConnection, signature: &Signature<'_>) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.signatures
             (agreement_id, revision, party, account_id, signer, hash, address, client, create_time)
         SELECT agreement_id, number, $3, $4, $5, hash, $6, $7, $8 FROM contracts.revisions
         WHERE agreement_id = $1 AND number = $2
         ON CONFLICT (agreement_id, revision, party) DO NOTHING",
        signature.agreement_id,
        signature.revision,
        signature.party,
        signature.account_id,
        signature.signer,
        signature.address,
        signature.client,
        signature.time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The signatures under a revision.
pub(crate) async fn signatures(
    conn: &mut PgConnection,
    id: Uuid,
    revision: i32,
) -> Result<Vec<Signed>, Error> {
    let rows = sqlx::query_as!(
        Signed,
        "SELECT party, hash, create_time FROM contracts.signatures
         WHERE agreement_id = $1 AND revision = $2 ORDER BY create_time",
        id,
        revision
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
