//! Employers: registration, onboarding, review.

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing, validators};
use qihang_proto::{
    identity::v1::{
        ApproveEmployerRequest, BatchGetEmployersRequest, Employer, EmployerProfile, GetEmployerRequest,
        GetMyEmployerRequest, ListEmployerHistoryRequest, ListEmployersRequest, RejectEmployerRequest,
        ReturnEmployerRequest, SubmitEmployerRequest, UpdateMyEmployerRequest,
        directory_service_client::DirectoryServiceClient, employer::State,
        employer_service_client::EmployerServiceClient,
    },
    messages::v1::EmployerChanged,
};
use tonic::Code;
use uuid::Uuid;

use qihang_proto::identity::v1::{
    CreateCaptchaRequest, RegisterEmployerRequest, RestoreEmployerRequest, SuspendEmployerRequest,
    captcha_service_client::CaptchaServiceClient,
};

use crate::roster_support::{SCHOOL, Way, World, reason};

pub(crate) fn client(world: &World, principal: &Principal) -> EmployerServiceClient<Way> {
    EmployerServiceClient::new(world.identity.as_principal(principal))
}

/// A registered employer and its administrator.
pub(crate) async fn registered(world: &World, number: u32) -> (Uuid, Principal) {
    let id = world.identity.ctx.ids.new_id();
    let code = (0..10)
        .find_map(|last| validators::complete_credit_code(&format!("91230100MA{number:05}{last}")))
        .unwrap();
    sqlx::query(
        "INSERT INTO identity.employers (id, name, credit_code, create_time, update_time)
         VALUES ($1, '某某科技有限公司', $2, kit_now(), kit_now())",
    )
    .bind(id)
    .bind(code.as_str())
    .execute(&world.identity.db.pool)
    .await
    .unwrap();
    (id, testing::employer(id))
}

fn profile() -> EmployerProfile {
    EmployerProfile {
        nature_code: Some("39".into()),
        industry_code: Some("11".into()),
        scale_code: Some("1".into()),
        region_code: Some("230102".into()),
        address: Some("哈尔滨市道里区中央大街1号".into()),
        postcode: Some("150010".into()),
        legal_person: Some("王建国".into()),
        contact_name: Some("赵丽".into()),
        contact_phone: Some("0451-86608114".into()),
        contact_email: Some("hr@example.com".into()),
        ..EmployerProfile::default()
    }
}

fn papers(world: &World) -> SubmitEmployerRequest {
    SubmitEmployerRequest {
        licence_file_id: world.documents.add("a"),
        authorisation_file_id: world.documents.add("b"),
        contact_identity_file_id: world.documents.add("c"),
        ..SubmitEmployerRequest::default()
    }
}

pub(crate) async fn pending(world: &World, administrator: &Principal) -> Employer {
    let save = UpdateMyEmployerRequest {
        profile: Some(profile()),
        ..UpdateMyEmployerRequest::default()
    };
    client(world, administrator)
        .update_my_employer(save)
        .await
        .unwrap();
    client(world, administrator)
        .submit_employer(papers(world))
        .await
        .unwrap()
        .into_inner()
}

pub(crate) fn approve(employer: &Employer) -> ApproveEmployerRequest {
    ApproveEmployerRequest {
        id: employer.id.clone(),
        submission_version: 1,
        ..ApproveEmployerRequest::default()
    }
}

#[tokio::test]
async fn an_employer_is_sent_complete_and_approved_for_a_year() {
    let world = World::new().await;
    let (_, administrator) = registered(&world, 1).await;
    let refused = client(&world, &administrator)
        .submit_employer(papers(&world))
        .await
        .unwrap_err();
    let fields = tonic_types::StatusExt::get_details_bad_request(&refused)
        .unwrap()
        .field_violations;
    assert!(
        fields.iter().any(|field| field.field == "profile.address"),
        "{fields:?}"
    );
    let employer = pending(&world, &administrator).await;
    assert_eq!(
        (employer.state(), employer.submission_version),
        (State::PendingReview, 1)
    );
    assert_eq!(employer.region, "黑龙江省哈尔滨市道里区");
    assert_eq!(
        world.documents.claims.lock().unwrap().len(),
        6,
        "the papers of both tries"
    );
    let province = testing::province_staff();
    let employer = client(&world, &province)
        .approve_employer(approve(&employer))
        .await
        .unwrap()
        .into_inner();
    let expiry = employer.approval_expire_time.unwrap().seconds - employer.review_time.unwrap().seconds;
    assert_eq!((employer.state(), expiry), (State::Approved, 365 * 86_400));
    let published = world.identity.published().await;
    let keys: Vec<_> = published.iter().map(|message| message.key.as_str()).collect();
    assert_eq!(
        keys,
        ["identity.employer.submitted.v1", "identity.employer.approved.v1"]
    );
    assert_eq!(
        published[1].decode::<EmployerChanged>().unwrap().state,
        "APPROVED"
    );
}

#[tokio::test]
async fn an_employers_way_is_told_to_its_members_and_to_services() {
    let world = World::new().await;
    let (id, administrator) = registered(&world, 1).await;
    let employer = pending(&world, &administrator).await;
    client(&world, &testing::province_staff())
        .approve_employer(approve(&employer))
        .await
        .unwrap();
    let history = ListEmployerHistoryRequest {
        id: id.to_string(),
        ..ListEmployerHistoryRequest::default()
    };
    let entries = client(&world, &administrator)
        .list_employer_history(history)
        .await
        .unwrap()
        .into_inner()
        .entries;
    assert_eq!(
        entries
            .iter()
            .map(|entry| entry.event.as_str())
            .collect::<Vec<_>>(),
        ["save", "submit", "approve"]
    );
    let mut directory = DirectoryServiceClient::new(world.identity.as_service("contracts"));
    let found = directory
        .batch_get_employers(BatchGetEmployersRequest {
            ids: vec![id.to_string()],
        })
        .await
        .unwrap();
    assert_eq!(found.into_inner().employers[0].state, "APPROVED");
}

#[tokio::test]
async fn an_approval_ends_at_its_time() {
    let world = World::new().await;
    let (id, administrator) = registered(&world, 1).await;
    let employer = pending(&world, &administrator).await;
    client(&world, &testing::province_staff())
        .approve_employer(approve(&employer))
        .await
        .unwrap();
    world.identity.clock.advance(time::Duration::days(364)).await;
    world.identity.run_tasks().await;
    let get = GetEmployerRequest { id: id.to_string() };
    let state = client(&world, &testing::province_staff())
        .get_employer(get.clone())
        .await
        .unwrap()
        .into_inner()
        .state();
    assert_eq!(state, State::Approved);
    world.identity.clock.advance(time::Duration::days(2)).await;
    world.identity.run_tasks().await;
    let state = client(&world, &testing::province_staff())
        .get_employer(get)
        .await
        .unwrap()
        .into_inner()
        .state();
    assert_eq!(state, State::Expired);
    assert_eq!(
        client(&world, &administrator)
            .submit_employer(papers(&world))
            .await
            .unwrap()
            .into_inner()
            .state(),
        State::PendingReview
    );
}

#[tokio::test]
async fn an_employer_is_returned_and_rejected_with_a_reason() {
    let world = World::new().await;
    let (_, administrator) = registered(&world, 1).await;
    let employer = pending(&world, &administrator).await;
    let province = testing::province_staff();
    let back = ReturnEmployerRequest {
        id: employer.id.clone(),
        submission_version: 1,
        reason_code: "PAPERS_UNREADABLE".into(),
        reason: "营业执照照片不清晰，请重新拍摄".into(),
        ..ReturnEmployerRequest::default()
    };
    client(&world, &province).return_employer(back).await.unwrap();
    let mine = client(&world, &administrator)
        .get_my_employer(GetMyEmployerRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (mine.state(), mine.review_reason_code.as_str()),
        (State::Returned, "PAPERS_UNREADABLE")
    );
    let again = client(&world, &administrator)
        .submit_employer(papers(&world))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.submission_version, 2);
    let reject = RejectEmployerRequest {
        id: employer.id,
        submission_version: 1,
        reason_code: "PAPERS_FORGED".into(),
        reason: "证照系伪造，不予通过".into(),
        ..RejectEmployerRequest::default()
    };
    let refused = client(&world, &province)
        .reject_employer(reject.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "VERSION_CONFLICT");
    let reject = RejectEmployerRequest {
        submission_version: 2,
        ..reject
    };
    let rejected = client(&world, &province)
        .reject_employer(reject)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rejected.state(), State::Rejected);
    let refused = client(&world, &administrator)
        .submit_employer(papers(&world))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "INVALID_TRANSITION");
}

#[tokio::test]
async fn only_administrators_save_and_only_the_province_sees_what_is_not_approved() {
    let world = World::new().await;
    let (id, administrator) = registered(&world, 1).await;
    let recruiter = Principal {
        employer_role: Some("HR".into()),
        ..testing::employer(id)
    };
    let save = UpdateMyEmployerRequest {
        profile: Some(profile()),
        ..UpdateMyEmployerRequest::default()
    };
    let refused = client(&world, &recruiter)
        .update_my_employer(save)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ADMINISTRATOR_ONLY")
    );
    pending(&world, &administrator).await;
    let school = testing::school_staff(SCHOOL);
    let hidden = client(&world, &school)
        .get_employer(GetEmployerRequest { id: id.to_string() })
        .await
        .unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let list = client(&world, &school)
        .list_employers(ListEmployersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(list.employers.is_empty());
    let list = ListEmployersRequest {
        text: "科技".into(),
        ..ListEmployersRequest::default()
    };
    let list = client(&world, &testing::province_staff())
        .list_employers(list)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.employers.len(), 1);
}

#[tokio::test]
async fn of_two_reviewers_at_once_one_wins() {
    let world = World::new().await;
    let (_, administrator) = registered(&world, 1).await;
    let employer = pending(&world, &administrator).await;
    let calls = (0..10).map(|_| {
        let (mut client, call) = (client(&world, &testing::province_staff()), approve(&employer));
        async move { client.approve_employer(call).await.is_ok() }
    });
    assert_eq!(join_all(calls).await.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test]
async fn a_suspension_is_published_and_ends_by_two_persons() {
    let world = World::new().await;
    let (_, administrator) = registered(&world, 1).await;
    let employer = pending(&world, &administrator).await;
    let (one, two) = (testing::province_staff(), testing::province_staff());
    client(&world, &one)
        .approve_employer(approve(&employer))
        .await
        .unwrap();
    let suspend = SuspendEmployerRequest {
        id: employer.id.clone(),
        reason_code: "FRAUD".into(),
        reason: "多名学生举报收取培训费".into(),
        ..SuspendEmployerRequest::default()
    };
    let suspended = client(&world, &one)
        .suspend_employer(suspend)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(suspended.state(), State::Suspended);
    assert_eq!(
        world.identity.published().await.last().unwrap().key,
        "identity.employer.suspended.v1"
    );
    let restore = RestoreEmployerRequest {
        id: employer.id,
        ..RestoreEmployerRequest::default()
    };
    let asked = client(&world, &one)
        .restore_employer(restore.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (asked.state(), asked.review_reason_code.as_str()),
        (State::Suspended, "FRAUD")
    );
    let same = client(&world, &one)
        .restore_employer(restore.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&same), "SECOND_PERSON_NEEDED");
    assert_eq!(
        client(&world, &two)
            .restore_employer(restore)
            .await
            .unwrap()
            .into_inner()
            .state(),
        State::Approved
    );
}

/// A registration that nothing speaks against, with a captcha of its own.
pub(crate) async fn registration(world: &World, mobile: &str, email: &str) -> RegisterEmployerRequest {
    let captcha = CaptchaServiceClient::new(world.identity.anonymous())
        .create_captcha(CreateCaptchaRequest { kind: 2 })
        .await
        .unwrap()
        .into_inner();
    RegisterEmployerRequest {
        captcha_answer: crate::roster_support::solve(&captcha.challenge, captcha.difficulty),
        captcha_id: captcha.id,
        name: "哈尔滨某某科技有限公司".into(),
        credit_code: "9144 0300 7152 6726xg".into(),
        contact_name: "赵丽".into(),
        mobile: mobile.into(),
        email: email.into(),
        password: "correct horse battery staple".into(),
        request_id: world.identity.ctx.ids.new_id().to_string(),
    }
}

#[tokio::test]
async fn registering_makes_an_administrator_once_a_credit_code() {
    let world = World::new().await;
    let mut client = EmployerServiceClient::new(world.identity.anonymous());
    let wrong = RegisterEmployerRequest {
        credit_code: "914403007152672600".into(),
        ..registration(&world, "13800000001", "a@example.com").await
    };
    assert_eq!(
        client.register_employer(wrong).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let first = registration(&world, "13800000001", "a@example.com").await;
    let answer = client
        .register_employer(first.clone())
        .await
        .unwrap()
        .into_inner();
    let employer = answer.employer.unwrap();
    assert_eq!(
        (employer.state(), employer.credit_code.as_str()),
        (State::Registered, "9144030071526726XG")
    );
    assert!(!answer.tokens.unwrap().access_token.is_empty());
    let again = client.register_employer(first).await.unwrap().into_inner();
    assert_eq!(
        again.employer.unwrap().id,
        employer.id,
        "the same request is the same employer, with a session of its own"
    );
    let taken = registration(&world, "13800000002", "b@example.com").await;
    let refused = client.register_employer(taken).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::AlreadyExists, "CREDIT_CODE_TAKEN")
    );
}

#[tokio::test]
async fn a_repeated_registration_proves_its_password() {
    let world = World::new().await;
    let mut client = EmployerServiceClient::new(world.identity.anonymous());
    let first = registration(&world, "13800000001", "a@example.com").await;
    client.register_employer(first.clone()).await.unwrap();
    let guess = RegisterEmployerRequest {
        password: "another horse battery staple".into(),
        ..first.clone()
    };
    let refused = client.register_employer(guess).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        "REQUEST_ID_REUSED",
        "the password of a repeat is checked"
    );
    client.register_employer(first).await.unwrap();
}
