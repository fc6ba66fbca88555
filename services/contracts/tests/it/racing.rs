//! Many at once, on real PostgreSQL: whatever the order, one truth remains.

use futures::future::join_all;
use qihang_proto::contracts::v1::*;
use time::Duration;
use tonic::Status;

use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, accept, amend, approve, edit, office, reason, reject, send},
};

/// Calls at once.
const MANY: usize = 50;

/// Reasons of those that were refused.
fn refused<T>(answers: &[Result<T, Status>]) -> Vec<String> {
    let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
    errors.map(reason).collect()
}

/// Slot and agreements of a student say the same.
async fn consistent(suite: &Suite) {
    let broken = suite
        .count(
            "SELECT count(*) FROM contracts.destination_slots s
             FULL JOIN (SELECT * FROM contracts.agreements
                        WHERE state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING')) a
               ON a.id = s.record_id
             WHERE (s.state <> 'FREE' AND a.id IS NULL) OR (a.id IS NOT NULL AND s.record_id IS NULL)
                OR (s.state = 'RESERVED' AND a.state NOT IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT'))
                OR (s.state = 'HELD' AND a.state <> 'EFFECTIVE')",
        )
        .await;
    assert_eq!(broken, 0, "slots and agreements differ");
}

/// Offers of so many employers to one student, read long enough.
async fn offers_read(suite: &Suite, student: &Student, number: usize) -> Vec<(Agreement, String)> {
    let mut offers = Vec::new();
    for _ in 0..number {
        let offer = suite.sent(&suite.employer(), student).await;
        let token = suite.reads(student, &offer).await;
        offers.push((offer, token));
    }
    suite.service.advance(Duration::seconds(16)).await;
    offers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_acceptances_of_one_student_one_wins() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let offers = offers_read(&suite, &student, MANY).await;
    let calls = offers.iter().map(|(offer, token)| {
        let mut client = suite.signing(&student.principal);
        let request = accept(offer, token);
        async move { client.accept_offer(request).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(refused(&answers), vec!["SLOT_TAKEN"; MANY - 1]);
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.agreements WHERE state = 'PENDING_REVIEW'")
            .await,
        1
    );
    // The others keep waiting and become actionable when the slot is free again.
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.agreements WHERE state = 'PENDING_STUDENT'")
            .await,
        MANY as i64 - 1
    );
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.signatures WHERE party = 'STUDENT'")
            .await,
        1
    );
    let accepted = |key: &&String| *key == "contracts.agreement.accepted.v1";
    assert_eq!(suite.keys().await.iter().filter(accepted).count(), 1);
    consistent(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_offers_of_one_employer_to_one_student_one_is_sent() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let employer = suite.employer();
    let mut drafts = Vec::new();
    for _ in 0..MANY {
        drafts.push(suite.draft(&employer, &student).await);
    }
    let calls = drafts.iter().map(|draft| {
        let mut client = suite.signing(&employer);
        let request = send(draft);
        async move { client.send_offer(request).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(refused(&answers), vec!["OFFER_OPEN"; MANY - 1]);
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.agreements WHERE state = 'PENDING_STUDENT'")
            .await,
        1
    );
    assert_eq!(
        suite
            .count("SELECT count(*) FROM contracts.agreements WHERE state = 'DRAFT'")
            .await,
        MANY as i64 - 1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptance_against_the_expiry_leaves_one_of_the_two() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    for round in 0..12u64 {
        let student = suite.student(SCHOOL).await;
        let (offer, token) = {
            let offer = suite.sent(&employer, &student).await;
            let until = offer.expire_time.unwrap();
            // Read shortly before the end.
            let end = time::OffsetDateTime::from_unix_timestamp(until.seconds).unwrap();
            suite.service.clock.set(end - Duration::minutes(2)).await;
            let token = suite.reads(&student, &offer).await;
            suite.service.advance(Duration::minutes(1)).await;
            (offer, token)
        };
        let mut client = suite.signing(&student.principal);
        let accepting = client.accept_offer(accept(&offer, &token));
        let expiring = async {
            // Sometimes the one is faster, sometimes the other.
            tokio::time::sleep(std::time::Duration::from_micros(round * 400)).await;
            suite.service.advance(Duration::minutes(2)).await;
            suite.service.run_tasks().await;
        };
        let (accepted, ()) = tokio::join!(accepting, expiring);
        let events = suite.events(&employer, &offer).await;
        let state = suite.seen(&employer, &offer).await.state();
        match accepted {
            Ok(_) => {
                assert_eq!(state, AgreementState::PendingReview);
                assert_eq!(events, ["draft", "send", "accept"]);
            }
            Err(status) => {
                assert!(
                    ["OFFER_EXPIRED", "INVALID_TRANSITION", "VERSION_CONFLICT"]
                        .contains(&reason(&status).as_str()),
                    "{status:?}"
                );
                assert_eq!(state, AgreementState::Expired);
                assert_eq!(events, ["draft", "send", "expire"]);
            }
        }
    }
    consistent(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptance_against_an_edit_never_signs_what_was_not_read() {
    let suite = Suite::start().await;
    for round in 0..12u64 {
        let employer = suite.employer();
        let student = suite.student(SCHOOL).await;
        let (offer, token) = offers_of(&suite, &employer, &student).await;
        // Without etags, so that the rules decide and not the version alone.
        let mut accepts = accept(&offer, &token);
        accepts.etag = String::new();
        let mut edits = edit(&offer, 7000);
        edits.etag = String::new();
        let (mut one, mut two) = (suite.signing(&student.principal), suite.signing(&employer));
        let pause = std::time::Duration::from_millis(round % 3);
        let (accepted, edited) = tokio::join!(
            async {
                tokio::time::sleep(pause).await;
                one.accept_offer(accepts).await
            },
            two.edit_offer(edits)
        );
        let now = suite.seen(&student.principal, &offer).await;
        match (accepted, edited) {
            (Ok(_), Err(late)) => {
                assert_eq!(reason(&late), "INVALID_TRANSITION");
                assert_eq!((now.state(), now.revision), (AgreementState::PendingReview, 1));
                assert_eq!(now.terms.unwrap().salary, 8000);
            }
            (Err(late), Ok(_)) => {
                assert_eq!(reason(&late), "REVISION_CHANGED");
                assert_eq!((now.state(), now.revision), (AgreementState::PendingStudent, 2));
                assert_eq!(now.signed_revision, 0);
            }
            other => panic!("both or neither: {other:?}"),
        }
    }
    consistent(&suite).await;
}

async fn offers_of(
    suite: &Suite,
    employer: &qihang_kit::auth::Principal,
    student: &Student,
) -> (Agreement, String) {
    let offer = suite.sent(employer, student).await;
    let token = suite.reads(student, &offer).await;
    suite.service.advance(Duration::seconds(16)).await;
    (offer, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amendment_against_the_approval_never_approves_what_is_not_signed() {
    let suite = Suite::start().await;
    for round in 0..12u64 {
        let employer = suite.employer();
        let student = suite.student(SCHOOL).await;
        let accepted = suite.accepted(&employer, &student).await;
        let (mut amends, mut approves) = (amend(&accepted), approve(&accepted));
        amends.etag = String::new();
        approves.etag = String::new();
        let (mut one, mut two) = (suite.signing(&employer), suite.reviews(&office()));
        let pause = std::time::Duration::from_micros(round * 400);
        let (amended, approved) = tokio::join!(
            async {
                tokio::time::sleep(pause).await;
                one.amend_agreement(amends).await
            },
            two.approve_agreement(approves)
        );
        let now = suite.seen(&employer, &accepted).await;
        let expected = match (&amended, &approved) {
            (Ok(_), Err(late)) => {
                assert_eq!(reason(late), "INVALID_TRANSITION");
                (AgreementState::AmendPendingStudent, 2, 1)
            }
            (Err(late), Ok(_)) => {
                assert_eq!(reason(late), "INVALID_TRANSITION");
                (AgreementState::Effective, 1, 1)
            }
            other => panic!("both or neither: {other:?}"),
        };
        assert_eq!((now.state(), now.revision, now.signed_revision), expected);
    }
    consistent(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_reviewers_at_once_one_decides() {
    let suite = Suite::start().await;
    for _ in 0..8 {
        let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
        let accepted = suite.accepted(&employer, &student).await;
        let (mut one, mut two) = (suite.reviews(&office()), suite.reviews(&office()));
        let (approved, rejected) = tokio::join!(
            one.approve_agreement(approve(&accepted)),
            two.reject_agreement(reject(&accepted))
        );
        assert_ne!(approved.is_ok(), rejected.is_ok());
        let late = approved.as_ref().err().or(rejected.as_ref().err()).unwrap();
        assert_eq!(reason(late), "VERSION_CONFLICT");
        let expected = if approved.is_ok() {
            AgreementState::Effective
        } else {
            AgreementState::SchoolRejected
        };
        assert_eq!(suite.seen(&employer, &accepted).await.state(), expected);
    }
    consistent(&suite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_claims_at_once_one_holds() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let accepted = suite.accepted(&employer, &student).await;
    let calls = (0..10).map(|_| {
        let mut client = suite.reviews(&office());
        let request = CommandRequest {
            id: accepted.id.clone(),
            ..CommandRequest::default()
        };
        async move { client.claim_review(request).await }
    });
    let answers = join_all(calls).await;
    assert_eq!(refused(&answers), vec!["CLAIMED_BY_OTHER"; 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_id_at_once_has_one_effect_and_one_answer() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let (offer, token) = offers_of(&suite, &employer, &student).await;
    let mut request = accept(&offer, &token);
    request.request_id = suite.service.ctx.ids.new_id().to_string();
    let calls = (0..10).map(|_| {
        let mut client = suite.signing(&student.principal);
        let request = request.clone();
        async move {
            client
                .accept_offer(request)
                .await
                .map(tonic::Response::into_inner)
        }
    });
    let answers: Vec<Agreement> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(suite.events(&employer, &offer).await, ["draft", "send", "accept"]);

    // Also while identity is away; another body under the same id is refused.
    suite.identity.away(true);
    let mut client = suite.signing(&student.principal);
    let again = client.accept_offer(request.clone()).await.unwrap().into_inner();
    assert_eq!(again, answers[0]);
    request.revision += 1;
    let other = client.accept_offer(request).await.unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_with_the_same_agreements_end_and_approve_each_once() {
    let suite = Suite::start().await;
    let mut items = Vec::new();
    for _ in 0..12 {
        let accepted = suite
            .accepted(&suite.employer(), &suite.student(SCHOOL).await)
            .await;
        items.push(ReviewItem {
            id: accepted.id,
            revision: accepted.signed_revision,
        });
    }
    let calls = (0..10).map(|number| {
        let mut client = suite.reviews(&office());
        let mut items = items.clone();
        if number % 2 == 1 {
            items.reverse();
        }
        let request = BatchApproveAgreementsRequest {
            items,
            request_id: suite.service.ctx.ids.new_id().to_string(),
        };
        async move {
            client
                .batch_approve_agreements(request)
                .await
                .unwrap()
                .into_inner()
        }
    });
    let results: Vec<ReviewResult> = join_all(calls)
        .await
        .into_iter()
        .flat_map(|answer| answer.results)
        .collect();
    assert_eq!(results.len(), 120);
    assert_eq!(results.iter().filter(|result| result.approved).count(), 12);
    assert!(
        results
            .iter()
            .filter(|result| !result.approved)
            .all(|result| result.code == "INVALID_TRANSITION")
    );
    consistent(&suite).await;
}
