//! The invariants, as SQL over the schemas of all services. Each query finds what violates one.

use std::fmt;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use crate::ledger::{Acknowledged, History};

/// What must always hold once everything has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// A record's state is what its history leads to, step by step.
    StateIsHistory,
    /// Each message is published, and each consumer that wants it has heard it.
    PublishedAndHeard,
    /// Each message has its effect once.
    EffectOnce,
    /// A student has one destination at most, and the slot says which.
    OneSlot,
    /// What was acknowledged is there, once.
    Acknowledged,
    /// Projections equal a recount from the records that they follow.
    Recount,
    /// Everything has the time of the database, and nothing came before its time or after it.
    InTime,
}

/// One thing that must not be.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.invariant, self.what)
    }
}

/// All of them in one text, the first twenty in words.
pub(crate) fn told(violations: &[Violation]) -> String {
    let first = violations.iter().take(20).map(ToString::to_string);
    format!(
        "{} violations: {}",
        violations.len(),
        first.collect::<Vec<_>>().join("; ")
    )
}

/// Each query gives one text for each violation.
const QUERIES: [(Invariant, &str); 16] = [
    (
        Invariant::StateIsHistory,
        "SELECT 'agreement ' || a.id || ' is ' || a.state FROM contracts.agreements a
         WHERE a.state IS DISTINCT FROM (SELECT h.to_state FROM contracts.history h WHERE h.agreement_id = a.id
                                         ORDER BY h.sequence DESC LIMIT 1)",
    ),
    (
        Invariant::StateIsHistory,
        "SELECT 'agreement ' || agreement_id || ' jumps at step ' || sequence
         FROM (SELECT *, lag(to_state) OVER w AS before, lag(sequence) OVER w AS previous FROM contracts.history
               WINDOW w AS (PARTITION BY agreement_id ORDER BY sequence)) h
         WHERE sequence <> coalesce(previous, 0) + 1 OR (previous IS NOT NULL AND from_state <> before)",
    ),
    (
        Invariant::StateIsHistory,
        "SELECT 'record ' || s.id || ' is ' || s.origin_state FROM identity.students s
         WHERE s.origin_state <> coalesce((SELECT h.to_state FROM identity.origin_history h
             WHERE h.student_id = s.id AND h.event NOT LIKE '%Correction' ORDER BY h.sequence DESC LIMIT 1), 'UNCONFIRMED')
         UNION ALL
         SELECT 'employer ' || e.id || ' is ' || e.state FROM identity.employers e
         WHERE e.state IS DISTINCT FROM (SELECT h.to_state FROM identity.employer_history h WHERE h.employer_id = e.id
                                         ORDER BY h.sequence DESC LIMIT 1)",
    ),
    (
        Invariant::PublishedAndHeard,
        "SELECT 'not published: ' || key || ' ' || id FROM (
             SELECT key, id, publish_time FROM identity.outbox UNION ALL SELECT key, id, publish_time FROM contracts.outbox
             UNION ALL SELECT key, id, publish_time FROM documents.outbox UNION ALL SELECT key, id, publish_time FROM push.outbox) o
         WHERE publish_time IS NULL",
    ),
    (
        Invariant::PublishedAndHeard,
        "SELECT 'not heard by ' || wants.consumer || ': ' || o.key || ' ' || o.id
         FROM (VALUES ('origins', 'identity.origin.approved.v1'), ('origins', 'identity.origin.returned.v1'),
                      ('origins', 'identity.origin.reopened.v1'), ('suspensions', 'identity.employer.suspended.v1'),
                      ('reviews', 'identity.review.changed.v1'), ('corrections', 'identity.origin.corrected.v1'),
                      ('issue_document', 'contracts.agreement.approved.v1'),
                      ('push_account_erased', 'identity.account.erased.v1'),
                      ('documents_account_erased', 'identity.account.erased.v1'),
                      ('agreement_holds', 'contracts.agreement.%.v1')) AS wants (consumer, key)
         JOIN (SELECT id, key FROM identity.outbox UNION ALL SELECT id, key FROM contracts.outbox) o ON o.key LIKE wants.key
         WHERE NOT EXISTS (SELECT 1 FROM (SELECT consumer, message_id FROM identity.inbox
                                          UNION ALL SELECT consumer, message_id FROM contracts.inbox
                                          UNION ALL SELECT consumer, message_id FROM push.inbox
                                          UNION ALL SELECT consumer, message_id FROM documents.inbox) i
                           WHERE i.consumer = wants.consumer AND i.message_id = o.id)",
    ),
    (
        Invariant::PublishedAndHeard,
        "SELECT 'dead letter of ' || consumer || ': ' || key || ', ' || error
         FROM (SELECT consumer, key, error, replay_time FROM identity.dead_letters
               UNION ALL SELECT consumer, key, error, replay_time FROM contracts.dead_letters
               UNION ALL SELECT consumer, key, error, replay_time FROM push.dead_letters
               UNION ALL SELECT consumer, key, error, replay_time FROM documents.dead_letters) d
         WHERE replay_time IS NULL",
    ),
    (
        Invariant::EffectOnce,
        "SELECT 'agreement ' || a.id || ': ' || seals.count || ' seals for ' || heard.count || ' messages'
         FROM contracts.agreements a,
         LATERAL (SELECT count(*) FROM contracts.history h WHERE h.agreement_id = a.id AND h.event = 'seal') seals,
         LATERAL (SELECT count(*) FROM contracts.outbox o JOIN contracts.inbox i
                  ON i.message_id = o.id AND i.consumer = 'issue_document' WHERE o.aggregate = a.id) heard
         WHERE seals.count <> heard.count",
    ),
    (
        Invariant::EffectOnce,
        "SELECT 'document of message ' || coalesce(i.message_id, d.request_id)
                || CASE WHEN d.request_id IS NULL THEN ' is missing' ELSE ' belongs to none' END
         FROM (SELECT message_id FROM contracts.inbox WHERE consumer = 'issue_document') i
         FULL JOIN documents.issues d ON d.request_id = i.message_id
         WHERE i.message_id IS NULL OR d.request_id IS NULL",
    ),
    (
        Invariant::OneSlot,
        "SELECT 'student ' || student_id || ' has signed ' || count(*) || ' times' FROM contracts.agreements
         WHERE state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING')
         GROUP BY student_id, cohort HAVING count(*) > 1",
    ),
    (
        Invariant::OneSlot,
        "SELECT 'slot of student ' || coalesce(a.student_id, s.student_id) || ' does not fit'
         FROM (SELECT * FROM contracts.agreements
               WHERE state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING')) a
         FULL JOIN (SELECT * FROM contracts.destination_slots WHERE state <> 'FREE') s
              ON s.student_id = a.student_id AND s.cohort = a.cohort AND s.record_id = a.id
         WHERE a.id IS NULL OR s.student_id IS NULL",
    ),
    (
        Invariant::Recount,
        "SELECT 'review of ' || coalesce(r.record_id, w.id) || CASE WHEN w.id IS NULL THEN ' waits for nothing' ELSE ' is missing' END
         FROM (SELECT record_id FROM contracts.reviews WHERE waiting AND kind IN ('AGREEMENT', 'ORIGIN')) r
         FULL JOIN (SELECT id FROM contracts.agreements WHERE state = 'PENDING_REVIEW'
                    UNION ALL SELECT id FROM identity.students WHERE origin_state IN ('SUBMITTED', 'DEPARTMENT_PASSED')) w
              ON w.id = r.record_id
         WHERE r.record_id IS NULL OR w.id IS NULL",
    ),
    (
        Invariant::Recount,
        "SELECT 'contracts thinks otherwise of record ' || s.id FROM identity.students s
         LEFT JOIN contracts.origins o ON o.student_id = s.id
         WHERE (s.origin_state = 'APPROVED') IS DISTINCT FROM coalesce(o.approved, false)",
    ),
    (
        Invariant::Recount,
        "SELECT 'identity thinks otherwise of agreement ' || a.id FROM contracts.agreements a
         LEFT JOIN identity.agreement_holds h ON h.agreement_id = a.id
         WHERE (a.state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING'))
               IS DISTINCT FROM coalesce(h.held, false)",
    ),
    (
        // Who waits for a lock has looked at the clock before.
        Invariant::InTime,
        "SELECT 'step ' || sequence || ' of agreement ' || agreement_id || ' is older than the one before'
         FROM (SELECT *, lag(create_time) OVER (PARTITION BY agreement_id ORDER BY sequence) AS before FROM contracts.history) h
         WHERE create_time < before - interval '15 seconds'",
    ),
    (
        Invariant::InTime,
        "SELECT h.event || ' of agreement ' || a.id || ' on the wrong side of its end'
         FROM contracts.agreements a JOIN contracts.history h ON h.agreement_id = a.id
         WHERE (h.event = 'expire' AND h.create_time < a.expire_time) OR (h.event = 'accept' AND h.create_time >= a.expire_time)",
    ),
    (
        Invariant::InTime,
        "SELECT id || ' was made at ' || create_time || ' and says otherwise'
         FROM (SELECT id, create_time FROM contracts.agreements UNION ALL SELECT id, create_time FROM contracts.outbox
               UNION ALL SELECT id, create_time FROM identity.outbox) made
         WHERE abs(extract(epoch FROM create_time) * 1000 - ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint) > 60000",
    ),
];

/// Every violation of every invariant.
pub(crate) async fn audit(
    conn: &mut PgConnection,
    ledger: &[Acknowledged],
) -> anyhow::Result<Vec<Violation>> {
    let mut found = Vec::new();
    for (invariant, query) in QUERIES {
        for row in sqlx::query(AssertSqlSafe(query)).fetch_all(&mut *conn).await? {
            found.push(Violation {
                invariant,
                what: row.try_get(0)?,
            });
        }
    }
    for (history, query) in [
        (
            History::Agreement,
            "SELECT l.event || ' of agreement ' || l.id || ' is there ' || count(h.*) || ' times'
             FROM unnest($1::uuid[], $2::text[]) AS l (id, event)
             LEFT JOIN contracts.history h ON h.agreement_id = l.id AND h.event = l.event
             GROUP BY l.id, l.event HAVING count(h.*) <> 1",
        ),
        (
            History::Origin,
            "SELECT l.event || ' of record ' || l.id || ' is there ' || count(h.*) || ' times'
             FROM unnest($1::uuid[], $2::text[]) AS l (id, event)
             LEFT JOIN identity.origin_history h ON h.student_id = l.id AND h.event = l.event
             GROUP BY l.id, l.event HAVING count(h.*) <> 1",
        ),
    ] {
        let entries = ledger.iter().filter(|entry| entry.history == history);
        let (ids, events): (Vec<Uuid>, Vec<String>) = entries
            .map(|entry| (entry.record, entry.event.to_owned()))
            .unzip();
        let rows = sqlx::query_scalar(query).bind(ids).bind(events);
        for what in rows.fetch_all(&mut *conn).await? {
            found.push(Violation {
                invariant: Invariant::Acknowledged,
                what,
            });
        }
    }
    Ok(found)
}
