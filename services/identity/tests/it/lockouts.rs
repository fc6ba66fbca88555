//! Who is locked out, who sees it, and who lets them try again.

use prost::Message as _;
use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    identity::v1::{
        ClearLockoutRequest, ListLockoutsRequest, ListMyAuditEventsRequest, Lockout, account,
        audit_service_client::AuditServiceClient, lockout_service_client::LockoutServiceClient,
    },
    messages::v1::AccountLocked,
};
use time::Duration;
use tonic::{Code, Status};

use crate::{
    people::{PASSWORD, door, number, wait_seconds},
    roster_support::{OTHER_SCHOOL, SCHOOL, Way, World, reason},
};

const WRONG: &str = "not the password";

fn client(world: &World, who: &Principal) -> LockoutServiceClient<Way> {
    LockoutServiceClient::new(world.identity.as_principal(who))
}

async fn list(world: &World, who: &Principal) -> Vec<Lockout> {
    let answer = client(world, who)
        .list_lockouts(ListLockoutsRequest::default())
        .await;
    answer.unwrap().into_inner().lockouts
}

async fn clear(world: &World, who: &Principal, account: &str) -> Result<(), Status> {
    let request = ClearLockoutRequest {
        account_id: account.to_owned(),
        reason: "本人来电核实".to_owned(),
        request_id: String::new(),
    };
    client(world, who).clear_lockout(request).await.map(drop)
}

/// Fails to sign the student of a row in until that locks.
async fn lock(world: &World, row: u32) {
    let door = door(&world.identity);
    for round in 1..=10 {
        assert_eq!(
            reason(&door.login(row, WRONG).await.unwrap_err()),
            "LOGIN_REFUSED"
        );
        if round < 10 {
            let wait = wait_seconds(&door.login(row, WRONG).await.unwrap_err());
            world.identity.advance(Duration::seconds(wait)).await;
        }
    }
}

/// Two registered students, the first one locked out: the accounts.
async fn locked() -> (World, [Principal; 2]) {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    let mut accounts = Vec::new();
    for row in 0..2 {
        accounts.push(door.bearer(&door.register(row).await).await);
    }
    lock(&world, 0).await;
    (world, accounts.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_seen_by_those_who_keep_the_account_and_cleared_with_a_reason() {
    let (world, [student, other]) = locked().await;
    let account = student.account_id.to_string();
    let office = testing::school_staff(SCHOOL);
    let seen = list(&world, &office).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    let end = seen[0].end_time.unwrap().seconds - seen[0].last_failure_time.unwrap().seconds;
    assert_eq!(
        (
            seen[0].account_id.as_str(),
            seen[0].role(),
            seen[0].name_masked.as_str(),
            seen[0].login.as_str(),
            seen[0].failures,
            end
        ),
        (
            account.as_str(),
            account::Role::Student,
            "李*",
            number(0).as_str(),
            10,
            900
        )
    );
    let stranger = testing::school_staff(OTHER_SCHOOL);
    assert_eq!(list(&world, &stranger).await, []);
    assert_eq!(list(&world, &testing::province_staff()).await, seen);
    let refused = clear(&world, &stranger, &account).await.unwrap_err();
    assert_eq!(reason(&refused), "LOCKOUT_NOT_FOUND");
    let free = clear(&world, &office, &other.account_id.to_string())
        .await
        .unwrap_err();
    assert_eq!(reason(&free), "LOCKOUT_NOT_FOUND");
    let department = testing::department_staff(SCHOOL, "计算机学院");
    let denied = clear(&world, &department, &account).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);

    let early = door(&world.identity).login(0, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&early), "LOGIN_THROTTLED");
    clear(&world, &office, &account).await.unwrap();
    assert_eq!(list(&world, &office).await, []);
    assert!(door(&world.identity).login(0, PASSWORD).await.is_ok());
    let twice = clear(&world, &office, &account).await.unwrap_err();
    assert_eq!(reason(&twice), "LOCKOUT_NOT_FOUND");
    let reasons: Vec<String> = sqlx::query_scalar(
        "SELECT reason FROM identity.audit_events WHERE event = 'login.unlock' AND actor_id = $1",
    )
    .bind(office.account_id)
    .fetch_all(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(reasons, ["本人来电核实"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_hears_of_a_lock_once_and_it_ends_by_itself() {
    let (world, [student, _]) = locked().await;
    for _ in 0..3 {
        let early = door(&world.identity).login(0, WRONG).await.unwrap_err();
        assert_eq!(reason(&early), "LOGIN_THROTTLED");
    }
    let told: Vec<AccountLocked> = world
        .identity
        .published()
        .await
        .into_iter()
        .filter(|delivery| delivery.key == "identity.account.locked.v1")
        .map(|delivery| AccountLocked::decode(delivery.payload).unwrap())
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].account_id, student.account_id.to_string());
    let mut audit = AuditServiceClient::new(world.identity.as_principal(&student));
    let own = audit
        .list_my_audit_events(ListMyAuditEventsRequest::default())
        .await;
    let own = own.unwrap().into_inner().events;
    assert_eq!(own.iter().filter(|event| event.event == "login.lock").count(), 1);
    world.identity.advance(Duration::minutes(15)).await;
    assert_eq!(list(&world, &testing::school_staff(SCHOOL)).await, []);
    assert!(door(&world.identity).login(0, PASSWORD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_exist_is_locked_too_but_nobody_hears_of_it() {
    let world = World::with_students(1).await;
    lock(&world, 9).await;
    assert_eq!(list(&world, &testing::province_staff()).await, []);
    let keys: Vec<String> = world
        .identity
        .published()
        .await
        .into_iter()
        .map(|delivery| delivery.key)
        .collect();
    assert!(
        !keys.contains(&"identity.account.locked.v1".to_owned()),
        "{keys:?}"
    );
}
