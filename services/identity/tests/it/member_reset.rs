//! A colleague's forgotten password and lost authenticator.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    IssueEmployerResetRequest, IssueMemberResetRequest, PasswordResetToken, ResetPasswordRequest,
    password_reset_service_client::PasswordResetServiceClient,
};
use tonic::{Response, Status};

use crate::{
    members::{administrator, client, login, member},
    people::{door, refresh_token},
    roster_support::{Way, World, reason},
};

const NEW: &str = "seven swans over the ice";

fn resets(world: &World, who: &Principal) -> PasswordResetServiceClient<Way> {
    PasswordResetServiceClient::new(world.identity.as_principal(who))
}

fn of(id: &str) -> IssueMemberResetRequest {
    IssueMemberResetRequest {
        id: id.to_owned(),
        factor_lost: false,
    }
}

async fn issue(
    world: &World,
    who: &Principal,
    request: IssueMemberResetRequest,
) -> Result<PasswordResetToken, Status> {
    let answer = resets(world, who).issue_member_reset(request).await;
    answer.map(Response::into_inner)
}

/// An authenticator whose owner has lost it.
async fn enrol(world: &World, id: &str) {
    sqlx::query(
        "INSERT INTO identity.second_factors (account_id, secret_sealed, confirm_time, create_time, update_time)
         VALUES ($1::uuid, 'x', now(), now(), now())",
    )
    .bind(id)
    .execute(&world.identity.db.pool)
    .await
    .unwrap();
}

async fn reset(world: &World, login: &str, token: &str) -> Result<(), Status> {
    let door = door(&world.identity);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = ResetPasswordRequest {
        school_code: String::new(),
        login: login.to_owned(),
        token: token.to_owned(),
        new_password: NEW.to_owned(),
        captcha_id,
        captcha_answer,
    };
    let mut client = PasswordResetServiceClient::new(door.way());
    client.reset_password(request).await.map(Response::into_inner)
}

/// What the owner hears who signs in with a password alone.
async fn entry(world: &World, login: &str, password: &str) -> String {
    use qihang_proto::identity::v1::LoginEmployerRequest;
    let door = door(&world.identity);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = LoginEmployerRequest {
        login: login.to_owned(),
        password: password.to_owned(),
        captcha_id,
        captcha_answer,
        ..LoginEmployerRequest::default()
    };
    match door.sessions().login_employer(request).await {
        Ok(_) => "IN".to_owned(),
        Err(status) => reason(&status),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_helps_a_colleague_and_the_factor_goes_only_when_it_is_lost() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let (id, _) = member(&world, &admin, "SIGNER", 1).await;
    let (mobile, session) = ("13900000001", login(&world, "m1@example.com").await.unwrap());
    enrol(&world, &id).await;
    let token = issue(&world, &admin, of(&id)).await.unwrap();
    assert_eq!(token.name_masked, "钱**");
    reset(&world, mobile, &token.token).await.unwrap();
    let ended = door(&world.identity).refresh(refresh_token(&session), "").await;
    assert_eq!(reason(&ended.unwrap_err()), "REFRESH_INVALID");
    assert_eq!(entry(&world, mobile, NEW).await, "SECOND_FACTOR_NEEDED");

    let lost = IssueMemberResetRequest {
        factor_lost: true,
        ..of(&id)
    };
    let token = issue(&world, &admin, lost).await.unwrap().token;
    assert_eq!(
        entry(&world, mobile, NEW).await,
        "SECOND_FACTOR_NEEDED",
        "until the token is used"
    );
    reset(&world, mobile, &token).await.unwrap();
    assert_eq!(entry(&world, mobile, NEW).await, "IN");
    let again = reset(&world, mobile, &token).await.unwrap_err();
    assert_eq!(reason(&again), "RESET_REFUSED");
    let events: Vec<String> = sqlx::query_scalar(
        "SELECT event FROM identity.audit_events
         WHERE account_id = $1::uuid AND outcome = 'DONE' AND (event LIKE 'password.%' OR event LIKE 'factor.%')
         ORDER BY id",
    )
    .bind(&id)
    .fetch_all(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(
        events,
        [
            "password.issue_reset",
            "password.reset",
            "password.issue_reset_of_factor",
            "factor.clear",
            "password.reset"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_helps_themselves_strangers_or_without_being_an_administrator() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let (id, clerk) = member(&world, &admin, "HR", 1).await;
    let own = issue(&world, &admin, of(&admin.account_id.to_string())).await;
    assert_eq!(reason(&own.unwrap_err()), "SELF_NOT_ALLOWED");
    let by_clerk = issue(&world, &clerk, of(&admin.account_id.to_string())).await;
    assert_eq!(reason(&by_clerk.unwrap_err()), "ADMINISTRATOR_ONLY");
    let stranger = testing::employer(world.identity.ctx.ids.new_id());
    let unseen = issue(&world, &stranger, of(&id)).await;
    assert_eq!(reason(&unseen.unwrap_err()), "MEMBER_NOT_FOUND");
    let removal = qihang_proto::identity::v1::RemoveMemberRequest {
        id: id.clone(),
        reason: "已离职".to_owned(),
        ..Default::default()
    };
    client(&world, &admin).remove_member(removal).await.unwrap();
    let gone = issue(&world, &admin, of(&id)).await;
    assert_eq!(reason(&gone.unwrap_err()), "INVALID_TRANSITION");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_province_helps_the_only_administrator_who_has_lost_both() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let (account, employer) = (
        admin.account_id.to_string(),
        admin.employer_id.unwrap().to_string(),
    );
    enrol(&world, &account).await;
    let request = IssueEmployerResetRequest {
        id: employer,
        factor_lost: true,
    };
    let province = testing::province_staff();
    let token = resets(&world, &province)
        .issue_employer_reset(request.clone())
        .await;
    reset(&world, "13800000001", &token.unwrap().into_inner().token)
        .await
        .unwrap();
    assert_eq!(entry(&world, "13800000001", NEW).await, "IN");
    let (second, _) = member(&world, &admin, "ADMIN", 1).await;
    let nearer = resets(&world, &province).issue_employer_reset(request).await;
    assert_eq!(reason(&nearer.unwrap_err()), "ADMIN_CAN_HELP");
    let other = testing::employer(admin.employer_id.unwrap());
    assert!(issue(&world, &other, of(&account)).await.is_ok());
    assert!(issue(&world, &admin, of(&second)).await.is_ok());
}
