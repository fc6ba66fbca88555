//! The second factor: enrolled, asked for, used once, guessed at in vain, lost and replaced.

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing::TestService, totp::Totp};
use qihang_proto::identity::v1::{
    ActivateStaffRequest, ConfirmTotpRequest, ConfirmTotpResponse, CreateStaffRequest, EnrolTotpRequest,
    GetAccountRequest, IssuedSession, ListStaffRequest, RemoveTotpRequest, ResetStaffRequest, account,
    account_service_client::AccountServiceClient, staff_service_client::StaffServiceClient,
};
use time::Duration;
use tonic::{Code, Status};

use crate::{
    people::{PASSWORD, SCHOOL, door, door_at, refresh_token, wait_seconds, with_code},
    roster_support::{Way, reason},
    session::register_employer,
    support,
};

const FIRST: &str = "first sentence of all";
/// One step of the codes.
const STEP: Duration = Duration::seconds(30);

async fn identity() -> TestService {
    support::identity_with(|config| {
        config.bootstrap.login = "root".to_owned();
        config.bootstrap.password = FIRST.to_owned().into();
    })
    .await
}

fn account(identity: &TestService, who: &Principal) -> AccountServiceClient<Way> {
    AccountServiceClient::new(identity.as_principal(who))
}

fn staff(identity: &TestService, who: &Principal) -> StaffServiceClient<Way> {
    StaffServiceClient::new(identity.as_principal(who))
}

fn code(identity: &TestService, totp: &Totp) -> String {
    totp.code(identity.clock.now())
}

/// A code that is none of the present ones.
fn wrong(identity: &TestService, totp: &Totp) -> String {
    let now = identity.clock.now();
    let mut codes = (0..1_000_000).map(|number| format!("{number:06}"));
    codes.find(|code| totp.step(code, now).is_none()).unwrap()
}

async fn propose(identity: &TestService, who: &Principal) -> Totp {
    let made = account(identity, who)
        .enrol_totp(EnrolTotpRequest {})
        .await
        .unwrap()
        .into_inner();
    let totp = Totp::from_base32(&made.secret).unwrap();
    assert!(made.uri.contains(&made.secret));
    totp
}

async fn confirm(
    identity: &TestService,
    who: &Principal,
    code: String,
) -> Result<ConfirmTotpResponse, Status> {
    let confirmed = account(identity, who)
        .confirm_totp(ConfirmTotpRequest { code })
        .await;
    confirmed.map(tonic::Response::into_inner)
}

/// The first administrator, signed in by password alone.
async fn root(identity: &TestService) -> (IssuedSession, Principal) {
    let session = door(identity).login_staff("root", FIRST).await.unwrap();
    let bearer = door(identity).bearer(&session).await;
    (session, bearer)
}

/// The first administrator with a second factor: who that is, the codes, the recovery codes.
async fn enrolled(identity: &TestService) -> (Principal, Totp, Vec<String>) {
    let (_, root) = root(identity).await;
    let totp = propose(identity, &root).await;
    let confirmed = confirm(identity, &root, code(identity, &totp)).await.unwrap();
    identity.advance(STEP).await;
    (with_code(root), totp, confirmed.recovery_codes)
}

async fn enter(identity: &TestService, code: &str) -> Result<IssuedSession, Status> {
    door(identity).login_with_code("root", FIRST, code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_enrol_at_the_first_sign_in_and_can_do_nothing_before() {
    let identity = identity().await;
    let (_, root) = root(&identity).await;
    let refused = staff(&identity, &root)
        .list_staff(ListStaffRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "SECOND_FACTOR_REQUIRED")
    );
    let totp = propose(&identity, &root).await;
    let mistyped = confirm(&identity, &root, wrong(&identity, &totp))
        .await
        .unwrap_err();
    assert_eq!(reason(&mistyped), "SECOND_FACTOR_WRONG");
    identity.advance(Duration::seconds(1)).await;
    let confirmed = confirm(&identity, &root, code(&identity, &totp)).await.unwrap();
    let issued = IssuedSession {
        tokens: confirmed.tokens,
        ..IssuedSession::default()
    };
    let proved = door(&identity).bearer(&issued).await;
    assert_eq!(
        (&proved.amr[..], proved.session_id),
        (&["pwd".to_owned(), "otp".to_owned()][..], root.session_id)
    );
    staff(&identity, &proved)
        .list_staff(ListStaffRequest::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolling_ends_what_was_opened_without_a_second_factor() {
    let identity = identity().await;
    let (other, _) = root(&identity).await;
    let (session, root) = root(&identity).await;
    let totp = propose(&identity, &root).await;
    let confirmed = confirm(&identity, &root, code(&identity, &totp)).await.unwrap();
    let issued = IssuedSession {
        tokens: confirmed.tokens,
        ..IssuedSession::default()
    };
    let proved = door(&identity).bearer(&issued).await;
    let seen = account(&identity, &proved)
        .get_account(GetAccountRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((seen.totp_enrolled, seen.recovery_codes_left), (true, 10));
    let ended = door(&identity)
        .refresh(refresh_token(&other), "")
        .await
        .unwrap_err();
    assert_eq!(
        reason(&ended),
        "REFRESH_INVALID",
        "sessions that know no second factor end"
    );
    let old = door(&identity)
        .refresh(refresh_token(&session), "")
        .await
        .unwrap_err();
    assert_eq!(
        reason(&old),
        "REFRESH_SUPERSEDED",
        "the token before the proof gains nothing"
    );
    let next = door(&identity).refresh(refresh_token(&issued), "").await.unwrap();
    assert_eq!(door(&identity).bearer(&next).await.amr, ["pwd", "otp"]);
    let again = confirm(&identity, &proved, code(&identity, &totp))
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "FACTOR_NOT_PENDING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_only_after_the_right_password_and_counts_once() {
    let identity = identity().await;
    let (_, totp, _) = enrolled(&identity).await;
    let first = code(&identity, &totp);
    let guess = door(&identity)
        .login_with_code("root", "not the password", &first)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&guess),
        "LOGIN_REFUSED",
        "a right code tells nothing without the password"
    );
    let unknown = door(&identity)
        .login_with_code("nobody", "not the password", &first)
        .await
        .unwrap_err();
    assert_eq!(guess.message(), unknown.message());
    identity.advance(Duration::seconds(1)).await;
    let needed = enter(&identity, "").await.unwrap_err();
    assert_eq!(
        (needed.code(), reason(&needed).as_str()),
        (Code::Unauthenticated, "SECOND_FACTOR_NEEDED")
    );
    let session = enter(&identity, &first).await.unwrap();
    assert_eq!(door(&identity).bearer(&session).await.amr, ["pwd", "otp"]);
    let replayed = enter(&identity, &first).await.unwrap_err();
    assert_eq!(reason(&replayed), "SECOND_FACTOR_WRONG");
    identity.advance(STEP).await;
    let replayed = enter(&identity, &first).await.unwrap_err();
    assert_eq!(reason(&replayed), "SECOND_FACTOR_WRONG", "within its leeway too");
    identity.advance(STEP).await;
    enter(&identity, &code(&identity, &totp)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uses_of_a_code_at_once_one_counts() {
    let identity = identity().await;
    let (_, totp, recovery) = enrolled(&identity).await;
    for code in [code(&identity, &totp), recovery[0].clone()] {
        let doors: Vec<_> = (0..8).map(|last| door_at(&identity, last)).collect();
        let answers = join_all(
            doors
                .iter()
                .map(|door| door.login_with_code("root", FIRST, &code)),
        )
        .await;
        assert_eq!(
            answers.iter().filter(|answer| answer.is_ok()).count(),
            1,
            "{code}"
        );
        identity.advance(Duration::hours(25)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_of_the_code_slow_down_then_lock_though_the_password_is_right_each_time() {
    let identity = identity().await;
    let (root, totp, _) = enrolled(&identity).await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        let guess = enter(&identity, &wrong(&identity, &totp)).await.unwrap_err();
        assert_eq!(reason(&guess), "SECOND_FACTOR_WRONG");
        let needed = enter(&identity, "").await.unwrap_err();
        assert_eq!(
            reason(&needed),
            "SECOND_FACTOR_NEEDED",
            "asking for it is no guess and forgives none"
        );
        let early = enter(&identity, &code(&identity, &totp)).await.unwrap_err();
        assert_eq!(reason(&early), "LOGIN_THROTTLED");
        waits.push(wait_seconds(&early));
        let elsewhere = crate::step_up::step_up(&identity, &root, "", &code(&identity, &totp))
            .await
            .unwrap_err();
        assert_eq!(
            reason(&elsewhere),
            "LOGIN_THROTTLED",
            "StepUp gives no further guesses"
        );
        identity.advance(Duration::seconds(wait_seconds(&early))).await;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 900]);
    enter(&identity, &code(&identity, &totp)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_opens_once_and_a_new_telephone_replaces_the_old() {
    let identity = identity().await;
    let (root, old, recovery) = enrolled(&identity).await;
    enter(&identity, &recovery[3].to_lowercase()).await.unwrap();
    let spent = enter(&identity, &recovery[3]).await.unwrap_err();
    assert_eq!(reason(&spent), "SECOND_FACTOR_WRONG");
    identity.advance(STEP).await;
    let new = propose(&identity, &root).await;
    // Both the secret and the one that waits for its first code are sealed.
    identity.change_data_key().await;
    enter(&identity, &code(&identity, &old)).await.unwrap();
    identity.advance(STEP).await;
    let confirmed = confirm(&identity, &root, code(&identity, &new)).await.unwrap();
    identity.advance(STEP).await;
    let gone = enter(&identity, &code(&identity, &old)).await.unwrap_err();
    assert_eq!(reason(&gone), "SECOND_FACTOR_WRONG");
    identity.advance(STEP).await;
    let gone = enter(&identity, &recovery[4]).await.unwrap_err();
    assert_eq!(
        reason(&gone),
        "SECOND_FACTOR_WRONG",
        "recovery codes go with their secret"
    );
    identity.advance(STEP).await;
    enter(&identity, &confirmed.recovery_codes[0]).await.unwrap();
    let kept: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT code_hash FROM identity.recovery_codes UNION ALL SELECT secret_sealed FROM identity.second_factors",
    )
    .fetch_all(&identity.db.pool)
    .await
    .unwrap();
    assert!(
        !kept
            .iter()
            .any(|bytes| bytes.windows(20).any(|part| part == new.secret()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_another_account_do_not_count() {
    let identity = identity().await;
    let (root, totp, recovery) = enrolled(&identity).await;
    let other = office(&identity, &root).await;
    let other_totp = propose(&identity, &other).await;
    confirm(&identity, &other, code(&identity, &other_totp))
        .await
        .unwrap();
    identity.advance(STEP).await;
    for (code, wait) in [(code(&identity, &totp), 1), (recovery[0].clone(), 2)] {
        let refused = door(&identity)
            .login_with_code("hlju.office", PASSWORD, &code)
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "SECOND_FACTOR_WRONG");
        identity.advance(Duration::seconds(wait)).await;
    }
}

/// A school's member of staff, activated, signed in by password alone.
async fn office(identity: &TestService, root: &Principal) -> Principal {
    let request = CreateStaffRequest {
        role: account::Role::School.into(),
        login: "hlju.office".to_owned(),
        name: "王芳芳".to_owned(),
        school_code: SCHOOL.to_owned(),
        ..CreateStaffRequest::default()
    };
    let made = staff(identity, root)
        .create_staff(request)
        .await
        .unwrap()
        .into_inner();
    activate(identity, &made.activation_token).await
}

async fn activate(identity: &TestService, token: &str) -> Principal {
    let request = ActivateStaffRequest {
        activation_token: token.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let session = StaffServiceClient::new(door(identity).way())
        .activate_staff(request)
        .await
        .unwrap();
    door(identity).bearer(&session.into_inner()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_clears_the_second_factor_with_the_password_and_not_before() {
    let identity = identity().await;
    let (root, _, _) = enrolled(&identity).await;
    let office = office(&identity, &root).await;
    let totp = propose(&identity, &office).await;
    confirm(&identity, &office, code(&identity, &totp)).await.unwrap();
    let request = ResetStaffRequest {
        id: office.account_id.to_string(),
        ..ResetStaffRequest::default()
    };
    let reset = staff(&identity, &root)
        .reset_staff(request)
        .await
        .unwrap()
        .into_inner();
    let needed = door(&identity)
        .login_staff("hlju.office", PASSWORD)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&needed),
        "SECOND_FACTOR_NEEDED",
        "the old password alone does not enrol a new one"
    );
    let back = activate(&identity, &reset.activation_token).await;
    assert_eq!(back.amr, ["pwd"]);
    let cleared: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.audit_events WHERE event = 'factor.clear' AND account_id = $1",
    )
    .bind(back.account_id)
    .fetch_one(&identity.db.pool)
    .await
    .unwrap();
    assert_eq!(cleared, 1);
    propose(&identity, &back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_employers_may_have_one_and_staff_may_not_be_without() {
    let identity = identity().await;
    let (root, _, _) = enrolled(&identity).await;
    let denied = account(&identity, &root)
        .remove_totp(RemoveTotpRequest {})
        .await
        .unwrap_err();
    assert_eq!(reason(&denied), "ROLE_NOT_ALLOWED");
    register_employer(&door(&identity)).await;
    let enter = async |totp_code: &str| {
        let (captcha_id, captcha_answer) = door(&identity).captcha().await;
        let request = qihang_proto::identity::v1::LoginEmployerRequest {
            login: "13912345678".to_owned(),
            password: PASSWORD.to_owned(),
            totp_code: totp_code.to_owned(),
            captcha_id,
            captcha_answer,
        };
        door(&identity)
            .sessions()
            .login_employer(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let member = door(&identity).bearer(&enter("").await.unwrap()).await;
    let totp = propose(&identity, &member).await;
    confirm(&identity, &member, code(&identity, &totp)).await.unwrap();
    assert_eq!(reason(&enter("").await.unwrap_err()), "SECOND_FACTOR_NEEDED");
    identity.advance(STEP).await;
    let session = enter(&code(&identity, &totp)).await.unwrap();
    let member = door(&identity).bearer(&session).await;
    account(&identity, &member)
        .remove_totp(RemoveTotpRequest {})
        .await
        .unwrap();
    enter("").await.unwrap();
    let next = door(&identity)
        .refresh(refresh_token(&session), "")
        .await
        .unwrap();
    assert_eq!(door(&identity).bearer(&next).await.amr, ["pwd"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_can_enrol_the_first_administrator_and_help_the_last() {
    let totp = Totp::new(&[7; 20]).unwrap();
    let identity = support::identity_with(|config| {
        config.bootstrap.login = "root".to_owned();
        config.bootstrap.password = FIRST.to_owned().into();
        config.bootstrap.totp_secret = totp.base32().into();
    })
    .await;
    assert_eq!(
        reason(&enter(&identity, "").await.unwrap_err()),
        "SECOND_FACTOR_NEEDED"
    );
    let session = enter(&identity, &code(&identity, &totp)).await.unwrap();
    let mut config = support::config();
    config.bootstrap.reset_second_factor = "Root".to_owned();
    qihang_identity::build(identity.ctx.clone(), config.clone())
        .await
        .unwrap();
    let ended = door(&identity)
        .refresh(refresh_token(&session), "")
        .await
        .unwrap_err();
    assert_eq!(reason(&ended), "REFRESH_INVALID");
    let back = enter(&identity, "").await.unwrap();
    assert_eq!(door(&identity).bearer(&back).await.amr, ["pwd"]);
    config.bootstrap.reset_second_factor = "nobody".to_owned();
    assert!(
        qihang_identity::build(identity.ctx.clone(), config)
            .await
            .is_err(),
        "a mistyped login stops the start"
    );
}
