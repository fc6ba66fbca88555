//! Between the acceptance and the school's decision: changes by the employer, cancellation by both.

use qihang_proto::contracts::v1::*;
use time::Duration;

use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, amend, approve, bare, because, may, office, reason},
};

fn confirm(amended: &Agreement, token: &str) -> ConfirmAmendmentRequest {
    ConfirmAmendmentRequest {
        id: amended.id.clone(),
        revision: amended.revision,
        read_token: token.to_owned(),
        etag: amended.etag.clone(),
        ..ConfirmAmendmentRequest::default()
    }
}

async fn amended(suite: &Suite) -> (qihang_kit::auth::Principal, Student, Agreement) {
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let amended = suite.amended(&employer, &accepted).await;
    assert_eq!(amended.state(), AgreementState::AmendPendingStudent);
    assert_eq!((amended.revision, amended.signed_revision), (2, 1));
    (employer, student, amended)
}

#[tokio::test]
async fn an_amendment_is_confirmed_and_only_then_approved() {
    let suite = Suite::start().await;
    let (employer, student, amended) = amended(&suite).await;
    let mut reviews = suite.reviews(&office());
    let status = reviews.approve_agreement(approve(&amended)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_TRANSITION");
    assert_eq!(suite.destination(&student).await.state(), SlotState::Reserved);

    let token = suite.reads(&student, &amended).await;
    suite.service.advance(Duration::seconds(16)).await;
    let mut as_student = suite.signing(&student.principal);
    let confirmed = as_student
        .confirm_amendment(confirm(&amended, &token))
        .await
        .unwrap();
    let confirmed = confirmed.into_inner();
    assert_eq!(confirmed.state(), AgreementState::PendingReview);
    assert_eq!((confirmed.revision, confirmed.signed_revision), (2, 2));
    assert_eq!(confirmed.terms.as_ref().unwrap().salary, 9000);
    assert_eq!(suite.count("SELECT count(*) FROM contracts.signatures").await, 4);

    let mut old = approve(&confirmed);
    old.revision = 1;
    let status = reviews.approve_agreement(old).await.unwrap_err();
    assert_eq!(reason(&status), "REVISION_CHANGED");
    let approved = reviews
        .approve_agreement(approve(&confirmed))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(approved.state(), AgreementState::Effective);
    assert_eq!(
        suite.events(&employer, &amended).await,
        ["draft", "send", "accept", "amend", "confirmAmendment", "approve"]
    );
}

#[tokio::test]
async fn a_refused_a_forgotten_and_a_withdrawn_amendment_leave_what_both_signed() {
    let suite = Suite::start().await;
    let (employer, student, one) = amended(&suite).await;
    let mut as_student = suite.signing(&student.principal);
    let refused = as_student
        .refuse_amendment(because(&one))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (refused.state(), refused.revision),
        (AgreementState::PendingReview, 1)
    );
    assert_eq!(refused.terms.as_ref().unwrap().salary, 8000);

    // The number of the refused revision is not used again.
    let mut client = suite.signing(&employer);
    let two = client
        .amend_agreement(amend(&refused))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(two.revision, 3);
    let back = client.take_back_amendment(bare(&two)).await.unwrap().into_inner();
    assert_eq!((back.state(), back.revision), (AgreementState::PendingReview, 1));

    let three = client.amend_agreement(amend(&back)).await.unwrap().into_inner();
    let token = suite.reads(&student, &three).await;
    suite.service.advance(Duration::hours(73)).await;
    let mut as_student = suite.signing(&student.principal);
    let status = as_student
        .confirm_amendment(confirm(&three, &token))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "AMENDMENT_EXPIRED");
    suite.service.run_tasks().await;
    let now = suite.seen(&employer, &three).await;
    assert_eq!((now.state(), now.revision), (AgreementState::PendingReview, 1));
    let mut reviews = suite.reviews(&office());
    reviews.approve_agreement(approve(&now)).await.unwrap();
    let events = suite.events(&employer, &three).await;
    assert_eq!(
        events[3..],
        [
            "amend",
            "refuseAmendment",
            "amend",
            "takeBackAmendment",
            "amend",
            "amendmentTimeout",
            "approve"
        ]
    );
}

#[tokio::test]
async fn a_claimed_final_review_keeps_the_employer_out_for_ten_minutes() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let mut reviews = suite.reviews(&office());
    let claimed = reviews.claim_review(bare(&accepted)).await.unwrap().into_inner();
    let amended = async || suite.signing(&employer).amend_agreement(amend(&claimed)).await;
    assert_eq!(reason(&amended().await.unwrap_err()), "REVIEW_CLAIMED");
    suite.service.advance(Duration::minutes(11)).await;
    amended().await.unwrap();
}

#[tokio::test]
async fn both_cancel_before_the_decision_and_the_slot_is_free() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let mut as_student = suite.signing(&student.principal);
    let asked = as_student
        .request_cancel(because(&accepted))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(asked.state(), AgreementState::PendingReview);
    let cancel = asked.cancel_request.as_ref().unwrap();
    assert_eq!(cancel.requester, "STUDENT");
    let (since, until) = (cancel.create_time.unwrap(), cancel.expire_time.unwrap());
    assert_eq!(until.seconds - since.seconds, 72 * 3600);
    assert_eq!(Some(since), asked.update_time, "since it was asked");
    assert_eq!(may(&asked, "agreeCancel"), Err("NOT_YOUR_TURN".to_owned()));
    let status = as_student.request_cancel(because(&asked)).await.unwrap_err();
    assert_eq!(reason(&status), "CANCEL_OPEN");
    let mut client = suite.signing(&employer);
    let cancelled = client.agree_cancel(bare(&asked)).await.unwrap().into_inner();
    assert_eq!(cancelled.state(), AgreementState::Cancelled);
    assert_eq!(suite.destination(&student).await.state(), SlotState::Free);
    let mut reviews = suite.reviews(&office());
    let status = reviews.approve_agreement(approve(&cancelled)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_TRANSITION");
}

#[tokio::test]
async fn a_wish_to_cancel_is_withdrawn_or_lapses() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let asked = client
        .request_cancel(because(&accepted))
        .await
        .unwrap()
        .into_inner();
    let withdrawn = client.withdraw_cancel(bare(&asked)).await.unwrap().into_inner();
    assert!(withdrawn.cancel_request.is_none());
    let asked = client
        .request_cancel(because(&withdrawn))
        .await
        .unwrap()
        .into_inner();
    suite.service.advance(Duration::hours(73)).await;
    let mut as_student = suite.signing(&student.principal);
    let status = as_student.agree_cancel(bare(&asked)).await.unwrap_err();
    assert_eq!(reason(&status), "CANCEL_NONE");
    suite.service.run_tasks().await;
    let events = suite.events(&employer, &asked).await;
    assert_eq!(
        events[3..],
        ["requestCancel", "withdrawCancel", "requestCancel", "cancelLapse"]
    );
}
