//! What a batch approves, and in whose name.

use qihang_kit::auth::Role;
use qihang_proto::{
    contracts::v1::{batch_approve_reviews_request::Item, *},
    messages::v1::{ReviewChanged, review_changed::Kind},
};
use uuid::Uuid;

use super::{hear, item, plain_agreement, queue, waits};
use crate::{
    neighbours::SCHOOL,
    suite::{Suite, office},
};

/// Plain and other reviews of several kinds: the student whose record identity will refuse, and an agreement with hints.
async fn a_mixed_queue(suite: &Suite) -> (String, Agreement) {
    let (good, changed, weighed) = (
        suite.student(SCHOOL).await,
        suite.student(SCHOOL).await,
        suite.student(SCHOOL).await,
    );
    for student in [&good, &changed] {
        hear(suite, &waits(suite, student, Kind::Origin)).await;
    }
    let own = ReviewChanged {
        plain: false,
        ..waits(suite, &weighed, Kind::Origin)
    };
    hear(suite, &own).await;
    hear(suite, &waits(suite, &good, Kind::Correction)).await;
    suite.origins.refuse(&changed.entry.id);
    plain_agreement(suite, SCHOOL).await;
    let hinted = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    (changed.entry.id, hinted)
}

#[tokio::test]
async fn a_batch_approves_what_is_plain_of_every_kind_in_the_callers_name() {
    let suite = Suite::start().await;
    let (changed, hinted) = a_mixed_queue(&suite).await;
    let who = office();
    let reviews = queue(&suite, &who).await;
    let mut items: Vec<Item> = reviews.iter().map(item).collect();
    items.push(Item {
        id: Uuid::max().to_string(),
        submission: 1,
    });
    let request = BatchApproveReviewsRequest {
        items,
        request_id: suite.service.ctx.ids.new_id().to_string(),
    };
    let mut client = suite.queue(&who);
    let answer = client
        .batch_approve_reviews(request.clone())
        .await
        .unwrap()
        .into_inner();
    let codes: Vec<&str> = answer
        .results
        .iter()
        .map(|result| result.reason_code.as_str())
        .collect();
    let expected: Vec<&str> = reviews
        .iter()
        .map(|review| match review.kind.as_str() {
            "CORRECTION" => "REVIEW_NO_BATCH",
            _ if !review.plain => "REVIEW_NOT_PLAIN",
            _ if review.student_id == changed => "VERSION_CONFLICT",
            _ => "",
        })
        .chain(["REVIEW_NOT_FOUND"])
        .collect();
    assert_eq!(codes, expected);
    assert_eq!(answer.approved_count, 2);
    let hinted = suite.seen(&who, &hinted).await;
    assert_eq!(hinted.state(), AgreementState::PendingReview);

    // Identity was asked by the reviewer, not by this service.
    let asked = suite.origins.asked();
    assert_eq!(asked.len(), 1);
    let (role, account, batch) = &asked[0];
    assert_eq!((*role, *account), (Role::School, who.account_id));
    assert_eq!(batch.items.len(), 2);
    assert!(batch.items.iter().all(|item| item.version == 2));

    // A repeat is the same answer, and nobody is asked again.
    let again = client.batch_approve_reviews(request).await.unwrap().into_inner();
    assert_eq!(again, answer);
    assert_eq!(suite.origins.asked().len(), 1);
}

#[tokio::test]
async fn a_batch_approves_only_what_was_looked_at() {
    let suite = Suite::start().await;
    let agreement = plain_agreement(&suite, SCHOOL).await;
    let review = queue(&suite, &office()).await.remove(0);
    assert!(review.plain);
    let stale = BatchApproveReviewsRequest {
        items: vec![Item {
            id: review.id.clone(),
            submission: 7,
        }],
        request_id: String::new(),
    };
    let answer = suite.queue(&office()).batch_approve_reviews(stale).await;
    assert_eq!(
        answer.unwrap().into_inner().results[0].reason_code,
        "VERSION_CONFLICT"
    );
    let seen = suite.seen(&office(), &agreement).await;
    assert_eq!(seen.state(), AgreementState::PendingReview);
}
