//! What each viewer is shown of an agreement.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::contracts::v1::{DiscardOfferRequest, ListStudentAgreementsRequest};

use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{Student, Suite, may, office, reason},
};

#[tokio::test]
async fn a_member_who_may_not_sign_is_told_of_the_state_first() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let clerk = Principal {
        employer_role: Some("HR".to_owned()),
        ..employer.clone()
    };
    let draft = suite.draft(&employer, &student).await;
    let seen = suite.seen(&clerk, &draft).await;
    assert_eq!(may(&seen, "update"), Ok(()));
    assert_eq!(may(&seen, "discard"), Ok(()));
    assert_eq!(may(&seen, "send"), Err("MEMBER_MAY_NOT_SIGN".to_owned()));
    assert_eq!(may(&seen, "withdraw"), Err("INVALID_TRANSITION".to_owned()));
    assert_eq!(may(&seen, "amend"), Err("INVALID_TRANSITION".to_owned()));
}

#[tokio::test]
async fn a_draft_is_discarded_and_what_was_sent_is_not() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite.draft(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let discard = |etag: &str| DiscardOfferRequest {
        id: draft.id.clone(),
        etag: etag.to_owned(),
    };
    let stale = client.discard_offer(discard("\"9\"")).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");
    let mut stranger = suite.signing(&suite.employer());
    let hidden = stranger.discard_offer(discard("")).await.unwrap_err();
    assert_eq!(reason(&hidden), "AGREEMENT_NOT_FOUND");
    client.discard_offer(discard(&draft.etag)).await.unwrap();
    let gone = client.discard_offer(discard("")).await.unwrap_err();
    assert_eq!(reason(&gone), "AGREEMENT_NOT_FOUND");

    let sent = suite.sent(&employer, &student).await;
    let request = DiscardOfferRequest {
        id: sent.id,
        ..DiscardOfferRequest::default()
    };
    let refused = client.discard_offer(request).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_TRANSITION");
}

async fn listed(suite: &Suite, who: &Principal, student: &Student) -> Result<usize, String> {
    let request = ListStudentAgreementsRequest {
        student_id: student.principal.student_id.unwrap().to_string(),
        ..ListStudentAgreementsRequest::default()
    };
    let page = suite.signing(who).list_student_agreements(request).await;
    page.map(|page| page.into_inner().agreements.len())
        .map_err(|status| reason(&status))
}

#[tokio::test]
async fn a_school_sees_what_its_student_signed_and_no_offer() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    suite.sent(&suite.employer(), &student).await;
    let offered = listed(&suite, &office(), &student).await;
    assert_eq!(offered, Ok(0), "an offer is the parties' own");
    suite.accepted(&suite.employer(), &student).await;
    assert_eq!(listed(&suite, &office(), &student).await, Ok(1));
    let department = |name: &str| testing::department_staff(SCHOOL, name);
    assert_eq!(listed(&suite, &department(DEPARTMENT), &student).await, Ok(1));
    let hidden = Err("AGREEMENT_NOT_FOUND".to_owned());
    assert_eq!(listed(&suite, &department("外国语学院"), &student).await, hidden);
    let elsewhere = testing::school_staff(TWO_LEVELS);
    assert_eq!(listed(&suite, &elsewhere, &student).await, hidden);
}
