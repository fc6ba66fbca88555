//! Profiles, portraits, privacy and blocked employers.

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing, validators};
use qihang_proto::identity::v1::{
    BlockEmployerRequest, GetPrivacyRequest, GetProfileRequest, IssuedSession, ListBlockedEmployersRequest,
    Privacy, Profile, RegisterEmployerRequest, RemoveAvatarRequest, SetAvatarRequest, UnblockEmployerRequest,
    UpdatePrivacyRequest, UpdateProfileRequest, employer_service_client::EmployerServiceClient,
    privacy::Level, profile_service_client::ProfileServiceClient,
};
use tonic::{Code, Response, Status};

use crate::{
    employer::{registered, registration},
    people::{PASSWORD, door},
    roster_support::{Way, World, reason},
};

fn client(world: &World, principal: &Principal) -> ProfileServiceClient<Way> {
    ProfileServiceClient::new(world.identity.as_principal(principal))
}

/// A student who is signed in.
async fn student(world: &World) -> Principal {
    let door = door(&world.identity);
    door.register(0).await;
    let session = door.login(0, PASSWORD).await.unwrap();
    door.bearer(&session).await
}

async fn shown(world: &World, who: &Principal) -> Profile {
    let answer = client(world, who).get_profile(GetProfileRequest {}).await;
    answer.unwrap().into_inner()
}

async fn update(world: &World, who: &Principal, request: UpdateProfileRequest) -> Result<Profile, Status> {
    let answer = client(world, who).update_profile(request).await;
    answer.map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_changes_contacts_and_sees_where_the_rest_comes_from() {
    let world = World::with_students(1).await;
    let student = student(&world).await;
    let before = shown(&world, &student).await;
    assert_eq!(
        (before.mobile.as_str(), before.email.as_str()),
        ("13812345678", "li@example.com")
    );
    let facts: Vec<(&str, &str)> = before
        .facts
        .iter()
        .map(|fact| (fact.title.as_str(), fact.value.as_str()))
        .collect();
    assert!(
        facts.contains(&("姓名", "李明")) && facts.contains(&("学号", "2022000000")),
        "{facts:?}"
    );
    assert!(before.facts.iter().all(|fact| fact.source.contains("纠错")));
    let request = UpdateProfileRequest {
        mobile: Some("13900001111".to_owned()),
        etag: before.etag.clone(),
        ..UpdateProfileRequest::default()
    };
    let after = update(&world, &student, request.clone()).await.unwrap();
    assert_eq!(
        (after.mobile.as_str(), after.email.as_str()),
        ("13900001111", "li@example.com")
    );
    let stale = update(&world, &student, request).await.unwrap_err();
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::Aborted, "VERSION_CONFLICT")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_cannot_be_is_refused_by_field_and_changes_nothing() {
    let world = World::with_students(1).await;
    let student = student(&world).await;
    let before = shown(&world, &student).await;
    let none = UpdateProfileRequest::default;
    let wrong = [
        (
            UpdateProfileRequest {
                mobile: Some("123".to_owned()),
                ..none()
            },
            "mobile",
        ),
        (
            UpdateProfileRequest {
                email: Some(" ".to_owned()),
                ..none()
            },
            "email",
        ),
        (
            UpdateProfileRequest {
                title: Some("班长".to_owned()),
                ..none()
            },
            "title",
        ),
    ];
    for (request, field) in wrong {
        let refused = update(&world, &student, request).await.unwrap_err();
        let fields = tonic_types::StatusExt::get_details_bad_request(&refused)
            .unwrap()
            .field_violations;
        assert_eq!(
            (refused.code(), fields[0].field.as_str()),
            (Code::InvalidArgument, field)
        );
    }
    assert_eq!(shown(&world, &student).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_member_signs_in_with_cannot_be_taken() {
    let world = World::new().await;
    let mut members = Vec::new();
    for (number, head) in [("13800000001", 1), ("13800000002", 2)] {
        let code = (0..10)
            .find_map(|last| validators::complete_credit_code(&format!("91230100MA{head:05}{last}")))
            .unwrap();
        let request = RegisterEmployerRequest {
            credit_code: code.as_str().to_owned(),
            ..registration(&world, number, &format!("{number}@example.com")).await
        };
        let answer = EmployerServiceClient::new(world.identity.anonymous())
            .register_employer(request)
            .await
            .unwrap()
            .into_inner();
        let session = IssuedSession {
            tokens: answer.tokens,
            ..IssuedSession::default()
        };
        members.push(door(&world.identity).bearer(&session).await);
    }
    let [one, other] = members.as_slice() else {
        panic!("two members")
    };
    let request = UpdateProfileRequest {
        mobile: Some("13800000002".to_owned()),
        title: Some("招聘主管".to_owned()),
        ..UpdateProfileRequest::default()
    };
    let refused = update(&world, one, request).await.unwrap_err();
    assert_eq!(reason(&refused), "LOGIN_TAKEN");
    assert_eq!(shown(&world, one).await.title, "", "nothing was written");
    // Two at once to the same free number: one has it.
    let wanted = UpdateProfileRequest {
        mobile: Some("13800000003".to_owned()),
        ..UpdateProfileRequest::default()
    };
    let both = join_all([one, other].map(|who| update(&world, who, wanted.clone()))).await;
    assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1, "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portrait_replaces_the_one_before_which_is_given_back() {
    let world = World::with_students(1).await;
    let student = student(&world).await;
    let (first, second) = (world.documents.add("1"), world.documents.add("2"));
    for file in [&first, &second, &second] {
        let request = SetAvatarRequest {
            file_id: file.clone(),
        };
        let set = client(&world, &student)
            .set_avatar(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(&set.avatar_file_id, file);
    }
    assert_eq!(
        *world.documents.released.lock().unwrap(),
        std::slice::from_ref(&first)
    );
    let foreign = SetAvatarRequest {
        file_id: uuid::Uuid::max().to_string(),
    };
    let refused = client(&world, &student).set_avatar(foreign).await.unwrap_err();
    assert_eq!(reason(&refused), "FILE_UNUSABLE");
    let removed = client(&world, &student)
        .remove_avatar(RemoveAvatarRequest {})
        .await
        .unwrap();
    assert_eq!(removed.into_inner().avatar_file_id, "");
    assert_eq!(*world.documents.released.lock().unwrap(), [first, second]);
}

#[tokio::test]
async fn privacy_begins_closed_and_changes_one_setting_at_a_time() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let mut client = client(&world, &student);
    let before: Privacy = client
        .get_privacy(GetPrivacyRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (
            before.level(),
            before.mobile_shown,
            before.read_marks,
            before.signed_shown
        ),
        (Level::OwnEmployers, false, true, false)
    );
    let request = UpdatePrivacyRequest {
        level: Some(Level::AdmittedEmployers.into()),
        etag: before.etag.clone(),
        ..UpdatePrivacyRequest::default()
    };
    let after = client.update_privacy(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        (after.level(), after.read_marks),
        (Level::AdmittedEmployers, true)
    );
    let stale = client.update_privacy(request).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");
    let now = client
        .get_privacy(GetPrivacyRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(now, after);
}

#[tokio::test]
async fn employers_are_blocked_once_and_taken_off_again() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let (employer, _) = registered(&world, 1).await;
    let mut client = client(&world, &student);
    let block = |id: &str| BlockEmployerRequest {
        employer_id: id.to_owned(),
    };
    let unknown = client
        .block_employer(block(&uuid::Uuid::max().to_string()))
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::NotFound, "EMPLOYER_NOT_FOUND")
    );
    for _ in 0..2 {
        let list = client
            .block_employer(block(&employer.to_string()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(list.employers.len(), 1);
        assert_eq!(list.employers[0].name, "某某科技有限公司");
    }
    let stranger = testing::student("4123010213", uuid::Uuid::max());
    let theirs = ProfileServiceClient::new(world.identity.as_principal(&stranger))
        .list_blocked_employers(ListBlockedEmployersRequest {})
        .await
        .unwrap();
    assert!(theirs.into_inner().employers.is_empty());
    let off = UnblockEmployerRequest {
        employer_id: employer.to_string(),
    };
    let list = client.unblock_employer(off).await.unwrap().into_inner();
    assert!(list.employers.is_empty());
}

#[tokio::test]
async fn no_more_employers_are_blocked_than_anybody_reads() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let (last, _) = registered(&world, 0).await;
    sqlx::query(
        "WITH made AS (
             INSERT INTO identity.employers (id, name, credit_code, create_time, update_time)
             SELECT gen_random_uuid(), '单位', 'X' || lpad(n::text, 17, '0'), kit_now(), kit_now()
             FROM generate_series(1, 200) n RETURNING id
         )
         INSERT INTO identity.blocked_employers (student_id, employer_id, create_time)
         SELECT $1, id, kit_now() FROM made",
    )
    .bind(student.student_id)
    .execute(&world.identity.db.pool)
    .await
    .unwrap();
    let request = BlockEmployerRequest {
        employer_id: last.to_string(),
    };
    let refused = client(&world, &student)
        .block_employer(request)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "BLOCK_LIMIT");
    let list = client(&world, &student)
        .list_blocked_employers(ListBlockedEmployersRequest {})
        .await
        .unwrap();
    assert_eq!(list.into_inner().employers.len(), 200, "nothing was written");
}
