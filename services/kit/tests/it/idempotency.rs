//! Commands that come twice.

use std::time::Duration;

use qihang_kit::{idempotency::Call, ids::Ids, status::Fault, testing::TestDb};
use qihang_proto::identity::v1::{DirectoryStudent, FindStudentRequest};
use uuid::Uuid;

use crate::ground::{MIGRATOR, find};

const METHOD: &str = "/qihang.identity.v1.DirectoryService/FindStudent";

async fn once(
    db: &TestDb,
    caller: Uuid,
    id: &str,
    request: &FindStudentRequest,
    answer: &str,
) -> (bool, String) {
    let mut transaction = db.pool.begin().await.unwrap();
    let mut acted = false;
    let given = Call::new(METHOD, caller, id, request)
        .once(&mut transaction, async |_| {
            acted = true;
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(DirectoryStudent {
                name: answer.to_owned(),
                ..Default::default()
            })
        })
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    (acted, given.name)
}

#[tokio::test]
async fn of_many_at_once_one_acts_and_all_get_its_answer() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let (caller, id) = (Uuid::nil(), Ids::random().new_id().to_string());
    let request = find("x");
    let answers: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    let calls = answers
        .iter()
        .map(|answer| once(&db, caller, &id, &request, answer));
    let results = futures::future::join_all(calls).await;
    let acted: Vec<_> = results.iter().filter(|(acted, _)| *acted).collect();
    assert_eq!(acted.len(), 1);
    assert!(results.iter().all(|(_, answer)| *answer == acted[0].1));
}

#[tokio::test]
async fn another_body_under_the_same_id_is_refused_and_callers_are_apart() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let id = Ids::random().new_id().to_string();
    assert!(once(&db, Uuid::nil(), &id, &find("x"), "1").await.0);
    assert_eq!(
        once(&db, Uuid::nil(), &id, &find("x"), "2").await,
        (false, "1".to_owned())
    );
    assert!(once(&db, Uuid::max(), &id, &find("x"), "3").await.0);
    assert!(once(&db, Uuid::nil(), "", &find("x"), "4").await.0);
    assert!(once(&db, Uuid::nil(), "", &find("x"), "5").await.0);
    let mut conn = db.pool.acquire().await.unwrap();
    let fault = Call::new(METHOD, Uuid::nil(), &id, &find("y"))
        .claim(&mut conn)
        .await
        .unwrap_err();
    assert_eq!(
        (fault.reason(), fault.fields()[0].field.as_str()),
        ("REQUEST_ID_REUSED", "requestId")
    );
}

#[tokio::test]
async fn a_failed_command_leaves_its_id_free() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let id = Ids::random().new_id().to_string();
    let mut transaction = db.pool.begin().await.unwrap();
    let refused: Result<DirectoryStudent, Fault> = Call::new(METHOD, Uuid::nil(), &id, &find("x"))
        .once(&mut transaction, async |_| {
            Err(Fault::precondition("REFUSED", ""))
        })
        .await;
    assert_eq!(refused.unwrap_err().reason(), "REFUSED");
    transaction.rollback().await.unwrap();
    assert!(once(&db, Uuid::nil(), &id, &find("x"), "1").await.0);
}
