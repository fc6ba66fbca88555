//! The school's side: queues, levels, scope, claims and batches.

use std::slice;

use qihang_kit::{auth::Principal, testing};
use qihang_proto::{contracts::v1::*, messages::v1::OriginCorrected};
use time::Duration;

use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{Suite, accept, amend, approve, bare, may, office, reason, reject},
};

async fn queue(suite: &Suite, who: &Principal) -> Vec<String> {
    let request = ListAgreementReviewsRequest::default();
    let reply = suite.reviews(who).list_agreement_reviews(request).await.unwrap();
    let agreements = reply.into_inner().agreements;
    agreements.into_iter().map(|agreement| agreement.id).collect()
}

#[tokio::test]
async fn two_levels_decide_one_after_the_other() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(TWO_LEVELS).await);
    let accepted = suite.accepted(&employer, &student).await;
    assert_eq!(accepted.waiting_for, "DEPARTMENT");
    let department = testing::department_staff(TWO_LEVELS, DEPARTMENT);
    let school = testing::school_staff(TWO_LEVELS);
    assert_eq!(queue(&suite, &department).await, slice::from_ref(&accepted.id));
    assert!(queue(&suite, &school).await.is_empty());
    let status = suite
        .reviews(&school)
        .approve_agreement(approve(&accepted))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "NOT_YOUR_LEVEL");

    let passed = suite
        .reviews(&department)
        .approve_agreement(approve(&accepted))
        .await
        .unwrap();
    let passed = passed.into_inner();
    assert!(passed.department_passed);
    assert_eq!(
        (passed.state(), passed.waiting_for.as_str()),
        (AgreementState::PendingReview, "SCHOOL")
    );
    assert!(queue(&suite, &department).await.is_empty());
    assert_eq!(queue(&suite, &school).await, slice::from_ref(&accepted.id));
    let mut reviews = suite.reviews(&school);
    let done = reviews.approve_agreement(approve(&passed)).await.unwrap();
    assert_eq!(done.into_inner().state(), AgreementState::Effective);
    let keys = suite.keys().await;
    assert!(
        keys.contains(&"contracts.agreement.level_passed.v1".to_owned()),
        "{keys:?}"
    );
}

#[tokio::test]
async fn staff_of_a_class_reviews_its_students_as_they_were_when_they_signed() {
    let suite = Suite::start().await;
    let (employer, mut student) = (suite.employer(), suite.student(TWO_LEVELS).await);
    let [first, second] =
        ["软件一班", "软件二班"].map(|class| testing::class_staff(TWO_LEVELS, DEPARTMENT, &[class]));
    student.entry.class_name = "软件一班".to_owned();
    suite.identity.enrol(student.entry.clone());
    let sent = suite.sent(&employer, &student).await;
    // The student changes class between the offer and the signature.
    student.entry.class_name = "软件二班".to_owned();
    suite.identity.enrol(student.entry.clone());
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let accepted = suite
        .signing(&student.principal)
        .accept_offer(accept(&sent, &token))
        .await;
    let accepted = accepted.unwrap().into_inner();
    assert!(queue(&suite, &first).await.is_empty());
    let hidden = suite.reviews(&first).approve_agreement(approve(&accepted)).await;
    assert_eq!(reason(&hidden.unwrap_err()), "AGREEMENT_NOT_FOUND");
    assert_eq!(queue(&suite, &second).await, slice::from_ref(&accepted.id));
    assert_eq!(suite.seen(&second, &accepted).await.id, accepted.id);
    let passed = suite.reviews(&second).approve_agreement(approve(&accepted)).await;
    assert!(passed.unwrap().into_inner().department_passed);
}

#[tokio::test]
async fn a_change_starts_the_review_again_at_the_first_level() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(TWO_LEVELS).await);
    let accepted = suite.accepted(&employer, &student).await;
    let department = testing::department_staff(TWO_LEVELS, DEPARTMENT);
    let school = testing::school_staff(TWO_LEVELS);
    let mut reviews = suite.reviews(&department);
    let passed = reviews.approve_agreement(approve(&accepted)).await.unwrap();
    let passed = passed.into_inner();
    let amended = suite
        .signing(&employer)
        .amend_agreement(amend(&passed))
        .await
        .unwrap()
        .into_inner();
    let token = suite.reads(&student, &amended).await;
    suite.service.advance(Duration::seconds(16)).await;
    let request = ConfirmAmendmentRequest {
        id: amended.id.clone(),
        revision: 2,
        read_token: token,
        ..ConfirmAmendmentRequest::default()
    };
    let again = suite
        .signing(&student.principal)
        .confirm_amendment(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.waiting_for, "DEPARTMENT");
    assert_eq!(queue(&suite, &department).await, slice::from_ref(&again.id));
    assert!(queue(&suite, &school).await.is_empty());
    let mut reviews = suite.reviews(&school);
    let status = reviews.approve_agreement(approve(&again)).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_YOUR_LEVEL");
}

#[tokio::test]
async fn others_do_not_see_what_is_not_theirs() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let offer = suite.sent(&employer, &student).await;
    let accepted = suite.accepted(&suite.employer(), &student).await;
    let stranger = suite.student(SCHOOL).await;
    let strangers = [
        suite.employer(),
        stranger.principal.clone(),
        testing::school_staff(TWO_LEVELS),
        testing::department_staff(SCHOOL, "外语学院"),
        testing::class_staff(SCHOOL, DEPARTMENT, &["软件二班"]),
    ];
    for who in &strangers {
        let request = GetAgreementRequest {
            id: accepted.id.clone(),
        };
        let status = suite.signing(who).get_agreement(request).await.unwrap_err();
        assert_eq!(reason(&status), "AGREEMENT_NOT_FOUND", "{:?}", who.role);
    }
    for who in &strangers[2..] {
        let status = suite
            .reviews(who)
            .approve_agreement(approve(&accepted))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "AGREEMENT_NOT_FOUND");
    }
    // An offer is nobody's business but the parties'.
    let request = GetAgreementRequest { id: offer.id.clone() };
    let status = suite.signing(&office()).get_agreement(request).await.unwrap_err();
    assert_eq!(reason(&status), "AGREEMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_claim_keeps_other_reviewers_out_until_it_is_given_back() {
    let suite = Suite::start().await;
    let accepted = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (one, other) = (office(), office());
    let claimed = suite
        .reviews(&one)
        .claim_review(bare(&accepted))
        .await
        .unwrap()
        .into_inner();
    assert!(claimed.claim_expire_time.is_some());
    let seen = suite.seen(&other, &claimed).await;
    assert_eq!(may(&seen, "approve"), Err("CLAIMED_BY_OTHER".to_owned()));
    let status = suite
        .reviews(&other)
        .reject_agreement(reject(&claimed))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "CLAIMED_BY_OTHER");
    let given = suite
        .reviews(&one)
        .release_review(bare(&claimed))
        .await
        .unwrap()
        .into_inner();
    suite
        .reviews(&other)
        .approve_agreement(approve(&given))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_batch_approves_what_it_can_and_says_what_it_could_not() {
    let suite = Suite::start().await;
    let one = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let foreign = suite
        .accepted(&suite.employer(), &suite.student(TWO_LEVELS).await)
        .await;
    let two = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let item = |agreement: &Agreement, revision| ReviewItem {
        id: agreement.id.clone(),
        revision,
    };
    let request = BatchApproveAgreementsRequest {
        items: vec![item(&two, 1), item(&foreign, 1), item(&one, 7), item(&one, 1)],
        request_id: suite.service.ctx.ids.new_id().to_string(),
    };
    let who = office();
    let mut client = suite.reviews(&who);
    let answer = client
        .batch_approve_agreements(request.clone())
        .await
        .unwrap()
        .into_inner();
    let codes: Vec<_> = answer
        .results
        .iter()
        .map(|result| (result.id.clone(), result.code.as_str()))
        .collect();
    assert_eq!(
        codes,
        [
            (two.id.clone(), ""),
            (foreign.id.clone(), "AGREEMENT_NOT_FOUND"),
            (one.id.clone(), "REVISION_CHANGED"),
            (one.id.clone(), "")
        ]
    );
    assert!(answer.results[1].message.contains("没有这份协议"));
    // A repeat is the same answer and no second effect.
    let again = client
        .batch_approve_agreements(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, answer);
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.history WHERE event = 'approve'")
            .await,
        2
    );
}

#[tokio::test]
async fn the_longest_waiting_come_first_page_by_page() {
    let suite = Suite::start().await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let accepted = suite
            .accepted(&suite.employer(), &suite.student(SCHOOL).await)
            .await;
        waiting.push(accepted.id);
    }
    let mut client = suite.reviews(&office());
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAgreementReviewsRequest {
            page_size: 2,
            page_token,
            department: DEPARTMENT.to_owned(),
        };
        let page = client.list_agreement_reviews(request).await.unwrap().into_inner();
        seen.extend(page.agreements.into_iter().map(|agreement| agreement.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, waiting);
}

#[tokio::test]
async fn a_correction_after_the_signing_is_noted_and_changes_nothing_that_was_signed() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let offered = suite.sent(&employer, &student).await;
    let signed = suite.accepted(&suite.employer(), &student).await;
    let before = suite.seen(&student.principal, &signed).await;
    let message = OriginCorrected {
        student_id: student.entry.id.clone(),
        correction_id: suite.service.ctx.ids.new_id().to_string(),
        fields: vec!["major".to_owned()],
        school_code: SCHOOL.to_owned(),
        version: 2,
    };
    let (key, id) = (
        "identity.origin.corrected.v1",
        student.principal.student_id.unwrap(),
    );
    suite.service.deliver(key, id, &message).await.unwrap();
    let after = suite.seen(&student.principal, &signed).await;
    let [note] = after.correction_notes.as_slice() else {
        panic!("{:?}", after.correction_notes)
    };
    assert_eq!(note.fields, ["major"]);
    assert_eq!(
        (&after.terms, &after.student, after.revision),
        (&before.terms, &before.student, before.revision)
    );
    // What nobody has signed has nothing to note.
    let open = suite.seen(&student.principal, &offered).await;
    assert!(open.correction_notes.is_empty());
}
