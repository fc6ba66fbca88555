//! What was audited stays as it was written, and it shows when not.

use sqlx::Executor as _;
use time::Duration;

use crate::{
    origin::approved,
    people::{PASSWORD, door},
    roster_support::World,
};

/// A world in which something happened, linked.
async fn eventful() -> World {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    door.register(0).await;
    door.login(0, PASSWORD).await.unwrap();
    assert!(door.login(0, "not the password").await.is_err());
    world.identity.run_tasks().await;
    world
}

/// The check of one table.
async fn verified(world: &World, table: &str) -> String {
    let (lines, whole) = world.identity.verify_chains().await;
    let broken = lines.iter().any(|line| line.contains("BROKEN"));
    assert_eq!(whole, !broken, "{lines:?}");
    let line = lines.into_iter().find(|line| line.starts_with(table));
    line.unwrap()
}

async fn tamper(world: &World, table: &str, sql: &str) {
    let pool = &world.identity.db.pool;
    // As somebody who owns the database would.
    let sql =
        format!("ALTER TABLE {table} DISABLE TRIGGER USER; {sql}; ALTER TABLE {table} ENABLE TRIGGER USER");
    pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_linked_and_the_whole_chain_verifies() {
    let world = eventful().await;
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.audit_events")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    assert!(events >= 3, "{events}");
    let line = verified(&world, "identity.audit_events").await;
    let wanted = format!("identity.audit_events: {events} links verified, head {events} ");
    assert!(line.starts_with(&wanted), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_change_or_delete_events() {
    let world = eventful().await;
    let attempts = [
        "UPDATE identity.audit_events SET outcome = 'DONE' WHERE outcome = 'REFUSED'",
        "UPDATE identity.audit_events SET sequence = NULL, hash = NULL",
        "DELETE FROM identity.audit_events",
        "TRUNCATE identity.audit_events",
    ];
    for sql in attempts {
        let refused = world.identity.db.pool.execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert!(!verified(&world, "identity.audit_events").await.contains("BROKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_with_the_audit_shows() {
    let tamperings = [
        (
            "UPDATE identity.audit_events SET address = '203.0.113.9' WHERE sequence = 2",
            "link 2 is not as it was written",
        ),
        (
            "DELETE FROM identity.audit_events WHERE sequence = 2",
            "link 2 is missing",
        ),
        (
            "UPDATE identity.audit_events SET sequence = -sequence WHERE sequence < 3;
             UPDATE identity.audit_events SET sequence = 3 + sequence WHERE sequence < 0",
            "link 1 is not as it was written",
        ),
        (
            "DELETE FROM identity.audit_events WHERE sequence = (SELECT max(sequence) FROM identity.audit_events)",
            "and not at its head",
        ),
        ("DELETE FROM identity.audit_events", "and not at its head"),
    ];
    for (sql, found) in tamperings {
        let world = eventful().await;
        tamper(&world, "identity.audit_events", sql).await;
        let line = verified(&world, "identity.audit_events").await;
        assert!(line.contains(found), "{sql}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_goes_and_the_rest_still_verifies() {
    let world = eventful().await;
    world.identity.advance(Duration::days(150)).await;
    door(&world.identity).login(0, PASSWORD).await.unwrap();
    world.identity.run_tasks().await;
    world.identity.advance(Duration::days(100)).await;
    world.identity.run_tasks().await;
    let line = verified(&world, "identity.audit_events").await;
    assert!(line.contains(": 1 links verified, head "), "{line}");
    // And again to nothing, after which new events go on from the same head.
    world.identity.advance(Duration::days(101)).await;
    world.identity.run_tasks().await;
    let line = verified(&world, "identity.audit_events").await;
    assert!(line.contains(": 0 links verified, head "), "{line}");
    door(&world.identity).login(0, PASSWORD).await.unwrap();
    world.identity.run_tasks().await;
    let line = verified(&world, "identity.audit_events").await;
    assert!(line.contains(": 1 links verified, head "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_with_a_students_history_shows() {
    for (sql, found) in [
        (
            "UPDATE identity.origin_history SET actor_name = '别人' WHERE sequence = 1",
            "link 1 is not as it was written",
        ),
        (
            "DELETE FROM identity.origin_history WHERE sequence = 1",
            "link 1 is missing",
        ),
        (
            "DELETE FROM identity.origin_history WHERE sequence = 2",
            "the last steps are missing",
        ),
    ] {
        let world = World::with_students(2).await;
        let student = world.student(0).await;
        approved(&world, &student).await;
        let line = verified(&world, "identity.origin_history").await;
        assert_eq!(line, "identity.origin_history: 2 links verified");
        tamper(&world, "identity.origin_history", sql).await;
        let line = verified(&world, "identity.origin_history").await;
        assert!(line.contains(found), "{sql}: {line}");
    }
}
