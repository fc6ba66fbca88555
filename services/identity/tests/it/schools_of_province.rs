//! The province's list of schools: taken in, changed, closed, opened again, and how far each is.

use qihang_kit::{auth::Principal, codes, testing};
use qihang_proto::identity::v1::{
    CloseSchoolRequest, CreateSchoolRequest, CreateStaffRequest, GetMyRosterRequest, GetOnboardingRequest,
    GetSchoolRequest, ListSchoolsRequest, Onboarding, ReopenSchoolRequest, School, UpdateSchoolRequest,
    account, school, school_service_client::SchoolServiceClient, staff_service_client::StaffServiceClient,
};
use tonic::{Code, Status};

use crate::{
    people::{SCHOOL, door, verification},
    roster_support::{Way, World, file, reason},
    support,
};

const NEW: &str = "4123019999";

fn schools(world: &World, who: &Principal) -> SchoolServiceClient<Way> {
    SchoolServiceClient::new(world.identity.as_principal(who))
}

fn new_school() -> CreateSchoolRequest {
    CreateSchoolRequest {
        code: NEW.to_owned(),
        short_code: "19999".to_owned(),
        name: "黑河启航学院".to_owned(),
        region_code: "231100".to_owned(),
        level: "本科".to_owned(),
        run_by: "公办".to_owned(),
        ..CreateSchoolRequest::default()
    }
}

async fn close(world: &World, code: &str) -> Result<School, Status> {
    let request = CloseSchoolRequest {
        code: code.to_owned(),
        reason: "并入其他学校".to_owned(),
        ..CloseSchoolRequest::default()
    };
    let closed = schools(world, &testing::province_staff())
        .close_school(request)
        .await;
    closed.map(tonic::Response::into_inner)
}

async fn onboarding(world: &World, who: &Principal, code: &str) -> Result<Onboarding, Status> {
    let request = GetOnboardingRequest {
        code: code.to_owned(),
    };
    let found = schools(world, who).get_onboarding(request).await;
    found.map(tonic::Response::into_inner)
}

async fn audited(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT event FROM identity.audit_events WHERE event LIKE 'school.%' ORDER BY id")
        .fetch_all(&world.identity.ctx.pool)
        .await
        .unwrap()
}

fn undone(onboarding: &Onboarding) -> Vec<&str> {
    let steps = onboarding.steps.iter().filter(|step| !step.done);
    steps.map(|step| step.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_province_takes_a_school_in_once_and_everybody_finds_it() {
    let world = World::new().await;
    let province = testing::province_staff();
    let request = CreateSchoolRequest {
        request_id: "0190b6a0-0000-7000-8000-000000000031".to_owned(),
        ..new_school()
    };
    let mut client = schools(&world, &province);
    let made = client.create_school(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        (made.name.as_str(), made.region.as_str(), made.state()),
        ("黑河启航学院", "黑龙江省黑河市", school::State::Open)
    );
    assert_eq!(client.create_school(request).await.unwrap().into_inner(), made);
    let taken = client.create_school(new_school()).await.unwrap_err();
    assert_eq!(
        (taken.code(), reason(&taken).as_str()),
        (Code::AlreadyExists, "CODE_TAKEN")
    );
    let taken = CreateSchoolRequest {
        code: "4123018888".to_owned(),
        short_code: "10213".to_owned(),
        ..new_school()
    };
    assert_eq!(
        reason(&client.create_school(taken).await.unwrap_err()),
        "CODE_TAKEN"
    );
    let abroad = CreateSchoolRequest {
        code: "4123018888".to_owned(),
        region_code: "110000".to_owned(),
        ..new_school()
    };
    assert_eq!(
        reason(&client.create_school(abroad).await.unwrap_err()),
        "REGION_UNKNOWN"
    );
    assert_eq!(
        codes::school(NEW).unwrap().name,
        "黑河启航学院",
        "in the code tables"
    );
    let mut anonymous = SchoolServiceClient::new(door(&world.identity).way());
    let found = ListSchoolsRequest {
        text: "启航".to_owned(),
        ..ListSchoolsRequest::default()
    };
    assert_eq!(
        anonymous.list_schools(found).await.unwrap().into_inner().schools,
        [made]
    );
    let mut office = schools(&world, &testing::school_staff(SCHOOL));
    assert_eq!(
        office.create_school(new_school()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_province_wrote_stays_and_an_office_writes_only_its_own() {
    let world = World::new().await;
    let rename = UpdateSchoolRequest {
        code: SCHOOL.to_owned(),
        name: Some("哈尔滨工程大学（更名）".to_owned()),
        ..UpdateSchoolRequest::default()
    };
    let mut office = schools(&world, &testing::school_staff(SCHOOL));
    let refused = office.update_school(rename.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "PROVINCE_ONLY")
    );
    let mut province = schools(&world, &testing::province_staff());
    let renamed = province.update_school(rename).await.unwrap().into_inner();
    qihang_identity::build(world.identity.ctx.clone(), support::config())
        .await
        .unwrap();
    let request = GetSchoolRequest {
        code: SCHOOL.to_owned(),
    };
    assert_eq!(province.get_school(request).await.unwrap().into_inner(), renamed);
    assert_eq!(codes::school(SCHOOL).unwrap().name, "哈尔滨工程大学（更名）");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_school_takes_nobody_in_until_it_is_opened_and_its_students_go_on() {
    let world = World::with_students(2).await;
    let student = world.student(0).await;
    let closed = close(&world, SCHOOL).await.unwrap();
    assert_eq!(
        (closed.state(), closed.close_reason.as_str()),
        (school::State::Closed, "并入其他学校")
    );
    assert_eq!(
        reason(&close(&world, SCHOOL).await.unwrap_err()),
        "INVALID_TRANSITION"
    );
    let refused = door(&world.identity).verify(verification(1)).await.unwrap_err();
    assert_eq!(reason(&refused), "SCHOOL_CLOSED");
    let staff = CreateStaffRequest {
        role: account::Role::School.into(),
        school_code: SCHOOL.to_owned(),
        login: "office.two".to_owned(),
        name: "李四".to_owned(),
        ..CreateStaffRequest::default()
    };
    let mut accounts = StaffServiceClient::new(world.identity.as_principal(&testing::province_staff()));
    let refused = accounts.create_staff(staff.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "SCHOOL_CLOSED");
    let id = world.documents.add(file(3));
    let refused = world
        .roster(&world.staff)
        .import_roster(qihang_proto::identity::v1::ImportRosterRequest {
            file_id: id,
            cohort: 2026,
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SCHOOL_CLOSED");
    world
        .origin(&student)
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap();

    let open = ReopenSchoolRequest {
        code: SCHOOL.to_owned(),
        ..ReopenSchoolRequest::default()
    };
    let mut province = schools(&world, &testing::province_staff());
    let opened = province.reopen_school(open.clone()).await.unwrap().into_inner();
    assert_eq!(
        (opened.state(), opened.close_reason.as_str()),
        (school::State::Open, "")
    );
    assert_eq!(
        reason(&province.reopen_school(open).await.unwrap_err()),
        "INVALID_TRANSITION"
    );
    door(&world.identity).verify(verification(1)).await.unwrap();
    accounts.create_staff(staff).await.unwrap();
    assert_eq!(audited(&world).await, ["school.close", "school.reopen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_sees_what_it_still_has_to_do() {
    let world = World::new().await;
    let office = testing::school_staff(SCHOOL);
    let before = onboarding(&world, &office, SCHOOL).await.unwrap();
    assert!(!before.ready);
    assert_eq!(
        undone(&before),
        [
            "ADMINISTRATOR",
            "OFFICE",
            "ROSTER",
            "SECOND_ADMINISTRATOR",
            "SIGNING_WINDOW"
        ]
    );
    world.import(&office, &file(3), false).await;
    world.two_levels().await;
    let filled = UpdateSchoolRequest {
        code: SCHOOL.to_owned(),
        office_contact: Some("王老师".to_owned()),
        office_phone: Some("0451-86608114".to_owned()),
        ..UpdateSchoolRequest::default()
    };
    schools(&world, &office).update_school(filled).await.unwrap();
    let after = onboarding(&world, &office, SCHOOL).await.unwrap();
    assert_eq!(
        undone(&after),
        [
            "ADMINISTRATOR",
            "DEPARTMENT_STAFF",
            "SECOND_ADMINISTRATOR",
            "SIGNING_WINDOW"
        ]
    );
    let departments = after
        .steps
        .iter()
        .find(|step| step.name == "DEPARTMENT_STAFF")
        .unwrap();
    assert!(
        departments.detail.contains("外国语学院"),
        "{}",
        departments.detail
    );
    let other = testing::school_staff("4123010213");
    assert_eq!(
        onboarding(&world, &other, SCHOOL).await.unwrap_err().code(),
        Code::NotFound
    );
    let province = testing::province_staff();
    assert_eq!(onboarding(&world, &province, SCHOOL).await.unwrap(), after);
}
