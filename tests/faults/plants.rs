//! Faults planted on purpose: an audit that does not see them proves nothing.

use sqlx::{Connection as _, PgConnection};

use crate::{
    audit::{Invariant, audit, told},
    ledger::Acknowledged,
};

/// What is done behind the services' backs, and the invariant that must be named for it.
const PLANTS: [(Invariant, &str, &str); 12] = [
    (
        Invariant::StateIsHistory,
        "a state without a step",
        "UPDATE contracts.agreements SET state = 'TERMINATED' WHERE id = (SELECT id FROM contracts.agreements LIMIT 1)",
    ),
    (
        Invariant::StateIsHistory,
        "a step taken out of a history",
        "DELETE FROM contracts.history WHERE (agreement_id, sequence) =
             (SELECT agreement_id, 2 FROM contracts.history WHERE sequence = 3 LIMIT 1)",
    ),
    (
        Invariant::PublishedAndHeard,
        "a message that was never published",
        "UPDATE contracts.outbox SET publish_time = NULL WHERE sequence = (SELECT max(sequence) FROM contracts.outbox)",
    ),
    (
        Invariant::PublishedAndHeard,
        "a message acknowledged before the commit: published, without effect",
        "DELETE FROM identity.inbox WHERE (consumer, message_id) =
             (SELECT consumer, message_id FROM identity.inbox LIMIT 1)",
    ),
    (
        Invariant::EffectOnce,
        "an effect that went past the inbox",
        "INSERT INTO contracts.history SELECT agreement_id, sequence + 1, event, to_state, to_state, revision, actor_role, actor_id,
             actor_name, address, client, reason, create_time, hash
         FROM contracts.history WHERE event = 'seal' LIMIT 1",
    ),
    (
        Invariant::OneSlot,
        "a second signature after the index was dropped",
        "DROP INDEX contracts.agreements_one_signed;
         CREATE TEMPORARY TABLE second ON COMMIT DROP AS SELECT * FROM contracts.agreements WHERE state = 'EFFECTIVE' LIMIT 1;
         UPDATE second SET id = gen_random_uuid(), serial = NULL, verify_code = NULL;
         INSERT INTO contracts.agreements SELECT * FROM second",
    ),
    (
        Invariant::Acknowledged,
        "an acknowledged operation that was rolled back",
        "DELETE FROM contracts.history WHERE event = 'seal'",
    ),
    (
        Invariant::Recount,
        "a review that nobody took out of the queue",
        "UPDATE contracts.reviews SET waiting = true, level = 2 WHERE id = (SELECT id FROM contracts.reviews LIMIT 1)",
    ),
    (
        Invariant::Recount,
        "a message that was overtaken by an older one",
        "UPDATE identity.agreement_holds SET held = false
         WHERE agreement_id = (SELECT id FROM contracts.agreements WHERE state = 'EFFECTIVE' LIMIT 1)",
    ),
    (
        Invariant::InTime,
        "a step with the time of a machine that is behind",
        "UPDATE contracts.history SET create_time = create_time - interval '5 hours' WHERE (agreement_id, sequence) =
             (SELECT agreement_id, sequence FROM contracts.history WHERE event = 'seal' LIMIT 1)",
    ),
    (
        Invariant::InTime,
        "an offer that was accepted after its end",
        "UPDATE contracts.agreements SET expire_time = create_time
         WHERE id = (SELECT id FROM contracts.agreements WHERE state = 'EFFECTIVE' LIMIT 1)",
    ),
    (
        Invariant::InTime,
        "an id with the time of a machine that is ahead",
        "UPDATE contracts.outbox SET create_time = create_time - interval '5 hours'
         WHERE sequence = (SELECT max(sequence) FROM contracts.outbox)",
    ),
];

/// Plants each fault in a transaction that is rolled back, and wants the audit to name it.
pub(crate) async fn are_found(conn: &mut PgConnection, ledger: &[Acknowledged]) -> anyhow::Result<usize> {
    let clean = audit(conn, ledger).await?;
    anyhow::ensure!(clean.is_empty(), "not clean before planting: {}", told(&clean));
    for (invariant, what, plant) in PLANTS {
        let mut transaction = conn.begin().await?;
        sqlx::raw_sql(plant).execute(&mut *transaction).await?;
        let found = audit(&mut transaction, ledger).await?;
        transaction.rollback().await?;
        anyhow::ensure!(
            found.iter().any(|violation| violation.invariant == invariant),
            "the audit does not see {what}: {}",
            told(&found)
        );
    }
    Ok(PLANTS.len())
}
