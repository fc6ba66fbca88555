//! Amendments, cancellations, reviews and papers.

use qihang_kit::testing;
use qihang_proto::contracts::v1::*;
use time::Duration;
use tonic::Code;

use super::{CONFLICT, TRANSITION, refused, refused_field, stands};
use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{Suite, accept, amend, approve, bare, because, edit, offer, office, reject, send},
};

#[tokio::test]
async fn what_an_effective_agreement_does_not_allow() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let office = office();
    let approved = suite.reviews(&office).approve_agreement(approve(&accepted)).await;
    let a = approved.unwrap().into_inner();
    let (mut company, mut me) = (suite.signing(&employer), suite.signing(&student.principal));
    let mut school = suite.reviews(&office);
    let s = &suite;
    let update = UpdateOfferRequest {
        id: a.id.clone(),
        terms: amend(&a).terms,
        ..Default::default()
    };
    let confirm = ConfirmAmendmentRequest {
        id: a.id.clone(),
        revision: 1,
        read_token: "x".to_owned(),
        ..Default::default()
    };
    let read = CreateReadTokenRequest {
        id: a.id.clone(),
        revision: 1,
    };
    let again = ReofferAgreementRequest {
        id: a.id.clone(),
        request_id: String::new(),
    };
    let told = [
        refused(s, company.update_offer(update), CONFLICT, TRANSITION).await,
        refused(s, company.send_offer(send(&a)), CONFLICT, TRANSITION).await,
        refused(s, company.edit_offer(edit(&a, 7900)), CONFLICT, TRANSITION).await,
        refused(s, company.withdraw_offer(because(&a)), CONFLICT, TRANSITION).await,
        refused(s, company.reoffer_agreement(again), CONFLICT, TRANSITION).await,
        refused(s, company.amend_agreement(amend(&a)), CONFLICT, TRANSITION).await,
        refused(s, company.take_back_amendment(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, company.request_cancel(because(&a)), CONFLICT, TRANSITION).await,
        refused(s, me.open_offer(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, me.create_read_token(read), CONFLICT, TRANSITION).await,
        refused(s, me.accept_offer(accept(&a, "x")), CONFLICT, TRANSITION).await,
        refused(s, me.decline_offer(because(&a)), CONFLICT, TRANSITION).await,
        refused(s, me.confirm_amendment(confirm), CONFLICT, TRANSITION).await,
        refused(s, me.refuse_amendment(because(&a)), CONFLICT, TRANSITION).await,
        refused(s, me.agree_cancel(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, me.withdraw_cancel(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, school.claim_review(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, school.release_review(bare(&a)), CONFLICT, TRANSITION).await,
        refused(s, school.approve_agreement(approve(&a)), CONFLICT, TRANSITION).await,
        refused(s, school.reject_agreement(reject(&a)), CONFLICT, TRANSITION).await,
    ];
    for status in &told {
        assert_eq!(stands(status), "EFFECTIVE");
    }
}

#[tokio::test]
async fn a_review_belongs_to_its_level() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(TWO_LEVELS).await)
        .await;
    let school = testing::school_staff(TWO_LEVELS);
    let department = testing::department_staff(TWO_LEVELS, DEPARTMENT);
    let (s, why) = (&suite, "NOT_YOUR_LEVEL");
    let (mut above, mut below) = (suite.reviews(&school), suite.reviews(&department));
    refused(s, above.approve_agreement(approve(&a)), CONFLICT, why).await;
    refused(s, above.reject_agreement(reject(&a)), CONFLICT, why).await;
    refused(s, above.claim_review(bare(&a)), CONFLICT, why).await;
    let passed = below.approve_agreement(approve(&a)).await.unwrap().into_inner();
    refused(s, below.approve_agreement(approve(&passed)), CONFLICT, why).await;
    refused(s, below.reject_agreement(reject(&passed)), CONFLICT, why).await;
}

#[tokio::test]
async fn a_claimed_review_belongs_to_its_reviewer() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (s, why) = (&suite, "CLAIMED_BY_OTHER");
    let claimed = suite
        .reviews(&office())
        .claim_review(bare(&a))
        .await
        .unwrap()
        .into_inner();
    let mut late = suite.reviews(&office());
    refused(s, late.approve_agreement(approve(&claimed)), CONFLICT, why).await;
    refused(s, late.reject_agreement(reject(&claimed)), CONFLICT, why).await;
    refused(s, late.claim_review(bare(&claimed)), CONFLICT, why).await;
    refused(s, late.release_review(bare(&claimed)), CONFLICT, why).await;
}

#[tokio::test]
async fn a_decision_names_the_revision_and_the_version() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let mut client = suite.reviews(&office());
    let s = &suite;
    let unseen = ApproveAgreementRequest {
        revision: 2,
        ..approve(&a)
    };
    refused(
        s,
        client.approve_agreement(unseen),
        Code::Aborted,
        "REVISION_CHANGED",
    )
    .await;
    let unseen = RejectAgreementRequest {
        revision: 2,
        ..reject(&a)
    };
    refused(
        s,
        client.reject_agreement(unseen),
        Code::Aborted,
        "REVISION_CHANGED",
    )
    .await;
    let stale = ApproveAgreementRequest {
        etag: "\"1\"".to_owned(),
        ..approve(&a)
    };
    refused(
        s,
        client.approve_agreement(stale),
        Code::Aborted,
        "VERSION_CONFLICT",
    )
    .await;
}

#[tokio::test]
async fn a_rejection_gives_a_reason() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let mut client = suite.reviews(&office());
    let s = &suite;
    let wordless = RejectAgreementRequest {
        reason: "不".to_owned(),
        ..reject(&a)
    };
    refused_field(
        s,
        client.reject_agreement(wordless),
        "VALIDATION_FAILED",
        "reason",
    )
    .await;
    let made_up = RejectAgreementRequest {
        reason_code: "MOOD".to_owned(),
        ..reject(&a)
    };
    refused_field(
        s,
        client.reject_agreement(made_up),
        "REASON_UNKNOWN",
        "reasonCode",
    )
    .await;
}

#[tokio::test]
async fn an_amendment_does_not_cross_the_final_review() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let a = suite.accepted(&employer, &suite.student(SCHOOL).await).await;
    let office = office();
    let claimed = suite
        .reviews(&office)
        .claim_review(bare(&a))
        .await
        .unwrap()
        .into_inner();
    let s = &suite;
    let mut company = suite.signing(&employer);
    refused(
        s,
        company.amend_agreement(amend(&claimed)),
        CONFLICT,
        "REVIEW_CLAIMED",
    )
    .await;
    let freed = suite
        .reviews(&office)
        .release_review(bare(&claimed))
        .await
        .unwrap()
        .into_inner();
    let mut clerk = employer.clone();
    clerk.employer_role = Some("HR".to_owned());
    let (denied, why) = (Code::PermissionDenied, "MEMBER_MAY_NOT_SIGN");
    refused(
        s,
        suite.signing(&clerk).amend_agreement(amend(&freed)),
        denied,
        why,
    )
    .await;
    let amended = suite.amended(&employer, &freed).await;
    for revision in [1, 2] {
        let call = ApproveAgreementRequest {
            revision,
            ..approve(&amended)
        };
        let status = refused(
            s,
            suite.reviews(&office).approve_agreement(call),
            CONFLICT,
            TRANSITION,
        )
        .await;
        assert_eq!(stands(&status), "AMEND_PENDING_STUDENT");
    }
}

#[tokio::test]
async fn an_amendment_does_not_wait_for_ever() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let amended = suite.amended(&employer, &accepted).await;
    suite.service.advance(Duration::hours(72)).await;
    let read_token = suite.reads(&student, &amended).await;
    suite.service.advance(Duration::seconds(16)).await;
    let confirm = ConfirmAmendmentRequest {
        id: amended.id.clone(),
        revision: amended.revision,
        read_token,
        ..Default::default()
    };
    let mut me = suite.signing(&student.principal);
    refused(
        &suite,
        me.confirm_amendment(confirm),
        CONFLICT,
        "AMENDMENT_EXPIRED",
    )
    .await;
    refused(
        &suite,
        me.refuse_amendment(because(&amended)),
        CONFLICT,
        "AMENDMENT_EXPIRED",
    )
    .await;
}

#[tokio::test]
async fn a_wish_to_cancel_needs_the_other_party() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&suite.employer(), &student).await;
    let a = suite.accepted(&employer, &student).await;
    let (mut company, mut me) = (suite.signing(&employer), suite.signing(&student.principal));
    let s = &suite;
    let status = refused(s, me.request_cancel(because(&sent)), CONFLICT, TRANSITION).await;
    assert_eq!(stands(&status), "PENDING_STUDENT");
    refused(s, me.agree_cancel(bare(&a)), CONFLICT, "CANCEL_NONE").await;
    refused(s, me.withdraw_cancel(bare(&a)), CONFLICT, "CANCEL_NONE").await;
    let asked = me.request_cancel(because(&a)).await.unwrap().into_inner();
    refused(s, me.agree_cancel(bare(&asked)), CONFLICT, "NOT_YOUR_TURN").await;
    refused(s, me.request_cancel(because(&asked)), CONFLICT, "CANCEL_OPEN").await;
    refused(
        s,
        company.request_cancel(because(&asked)),
        CONFLICT,
        "CANCEL_OPEN",
    )
    .await;
    suite.service.advance(Duration::hours(73)).await;
    let mut company = suite.signing(&employer);
    refused(s, company.agree_cancel(bare(&asked)), CONFLICT, "CANCEL_NONE").await;
}

#[tokio::test]
async fn papers_are_refused_before_they_are_papers() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite
        .signing(&employer)
        .create_offer(offer(&student))
        .await
        .unwrap()
        .into_inner();
    let paper = |id: &str| DownloadAgreementRequest { id: id.to_owned() };
    let s = &suite;
    let mut client = suite.signing(&employer);
    refused(
        s,
        client.download_agreement(paper(&draft.id)),
        CONFLICT,
        "NO_DOCUMENT",
    )
    .await;
    let a = suite.accepted(&employer, &student).await;
    suite.documents.away(true);
    let mut client = suite.signing(&employer);
    let away = Code::Unavailable;
    refused(
        s,
        client.download_agreement(paper(&a.id)),
        away,
        "PEER_UNAVAILABLE",
    )
    .await;
    suite.documents.away(false);
    suite
        .reviews(&office())
        .approve_agreement(approve(&a))
        .await
        .unwrap();
    refused(
        s,
        client.download_agreement(paper(&a.id)),
        CONFLICT,
        "DOCUMENT_NOT_READY",
    )
    .await;
    let wrong = VerifySerialRequest {
        serial: a.serial.clone(),
        code: "AAAAAAAA".to_owned(),
    };
    let unknown = VerifySerialRequest {
        serial: "QH2026-10213-22222222X".to_owned(),
        code: a.verify_code,
    };
    let mut anybody = suite.anybody();
    let one = refused(s, anybody.verify_serial(wrong), Code::NotFound, "NOT_VERIFIED").await;
    let two = refused(s, anybody.verify_serial(unknown), Code::NotFound, "NOT_VERIFIED").await;
    assert_eq!(
        one.message(),
        two.message(),
        "a wrong code tells nothing of the serial"
    );
}

#[tokio::test]
async fn a_member_who_only_prepares_binds_the_employer_to_nothing() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let agreement = suite.accepted(&employer, &suite.student(SCHOOL).await).await;
    let mut clerk = employer.clone();
    clerk.employer_role = Some("HR".to_owned());
    let mut client = suite.signing(&clerk);
    let cancel = ReasonRequest {
        id: agreement.id.clone(),
        reason: "岗位取消，愿意协商".to_owned(),
        ..ReasonRequest::default()
    };
    let (denied, why) = (Code::PermissionDenied, "MEMBER_MAY_NOT_SIGN");
    refused(&suite, client.request_cancel(cancel), denied, why).await;
    let id = agreement.id.clone();
    let look = client.get_agreement(GetAgreementRequest { id }).await;
    for action in look.unwrap().into_inner().actions {
        // What the state itself forbids says so.
        let by_state = !["amend", "requestCancel"].contains(&action.name.as_str());
        assert!(
            !action.allowed && (by_state || action.reason_code == why),
            "{action:?}"
        );
    }
}
