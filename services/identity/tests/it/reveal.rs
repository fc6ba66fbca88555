//! Masked values of the roster, shown for a reason that is kept.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    GetStudentRequest, ListMyAuditEventsRequest, RevealStudentRequest, RevealStudentResponse,
    audit_service_client::AuditServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::door,
    roster_support::{OTHER_SCHOOL, SCHOOL, World, identity_number, reason},
};

fn asked(id: &str, fields: &[&str]) -> RevealStudentRequest {
    RevealStudentRequest {
        id: id.to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        reason: "联系不上本人".to_owned(),
    }
}

async fn reveal(
    world: &World,
    who: &Principal,
    request: RevealStudentRequest,
) -> Result<RevealStudentResponse, Status> {
    world
        .roster(who)
        .reveal_student(request)
        .await
        .map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_masked_is_shown_for_a_reason_and_the_student_sees_who_looked() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let student = door.bearer(&door.register(0).await).await;
    let id = student.student_id.unwrap().to_string();
    let get = GetStudentRequest { id: id.clone() };
    let record = world
        .roster(&world.staff)
        .get_student(get)
        .await
        .unwrap()
        .into_inner();
    let own = record.own.unwrap();
    assert_eq!((own.email(), own.family_contact()), ("l***@hlju.edu.cn", "李**"));
    let request = asked(&id, &["email", "identityNumber", "familyContact", "mobile"]);
    let shown = reveal(&world, &world.staff, request).await.unwrap();
    let shown: Vec<(&str, &str)> = shown
        .fields
        .iter()
        .map(|field| (field.field.as_str(), field.value.as_str()))
        .collect();
    let identity = identity_number(0);
    assert_eq!(
        shown,
        [
            ("identityNumber", identity.as_str()),
            ("mobile", "13800000000"),
            ("email", "li0@hlju.edu.cn"),
            ("familyContact", "李建国"),
        ]
    );
    let mut audit = AuditServiceClient::new(world.identity.as_principal(&student));
    let events = audit
        .list_my_audit_events(ListMyAuditEventsRequest::default())
        .await;
    let events = events.unwrap().into_inner().events;
    let look = events
        .iter()
        .find(|event| event.event == "student.reveal")
        .unwrap();
    assert_eq!(
        look.reason,
        "证件号码、手机号、电子邮箱、家庭联系人：联系不上本人"
    );
    assert_eq!(look.address, "", "who looked, not from where");
    assert!(!look.reason.contains(&identity));
}

#[tokio::test]
async fn strangers_see_nothing_and_nobody_without_a_reason() {
    let world = World::with_students(1).await;
    let id = world.students(&world.staff).await[0].id.clone();
    for stranger in [
        testing::school_staff(OTHER_SCHOOL),
        testing::department_staff(SCHOOL, "外国语学院"),
        testing::class_staff(SCHOOL, "计算机学院", &["软件9"]),
    ] {
        let refused = reveal(&world, &stranger, asked(&id, &["mobile"]))
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "STUDENT_NOT_FOUND");
    }
    let student = world.student(0).await;
    let denied = reveal(&world, &student, asked(&id, &["mobile"]))
        .await
        .unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let hasty = RevealStudentRequest {
        reason: "看看".to_owned(),
        ..asked(&id, &["mobile"])
    };
    for bad in [hasty, asked(&id, &["hardship"]), asked(&id, &[])] {
        let refused = reveal(&world, &world.staff, bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let looks: i64 =
        sqlx::query_scalar("SELECT count(*) FROM identity.audit_events WHERE event = 'student.reveal'")
            .fetch_one(&world.identity.db.pool)
            .await
            .unwrap();
    assert_eq!(looks, 0);
}

#[tokio::test]
async fn so_many_looks_an_hour_and_no_more() {
    let world = World::with_students(1).await;
    let id = world.students(&world.staff).await[0].id.clone();
    // As many as the default setting allows.
    let subjects = "INSERT INTO identity.limited_events (bucket, subject, create_time)
         SELECT bucket, subject, create_time FROM identity.limited_events, generate_series(1, 59)
         WHERE bucket = 'student.reveal'";
    reveal(&world, &world.staff, asked(&id, &["mobile"]))
        .await
        .unwrap();
    sqlx::query(subjects)
        .execute(&world.identity.db.pool)
        .await
        .unwrap();
    let refused = reveal(&world, &world.staff, asked(&id, &["mobile"]))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "REVEAL_LIMITED");
    let colleague = testing::school_staff(SCHOOL);
    assert!(reveal(&world, &colleague, asked(&id, &["mobile"])).await.is_ok());
    world.identity.advance(Duration::hours(1)).await;
    assert!(
        reveal(&world, &world.staff, asked(&id, &["mobile"]))
            .await
            .is_ok()
    );
}
