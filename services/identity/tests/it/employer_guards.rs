//! What keeps an employer away: a school's freeze, the province's blacklist.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    BatchFindStudentsRequest, BatchGetEmployersRequest, BlacklistEmployerRequest, Employer, EmployerFreeze,
    FindStudentRequest, FreezeEmployerRequest, GetEmployerRequest, ListBlacklistRequest,
    ListEmployerFreezesRequest, UnblacklistEmployerRequest, UnfreezeEmployerRequest,
    directory_service_client::DirectoryServiceClient,
    employer_guard_service_client::EmployerGuardServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    employer::{approve, client, pending, registered},
    people::SCHOOL,
    roster_support::{Way, World, reason},
};

fn guards(world: &World, who: &Principal) -> EmployerGuardServiceClient<Way> {
    EmployerGuardServiceClient::new(world.identity.as_principal(who))
}

async fn approved(world: &World) -> Employer {
    let (_, administrator) = registered(world, 71).await;
    let sent = pending(world, &administrator).await;
    let province = testing::province_staff();
    let done = client(world, &province).approve_employer(approve(&sent)).await;
    done.unwrap().into_inner()
}

async fn freeze(world: &World, school: &Principal, employer: &Employer) -> Result<EmployerFreeze, Status> {
    let request = FreezeEmployerRequest {
        id: employer.id.clone(),
        reason: "学生反映收取押金".to_owned(),
        ..FreezeEmployerRequest::default()
    };
    let done = guards(world, school).freeze_employer(request).await;
    done.map(Response::into_inner)
}

async fn unfreeze(world: &World, school: &Principal, employer: &Employer) -> Result<EmployerFreeze, Status> {
    let request = UnfreezeEmployerRequest {
        id: employer.id.clone(),
        ..UnfreezeEmployerRequest::default()
    };
    let done = guards(world, school).unfreeze_employer(request).await;
    done.map(Response::into_inner)
}

/// The schools that keep it away, as other services hear.
async fn away_from(world: &World, employer: &Employer) -> Vec<String> {
    let request = BatchGetEmployersRequest {
        ids: vec![employer.id.clone()],
    };
    let mut directory = DirectoryServiceClient::new(world.identity.as_service("contracts"));
    let found = directory.batch_get_employers(request).await.unwrap().into_inner();
    found.employers[0].frozen_school_codes.clone()
}

#[tokio::test]
async fn a_school_keeps_an_employer_away_for_three_days_and_not_for_ever() {
    let world = World::new().await;
    let (employer, school) = (approved(&world).await, testing::school_staff(SCHOOL));
    let frozen = freeze(&world, &school, &employer).await.unwrap();
    assert!(frozen.holds && frozen.employer_name == employer.name);
    assert_eq!(away_from(&world, &employer).await, [SCHOOL]);
    let again = freeze(&world, &school, &employer).await.unwrap_err();
    assert_eq!(reason(&again), "EMPLOYER_FROZEN");

    world.identity.advance(Duration::hours(72)).await;
    assert!(away_from(&world, &employer).await.is_empty());
    let soon = freeze(&world, &school, &employer).await.unwrap_err();
    assert_eq!(reason(&soon), "FREEZE_TOO_SOON");
    let over = unfreeze(&world, &school, &employer).await.unwrap_err();
    assert_eq!(reason(&over), "EMPLOYER_NOT_FROZEN");
    world.identity.advance(Duration::days(27)).await;
    freeze(&world, &school, &employer).await.unwrap();
    let lifted = unfreeze(&world, &school, &employer).await.unwrap();
    assert!(!lifted.holds);
    assert!(away_from(&world, &employer).await.is_empty());
}

#[tokio::test]
async fn other_services_hear_of_freezes_with_the_student_and_find_many_at_once() {
    let world = World::with_students(2).await;
    let employer = approved(&world).await;
    let named = |row: u32, name: &str| FindStudentRequest {
        school_code: SCHOOL.to_owned(),
        student_number: format!("2022{row:06}"),
        name: name.to_owned(),
    };
    let request = BatchFindStudentsRequest {
        students: vec![
            named(0, "李明"),
            named(1, " 李明 "),
            named(1, "李四"),
            named(7, "李明"),
        ],
    };
    let mut directory = DirectoryServiceClient::new(world.identity.as_service("contracts"));
    let mut found = async || {
        let reply = directory.batch_find_students(request.clone()).await.unwrap();
        reply.into_inner().students
    };
    let students = found().await;
    assert_eq!(students.len(), 2);
    assert!(
        students
            .iter()
            .all(|student| student.frozen_employer_ids.is_empty())
    );
    freeze(&world, &testing::school_staff(SCHOOL), &employer)
        .await
        .unwrap();
    for student in found().await {
        assert_eq!(student.frozen_employer_ids, [employer.id.as_str()]);
    }
    world.identity.advance(Duration::hours(72)).await;
    assert!(
        found()
            .await
            .iter()
            .all(|student| student.frozen_employer_ids.is_empty())
    );
}

#[tokio::test]
async fn freezes_are_seen_by_their_school_and_the_province_and_one_of_two_counts() {
    let world = World::new().await;
    let (employer, school) = (approved(&world).await, testing::school_staff(SCHOOL));
    let (first, second) = tokio::join!(
        freeze(&world, &school, &employer),
        freeze(&world, &school, &employer)
    );
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let seen = async |who: &Principal| {
        let request = ListEmployerFreezesRequest::default();
        let listed = guards(&world, who).list_employer_freezes(request).await.unwrap();
        listed.into_inner().freezes.len()
    };
    assert_eq!(seen(&school).await, 1);
    assert_eq!(seen(&testing::province_staff()).await, 1);
    assert_eq!(seen(&testing::school_staff("4123010213")).await, 0);
    let missing = Employer {
        id: "0190b6a0-0000-7000-8000-000000000001".to_owned(),
        ..employer
    };
    let missing = freeze(&world, &school, &missing).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn who_is_on_the_blacklist_is_not_approved_until_taken_off() {
    let world = World::new().await;
    let (_, administrator) = registered(&world, 72).await;
    let sent = pending(&world, &administrator).await;
    let province = testing::province_staff();
    let mut lists = guards(&world, &province);
    let wanted = BlacklistEmployerRequest {
        credit_code: sent.credit_code.clone(),
        name: sent.name.clone(),
        reason: "多次收取求职者费用".to_owned(),
        ..BlacklistEmployerRequest::default()
    };
    let listed = lists
        .blacklist_employer(wanted.clone())
        .await
        .unwrap()
        .into_inner();
    let twice = lists.blacklist_employer(wanted).await.unwrap_err();
    assert_eq!(reason(&twice), "BLACKLIST_TWICE");
    let refused = client(&world, &province).approve_employer(approve(&sent)).await;
    assert_eq!(reason(&refused.unwrap_err()), "EMPLOYER_BLACKLISTED");
    let get = GetEmployerRequest { id: sent.id.clone() };
    let seen = client(&world, &province)
        .get_employer(get)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(seen.blacklist_reason, "多次收取求职者费用");
    let action = seen.actions.iter().find(|action| action.name == "approve");
    assert!(action.is_some_and(|action| !action.allowed && action.reason_code == "EMPLOYER_BLACKLISTED"));

    let off = UnblacklistEmployerRequest {
        id: listed.id,
        reason: "已整改并退还费用".to_owned(),
        ..UnblacklistEmployerRequest::default()
    };
    let removed = lists
        .unblacklist_employer(off.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(removed.remove_time.is_some());
    let gone = lists.unblacklist_employer(off).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    client(&world, &province)
        .approve_employer(approve(&sent))
        .await
        .unwrap();
    let entries = lists
        .list_blacklist(ListBlacklistRequest::default())
        .await
        .unwrap();
    assert_eq!(
        entries.into_inner().entries.len(),
        1,
        "what was taken off stays to be seen"
    );
}

#[tokio::test]
async fn a_code_that_cannot_be_is_not_listed() {
    let world = World::new().await;
    let bad = BlacklistEmployerRequest {
        credit_code: "911101081202020202".to_owned(),
        name: "虚假招聘公司".to_owned(),
        reason: "多次收取求职者费用".to_owned(),
        ..BlacklistEmployerRequest::default()
    };
    let mut lists = guards(&world, &testing::province_staff());
    let bad = lists.blacklist_employer(bad).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
}
