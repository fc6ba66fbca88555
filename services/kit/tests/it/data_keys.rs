//! Data keys: made once, wrapped under master keys, rotated, and everything sealed anew.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use qihang_kit::{
    crypto::{
        CryptoSettings, Sealer,
        data_keys::{self, ACTIVATION_DELAY},
        reseal::{Column, Reseal, Sealed, Tie},
    },
    ids::Ids,
    tasks::Task as _,
    testing::TestDb,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::ground::MIGRATOR;

const NOTES: Column = Column {
    table: "notes",
    key: "id",
    column: "text_sealed",
    prefix: "test.notes.text",
    tie: Tie::Bytes,
};

fn settings(active: &str, names: &[(&str, u8)]) -> CryptoSettings {
    let key = |byte: u8| STANDARD.encode([byte; 32]).into();
    CryptoSettings {
        active: active.to_owned(),
        keys: names
            .iter()
            .map(|(name, byte)| ((*name).to_owned(), key(*byte)))
            .collect(),
        index_key: Some(key(9)),
        ..CryptoSettings::default()
    }
}

async fn database() -> TestDb {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    sqlx::query("CREATE TABLE notes (id uuid PRIMARY KEY, text_sealed bytea)")
        .execute(&db.pool)
        .await
        .unwrap();
    db
}

fn tie(id: Uuid) -> Vec<u8> {
    [NOTES.prefix.as_bytes(), id.as_bytes()].concat()
}

async fn note(pool: &PgPool, sealer: &Sealer, text: &str) -> Uuid {
    let id = Ids::random().new_id();
    sqlx::query("INSERT INTO notes VALUES ($1, $2)")
        .bind(id)
        .bind(sealer.seal(text.as_bytes(), &tie(id)).unwrap())
        .execute(pool)
        .await
        .unwrap();
    id
}

async fn read(pool: &PgPool, sealer: &Sealer, id: Uuid) -> String {
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT text_sealed FROM notes WHERE id = $1")
        .bind(id)
        .fetch_one(pool)
        .await
        .unwrap();
    String::from_utf8(sealer.open(&sealed, &tie(id)).unwrap()).unwrap()
}

async fn keys(pool: &PgPool) -> Vec<data_keys::DataKey> {
    data_keys::list(pool).await.unwrap()
}

#[tokio::test]
async fn replicas_that_start_at_once_share_one_key() {
    let db = database().await;
    let one = settings("", &[("a", 1)]);
    let (first, second) = tokio::join!(Sealer::load(&one, &db.pool), Sealer::load(&one, &db.pool));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(keys(&db.pool).await.len(), 1);
    let id = note(&db.pool, &first, "230102").await;
    assert_eq!(read(&db.pool, &second, id).await, "230102");
}

#[tokio::test]
async fn a_new_master_key_wraps_the_data_keys_anew_and_the_old_one_can_go() {
    let db = database().await;
    let old = Sealer::load(&settings("", &[("a", 1)]), &db.pool).await.unwrap();
    let id = note(&db.pool, &old, "230102").await;
    let missing = Sealer::load(&settings("", &[("b", 2)]), &db.pool)
        .await
        .unwrap_err();
    assert!(format!("{missing:#}").contains("crypto.keys"), "{missing:#}");
    Sealer::load(&settings("b", &[("a", 1), ("b", 2)]), &db.pool)
        .await
        .unwrap();
    let new = Sealer::load(&settings("", &[("b", 2)]), &db.pool).await.unwrap();
    assert_eq!(read(&db.pool, &new, id).await, "230102");
    assert_eq!(keys(&db.pool).await.len(), 1, "no value was sealed again for it");
}

#[tokio::test]
async fn a_new_data_key_is_known_everywhere_before_it_seals() {
    let db = database().await;
    let one = settings("", &[("a", 1)]);
    let (first, second) = (
        Sealer::load(&one, &db.pool).await.unwrap(),
        Sealer::load(&one, &db.pool).await.unwrap(),
    );
    let id = data_keys::rotate(&first, &db.pool, ACTIVATION_DELAY)
        .await
        .unwrap();
    data_keys::refresh(&first, &db.pool).await.unwrap();
    let before = note(&db.pool, &first, "before").await;
    assert_eq!(read(&db.pool, &second, before).await, "before");
    sqlx::query("UPDATE data_keys SET activate_time = now() WHERE id = $1")
        .bind(&id)
        .execute(&db.pool)
        .await
        .unwrap();
    data_keys::refresh(&second, &db.pool).await.unwrap();
    let after = note(&db.pool, &second, "after").await;
    assert_eq!(
        read(&db.pool, &first, after).await,
        "after",
        "read before it was active"
    );
}

#[tokio::test]
async fn everything_is_sealed_anew_and_only_then_an_old_key_can_go() {
    let db = database().await;
    let sealer = Sealer::load(&settings("", &[("a", 1)]), &db.pool).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..450 {
        ids.push(note(&db.pool, &sealer, &number.to_string()).await);
    }
    sqlx::query("INSERT INTO notes VALUES ($1, NULL)")
        .bind(Ids::random().new_id())
        .execute(&db.pool)
        .await
        .unwrap();
    let sealed = Sealed {
        sealer: sealer.clone(),
        columns: &[NOTES],
    };
    let old = keys(&db.pool).await.remove(0).id;
    let refused = async |id: &str| format!("{:#}", sealed.drop_key(&db.pool, id).await.unwrap_err());
    assert!(refused(&old).await.contains("in use"));
    let new = data_keys::rotate(&sealer, &db.pool, Duration::ZERO)
        .await
        .unwrap();
    assert!(refused(&old).await.contains("not sealed everything"));
    let patient = Reseal::new(sealed.clone(), db.pool.clone());
    assert!(
        !patient.run_once().await.unwrap(),
        "not before the key has settled"
    );
    assert_eq!(sealed.count(&db.pool, &old).await.unwrap(), 450);

    let task = Reseal::new(sealed.clone(), db.pool.clone()).at_once();
    while task.run_once().await.unwrap() {}
    assert_eq!(sealed.count(&db.pool, &old).await.unwrap(), 0);
    assert_eq!(sealed.count(&db.pool, &new).await.unwrap(), 450);
    assert!(keys(&db.pool).await[1].complete_time.is_some());
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(read(&db.pool, &sealer, *id).await, number.to_string());
    }
    assert!(refused(&old).await.contains("less than 5 minutes ago"));
    sqlx::query("UPDATE data_keys SET complete_time = complete_time - interval '5 minutes'")
        .execute(&db.pool)
        .await
        .unwrap();
    sealed.drop_key(&db.pool, &old).await.unwrap();
    assert!(refused(&old).await.contains("no data key"));
    assert!(refused(&new).await.contains("in use"));
}

#[tokio::test]
async fn a_value_that_does_not_open_keeps_its_key() {
    let db = database().await;
    let sealer = Sealer::load(&settings("", &[("a", 1)]), &db.pool).await.unwrap();
    let (moved, whole) = (
        note(&db.pool, &sealer, "moved").await,
        note(&db.pool, &sealer, "whole").await,
    );
    let elsewhere = Ids::random().new_id();
    sqlx::query("UPDATE notes SET id = $2 WHERE id = $1")
        .bind(moved)
        .bind(elsewhere)
        .execute(&db.pool)
        .await
        .unwrap();
    let sealed = Sealed {
        sealer: sealer.clone(),
        columns: &[NOTES],
    };
    let old = keys(&db.pool).await.remove(0).id;
    data_keys::rotate(&sealer, &db.pool, Duration::ZERO)
        .await
        .unwrap();
    let task = Reseal::new(sealed.clone(), db.pool.clone()).at_once();
    for _ in 0..20 {
        task.run_once().await.unwrap();
    }
    assert_eq!(
        sealed.count(&db.pool, &old).await.unwrap(),
        1,
        "the one that was moved"
    );
    assert_eq!(read(&db.pool, &sealer, whole).await, "whole");
    assert!(sealed.drop_key(&db.pool, &old).await.is_err());
}

#[tokio::test]
async fn a_key_that_comes_during_a_sweep_begins_another() {
    let db = database().await;
    let sealer = Sealer::load(&settings("", &[("a", 1)]), &db.pool).await.unwrap();
    for number in 0..3 {
        note(&db.pool, &sealer, &number.to_string()).await;
    }
    let sealed = Sealed {
        sealer: sealer.clone(),
        columns: &[NOTES],
    };
    let task = Reseal::new(sealed.clone(), db.pool.clone()).at_once();
    data_keys::rotate(&sealer, &db.pool, Duration::ZERO)
        .await
        .unwrap();
    // The column once, and its end: the first sweep is one step from saying that it is through.
    for _ in 0..4 {
        task.run_once().await.unwrap();
    }
    let last = data_keys::rotate(&sealer, &db.pool, Duration::ZERO)
        .await
        .unwrap();
    while task.run_once().await.unwrap() {}
    assert_eq!(sealed.count(&db.pool, &last).await.unwrap(), 3);
}
