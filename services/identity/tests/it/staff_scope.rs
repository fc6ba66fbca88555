//! Staff of some classes, and changes of where staff belongs.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    ApproveCorrectionRequest, BatchApproveOriginsRequest, CorrectedField, Correction, CreateStaffRequest,
    GetCorrectionRequest, GetStudentRequest, IssueStudentResetRequest, ListCorrectionsRequest,
    ListOriginReviewsRequest, ListStudentsRequest, RejectCorrectionRequest, RequestCorrectionRequest,
    RevealCorrectionRequest, Staff, UpdateStaffRequest, account, batch_approve_origins_request::Item,
    correction_service_client::CorrectionServiceClient,
    password_reset_service_client::PasswordResetServiceClient, staff_service_client::StaffServiceClient,
    update_staff_request::Classes,
};
use tonic::{Code, Response, Status};

use crate::{
    origin::{approve, approved, sent},
    people::{door, refresh_token},
    roster_support::{OTHER_SCHOOL, SCHOOL, Way, World, reason},
    staff::{PASSWORD, activate, active, client, create, identity, new, root},
};

const DEPARTMENT: &str = "计算机学院";

/// Students 0 and 2 are of the department, of classes 软件0 and, after a correction of the roster, 软件9.
async fn world() -> (World, Principal, Principal) {
    let world = World::with_students(3).await;
    let moved =
        sqlx::query("UPDATE identity.students SET class_name = '软件9' WHERE student_number = '2022000002'")
            .execute(&world.identity.db.pool)
            .await
            .unwrap();
    assert_eq!(moved.rows_affected(), 1);
    let (one, other) = (world.student(0).await, world.student(2).await);
    (world, one, other)
}

/// Staff of the class of the first student, and of the neighbour class.
fn teachers() -> [Principal; 2] {
    [
        testing::class_staff(SCHOOL, DEPARTMENT, &["软件0", "软件1"]),
        testing::class_staff(SCHOOL, DEPARTMENT, &["软件9"]),
    ]
}

fn corrections(world: &World, who: &Principal) -> CorrectionServiceClient<Way> {
    CorrectionServiceClient::new(world.identity.as_principal(who))
}

async fn correction(world: &World, student: &Principal) -> Correction {
    let request = RequestCorrectionRequest {
        fields: vec![CorrectedField {
            field: "qq".to_owned(),
            value: "30003".to_owned(),
            evidence_file_ids: vec![world.documents.add("证明")],
        }],
        reason: "学籍信息登记有误".to_owned(),
        request_id: String::new(),
    };
    let mut client = corrections(world, student);
    client.request_correction(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn staff_of_a_class_sees_its_students_and_no_others() {
    let (world, one, other) = world().await;
    let [own, neighbour] = teachers();
    let seen = |who: Principal| {
        let world = &world;
        async move {
            let students = world.students(&who).await;
            students.into_iter().map(|student| student.id).collect::<Vec<_>>()
        }
    };
    let ids = [one, other].map(|student| student.student_id.unwrap().to_string());
    assert_eq!(seen(own.clone()).await, ids[..1]);
    assert_eq!(seen(neighbour.clone()).await, ids[1..]);
    assert_eq!(
        seen(testing::department_staff(SCHOOL, DEPARTMENT)).await,
        ids,
        "without classes the whole department"
    );
    let asked = ListStudentsRequest {
        class_name: "软件9".to_owned(),
        ..ListStudentsRequest::default()
    };
    let list = world.roster(&own).list_students(asked).await.unwrap();
    assert!(list.into_inner().students.is_empty(), "not by asking either");
    for (who, allowed) in [(&own, true), (&neighbour, false)] {
        let get = GetStudentRequest { id: ids[0].clone() };
        let got = world.roster(who).get_student(get).await;
        assert_eq!(
            got.map(drop).map_err(|status| reason(&status)),
            if allowed {
                Ok(())
            } else {
                Err("STUDENT_NOT_FOUND".to_owned())
            }
        );
    }
    let reset = IssueStudentResetRequest { id: ids[0].clone() };
    let mut client = PasswordResetServiceClient::new(world.identity.as_principal(&neighbour));
    let refused = client.issue_student_reset(reset).await.unwrap_err();
    assert_eq!(reason(&refused), "STUDENT_NOT_FOUND");
}

#[tokio::test]
async fn staff_of_a_class_decides_on_its_students_and_no_others() {
    let (world, one, _) = world().await;
    world.two_levels().await;
    let [own, neighbour] = teachers();
    let record = sent(&world, &one).await;
    let queue = |who: Principal| {
        let mut client = world.origin(&who);
        async move {
            let queue = client
                .list_origin_reviews(ListOriginReviewsRequest::default())
                .await;
            queue.unwrap().into_inner().students.len()
        }
    };
    assert_eq!((queue(own.clone()).await, queue(neighbour.clone()).await), (1, 0));
    let hidden = world.origin(&neighbour).approve_origin(approve(&record)).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let batch = BatchApproveOriginsRequest {
        items: vec![Item {
            student_id: record.id.clone(),
            version: record.version,
        }],
        ..BatchApproveOriginsRequest::default()
    };
    let batch = world
        .origin(&neighbour)
        .batch_approve_origins(batch)
        .await
        .unwrap();
    let batch = batch.into_inner();
    assert_eq!(batch.approved_count, 0, "{batch:?}");
    let passed = world.origin(&own).approve_origin(approve(&record)).await;
    assert!(passed.is_ok(), "{passed:?}");
}

#[tokio::test]
async fn corrections_and_their_evidence_are_for_the_students_class() {
    let (world, one, _) = world().await;
    let [own, neighbour] = teachers();
    approved(&world, &one).await;
    world.two_levels().await;
    // As a student's token has it.
    let one = Principal {
        department: Some(DEPARTMENT.to_owned()),
        classes: vec!["软件0".to_owned()],
        ..one
    };
    let asked = correction(&world, &one).await;
    let claim = world.documents.claims.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (claim.department.as_str(), claim.class_name.as_str()),
        (DEPARTMENT, "软件0")
    );
    let mut stranger = corrections(&world, &neighbour);
    let list = stranger.list_corrections(ListCorrectionsRequest::default()).await;
    assert!(list.unwrap().into_inner().corrections.is_empty());
    let id = || asked.id.clone();
    let refusals = [
        stranger
            .get_correction(GetCorrectionRequest { id: id() })
            .await
            .map(drop),
        stranger
            .reveal_correction(RevealCorrectionRequest {
                id: id(),
                reason: "核对证件号码".to_owned(),
            })
            .await
            .map(drop),
        stranger
            .approve_correction(ApproveCorrectionRequest {
                id: id(),
                ..ApproveCorrectionRequest::default()
            })
            .await
            .map(drop),
        stranger
            .reject_correction(RejectCorrectionRequest {
                id: id(),
                reason_code: "OTHER".to_owned(),
                reason: "证明材料与申请不符".to_owned(),
                ..RejectCorrectionRequest::default()
            })
            .await
            .map(drop),
    ];
    for refusal in refusals {
        assert_eq!(reason(&refusal.unwrap_err()), "CORRECTION_NOT_FOUND");
    }
    let mut client = corrections(&world, &own);
    let list = client.list_corrections(ListCorrectionsRequest::default()).await;
    assert_eq!(list.unwrap().into_inner().corrections.len(), 1);
    let request = ApproveCorrectionRequest {
        id: id(),
        ..ApproveCorrectionRequest::default()
    };
    client.approve_correction(request).await.unwrap();
}

async fn update(
    identity: &testing::TestService,
    by: &Principal,
    request: UpdateStaffRequest,
) -> Result<Staff, Status> {
    let mut client: StaffServiceClient<Way> = client(identity, by);
    client.update_staff(request).await.map(Response::into_inner)
}

fn classes(names: &[&str]) -> Option<Classes> {
    Some(Classes {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    })
}

#[tokio::test]
async fn classes_stand_in_the_token_and_a_change_of_them_ends_the_sessions() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (_, school) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let request = CreateStaffRequest {
        classes: vec!["软件2".to_owned(), "软件1".to_owned()],
        ..new(account::Role::Department, "hlju.teacher")
    };
    let created = create(&identity, &school, request).await.unwrap();
    let session = activate(&identity, &created.activation_token, PASSWORD)
        .await
        .unwrap();
    assert_eq!(session.account.as_ref().unwrap().classes, ["软件1", "软件2"]);
    let door = door(&identity);
    assert_eq!(door.bearer(&session).await.classes, ["软件1", "软件2"]);
    let staff = created.staff.unwrap();
    let renamed = UpdateStaffRequest {
        id: staff.id.clone(),
        name: Some("刘芳".to_owned()),
        ..UpdateStaffRequest::default()
    };
    let renamed = update(&identity, &school, renamed).await.unwrap();
    assert_eq!(renamed.name, "刘芳");
    let session = door.refresh(refresh_token(&session), "").await.unwrap();
    let narrowed = UpdateStaffRequest {
        id: staff.id.clone(),
        classes: classes(&["软件1"]),
        etag: renamed.etag.clone(),
        ..UpdateStaffRequest::default()
    };
    let changed = update(&identity, &school, narrowed.clone()).await.unwrap();
    assert_eq!(changed.classes, ["软件1"]);
    let ended = door.refresh(refresh_token(&session), "").await.unwrap_err();
    assert_eq!(reason(&ended), "REFRESH_INVALID");
    let stale = update(&identity, &school, narrowed).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");
    let session = door.login_staff("hlju.teacher", PASSWORD).await.unwrap();
    assert_eq!(door.bearer(&session).await.classes, ["软件1"]);
    let events: Vec<String> =
        sqlx::query_scalar("SELECT event FROM identity.audit_events WHERE account_id = $1::uuid AND actor_id = $2 ORDER BY create_time, id")
            .bind(&staff.id)
            .bind(school.account_id)
            .fetch_all(&identity.db.pool)
            .await
            .unwrap();
    assert_eq!(events, ["staff.create", "staff.rename", "staff.move"]);
}

#[tokio::test]
async fn staff_is_moved_within_the_reach_of_who_moves_it() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (office, school) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let (id, _) = active(&identity, &school, account::Role::Department, "hlju.teacher").await;
    let of = |id: &str| UpdateStaffRequest {
        id: id.to_owned(),
        ..UpdateStaffRequest::default()
    };
    let role = |id: &str, role: account::Role| UpdateStaffRequest {
        role: Some(role.into()),
        ..of(id)
    };
    let refused = |by: &Principal, request: UpdateStaffRequest| {
        let (identity, by) = (&identity, by.clone());
        async move { reason(&update(identity, &by, request).await.unwrap_err()) }
    };
    let high = role(&id, account::Role::Province);
    assert_eq!(refused(&school, high).await, "LEVEL_TOO_HIGH");
    let elsewhere = UpdateStaffRequest {
        school_code: Some(OTHER_SCHOOL.to_owned()),
        ..of(&id)
    };
    assert_eq!(refused(&school, elsewhere.clone()).await, "OTHER_SCHOOL");
    let own = UpdateStaffRequest {
        department: Some("外语系".to_owned()),
        ..role(&office, account::Role::Department)
    };
    assert_eq!(refused(&school, own).await, "SELF_NOT_ALLOWED");
    let unwanted = UpdateStaffRequest {
        classes: classes(&["软件1"]),
        ..role(&id, account::Role::School)
    };
    assert_eq!(refused(&school, unwanted).await, "CLASSES_UNWANTED");
    let raised = update(&identity, &school, role(&id, account::Role::School))
        .await
        .unwrap();
    assert_eq!(
        (raised.role(), raised.department.as_str()),
        (account::Role::School, "")
    );
    let moved = update(&identity, &root, elsewhere).await.unwrap();
    assert_eq!(moved.school_code, OTHER_SCHOOL);
    assert_eq!(refused(&school, of(&id)).await, "ACCOUNT_NOT_FOUND");
    let lowered = UpdateStaffRequest {
        school_code: Some(SCHOOL.to_owned()),
        ..role(&root.account_id.to_string(), account::Role::School)
    };
    assert_eq!(refused(&root, lowered).await, "SELF_NOT_ALLOWED");
}

#[tokio::test]
async fn the_most_classes_fit_into_a_cookie() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (_, school) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let request = |letters: usize| CreateStaffRequest {
        name: "阿".repeat(64),
        department: "院".repeat(64),
        // 36 bytes a name with four of them.
        classes: (0..50)
            .map(|number| format!("软件工程二〇二二级{}{number:02}班", "x".repeat(letters)))
            .collect(),
        ..new(account::Role::Department, "hlju.teacher")
    };
    let long = create(&identity, &school, request(5)).await.unwrap_err();
    assert_eq!(reason(&long), "CLASSES_TOO_LONG");
    let created = create(&identity, &school, request(4)).await.unwrap();
    let session = activate(&identity, &created.activation_token, PASSWORD)
        .await
        .unwrap();
    let token = session.tokens.unwrap().access_token;
    let cookie = "__Host-qh_at=".len() + token.len();
    assert!(cookie <= 4096, "browsers drop a cookie of {cookie} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_province_keeps_an_administrator_even_when_two_lower_each_other_at_once() {
    let identity = identity().await;
    let root = root(&identity).await;
    let (id, second) = active(&identity, &root, account::Role::Province, "second").await;
    let lower = |id: &str| UpdateStaffRequest {
        id: id.to_owned(),
        role: Some(account::Role::School.into()),
        school_code: Some(SCHOOL.to_owned()),
        ..UpdateStaffRequest::default()
    };
    let root_id = root.account_id.to_string();
    let (first, last) = tokio::join!(
        update(&identity, &root, lower(&id)),
        update(&identity, &second, lower(&root_id))
    );
    let refusals: Vec<String> = [first.err(), last.err()].iter().flatten().map(reason).collect();
    assert_eq!(refusals, ["LAST_ADMINISTRATOR"]);
}
