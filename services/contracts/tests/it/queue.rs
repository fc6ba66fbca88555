//! The school's one queue: what it shows, who claims, what a batch approves.

mod batch;

use std::collections::HashSet;

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    contracts::v1::{batch_approve_reviews_request::Item, review_service_client::ReviewServiceClient, *},
    messages::v1::{ReviewChanged, review_changed::Kind},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{Student, Suite, accept, approve, bare, offer, office, reason, reject, send, terms},
};

const KEY: &str = "identity.review.changed.v1";

fn moment(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: 0,
    }
}

/// A record of identity's that waits for a school.
fn waits(suite: &Suite, student: &Student, kind: Kind) -> ReviewChanged {
    ReviewChanged {
        kind: kind.into(),
        record_id: student.entry.id.clone(),
        version: 3,
        submission: 2,
        waiting: true,
        school_code: student.entry.school_code.clone(),
        department: DEPARTMENT.to_owned(),
        class_name: "软件一班".to_owned(),
        student_id: student.entry.id.clone(),
        cohort: 2026,
        level: 2,
        since: Some(moment(suite.service.clock.now())),
        plain: true,
        barred: Vec::new(),
    }
}

async fn hear(suite: &Suite, message: &ReviewChanged) {
    let id: Uuid = message.record_id.parse().unwrap();
    suite.service.deliver(KEY, id, message).await.unwrap();
}

async fn page(suite: &Suite, who: &Principal, request: ListReviewsRequest) -> ListReviewsResponse {
    let reply = suite.queue(who).list_reviews(request).await;
    reply.unwrap().into_inner()
}

async fn queue(suite: &Suite, who: &Principal) -> Vec<Review> {
    page(suite, who, ListReviewsRequest::default()).await.reviews
}

fn blocked(review: &Review, name: &str) -> String {
    let action = review.actions.iter().find(|action| action.name == name);
    action.unwrap().reason_code.clone()
}

/// An agreement on both sides signed whose terms leave nothing to be weighed.
async fn plain_agreement(suite: &Suite, school: &str) -> Agreement {
    let (employer, student) = (suite.employer(), suite.student(school).await);
    let terms = Terms {
        insurance: "五险一金".to_owned(),
        release: "升学、入伍可解除".to_owned(),
        ..terms()
    };
    let request = CreateOfferRequest {
        terms: Some(terms),
        ..offer(&student)
    };
    let mut client = suite.signing(&employer);
    let draft = client.create_offer(request).await.unwrap().into_inner();
    let sent = client.send_offer(send(&draft)).await.unwrap().into_inner();
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let accepted = suite
        .signing(&student.principal)
        .accept_offer(accept(&sent, &token))
        .await;
    accepted.unwrap().into_inner()
}

fn item(review: &Review) -> Item {
    Item {
        id: review.id.clone(),
        submission: review.submission.max(1),
    }
}

#[tokio::test]
async fn everything_that_waits_is_in_one_queue_the_oldest_first() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    hear(&suite, &waits(&suite, &student, Kind::Correction)).await;
    suite.service.advance(Duration::minutes(1)).await;
    let agreement = suite.accepted(&suite.employer(), &student).await;
    suite.service.advance(Duration::minutes(1)).await;
    hear(&suite, &waits(&suite, &student, Kind::Origin)).await;
    let reviews = queue(&suite, &office()).await;
    let kinds: Vec<_> = reviews.iter().map(|review| review.kind.as_str()).collect();
    assert_eq!(kinds, ["CORRECTION", "AGREEMENT", "ORIGIN"]);
    assert_eq!(reviews[1].record, format!("/v1/agreements/{}", agreement.id));
    for review in &reviews {
        assert_eq!(review.student_id, student.entry.id);
        assert!(review.student_name.contains('*'), "{}", review.student_name);
        assert!(!review.student_number.contains(&student.entry.student_number));
    }
    // The first page's token leads on; other filters refuse it.
    let first = ListReviewsRequest {
        page_size: 2,
        ..ListReviewsRequest::default()
    };
    let one = page(&suite, &office(), first.clone()).await;
    let next = ListReviewsRequest {
        page_token: one.next_page_token,
        ..first
    };
    assert_eq!(
        page(&suite, &office(), next.clone()).await.reviews[0].kind,
        "ORIGIN"
    );
    let other = ListReviewsRequest {
        only_plain: true,
        ..next
    };
    let refused = suite.queue(&office()).list_reviews(other).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_TOKEN_MISMATCH");
}

/// A record that is overdue and plain, and a call for help that is neither.
async fn early_and_late(suite: &Suite) {
    let (one, two) = (suite.student(SCHOOL).await, suite.student(SCHOOL).await);
    hear(suite, &waits(suite, &one, Kind::Origin)).await;
    suite.service.advance(Duration::hours(49)).await;
    let weighed = ReviewChanged {
        plain: false,
        class_name: "软件二班".to_owned(),
        cohort: 2027,
        ..waits(suite, &two, Kind::Help)
    };
    hear(suite, &weighed).await;
}

#[tokio::test]
async fn the_filters_narrow() {
    let suite = Suite::start().await;
    early_and_late(&suite).await;
    let kinds = async |request| {
        let reviews = page(&suite, &office(), request).await.reviews;
        reviews.into_iter().map(|review| review.kind).collect::<Vec<_>>()
    };
    let all = ListReviewsRequest::default;
    let origin = ["ORIGIN".to_owned()];
    let help = ["HELP".to_owned()];
    let only = |kind: &str| ListReviewsRequest {
        kinds: vec![kind.to_owned()],
        ..all()
    };
    assert_eq!(kinds(only("HELP")).await, help);
    assert_eq!(
        kinds(ListReviewsRequest {
            only_plain: true,
            ..all()
        })
        .await,
        origin
    );
    assert_eq!(
        kinds(ListReviewsRequest {
            only_overdue: true,
            ..all()
        })
        .await,
        origin
    );
    assert_eq!(
        kinds(ListReviewsRequest {
            cohort: 2027,
            ..all()
        })
        .await,
        help
    );
    let class_name = "软件一班".to_owned();
    assert_eq!(kinds(ListReviewsRequest { class_name, ..all() }).await, origin);
    let department = "外语学院".to_owned();
    assert!(kinds(ListReviewsRequest { department, ..all() }).await.is_empty());
    assert!(
        kinds(ListReviewsRequest {
            only_mine: true,
            ..all()
        })
        .await
        .is_empty()
    );
}

#[tokio::test]
async fn the_counts_tell_what_waits_what_is_late_and_what_is_plain() {
    let suite = Suite::start().await;
    early_and_late(&suite).await;
    let counts = suite.queue(&office()).count_reviews(CountReviewsRequest {}).await;
    let counts: Vec<_> = counts
        .unwrap()
        .into_inner()
        .counts
        .into_iter()
        .map(|count| (count.kind, count.waiting, count.overdue, count.plain))
        .collect();
    assert_eq!(
        counts,
        [("HELP".to_owned(), 1, 0, 0), ("ORIGIN".to_owned(), 1, 1, 1)]
    );
}

#[tokio::test]
async fn late_and_repeated_messages_change_nothing() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let asked = waits(&suite, &student, Kind::Origin);
    let decided = ReviewChanged {
        version: 4,
        waiting: false,
        level: 0,
        ..asked.clone()
    };
    // The later one comes first.
    hear(&suite, &decided).await;
    hear(&suite, &asked).await;
    assert!(queue(&suite, &office()).await.is_empty());
    let again = ReviewChanged {
        version: 5,
        submission: 3,
        ..asked.clone()
    };
    hear(&suite, &again).await;
    hear(
        &suite,
        &ReviewChanged {
            submission: 9,
            ..again
        },
    )
    .await;
    let reviews = queue(&suite, &office()).await;
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0].submission, 3);
}

#[tokio::test]
async fn the_queue_is_shown_without_names_while_identity_is_away() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    hear(&suite, &waits(&suite, &student, Kind::Origin)).await;
    suite.identity.away(true);
    let reviews = queue(&suite, &office()).await;
    assert_eq!((reviews.len(), reviews[0].student_name.as_str()), (1, ""));
}

#[tokio::test]
async fn an_agreement_leaves_the_queue_with_its_decision_and_changes_level_with_it() {
    let suite = Suite::start().await;
    let (department, school) = (
        testing::department_staff(TWO_LEVELS, DEPARTMENT),
        testing::school_staff(TWO_LEVELS),
    );
    let agreement = suite
        .accepted(&suite.employer(), &suite.student(TWO_LEVELS).await)
        .await;
    assert_eq!(queue(&suite, &department).await.len(), 1);
    assert!(queue(&suite, &school).await.is_empty());
    let below = ListReviewsRequest {
        level: 1,
        ..ListReviewsRequest::default()
    };
    let seen = page(&suite, &school, below).await.reviews;
    assert_eq!(blocked(&seen[0], "decide"), "NOT_YOUR_LEVEL");

    let passed = suite
        .reviews(&department)
        .approve_agreement(approve(&agreement))
        .await;
    let passed = passed.unwrap().into_inner();
    assert!(queue(&suite, &department).await.is_empty());
    assert_eq!(queue(&suite, &school).await.len(), 1);
    suite
        .reviews(&school)
        .reject_agreement(reject(&passed))
        .await
        .unwrap();
    assert!(queue(&suite, &school).await.is_empty());
}

#[tokio::test]
async fn others_neither_see_nor_claim_what_is_not_theirs() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    hear(&suite, &waits(&suite, &student, Kind::Origin)).await;
    let id = queue(&suite, &office()).await[0].id.clone();
    let strangers = [
        testing::school_staff(TWO_LEVELS),
        testing::department_staff(SCHOOL, "外语学院"),
        testing::class_staff(SCHOOL, DEPARTMENT, &["软件二班"]),
    ];
    for who in &strangers {
        assert!(queue(&suite, who).await.is_empty());
        let counts = suite
            .queue(who)
            .count_reviews(CountReviewsRequest {})
            .await
            .unwrap();
        let waiting = counts
            .into_inner()
            .counts
            .iter()
            .map(|one| one.waiting)
            .sum::<u32>();
        assert_eq!(waiting, 0);
        let claim = ClaimQueuedReviewRequest { id: id.clone() };
        let status = suite.queue(who).claim_queued_review(claim).await.unwrap_err();
        assert_eq!(reason(&status), "REVIEW_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_claim_keeps_another_off_for_ten_minutes() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    hear(&suite, &waits(&suite, &student, Kind::Origin)).await;
    suite.accepted(&suite.employer(), &student).await;
    let (one, other) = (office(), office());
    for review in queue(&suite, &one).await {
        let claim = ClaimQueuedReviewRequest {
            id: review.id.clone(),
        };
        let claimed = suite.queue(&one).claim_queued_review(claim.clone()).await;
        let claimed = claimed.unwrap().into_inner();
        assert!(
            claimed.claimed_by_me && !claimed.claimed_by.is_empty(),
            "{claimed:?}"
        );
        let status = suite
            .queue(&other)
            .claim_queued_review(claim.clone())
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "CLAIMED_BY_OTHER", "{}", review.kind);
        let release = ReleaseQueuedReviewRequest {
            id: review.id.clone(),
        };
        let status = suite
            .queue(&other)
            .release_queued_review(release)
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "CLAIMED_BY_OTHER", "{}", review.kind);
    }
    let seen = queue(&suite, &other).await;
    assert!(
        seen.iter()
            .all(|review| blocked(review, "decide") == "CLAIMED_BY_OTHER")
    );
    suite.service.advance(Duration::minutes(10)).await;
    let seen = queue(&suite, &other).await;
    assert!(
        seen.iter()
            .all(|review| blocked(review, "decide").is_empty() && review.claimed_by.is_empty())
    );
}

#[tokio::test]
async fn a_claim_of_the_agreement_page_is_seen_in_the_queue_and_given_back_there() {
    let suite = Suite::start().await;
    let agreement = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (one, other) = (office(), office());
    suite.reviews(&one).claim_review(bare(&agreement)).await.unwrap();
    let mine = ListReviewsRequest {
        only_mine: true,
        ..ListReviewsRequest::default()
    };
    let review = page(&suite, &one, mine).await.reviews.remove(0);
    let release = ReleaseQueuedReviewRequest {
        id: review.id.clone(),
    };
    let mut client = suite.queue(&one);
    assert!(
        !client
            .release_queued_review(release.clone())
            .await
            .unwrap()
            .into_inner()
            .claimed_by_me
    );
    // A second time there is nothing to give back.
    client.release_queued_review(release).await.unwrap();
    let seen = suite.seen(&other, &agreement).await;
    assert_eq!(seen.claim_expire_time, None);
}

#[tokio::test]
async fn nobody_reviews_what_they_made() {
    let suite = Suite::start().await;
    let (student, maker) = (suite.student(SCHOOL).await, office());
    let made = ReviewChanged {
        barred: vec![maker.account_id.to_string()],
        ..waits(&suite, &student, Kind::Origin)
    };
    hear(&suite, &made).await;
    let review = queue(&suite, &maker).await.remove(0);
    assert_eq!(blocked(&review, "decide"), "REVIEW_OWN_EDIT");
    let mut client = suite.queue(&maker);
    let next = client.claim_next_review(ClaimNextReviewRequest::default()).await;
    assert_eq!(next.unwrap().into_inner().review, None);
    let request = BatchApproveReviewsRequest {
        items: vec![item(&review)],
        request_id: String::new(),
    };
    let answer = client.batch_approve_reviews(request).await.unwrap().into_inner();
    assert_eq!(answer.results[0].reason_code, "REVIEW_OWN_EDIT");
    assert!(suite.origins.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_reviewers_at_once_each_gets_another_review() {
    const MANY: usize = 20;
    let suite = Suite::start().await;
    for index in 0..MANY {
        let student = suite.student(SCHOOL).await;
        if index % 2 == 0 {
            hear(&suite, &waits(&suite, &student, Kind::Origin)).await;
        } else {
            suite.accepted(&suite.employer(), &student).await;
        }
    }
    let calls = (0..MANY).map(|_| {
        let mut client = suite.queue(&office());
        async move { client.claim_next_review(ClaimNextReviewRequest::default()).await }
    });
    let mut claimed = HashSet::new();
    for answer in join_all(calls).await {
        let review = answer.unwrap().into_inner().review.unwrap();
        assert!(claimed.insert(review.id));
    }
    let mut client = suite.queue(&office());
    let none = client.claim_next_review(ClaimNextReviewRequest::default()).await;
    assert_eq!(none.unwrap().into_inner().review, None);
}

impl Suite {
    fn queue(
        &self,
        who: &Principal,
    ) -> ReviewServiceClient<
        tonic::service::interceptor::InterceptedService<qihang_kit::client::ServiceChannel, testing::Acting>,
    > {
        ReviewServiceClient::new(self.service.as_principal(who))
    }
}
