//! Signing in, staying in, signing out.

use std::collections::HashMap;

use futures::future::join_all;
use qihang_kit::validators;
use qihang_proto::identity::v1::{
    GetAccountRequest, IssuedSession, ListSessionsRequest, LoginEmployerRequest, LogoutRequest,
    RegisterEmployerRequest, RevokeOtherSessionsRequest, RevokeSessionRequest,
    account_service_client::AccountServiceClient, employer_service_client::EmployerServiceClient,
    session_service_client::SessionServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::{Door, PASSWORD, door, door_at, refresh_token, wait_seconds},
    roster_support::{World, reason},
};

const WRONG: &str = "not the password at all";

async fn count(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_student_signs_in_and_sees_the_account() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    door.register(0).await;
    let session = door.login(0, PASSWORD).await.unwrap();
    let bearer = door.bearer(&session).await;
    assert_eq!(bearer.session_id.to_string(), session.session_id);
    let mut client = AccountServiceClient::new(world.identity.as_principal(&bearer));
    let account = client
        .get_account(GetAccountRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(Some(account), session.account);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_tell_whether_the_account_exists() {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    door.register(0).await;
    let texts = |status: Status| (status.code(), reason(&status), status.message().to_owned());
    let known = texts(door.login(0, WRONG).await.unwrap_err());
    let unregistered = texts(door.login(1, WRONG).await.unwrap_err());
    let unknown = texts(door.login(9, WRONG).await.unwrap_err());
    assert_eq!(known.1, "LOGIN_REFUSED");
    assert_eq!((&known, &known), (&unregistered, &unknown));
    let throttled = [
        door.login(0, WRONG).await,
        door.login(1, WRONG).await,
        door.login(9, WRONG).await,
    ];
    for answer in throttled {
        assert_eq!(reason(&answer.unwrap_err()), "LOGIN_THROTTLED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_slow_down_then_lock_and_a_success_forgives() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    door.register(0).await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert_eq!(reason(&door.login(0, WRONG).await.unwrap_err()), "LOGIN_REFUSED");
        let early = door.login(0, PASSWORD).await.unwrap_err();
        assert_eq!(
            (early.code(), reason(&early).as_str()),
            (Code::ResourceExhausted, "LOGIN_THROTTLED")
        );
        waits.push(wait_seconds(&early));
        world
            .identity
            .advance(Duration::seconds(wait_seconds(&early)))
            .await;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 900]);
    assert!(door.login(0, PASSWORD).await.is_ok());
    assert_eq!(reason(&door.login(0, WRONG).await.unwrap_err()), "LOGIN_REFUSED");
    assert_eq!(wait_seconds(&door.login(0, WRONG).await.unwrap_err()), 1);
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM identity.audit_events WHERE event = 'login.lock'"
        )
        .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_one_is_looked_at() {
    let world = World::with_students(1).await;
    door(&world.identity).register(0).await;
    let doors: Vec<Door<'_>> = (0..20).map(|last| door_at(&world.identity, last)).collect();
    let answers = join_all(doors.iter().map(|door| door.login(0, WRONG))).await;
    let mut reasons = HashMap::new();
    for answer in answers {
        *reasons.entry(reason(&answer.unwrap_err())).or_insert(0) += 1;
    }
    assert_eq!(
        reasons,
        HashMap::from([
            ("LOGIN_REFUSED".to_owned(), 1),
            ("LOGIN_THROTTLED".to_owned(), 19)
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_many_accounts_is_stopped() {
    let identity = crate::support::identity_with(|config| config.limits_of_attempts.login_failures = 3).await;
    let door = door(&identity);
    for row in 0..3 {
        assert_eq!(
            reason(&door.login(row, WRONG).await.unwrap_err()),
            "LOGIN_REFUSED"
        );
    }
    let stopped = door.login(3, WRONG).await.unwrap_err();
    assert_eq!(
        (reason(&stopped).as_str(), wait_seconds(&stopped)),
        ("LOGIN_LIMITED", 900)
    );
    assert_eq!(
        reason(&door_at(&identity, 9).login(3, WRONG).await.unwrap_err()),
        "LOGIN_REFUSED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_once_and_its_late_return_ends_the_session() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let second = door.refresh(refresh_token(&first), "").await.unwrap();
    assert_eq!(second.session_id, first.session_id);
    assert_eq!(
        door.bearer(&second).await.auth_time,
        door.bearer(&first).await.auth_time
    );
    let third = door.refresh(refresh_token(&second), "").await.unwrap();
    world.identity.advance(Duration::seconds(6)).await;
    let reused = door.refresh(refresh_token(&first), "").await.unwrap_err();
    assert_eq!(
        (reused.code(), reason(&reused).as_str()),
        (Code::Unauthenticated, "TOKEN_REUSED")
    );
    assert_eq!(
        reason(&door.refresh(refresh_token(&third), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM identity.sessions WHERE end_reason = 'REUSED'"
        )
        .await,
        1
    );
    assert_eq!(
        reason(&door.refresh("no such token", "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_ends_the_session_at_once_when_its_successor_was_used_too() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let second = door.refresh(refresh_token(&first), "").await.unwrap();
    door.refresh(refresh_token(&second), "").await.unwrap();
    assert_eq!(
        reason(&door.refresh(refresh_token(&first), "").await.unwrap_err()),
        "TOKEN_REUSED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_uses_at_once_one_succeeds_and_the_session_lives_on() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let answers = join_all((0..20).map(|_| door.refresh(refresh_token(&first), ""))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for refused in lost.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(
            (refused.code(), reason(refused).as_str()),
            (Code::Aborted, "REFRESH_SUPERSEDED")
        );
    }
    assert!(
        door.refresh(refresh_token(won[0].as_ref().unwrap()), "")
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_token_for_five_seconds() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let id = "0190b6a0-0000-7000-8000-000000000002";
    let answers = join_all((0..5).map(|_| door.refresh(refresh_token(&first), id))).await;
    let tokens: Vec<String> = answers
        .into_iter()
        .map(|answer| refresh_token(&answer.unwrap()).to_owned())
        .collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    world.identity.advance(Duration::seconds(6)).await;
    assert_eq!(
        reason(&door.refresh(refresh_token(&first), id).await.unwrap_err()),
        "TOKEN_REUSED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_and_sessions_end_with_time() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let mut session = door.register(0).await;
    world.identity.advance(Duration::days(29)).await;
    session = door.refresh(refresh_token(&session), "").await.unwrap();
    world.identity.advance(Duration::days(30)).await;
    assert_eq!(
        reason(&door.refresh(refresh_token(&session), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    let mut session = door.login(0, PASSWORD).await.unwrap();
    for _ in 0..3 {
        world.identity.advance(Duration::days(29)).await;
        session = door.refresh(refresh_token(&session), "").await.unwrap();
    }
    world.identity.advance(Duration::days(3)).await;
    assert_eq!(
        reason(&door.refresh(refresh_token(&session), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    world.identity.advance(Duration::days(40)).await;
    world.identity.run_tasks().await;
    assert_eq!(count(&world, "SELECT count(*) FROM identity.sessions").await, 0);
    assert_eq!(
        count(&world, "SELECT count(*) FROM identity.refresh_tokens").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_by_their_owner_only() {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let second = door.login(0, PASSWORD).await.unwrap();
    let third = door.login(0, PASSWORD).await.unwrap();
    let stranger = door.bearer(&door.register(1).await).await;
    let own = door.bearer(&third).await;
    let mut client = SessionServiceClient::new(world.identity.as_principal(&own));
    let page = client
        .list_sessions(ListSessionsRequest {
            page_size: 2,
            ..ListSessionsRequest::default()
        })
        .await
        .unwrap();
    let page = page.into_inner();
    let ids: Vec<&str> = page.sessions.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, [third.session_id.as_str(), second.session_id.as_str()]);
    assert!(page.sessions[0].current && !page.sessions[1].current);
    assert_eq!(
        (
            page.sessions[0].client.as_str(),
            page.sessions[0].address.as_str()
        ),
        ("web", "192.0.2.1")
    );
    let next = ListSessionsRequest {
        page_size: 2,
        page_token: page.next_page_token,
    };
    assert_eq!(
        client.list_sessions(next).await.unwrap().into_inner().sessions[0].id,
        first.session_id
    );
    let revoke = RevokeSessionRequest {
        id: first.session_id.clone(),
    };
    let mut other = SessionServiceClient::new(world.identity.as_principal(&stranger));
    assert_eq!(
        other.revoke_session(revoke.clone()).await.unwrap_err().code(),
        Code::NotFound
    );
    client.revoke_session(revoke.clone()).await.unwrap();
    assert_eq!(
        client.revoke_session(revoke).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(
        reason(&door.refresh(refresh_token(&first), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    let others = client
        .revoke_other_sessions(RevokeOtherSessionsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(others.revoked, 1);
    assert!(door.refresh(refresh_token(&third), "").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_works_with_either_token_and_twice() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let first = door.register(0).await;
    let bearer = door.bearer(&first).await;
    let mut client = SessionServiceClient::new(world.identity.as_principal(&bearer));
    client.logout(LogoutRequest::default()).await.unwrap();
    client.logout(LogoutRequest::default()).await.unwrap();
    assert_eq!(
        reason(&door.refresh(refresh_token(&first), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    let second = door.login(0, PASSWORD).await.unwrap();
    let logout = LogoutRequest {
        refresh_token: refresh_token(&second).to_owned(),
    };
    door.sessions().logout(logout.clone()).await.unwrap();
    door.sessions().logout(logout).await.unwrap();
    assert_eq!(
        reason(&door.refresh(refresh_token(&second), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_can_neither_sign_in_nor_stay_in() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let session = door.register(0).await;
    sqlx::query("UPDATE identity.accounts SET state = 'DISABLED'")
        .execute(&world.identity.db.pool)
        .await
        .unwrap();
    assert_eq!(
        reason(&door.refresh(refresh_token(&session), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM identity.sessions WHERE end_reason = 'DISABLED'"
        )
        .await,
        1
    );
    let right = door.login(0, PASSWORD).await.unwrap_err();
    assert_eq!(
        (right.code(), reason(&right).as_str()),
        (Code::PermissionDenied, "ACCOUNT_DISABLED")
    );
    assert_eq!(reason(&door.login(0, WRONG).await.unwrap_err()), "LOGIN_REFUSED");
}

/// Registers an employer with its first administrator.
pub(crate) async fn register_employer(door: &Door<'_>) {
    let (captcha_id, captcha_answer) = door.captcha().await;
    let head = |last| format!("91230100MA12345{last}");
    let credit_code = (0..10)
        .find_map(|last| validators::complete_credit_code(&head(last)))
        .unwrap();
    let request = RegisterEmployerRequest {
        captcha_id,
        captcha_answer,
        name: "松江软件有限公司".to_owned(),
        credit_code: credit_code.as_str().to_owned(),
        contact_name: "赵丽".to_owned(),
        mobile: "13912345678".to_owned(),
        email: "Zhao.Li@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        request_id: String::new(),
    };
    EmployerServiceClient::new(door.way())
        .register_employer(request)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_an_employer_sign_in_by_mobile_or_email_until_they_are_removed() {
    let identity = crate::support::identity().await;
    let door = door(&identity);
    register_employer(&door).await;
    let login = async |login: &str| -> Result<IssuedSession, Status> {
        let (captcha_id, captcha_answer) = door.captcha().await;
        let (login, password) = (login.to_owned(), PASSWORD.to_owned());
        let request = LoginEmployerRequest {
            login,
            password,
            captcha_id,
            captcha_answer,
            totp_code: String::new(),
        };
        door.sessions()
            .login_employer(request)
            .await
            .map(Response::into_inner)
    };
    let by_email = login("zhao.li@EXAMPLE.com").await.unwrap();
    let by_mobile = login("13912345678").await.unwrap();
    let bearer = door.bearer(&by_mobile).await;
    assert_eq!(
        (bearer.role.as_str(), bearer.employer_role.as_deref()),
        ("EMPLOYER", Some("ADMIN"))
    );
    let account = by_email.account.as_ref().unwrap();
    assert_eq!(
        Some(account.id.as_str()),
        by_mobile.account.as_ref().map(|account| account.id.as_str())
    );
    assert_eq!(account.employer_name, "松江软件有限公司");
    sqlx::query("UPDATE identity.employer_members SET state = 'REMOVED'")
        .execute(&identity.db.pool)
        .await
        .unwrap();
    assert_eq!(
        reason(&door.refresh(refresh_token(&by_email), "").await.unwrap_err()),
        "REFRESH_INVALID"
    );
    assert_eq!(
        reason(&login("13912345678").await.unwrap_err()),
        "ACCOUNT_DISABLED"
    );
}
