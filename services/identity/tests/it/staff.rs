//! Staff accounts.

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing::TestService};
use qihang_proto::identity::v1::{
    ActivateStaffRequest, CreateStaffRequest, DisableStaffRequest, EnableStaffRequest, IssuedSession,
    ListStaffRequest, ResetStaffRequest, StaffActivation, account, staff_service_client::StaffServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::{SCHOOL, door, refresh_token, with_code},
    roster_support::{Way, reason},
    support,
};

const FIRST: &str = "first sentence of all";
pub(crate) const PASSWORD: &str = "nine white cranes fly";

pub(crate) async fn identity() -> TestService {
    support::identity_with(|config| {
        config.bootstrap.login = "Root".to_owned();
        config.bootstrap.password = FIRST.to_owned().into();
    })
    .await
}

pub(crate) async fn root(identity: &TestService) -> Principal {
    let door = door(identity);
    with_code(door.bearer(&door.login_staff("ROOT", FIRST).await.unwrap()).await)
}

pub(crate) fn client(identity: &TestService, principal: &Principal) -> StaffServiceClient<Way> {
    StaffServiceClient::new(identity.as_principal(principal))
}

pub(crate) fn new(role: account::Role, login: &str) -> CreateStaffRequest {
    let school_code = if role == account::Role::Province {
        ""
    } else {
        SCHOOL
    };
    CreateStaffRequest {
        role: role.into(),
        login: login.to_owned(),
        name: "王芳芳".to_owned(),
        school_code: school_code.to_owned(),
        department: if role == account::Role::Department {
            "外语系".to_owned()
        } else {
            String::new()
        },
        classes: Vec::new(),
        request_id: String::new(),
    }
}

pub(crate) async fn create(
    identity: &TestService,
    by: &Principal,
    request: CreateStaffRequest,
) -> Result<StaffActivation, Status> {
    client(identity, by)
        .create_staff(request)
        .await
        .map(Response::into_inner)
}

pub(crate) async fn activate(
    identity: &TestService,
    token: &str,
    password: &str,
) -> Result<IssuedSession, Status> {
    let request = ActivateStaffRequest {
        activation_token: token.to_owned(),
        password: password.to_owned(),
    };
    StaffServiceClient::new(door(identity).way())
        .activate_staff(request)
        .await
        .map(Response::into_inner)
}

/// An active member of staff: the account's id and who it is signed in.
pub(crate) async fn active(
    identity: &TestService,
    by: &Principal,
    role: account::Role,
    login: &str,
) -> (String, Principal) {
    let created = create(identity, by, new(role, login)).await.unwrap();
    let session = activate(identity, &created.activation_token, PASSWORD)
        .await
        .unwrap();
    let bearer = door(identity).bearer(&session).await;
    (created.staff.unwrap().id, with_code(bearer))
}

fn disable(id: &str) -> DisableStaffRequest {
    DisableStaffRequest {
        id: id.to_owned(),
        reason: "已调离工作岗位".to_owned(),
        ..DisableStaffRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_from_above_and_owners_set_their_passwords() {
    let identity = identity().await;
    let root = root(&identity).await;
    let created = create(&identity, &root, new(account::Role::School, "hlju.office"))
        .await
        .unwrap();
    let staff = created.staff.as_ref().unwrap();
    assert_eq!(
        (staff.state(), staff.school_name.as_str()),
        (account::State::Pending, "黑龙江大学")
    );
    assert_eq!(
        reason(
            &door(&identity)
                .login_staff("hlju.office", PASSWORD)
                .await
                .unwrap_err()
        ),
        "LOGIN_REFUSED"
    );
    let weak = activate(&identity, &created.activation_token, "hlju.office 2027")
        .await
        .unwrap_err();
    assert_eq!(reason(&weak), "PASSWORD_PERSONAL");
    let session = activate(&identity, &created.activation_token, PASSWORD)
        .await
        .unwrap();
    let school = door(&identity).bearer(&session).await;
    assert_eq!(
        (school.role.as_str(), school.school_code.as_deref()),
        ("SCHOOL", Some(SCHOOL))
    );
    let again = activate(&identity, &created.activation_token, PASSWORD)
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "ACTIVATION_INVALID");
    assert!(
        door(&identity)
            .login_staff("hlju.office", PASSWORD)
            .await
            .is_err(),
        "throttled since the refusal"
    );
    identity.advance(Duration::seconds(1)).await;
    assert!(door(&identity).login_staff("HLJU.office", PASSWORD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_accounts_above_or_outside_their_own_level() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (_, school) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let (_, department) = active(&identity, &school, account::Role::Department, "hlju.foreign").await;
    assert_eq!(department.department.as_deref(), Some("外语系"));
    let denied = create(
        &identity,
        &department,
        new(account::Role::Department, "hlju.other"),
    )
    .await
    .unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let high = create(&identity, &school, new(account::Role::Province, "hlju.high"))
        .await
        .unwrap_err();
    assert_eq!(reason(&high), "LEVEL_TOO_HIGH");
    let taken = create(&identity, &root, new(account::Role::School, "hlju.office"))
        .await
        .unwrap_err();
    assert_eq!(reason(&taken), "LOGIN_TAKEN");
    let student = CreateStaffRequest {
        role: account::Role::Student.into(),
        ..new(account::Role::School, "hlju.student")
    };
    assert_eq!(
        create(&identity, &root, student).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_ends_after_three_days_and_a_reset_replaces_it() {
    let identity = identity().await;
    let root = root(&identity).await;
    let created = create(&identity, &root, new(account::Role::School, "hlju.office"))
        .await
        .unwrap();
    identity.advance(Duration::hours(72)).await;
    let late = activate(&identity, &created.activation_token, PASSWORD)
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "ACTIVATION_INVALID");
    let id = created.staff.unwrap().id;
    let reset = ResetStaffRequest {
        id: id.clone(),
        ..ResetStaffRequest::default()
    };
    let first = client(&identity, &root)
        .reset_staff(reset.clone())
        .await
        .unwrap()
        .into_inner();
    let second = client(&identity, &root)
        .reset_staff(reset)
        .await
        .unwrap()
        .into_inner();
    let replaced = activate(&identity, &first.activation_token, PASSWORD)
        .await
        .unwrap_err();
    assert_eq!(reason(&replaced), "ACTIVATION_INVALID");
    let answers = join_all((0..5).map(|_| activate(&identity, &second.activation_token, PASSWORD))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        1,
        "once, however many try"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_creation_gives_a_new_token_of_the_same_account_until_it_is_taken() {
    let identity = identity().await;
    let root = root(&identity).await;
    let request_id = "0190b6a0-0000-7000-8000-000000000003".to_owned();
    let request = CreateStaffRequest {
        request_id,
        ..new(account::Role::School, "hlju.office")
    };
    let first = create(&identity, &root, request.clone()).await.unwrap();
    let second = create(&identity, &root, request.clone()).await.unwrap();
    assert_eq!(first.staff.unwrap().id, second.staff.unwrap().id);
    assert_eq!(
        reason(
            &activate(&identity, &first.activation_token, PASSWORD)
                .await
                .unwrap_err()
        ),
        "ACTIVATION_INVALID"
    );
    activate(&identity, &second.activation_token, PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        reason(&create(&identity, &root, request).await.unwrap_err()),
        "INVALID_TRANSITION"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_loses_its_sessions_and_may_come_back() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (id, _) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let door = door(&identity);
    let session = door.login_staff("hlju.office", PASSWORD).await.unwrap();
    let request = DisableStaffRequest {
        request_id: "0190b6a0-0000-7000-8000-000000000004".to_owned(),
        ..disable(&id)
    };
    let disabled = client(&identity, &root)
        .disable_staff(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (disabled.state(), disabled.disable_reason.as_str()),
        (account::State::Disabled, "已调离工作岗位")
    );
    let repeat = client(&identity, &root).disable_staff(request).await.unwrap();
    assert_eq!(repeat.into_inner(), disabled, "the repeat");
    let refreshed = door.refresh(refresh_token(&session), "").await.unwrap_err();
    assert_eq!(reason(&refreshed), "REFRESH_INVALID");
    let right = door.login_staff("hlju.office", PASSWORD).await.unwrap_err();
    assert_eq!(reason(&right), "ACCOUNT_DISABLED");
    let allowed: Vec<&str> = disabled
        .actions
        .iter()
        .filter(|action| action.allowed)
        .map(|action| action.name.as_str())
        .collect();
    assert_eq!(allowed, ["enable"]);
    let stale = EnableStaffRequest {
        id: id.clone(),
        etag: "\"1\"".to_owned(),
        request_id: String::new(),
    };
    assert_eq!(
        reason(&client(&identity, &root).enable_staff(stale).await.unwrap_err()),
        "VERSION_CONFLICT"
    );
    let enable = EnableStaffRequest {
        id,
        etag: disabled.etag,
        request_id: String::new(),
    };
    client(&identity, &root).enable_staff(enable).await.unwrap();
    assert!(door.login_staff("hlju.office", PASSWORD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_province_keeps_an_administrator_even_when_two_disable_each_other_at_once() {
    let identity = identity().await;
    let root = root(&identity).await;
    let own = client(&identity, &root)
        .disable_staff(disable(&root.account_id.to_string()))
        .await
        .unwrap_err();
    assert_eq!(reason(&own), "SELF_NOT_ALLOWED");
    let (id, second) = active(&identity, &root, account::Role::Province, "second").await;
    let (mut one, mut other) = (client(&identity, &root), client(&identity, &second));
    let root_id = root.account_id.to_string();
    let (first, last) = tokio::join!(
        one.disable_staff(disable(&id)),
        other.disable_staff(disable(&root_id))
    );
    let refusals: Vec<String> = [first.err(), last.err()].iter().flatten().map(reason).collect();
    assert_eq!(refusals, ["LAST_ADMINISTRATOR"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_sees_and_touches_its_own_staff_only() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (_, school) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let elsewhere = CreateStaffRequest {
        school_code: "4123010213".to_owned(),
        ..new(account::Role::School, "hit.office")
    };
    let elsewhere = create(&identity, &root, elsewhere).await.unwrap().staff.unwrap();
    create(&identity, &school, new(account::Role::Department, "hlju.foreign"))
        .await
        .unwrap();
    let list = |by: &Principal, request: ListStaffRequest| {
        let mut client = client(&identity, by);
        async move {
            let staff = client.list_staff(request).await.unwrap().into_inner().staff;
            staff.into_iter().map(|staff| staff.login).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        list(&school, ListStaffRequest::default()).await,
        ["hlju.foreign", "hlju.office"]
    );
    assert_eq!(
        list(&root, ListStaffRequest::default()).await,
        ["hlju.foreign", "hit.office", "hlju.office", "root"]
    );
    let pending = ListStaffRequest {
        state: account::State::Pending.into(),
        text: "HLJU".to_owned(),
        ..Default::default()
    };
    assert_eq!(list(&root, pending).await, ["hlju.foreign"]);
    let foreign = ListStaffRequest {
        school_code: "4123010213".to_owned(),
        ..Default::default()
    };
    assert!(list(&school, foreign).await.is_empty());
    let refused = client(&identity, &school)
        .disable_staff(disable(&elsewhere.id))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let refused = client(&identity, &school)
        .disable_staff(disable(&root.account_id.to_string()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_made_once() {
    let identity = identity().await;
    let mut config = support::config();
    config.bootstrap.login = "another".to_owned();
    config.bootstrap.password = PASSWORD.to_owned().into();
    qihang_identity::build(identity.ctx.clone(), config.clone())
        .await
        .unwrap();
    assert!(door(&identity).login_staff("another", PASSWORD).await.is_err());
    let empty = support::identity().await;
    config.bootstrap.password = "password123".to_owned().into();
    assert!(
        qihang_identity::build(empty.ctx.clone(), config).await.is_err(),
        "a weak password stops the start"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_learn_whose_staff_there_is_by_id_alone() {
    use qihang_proto::identity::v1::{
        ListStaffAccountsRequest, directory_service_client::DirectoryServiceClient,
    };
    let identity = identity().await;
    let root = root(&identity).await;
    let (office, _) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let (department, _) = active(&identity, &root, account::Role::Department, "hlju.wy").await;
    // Who has not activated an account reads nothing with it.
    create(&identity, &root, new(account::Role::School, "hlju.new"))
        .await
        .unwrap();
    let ask = async |roles: &[&str], departments: &[&str], after: &str, limit| {
        let request = ListStaffAccountsRequest {
            roles: roles.iter().map(ToString::to_string).collect(),
            school_codes: vec![SCHOOL.to_owned()],
            departments: departments.iter().map(ToString::to_string).collect(),
            after: after.to_owned(),
            limit,
        };
        let mut directory = DirectoryServiceClient::new(identity.as_service("push"));
        let reply = directory.list_staff_accounts(request).await.unwrap().into_inner();
        (reply.account_ids, reply.total)
    };
    let mut both = vec![office.clone(), department.clone()];
    both.sort();
    assert_eq!(ask(&[], &[], "", 101).await, (both.clone(), 2));
    assert_eq!(ask(&["SCHOOL"], &[], "", 101).await, (vec![office], 1));
    assert_eq!(ask(&[], &["外语系"], "", 101).await, (vec![department], 1));
    assert_eq!(ask(&[], &["哲学院"], "", 101).await, (vec![], 0));
    assert_eq!(ask(&[], &[], "", 1).await, (vec![both[0].clone()], 2));
    assert_eq!(ask(&[], &[], &both[0], 1).await, (vec![both[1].clone()], 2));
}
