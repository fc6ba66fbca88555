//! Records: levels of review, reopening, batches.

use qihang_kit::testing;
use qihang_proto::{
    identity::v1::{
        BatchApproveOriginsRequest, ListOriginReviewsRequest, OriginState, OwnFields, ReopenOriginRequest,
        SubmitMyRosterRequest, batch_approve_origins_request::Item,
    },
    messages::v1::AgreementChanged,
};
use tonic::Code;

use crate::{
    origin::{approve, approved, sent, submit},
    roster_support::{OTHER_SCHOOL, SCHOOL, World, reason},
};

#[tokio::test]
async fn two_levels_review_one_after_the_other() {
    let world = World::with_students(1).await;
    world.two_levels().await;
    let student = world.student(0).await;
    let record = sent(&world, &student).await;
    let department = testing::department_staff(SCHOOL, "计算机学院");
    let foreign = testing::department_staff(SCHOOL, "外国语学院");
    let refused = world
        .origin(&world.staff)
        .approve_origin(approve(&record))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "OTHER_REVIEW_LEVEL");
    let hidden = world
        .origin(&foreign)
        .approve_origin(approve(&record))
        .await
        .unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let queue = world
        .origin(&department)
        .list_origin_reviews(ListOriginReviewsRequest::default())
        .await
        .unwrap();
    assert_eq!(queue.into_inner().students.len(), 1);
    let record = world
        .origin(&department)
        .approve_origin(approve(&record))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.state(), OriginState::DepartmentPassed);
    let queue = world
        .origin(&world.staff)
        .list_origin_reviews(ListOriginReviewsRequest::default())
        .await
        .unwrap();
    assert_eq!(queue.into_inner().students.len(), 1);
    let record = world
        .origin(&world.staff)
        .approve_origin(approve(&record))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.state(), OriginState::Approved);
}

#[tokio::test]
async fn a_record_with_an_agreement_is_not_reopened() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let record = approved(&world, &student).await;
    let agreement = |to_state: &str, version| AgreementChanged {
        agreement_id: record.id.clone(),
        student_id: record.id.clone(),
        to_state: to_state.into(),
        version,
        ..AgreementChanged::default()
    };
    let id = record.id.parse().unwrap();
    world
        .identity
        .deliver("contracts.agreement.approved.v1", id, &agreement("EFFECTIVE", 2))
        .await
        .unwrap();
    // An older message that comes late changes nothing.
    world
        .identity
        .deliver(
            "contracts.agreement.offered.v1",
            id,
            &agreement("PENDING_STUDENT", 1),
        )
        .await
        .unwrap();
    let reopen = ReopenOriginRequest {
        student_id: record.id.clone(),
        reason_code: "STUDENT_ASKED".into(),
        reason: "学生申请修改家庭地址".into(),
        ..ReopenOriginRequest::default()
    };
    let refused = world
        .origin(&world.staff)
        .reopen_origin(reopen.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "AGREEMENT_HELD");
    world
        .identity
        .deliver(
            "contracts.agreement.rejected.v1",
            id,
            &agreement("SCHOOL_REJECTED", 3),
        )
        .await
        .unwrap();
    let record = world
        .origin(&world.staff)
        .reopen_origin(reopen)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.state(), OriginState::Returned);
}

#[tokio::test]
async fn a_batch_approves_each_for_itself() {
    let world = World::with_students(4).await;
    let mut items = Vec::new();
    for number in 0..3 {
        let student = world.student(number).await;
        // What the roster leaves out, such as the first one's QQ, is no difference.
        let own = (number < 2).then(|| OwnFields {
            qq: Some("10001".into()),
            mobile: (number == 1).then(|| "13912345678".into()),
            ..OwnFields::default()
        });
        let call = SubmitMyRosterRequest { own, ..submit() };
        let record = world
            .origin(&student)
            .submit_my_roster(call)
            .await
            .unwrap()
            .into_inner();
        items.push(Item {
            student_id: record.id,
            version: if number == 2 { 9 } else { 1 },
        });
    }
    let call = BatchApproveOriginsRequest {
        items,
        request_id: world.identity.ctx.ids.new_id().to_string(),
    };
    let mut school = world.origin(&world.staff);
    let answer = school
        .batch_approve_origins(call.clone())
        .await
        .unwrap()
        .into_inner();
    let reasons: Vec<_> = answer
        .results
        .iter()
        .map(|result| result.reason_code.as_str())
        .collect();
    assert_eq!(
        (answer.approved_count, reasons),
        (1, vec!["", "NEEDS_A_LOOK", "VERSION_CONFLICT"])
    );
    assert_eq!(
        school.batch_approve_origins(call).await.unwrap().into_inner(),
        answer
    );
    let stranger = testing::school_staff(OTHER_SCHOOL);
    let items = vec![Item {
        student_id: answer.results[1].student_id.clone(),
        version: 1,
    }];
    let call = BatchApproveOriginsRequest {
        items,
        request_id: String::new(),
    };
    let answer = world
        .origin(&stranger)
        .batch_approve_origins(call)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.results[0].reason_code, "STUDENT_NOT_FOUND");
}
