//! Proving the person anew.

use qihang_kit::{
    auth::Principal,
    testing::{self, Acting, TestService},
};
use qihang_proto::identity::v1::{
    IssuedSession, LogoutRequest, ResetStaffRequest, StepUpRequest, StepUpResponse,
    account_service_client::AccountServiceClient, session_service_client::SessionServiceClient,
    staff_service_client::StaffServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::{PASSWORD, door, refresh_token},
    roster_support::{World, reason},
    support,
};

pub(crate) async fn step_up(
    identity: &TestService,
    who: &Principal,
    password: &str,
    totp_code: &str,
) -> Result<StepUpResponse, Status> {
    let request = StepUpRequest {
        password: password.to_owned(),
        totp_code: totp_code.to_owned(),
    };
    AccountServiceClient::new(identity.as_principal(who))
        .step_up(request)
        .await
        .map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_gives_fresh_tokens_of_the_same_session_and_a_refresh_keeps_its_time() {
    let world = World::with_students(1).await;
    let identity = &world.identity;
    let door = door(identity);
    let session = door.register(0).await;
    let before = door.bearer(&session).await;
    identity.advance(Duration::minutes(30)).await;
    let proved = step_up(identity, &before, PASSWORD, "").await.unwrap();
    let issued = IssuedSession {
        tokens: proved.tokens,
        ..IssuedSession::default()
    };
    let after = door.bearer(&issued).await;
    assert_eq!(
        (after.session_id, after.auth_time),
        (before.session_id, identity.clock.now())
    );
    assert_eq!(after.amr, ["pwd"]);
    identity.advance(Duration::minutes(5)).await;
    let next = door.refresh(refresh_token(&issued), "").await.unwrap();
    assert_eq!(
        door.bearer(&next).await.auth_time,
        after.auth_time,
        "a refresh is no proof"
    );
    let stolen = door.refresh(refresh_token(&session), "").await.unwrap_err();
    assert_eq!(
        reason(&stolen),
        "TOKEN_REUSED",
        "the token of before comes from a copy"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_proves_nothing_and_slows_down() {
    let world = World::with_students(1).await;
    let identity = &world.identity;
    let bearer = door(identity).bearer(&door(identity).register(0).await).await;
    let missing = step_up(identity, &bearer, "", "").await.unwrap_err();
    assert_eq!(
        (missing.code(), reason(&missing).as_str()),
        (Code::InvalidArgument, "PASSWORD_MISSING")
    );
    let wrong = step_up(identity, &bearer, "not the password at all", "")
        .await
        .unwrap_err();
    assert_eq!(
        (wrong.code(), reason(&wrong).as_str()),
        (Code::InvalidArgument, "PASSWORD_WRONG")
    );
    let early = step_up(identity, &bearer, PASSWORD, "").await.unwrap_err();
    assert_eq!(reason(&early), "LOGIN_THROTTLED");
    identity.advance(Duration::seconds(1)).await;
    step_up(identity, &bearer, PASSWORD, "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_or_is_somebody_elses_cannot_be_proved() {
    let world = World::with_students(2).await;
    let identity = &world.identity;
    let door = door(identity);
    let own = door.bearer(&door.register(0).await).await;
    let other = door.bearer(&door.register(1).await).await;
    let mixed = Principal {
        session_id: other.session_id,
        ..own.clone()
    };
    let refused = step_up(identity, &mixed, PASSWORD, "").await.unwrap_err();
    assert_eq!(reason(&refused), "REFRESH_INVALID");
    SessionServiceClient::new(identity.as_principal(&own))
        .logout(LogoutRequest::default())
        .await
        .unwrap();
    let refused = step_up(identity, &own, PASSWORD, "").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "REFRESH_INVALID")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_wants_a_fresh_proof_refuses_one_of_ten_minutes_ago() {
    let identity = support::identity().await;
    let staff = testing::province_staff();
    let reset = async |age: Duration| {
        let proved = Principal {
            auth_time: identity.clock.now() - age,
            ..staff.clone()
        };
        let way = identity.acting(Acting {
            token: Some(identity.keys.token(&proved, identity.clock.now())),
            ..Acting::default()
        });
        let request = ResetStaffRequest {
            id: staff.account_id.to_string(),
            ..ResetStaffRequest::default()
        };
        reason(
            &StaffServiceClient::new(way)
                .reset_staff(request)
                .await
                .unwrap_err(),
        )
    };
    assert_eq!(reset(Duration::minutes(10)).await, "STEP_UP_REQUIRED");
    assert_eq!(reset(Duration::seconds(599)).await, "ACCOUNT_NOT_FOUND");
}
