//! What happened to an agreement stays as it was written, and it shows when not.

use sqlx::Executor as _;

use crate::{neighbours::SCHOOL, suite::Suite};

#[tokio::test]
async fn tampering_with_a_history_shows() {
    let tamperings = [
        (
            "UPDATE contracts.history SET actor_name = '别人' WHERE sequence = 2",
            "link 2 is not as it was written",
        ),
        (
            "DELETE FROM contracts.history WHERE sequence = 1",
            "link 1 is missing",
        ),
        (
            "DELETE FROM contracts.history h
             WHERE sequence = (SELECT max(sequence) FROM contracts.history WHERE agreement_id = h.agreement_id)",
            "the last steps are missing",
        ),
        ("DELETE FROM contracts.history", "the last steps are missing"),
    ];
    for (sql, found) in tamperings {
        let suite = Suite::start().await;
        let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
        suite.accepted(&employer, &student).await;
        let (lines, whole) = suite.service.verify_chains().await;
        assert!(whole, "{lines:?}");
        assert!(!lines.concat().starts_with("contracts.history: 0 "), "{lines:?}");
        suite.service.db.pool.execute(sql).await.unwrap();
        let (lines, whole) = suite.service.verify_chains().await;
        assert!(!whole && lines.concat().contains(found), "{sql}: {lines:?}");
    }
}
