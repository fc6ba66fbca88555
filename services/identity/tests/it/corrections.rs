//! Corrections: the student asks and proves, the school decides, the record follows.

use prost::Message as _;
use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    identity::v1::{
        ApproveCorrectionRequest, CorrectedField, Correction, GetCorrectionRequest, GetMyRosterRequest,
        ListCorrectionsRequest, ListOriginHistoryRequest, RejectCorrectionRequest, RequestCorrectionRequest,
        RevealCorrectionRequest, WithdrawCorrectionRequest, correction::State,
        correction_service_client::CorrectionServiceClient,
    },
    messages::v1::{OriginCorrected, ReviewChanged, review_changed::Kind},
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    origin::approved,
    roster_support::{OTHER_SCHOOL, SCHOOL, Way, World, identity_number, reason},
};

fn client(world: &World, principal: &Principal) -> CorrectionServiceClient<Way> {
    CorrectionServiceClient::new(world.identity.as_principal(principal))
}

fn field(field: &str, value: &str) -> CorrectedField {
    CorrectedField {
        field: field.to_owned(),
        value: value.to_owned(),
        evidence_file_ids: Vec::new(),
    }
}

async fn ask(world: &World, student: &Principal, fields: Vec<CorrectedField>) -> Result<Correction, Status> {
    let request = RequestCorrectionRequest {
        fields,
        reason: "学籍信息登记有误".to_owned(),
        request_id: String::new(),
    };
    let answer = client(world, student).request_correction(request).await?;
    Ok(answer.into_inner())
}

async fn approve(world: &World, staff: &Principal, correction: &Correction) -> Result<Correction, Status> {
    let request = ApproveCorrectionRequest {
        id: correction.id.clone(),
        ..ApproveCorrectionRequest::default()
    };
    let answer = client(world, staff).approve_correction(request).await?;
    Ok(answer.into_inner())
}

fn proved(world: &World, name: &str, value: &str) -> CorrectedField {
    CorrectedField {
        evidence_file_ids: vec![world.documents.add("证明")],
        ..field(name, value)
    }
}

/// A world with students, the first of them approved.
async fn world() -> (World, Principal) {
    let world = World::with_students(3).await;
    let student = world.student(0).await;
    approved(&world, &student).await;
    (world, student)
}

#[tokio::test]
async fn an_approved_correction_is_in_the_record_at_once_and_told_to_others() {
    let (world, student) = world().await;
    let asked = ask(
        &world,
        &student,
        vec![field("major", "网络工程"), field("qq", "20002")],
    )
    .await
    .unwrap();
    assert_eq!(asked.state(), State::Submitted);
    let change = &asked.changes[0];
    assert_eq!(
        (
            change.title.as_str(),
            change.old_value.as_str(),
            change.new_value.as_str()
        ),
        ("专业", "软件工程", "网络工程")
    );
    let done = approve(&world, &world.staff, &asked).await.unwrap();
    assert_eq!(done.state(), State::Approved);
    assert!(done.actions.iter().all(|action| !action.allowed));

    let record = world
        .origin(&student)
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.locked.unwrap().major, "网络工程");
    assert_eq!(record.own.unwrap().qq(), "20002");
    let history = ListOriginHistoryRequest {
        student_id: asked.student_id.clone(),
        ..ListOriginHistoryRequest::default()
    };
    let history = world.origin(&student).list_origin_history(history).await.unwrap();
    let events: Vec<String> = history
        .into_inner()
        .entries
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(
        events[events.len() - 2..],
        ["requestCorrection", "approveCorrection"]
    );

    world.identity.relay_until_idle().await;
    let told = world.identity.published().await;
    let corrected = told
        .iter()
        .find(|message| message.key == "identity.origin.corrected.v1")
        .unwrap();
    let corrected = OriginCorrected::decode(corrected.payload.clone()).unwrap();
    assert_eq!(corrected.fields, ["major", "qq"]);
    let waits: Vec<(bool, u32)> = told
        .iter()
        .filter(|message| message.key == "identity.review.changed.v1")
        .map(|message| ReviewChanged::decode(message.payload.clone()).unwrap())
        .filter(|message| message.kind() == Kind::Correction)
        .map(|message| (message.waiting, message.level))
        .collect();
    assert_eq!(waits, [(true, 2), (false, 0)]);
}

#[tokio::test]
async fn an_identity_key_wants_evidence_and_two_people() {
    let (world, student) = world().await;
    let bare = ask(&world, &student, vec![field("name", "李鸣")])
        .await
        .unwrap_err();
    assert_eq!(reason(&bare), "EVIDENCE_MISSING");
    let stolen = CorrectedField {
        evidence_file_ids: vec![Uuid::max().to_string()],
        ..field("name", "李鸣")
    };
    let stolen = ask(&world, &student, vec![stolen]).await.unwrap_err();
    assert_eq!(reason(&stolen), "FILE_UNUSABLE");

    let new_identity = identity_number(77);
    let fields = vec![
        proved(&world, "name", "李鸣"),
        proved(&world, "identityNumber", &new_identity),
    ];
    let asked = ask(&world, &student, fields).await.unwrap();
    assert!(asked.identity_keys);
    // Record, submission and correction are all sealed.
    world.identity.change_data_key().await;
    let first = approve(&world, &world.staff, &asked).await.unwrap();
    assert_eq!(first.state(), State::FirstApproved);
    let again = approve(&world, &world.staff, &asked).await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::FailedPrecondition, "SAME_PERSON")
    );
    let second = testing::school_staff(SCHOOL);
    let done = approve(&world, &second, &asked).await.unwrap();
    assert_eq!(done.state(), State::Approved);
    let students = world.students(&second).await;
    let corrected = students.iter().find(|one| one.id == asked.student_id).unwrap();
    assert_eq!(corrected.name, "李鸣");
    let record = world
        .origin(&student)
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap();
    assert_eq!(record.into_inner().locked.unwrap().identity_number, new_identity);
}

#[tokio::test]
async fn the_department_passes_before_the_school_where_there_are_two_levels() {
    let (world, student) = world().await;
    world.two_levels().await;
    let asked = ask(&world, &student, vec![proved(&world, "name", "李鸣")])
        .await
        .unwrap();
    let early = approve(&world, &world.staff, &asked).await.unwrap_err();
    assert_eq!(reason(&early), "OTHER_REVIEW_LEVEL");
    let stranger = testing::department_staff(SCHOOL, "外国语学院");
    let unseen = approve(&world, &stranger, &asked).await.unwrap_err();
    assert_eq!(reason(&unseen), "CORRECTION_NOT_FOUND");
    let department = testing::department_staff(SCHOOL, "计算机学院");
    let passed = approve(&world, &department, &asked).await.unwrap();
    assert_eq!(passed.state(), State::DepartmentPassed);
    let done = approve(&world, &world.staff, &asked).await.unwrap();
    assert_eq!(done.state(), State::Approved);
}

#[tokio::test]
async fn one_correction_is_open_at_a_time_and_can_be_taken_back() {
    let (world, student) = world().await;
    let other = world.student(1).await;
    let early = ask(&world, &other, vec![field("major", "网络工程")])
        .await
        .unwrap_err();
    assert_eq!(reason(&early), "ORIGIN_NOT_APPROVED");
    let both = tokio::join!(
        ask(&world, &student, vec![field("major", "网络工程")]),
        ask(&world, &student, vec![field("qq", "30003")]),
    );
    let both = [both.0, both.1];
    let refused: Vec<String> = both
        .iter()
        .filter_map(|one| one.as_ref().err().map(reason))
        .collect();
    assert_eq!(refused, ["CORRECTION_OPEN"]);
    let asked = both.into_iter().find_map(Result::ok).unwrap();

    let withdraw = |id: &str| WithdrawCorrectionRequest {
        id: id.to_owned(),
        ..WithdrawCorrectionRequest::default()
    };
    let strange = client(&world, &other)
        .withdraw_correction(withdraw(&asked.id))
        .await
        .unwrap_err();
    assert_eq!(reason(&strange), "CORRECTION_NOT_FOUND");
    let back = client(&world, &student)
        .withdraw_correction(withdraw(&asked.id))
        .await
        .unwrap();
    assert_eq!(back.into_inner().state(), State::Withdrawn);
    let late = approve(&world, &world.staff, &asked).await.unwrap_err();
    assert_eq!(reason(&late), "INVALID_TRANSITION");
}

#[tokio::test]
async fn a_rejection_says_why_and_the_list_shows_only_ones_own() {
    let (world, student) = world().await;
    let asked = ask(&world, &student, vec![field("qq", "30003")]).await.unwrap();
    let reject = RejectCorrectionRequest {
        id: asked.id.clone(),
        reason_code: "NOT_SUPPORTED".to_owned(),
        reason: "与学籍系统不符".to_owned(),
        fields: vec!["qq".to_owned()],
        ..RejectCorrectionRequest::default()
    };
    let rejected = client(&world, &world.staff)
        .reject_correction(reject)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (rejected.state(), rejected.reject_reason.as_str()),
        (State::Rejected, "与学籍系统不符")
    );
    let mine = client(&world, &student)
        .list_corrections(ListCorrectionsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .corrections;
    let states: Vec<State> = mine.iter().map(Correction::state).collect();
    assert_eq!(states, [State::Rejected]);
    let elsewhere = client(&world, &testing::school_staff(OTHER_SCHOOL))
        .list_corrections(ListCorrectionsRequest::default())
        .await
        .unwrap();
    assert!(elsewhere.into_inner().corrections.is_empty());
}

#[tokio::test]
async fn two_decisions_at_once_leave_one() {
    let (world, student) = world().await;
    let asked = ask(&world, &student, vec![field("major", "网络工程")])
        .await
        .unwrap();
    let second = testing::school_staff(SCHOOL);
    let withdraw = WithdrawCorrectionRequest {
        id: asked.id.clone(),
        ..WithdrawCorrectionRequest::default()
    };
    let mut taker = client(&world, &student);
    let (one, other, back) = tokio::join!(
        approve(&world, &world.staff, &asked),
        approve(&world, &second, &asked),
        taker.withdraw_correction(withdraw),
    );
    let done = [one.is_ok(), other.is_ok(), back.is_ok()];
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1, "{done:?}");
}

#[tokio::test]
async fn a_number_of_another_student_cannot_be_taken() {
    let (world, student) = world().await;
    let asked = ask(&world, &student, vec![field("studentNumber", "2022000001")])
        .await
        .unwrap();
    let refused = approve(&world, &world.staff, &asked).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "NUMBER_TAKEN")
    );
    let request = GetCorrectionRequest { id: asked.id.clone() };
    let still = client(&world, &student)
        .get_correction(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(still.state(), State::Submitted, "nothing has changed");
}

#[tokio::test]
async fn staff_see_masks_until_they_say_why_and_that_is_written_down() {
    let (world, student) = world().await;
    let new_identity = identity_number(78);
    let asked = ask(
        &world,
        &student,
        vec![proved(&world, "identityNumber", &new_identity)],
    )
    .await
    .unwrap();
    assert_eq!(asked.changes[0].new_value, new_identity);
    let request = GetCorrectionRequest { id: asked.id.clone() };
    let masked = client(&world, &world.staff)
        .get_correction(request)
        .await
        .unwrap()
        .into_inner();
    assert!(masked.changes[0].new_value.contains('*') && masked.changes[0].present_value.contains('*'));
    let reveal = RevealCorrectionRequest {
        id: asked.id.clone(),
        reason: "与证明材料核对".to_owned(),
    };
    let shown = client(&world, &world.staff)
        .reveal_correction(reveal)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.changes[0].new_value, new_identity);
    let (who, whose, why): (Option<Uuid>, Option<Uuid>, String) = sqlx::query_as(
        "SELECT actor_id, account_id, reason FROM identity.audit_events
         WHERE event = 'correction.reveal' AND student_id = $1::uuid",
    )
    .bind(&asked.student_id)
    .fetch_one(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(
        (who, whose, why.as_str()),
        (Some(world.staff.account_id), None, "与证明材料核对")
    );
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT content_sealed FROM identity.corrections")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    let holds = sealed
        .windows(new_identity.len())
        .any(|window| window == new_identity.as_bytes());
    assert!(!holds, "the number is not in the clear");
}

#[tokio::test]
async fn more_files_than_can_be_tied_at_once_are_refused_and_a_file_may_prove_twice() {
    let (world, student) = world().await;
    let files = |count: usize| {
        (0..count)
            .map(|_| world.documents.add("证明"))
            .collect::<Vec<_>>()
    };
    let many = ["name", "identityNumber", "examinationNumber", "major", "qq"].map(|name| CorrectedField {
        evidence_file_ids: files(5),
        ..field(name, "x")
    });
    let refused = ask(&world, &student, many.to_vec()).await.unwrap_err();
    let fields = tonic_types::StatusExt::get_details_bad_request(&refused).unwrap();
    assert_eq!(fields.field_violations[0].reason, "EVIDENCE_LIMIT");
    let one = files(1);
    let both = [("name", "李鸣"), ("major", "网络工程")].map(|(name, value)| CorrectedField {
        evidence_file_ids: one.clone(),
        ..field(name, value)
    });
    assert!(ask(&world, &student, both.to_vec()).await.is_ok());
}
