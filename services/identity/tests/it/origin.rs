//! Records: the student checks and sends, the school reviews.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    identity::v1::{
        ApproveOriginRequest, FlaggedIssue, GetMyRosterRequest, IssueResolution, ListOriginHistoryRequest,
        OriginState, OwnFields, ReturnOriginRequest, Student, SubmitMyRosterRequest, UpdateMyRosterRequest,
        issue_resolution::Outcome,
    },
    messages::v1::OriginChanged,
};
use tonic::Code;

use crate::roster_support::{SCHOOL, World, file, reason};

pub(crate) fn submit() -> SubmitMyRosterRequest {
    SubmitMyRosterRequest {
        checked: true,
        ..SubmitMyRosterRequest::default()
    }
}

pub(crate) fn approve(student: &Student) -> ApproveOriginRequest {
    ApproveOriginRequest {
        student_id: student.id.clone(),
        version: student.version,
        ..ApproveOriginRequest::default()
    }
}

pub(crate) async fn sent(world: &World, student: &Principal) -> Student {
    world
        .origin(student)
        .submit_my_roster(submit())
        .await
        .unwrap()
        .into_inner()
}

pub(crate) async fn approved(world: &World, student: &Principal) -> Student {
    let record = sent(world, student).await;
    world
        .origin(&world.staff)
        .approve_origin(approve(&record))
        .await
        .unwrap()
        .into_inner()
}

fn allowed(student: &Student) -> Vec<&str> {
    student
        .actions
        .iter()
        .filter(|action| action.allowed)
        .map(|action| action.name.as_str())
        .collect()
}

#[tokio::test]
async fn a_student_sees_the_whole_record_and_sends_it_once_checked() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let mut client = world.origin(&student);
    let record = client
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.state(), OriginState::Unconfirmed);
    assert_eq!(record.own.as_ref().unwrap().mobile(), "13800000000");
    assert_eq!(
        record.own.as_ref().unwrap().origin_region(),
        "黑龙江省哈尔滨市道里区"
    );
    assert!(!record.locked.as_ref().unwrap().identity_number.contains('*'));
    assert_eq!(allowed(&record), ["saveDraft", "submit"]);
    let unchecked = client
        .submit_my_roster(SubmitMyRosterRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&unchecked), "NOT_CHECKED");
    let record = client.submit_my_roster(submit()).await.unwrap().into_inner();
    assert_eq!((record.state(), record.version), (OriginState::Submitted, 1));
    assert_eq!(allowed(&record), ["submit"]);
    let draft = UpdateMyRosterRequest {
        own: Some(OwnFields::default()),
        ..UpdateMyRosterRequest::default()
    };
    let refused = client.update_my_roster(draft).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "INVALID_TRANSITION")
    );
}

#[tokio::test]
async fn drafts_are_checked_by_field_and_kept() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let mut client = world.origin(&student);
    let wrong = OwnFields {
        mobile: Some("1".into()),
        home_postcode: Some("x".into()),
        ..OwnFields::default()
    };
    let call = UpdateMyRosterRequest {
        own: Some(wrong),
        ..UpdateMyRosterRequest::default()
    };
    let refused = client.update_my_roster(call).await.unwrap_err();
    let fields = tonic_types::StatusExt::get_details_bad_request(&refused)
        .unwrap()
        .field_violations;
    assert_eq!(
        fields
            .iter()
            .map(|field| field.field.as_str())
            .collect::<Vec<_>>(),
        ["own.mobile", "own.homePostcode"]
    );
}

#[tokio::test]
async fn a_draft_is_kept_and_told_from_the_roster() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let mut client = world.origin(&student);
    let right = OwnFields {
        qq: Some("10001".into()),
        mobile: Some("13912345678".into()),
        ..OwnFields::default()
    };
    let call = UpdateMyRosterRequest {
        own: Some(right),
        ..UpdateMyRosterRequest::default()
    };
    let record = client.update_my_roster(call.clone()).await.unwrap().into_inner();
    assert_eq!(
        (
            record.own.as_ref().unwrap().qq(),
            record.differing_fields.as_slice()
        ),
        ("10001", &["mobile".to_owned()][..])
    );
    let roster = OwnFields {
        mobile: Some("13800000000".into()),
        ..OwnFields::default()
    };
    assert_eq!(
        record.roster_own,
        Some(roster),
        "of what differs, and nothing else"
    );
    let stale = UpdateMyRosterRequest {
        etag: "\"1\"".into(),
        ..call
    };
    assert_eq!(
        reason(&client.update_my_roster(stale).await.unwrap_err()),
        "VERSION_CONFLICT"
    );
    // A roster that comes again leaves what the student wrote.
    world
        .import(
            &world.staff,
            &file(1).replace("中央大街0号", "中央大街99号"),
            false,
        )
        .await;
    let record = client
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.own.unwrap().qq(), "10001");
}

#[tokio::test]
async fn an_approval_is_of_the_version_that_was_looked_at() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let first = sent(&world, &student).await;
    let second = sent(&world, &student).await;
    assert_eq!(second.version, 2);
    let mut school = world.origin(&world.staff);
    let refused = school.approve_origin(approve(&first)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Aborted, "VERSION_CONFLICT")
    );
    let record = school
        .approve_origin(approve(&second))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.state(), OriginState::Approved);
    let published = world.identity.published().await;
    let told = published
        .iter()
        .find(|message| message.key == "identity.origin.approved.v1")
        .unwrap();
    let message: OriginChanged = told.decode().unwrap();
    assert!(message.approved && message.version == 2);
}

#[tokio::test]
async fn a_returned_record_says_why_and_is_sent_again() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let record = sent(&world, &student).await;
    let back = ReturnOriginRequest {
        student_id: record.id.clone(),
        version: 1,
        reason_code: "CONTACT_INCOMPLETE".into(),
        reason: "家庭地址请写到门牌号".into(),
        fields: vec!["homeAddress".into()],
        ..ReturnOriginRequest::default()
    };
    let short = ReturnOriginRequest {
        reason: "短".into(),
        ..back.clone()
    };
    assert_eq!(
        world
            .origin(&world.staff)
            .return_origin(short)
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    world.origin(&world.staff).return_origin(back).await.unwrap();
    let mine = world
        .origin(&student)
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (mine.state(), mine.return_fields.as_slice()),
        (OriginState::Returned, &["homeAddress".to_owned()][..])
    );
    assert_eq!(sent(&world, &student).await.version, 2);
    let history = ListOriginHistoryRequest {
        student_id: record.id,
        ..ListOriginHistoryRequest::default()
    };
    let entries = world
        .origin(&student)
        .list_origin_history(history)
        .await
        .unwrap()
        .into_inner()
        .entries;
    assert_eq!(
        entries
            .iter()
            .map(|entry| entry.event.as_str())
            .collect::<Vec<_>>(),
        ["submit", "return", "submit"]
    );
    assert!(entries.iter().all(|entry| entry.hash.len() == 64));
}

/// The student says that the name is wrong.
fn wrong_name(evidence_file_id: String) -> SubmitMyRosterRequest {
    let issue = FlaggedIssue {
        field: "name".into(),
        proposed_value: "李小明".into(),
        evidence_file_id,
        ..FlaggedIssue::default()
    };
    SubmitMyRosterRequest {
        flagged_issues: vec![issue],
        ..submit()
    }
}

#[tokio::test]
async fn a_wrong_name_is_flagged_with_evidence() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let mut client = world.origin(&student);
    let refused = client
        .submit_my_roster(wrong_name(String::new()))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "EVIDENCE_MISSING");
    let evidence = world.documents.add("x");
    client
        .submit_my_roster(wrong_name(evidence.clone()))
        .await
        .unwrap();
    let claims = world.documents.claims.lock().unwrap();
    assert_eq!(claims.last().unwrap().ids, [evidence]);
}

#[tokio::test]
async fn a_flagged_field_needs_an_answer_and_its_correction_another_person() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let call = wrong_name(world.documents.add("x"));
    let record = world
        .origin(&student)
        .submit_my_roster(call)
        .await
        .unwrap()
        .into_inner();
    let mut school = world.origin(&world.staff);
    assert_eq!(
        reason(&school.approve_origin(approve(&record)).await.unwrap_err()),
        "ISSUE_UNSETTLED"
    );
    let resolution = IssueResolution {
        field: "name".into(),
        outcome: Outcome::Corrected.into(),
        note: String::new(),
    };
    let settled = ApproveOriginRequest {
        resolutions: vec![resolution],
        ..approve(&record)
    };
    assert_eq!(
        reason(&school.approve_origin(settled.clone()).await.unwrap_err()),
        "ISSUE_NOT_CORRECTED"
    );
    world
        .import(&world.staff, &file(1).replace("李明", "李小明"), false)
        .await;
    assert_eq!(
        reason(&school.approve_origin(settled.clone()).await.unwrap_err()),
        "OWN_EDIT"
    );
    let other = testing::school_staff(SCHOOL);
    let record = world
        .origin(&other)
        .approve_origin(settled)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (record.state(), record.flagged_issues[0].outcome.as_str()),
        (OriginState::Approved, "CORRECTED")
    );
}

#[tokio::test]
async fn an_approved_record_that_the_school_changes_is_marked() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    approved(&world, &student).await;
    world
        .import(&world.staff, &file(1).replace("软件工程", "网络工程"), false)
        .await;
    let mine = world
        .origin(&student)
        .get_my_roster(GetMyRosterRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(mine.changed_since_review && mine.state() == OriginState::Approved);
}
