//! Forgotten passwords.

use futures::future::join_all;
use qihang_kit::{
    auth::Principal,
    testing::{self, Acting, TestService},
};
use qihang_proto::identity::v1::{
    ChangePasswordRequest, IssueEmployerResetRequest, IssueStudentResetRequest, LoginEmployerRequest,
    PasswordResetToken, ResetPasswordRequest, account_service_client::AccountServiceClient,
    password_reset_service_client::PasswordResetServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};
use uuid::Uuid;

use crate::{
    find_number::written,
    people::{PASSWORD, SCHOOL, door, door_at, number, refresh_token},
    roster_support::{OTHER_SCHOOL, Way, World, reason},
    session::register_employer,
    support,
};

const NEW: &str = "seven swans over the ice";
/// The mobile number of the employer's administrator.
const EMPLOYER_LOGIN: &str = "13912345678";

fn client(identity: &TestService, who: &Principal) -> PasswordResetServiceClient<Way> {
    PasswordResetServiceClient::new(identity.as_principal(who))
}

async fn issue(world: &World, staff: &Principal, student: &str) -> Result<PasswordResetToken, Status> {
    let request = IssueStudentResetRequest {
        id: student.to_owned(),
    };
    client(&world.identity, staff)
        .issue_student_reset(request)
        .await
        .map(Response::into_inner)
}

async fn reset_at(
    identity: &TestService,
    last: u8,
    row: u32,
    token: &str,
    new_password: &str,
) -> Result<(), Status> {
    let door = door_at(identity, last);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = ResetPasswordRequest {
        school_code: SCHOOL.to_owned(),
        login: number(row),
        token: token.to_owned(),
        new_password: new_password.to_owned(),
        captcha_id,
        captcha_answer,
    };
    let reset = PasswordResetServiceClient::new(door.way())
        .reset_password(request)
        .await;
    reset.map(Response::into_inner)
}

async fn reset(world: &World, row: u32, token: &str) -> Result<(), Status> {
    reset_at(&world.identity, 1, row, token, NEW).await
}

/// Two registered students: their ids.
async fn registered(world: &World) -> [String; 2] {
    let door = door(&world.identity);
    let mut ids = Vec::new();
    for row in 0..2 {
        ids.push(door.register(row).await.account.unwrap().student_id);
    }
    ids.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sets_the_password_once_ends_sessions_and_forgives_failures() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let session = door(&world.identity).login(0, PASSWORD).await.unwrap();
    for _ in 0..3 {
        let failed = door(&world.identity).login(0, "not the password").await;
        assert!(failed.is_err());
        world.identity.advance(Duration::seconds(4)).await;
    }
    let token = issue(&world, &testing::school_staff(SCHOOL), &id).await.unwrap();
    assert_eq!((token.token.len(), token.name_masked.as_str()), (17, "李*"));
    reset(&world, 0, &token.token.to_lowercase().replace('-', " "))
        .await
        .unwrap();
    let ended = door(&world.identity)
        .refresh(refresh_token(&session), "")
        .await
        .unwrap_err();
    assert_eq!(reason(&ended), "REFRESH_INVALID");
    door(&world.identity).login(0, NEW).await.unwrap();
    let again = reset(&world, 0, &token.token).await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::InvalidArgument, "RESET_REFUSED")
    );
    let events: Vec<String> = sqlx::query_scalar(
        "SELECT event FROM identity.audit_events WHERE event LIKE 'password.%' AND outcome = 'DONE' ORDER BY id",
    )
    .fetch_all(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(events, ["password.issue_reset", "password.reset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_at_once_exactly_one_wins() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let token = issue(&world, &testing::school_staff(SCHOOL), &id)
        .await
        .unwrap()
        .token;
    let passwords: Vec<String> = (0..8).map(|last| format!("{NEW} {last}")).collect();
    let uses = (0..8_u8).zip(&passwords);
    let answers =
        join_all(uses.map(|(last, password)| reset_at(&world.identity, last, 0, &token, password))).await;
    let winners: Vec<usize> = (0..8).filter(|index| answers[*index].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    world.identity.advance(Duration::hours(25)).await;
    door(&world.identity)
        .login(0, &passwords[winners[0]])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_token_gets_the_same_answer_after_the_same_work() {
    let world = World::with_students(3).await;
    let [id, other] = registered(&world).await;
    let staff = testing::school_staff(SCHOOL);
    let replaced = issue(&world, &staff, &id).await.unwrap().token;
    let token = issue(&world, &staff, &id).await.unwrap().token;
    let others = issue(&world, &staff, &other).await.unwrap().token;
    let (mut answers, mut work) = (Vec::new(), Vec::new());
    for (row, tried) in [
        (0, replaced.as_str()),
        (0, others.as_str()),
        (0, "ABCDE-FGHJK-LMNPQ"),
        (0, "x"),
        (2, token.as_str()),
        (99, token.as_str()),
    ] {
        let before = written(&world).await;
        let refused = reset(&world, row, tried).await.unwrap_err();
        let after = written(&world).await;
        answers.push((
            refused.code(),
            refused.message().to_owned(),
            refused.details().to_vec(),
        ));
        work.push((after.0 - before.0, after.1 - before.1));
        world.identity.advance(Duration::seconds(30)).await;
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    work.dedup();
    assert_eq!(work, [(1, 1)], "one count and one event, whoever it is");
    let weak = reset_at(
        &world.identity,
        1,
        0,
        &token,
        &format!("tram {} river", number(0)),
    )
    .await
    .unwrap_err();
    assert_eq!(reason(&weak), "PASSWORD_PERSONAL", "and the token is not used up");
    world.identity.advance(Duration::minutes(5)).await;
    reset(&world, 0, &token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_after_two_hours_and_guesses_slow_down() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let staff = testing::school_staff(SCHOOL);
    let token = issue(&world, &staff, &id).await.unwrap().token;
    world.identity.advance(Duration::hours(2)).await;
    assert_eq!(
        reason(&reset(&world, 0, &token).await.unwrap_err()),
        "RESET_REFUSED"
    );
    assert_eq!(
        reason(&reset(&world, 0, &token).await.unwrap_err()),
        "LOGIN_THROTTLED"
    );
    world.identity.advance(Duration::SECOND).await;
    world.identity.run_tasks().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.password_resets")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_issue_tokens_for_students_in_their_scope_only() {
    let world = World::with_students(3).await;
    let [id, _] = registered(&world).await;
    issue(&world, &testing::department_staff(SCHOOL, "计算机学院"), &id)
        .await
        .unwrap();
    for stranger in [
        testing::school_staff(OTHER_SCHOOL),
        testing::department_staff(SCHOOL, "哲学院"),
    ] {
        let refused = issue(&world, &stranger, &id).await.unwrap_err();
        assert_eq!(reason(&refused), "STUDENT_NOT_FOUND");
    }
    let unregistered: Uuid = sqlx::query_scalar("SELECT id FROM identity.students WHERE student_number = $1")
        .bind(number(2))
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    let refused = issue(&world, &testing::school_staff(SCHOOL), &unregistered.to_string())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "NOT_REGISTERED");
    let denied = issue(&world, &testing::province_staff(), &id).await.unwrap_err();
    assert_eq!(reason(&denied), "ROLE_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_gets_no_token_and_none_that_it_has_counts() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let staff = testing::school_staff(SCHOOL);
    let token = issue(&world, &staff, &id).await.unwrap().token;
    sqlx::query("UPDATE identity.accounts SET state = 'DISABLED'")
        .execute(&world.identity.db.pool)
        .await
        .unwrap();
    let refused = issue(&world, &staff, &id).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "NOT_REGISTERED")
    );
    assert_eq!(
        reason(&reset(&world, 0, &token).await.unwrap_err()),
        "RESET_REFUSED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_the_password_meanwhile_needs_no_token_any_more() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let token = issue(&world, &testing::school_staff(SCHOOL), &id)
        .await
        .unwrap()
        .token;
    let door = door(&world.identity);
    let bearer = door.bearer(&door.login(0, PASSWORD).await.unwrap()).await;
    let request = ChangePasswordRequest {
        old_password: PASSWORD.to_owned(),
        new_password: "quiet harbour in winter".to_owned(),
        request_id: String::new(),
    };
    AccountServiceClient::new(world.identity.as_principal(&bearer))
        .change_password(request)
        .await
        .unwrap();
    assert_eq!(
        reason(&reset(&world, 0, &token).await.unwrap_err()),
        "RESET_REFUSED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_no_token_and_issuing_wants_a_fresh_proof() {
    let world = World::with_students(2).await;
    let [id, _] = registered(&world).await;
    let staff = testing::school_staff(SCHOOL);
    let token = issue(&world, &staff, &id).await.unwrap().token;
    let row: String = sqlx::query_scalar("SELECT password_resets::text FROM identity.password_resets")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    let letters = token.replace('-', "");
    assert!(
        !row.contains(&letters) && !row.contains(&hex::encode(&letters)),
        "{row}"
    );
    let now = world.identity.clock.now();
    let old = Principal {
        auth_time: now - Duration::minutes(10),
        ..staff
    };
    let way = world.identity.acting(Acting {
        token: Some(world.identity.keys.token(&old, now)),
        ..Acting::default()
    });
    let refused = PasswordResetServiceClient::new(way)
        .issue_student_reset(IssueStudentResetRequest { id })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "STEP_UP_REQUIRED");
}

/// An employer with its administrator: its id and the account's.
async fn employer(identity: &TestService) -> (Uuid, Uuid) {
    register_employer(&door(identity)).await;
    sqlx::query_as("SELECT employer_id, account_id FROM identity.employer_members")
        .fetch_one(&identity.db.pool)
        .await
        .unwrap()
}

async fn issue_for(
    identity: &TestService,
    who: &Principal,
    employer: Uuid,
) -> Result<PasswordResetToken, Status> {
    let request = IssueEmployerResetRequest {
        id: employer.to_string(),
        factor_lost: false,
    };
    client(identity, who)
        .issue_employer_reset(request)
        .await
        .map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_province_helps_an_employers_administrator_and_the_second_factor_stays() {
    let identity = support::identity().await;
    let (employer, account) = employer(&identity).await;
    let token = issue_for(&identity, &testing::province_staff(), employer)
        .await
        .unwrap()
        .token;
    sqlx::query(
        "INSERT INTO identity.second_factors (account_id, secret_sealed, confirm_time, create_time, update_time)
         VALUES ($1, 'x', now(), now(), now())",
    )
    .bind(account)
    .execute(&identity.db.pool)
    .await
    .unwrap();
    let (captcha_id, captcha_answer) = door(&identity).captcha().await;
    let request = ResetPasswordRequest {
        school_code: String::new(),
        login: EMPLOYER_LOGIN.to_owned(),
        token,
        new_password: NEW.to_owned(),
        captcha_id,
        captcha_answer,
    };
    PasswordResetServiceClient::new(door(&identity).way())
        .reset_password(request)
        .await
        .unwrap();
    let (captcha_id, captcha_answer) = door(&identity).captcha().await;
    let request = LoginEmployerRequest {
        login: EMPLOYER_LOGIN.to_owned(),
        password: NEW.to_owned(),
        captcha_id,
        captcha_answer,
        totp_code: String::new(),
    };
    let needed = door(&identity)
        .sessions()
        .login_employer(request)
        .await
        .unwrap_err();
    assert_eq!(reason(&needed), "SECOND_FACTOR_NEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_employer_without_exactly_one_administrator_gets_no_token() {
    let identity = support::identity().await;
    let province = testing::province_staff();
    let (employer, account) = employer(&identity).await;
    let none = issue_for(&identity, &province, Uuid::max()).await.unwrap_err();
    assert_eq!(
        (none.code(), reason(&none).as_str()),
        (Code::NotFound, "EMPLOYER_NOT_FOUND")
    );
    for own in [testing::employer(employer), testing::school_staff(SCHOOL)] {
        let denied = issue_for(&identity, &own, employer).await.unwrap_err();
        assert_eq!(reason(&denied), "ROLE_NOT_ALLOWED");
    }
    let second = Uuid::from_u128(2);
    sqlx::query(
        "INSERT INTO identity.accounts SELECT (jsonb_populate_record(a, jsonb_build_object(
             'id', $1::text, 'mobile_blind', NULL, 'email_blind', NULL))).* FROM identity.accounts a WHERE id = $2",
    )
    .bind(second)
    .bind(account)
    .execute(&identity.db.pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO identity.employer_members (account_id, employer_id, role, create_time, update_time)
         VALUES ($1, $2, 'ADMIN', now(), now())",
    )
    .bind(second)
    .bind(employer)
    .execute(&identity.db.pool)
    .await
    .unwrap();
    let two = issue_for(&identity, &province, employer).await.unwrap_err();
    assert_eq!(
        (two.code(), reason(&two).as_str()),
        (Code::FailedPrecondition, "ADMIN_CAN_HELP")
    );
    sqlx::query("UPDATE identity.employer_members SET state = 'REMOVED'")
        .execute(&identity.db.pool)
        .await
        .unwrap();
    let gone = issue_for(&identity, &province, employer).await.unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone).as_str()),
        (Code::FailedPrecondition, "NOT_REGISTERED")
    );
}
