//! Offers are sent and accepted when the calendar lets them be.

use qihang_proto::{
    contracts::v1::{Agreement, CommandRequest},
    identity::v1::{DirectoryStudent, DirectoryWindow},
};
use time::{Duration, OffsetDateTime};
use tonic::Code;

use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, accept, reason, send},
};

fn stamp(time: OffsetDateTime) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: 0,
    })
}

/// Identity says from when to when the student may sign, counted from now.
fn signs_within(suite: &Suite, student: &Student, from: Duration, to: Duration) {
    let now = suite.service.clock.now();
    suite.identity.enrol(DirectoryStudent {
        signing_window: Some(DirectoryWindow {
            open_time: stamp(now + from),
            close_time: stamp(now + to),
        }),
        ..student.entry.clone()
    });
}

#[tokio::test]
async fn an_offer_is_sent_inside_the_window_only() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite.draft(&employer, &student).await;
    signs_within(&suite, &student, Duration::HOUR, Duration::days(30));
    let refused = suite
        .signing(&employer)
        .send_offer(send(&draft))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "WINDOW_CLOSED")
    );
    assert!(refused.message().contains("网上签约的时间为"), "{refused}");
    let seen = suite.seen(&employer, &draft).await;
    assert_eq!((seen.state(), &seen.etag), (draft.state(), &draft.etag));
    suite.service.advance(Duration::HOUR + Duration::SECOND).await;
    suite.signing(&employer).send_offer(send(&draft)).await.unwrap();
}

#[tokio::test]
async fn an_offer_is_accepted_inside_the_window_only() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(20)).await;
    signs_within(&suite, &student, -Duration::days(30), -Duration::SECOND);
    let mut client = suite.signing(&student.principal);
    let refused = client.accept_offer(accept(&sent, &token)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "WINDOW_CLOSED")
    );
    // The school gives more time: the same offer can be accepted, and what is accepted stays so after the end.
    signs_within(&suite, &student, -Duration::days(30), Duration::HOUR);
    let accepted = client
        .accept_offer(accept(&sent, &token))
        .await
        .unwrap()
        .into_inner();
    suite.service.advance(Duration::days(1)).await;
    // Tokens of the day before are of no use.
    let mut client = suite.signing(&student.principal);
    let again = client.accept_offer(accept(&accepted, &token)).await.unwrap_err();
    assert_eq!(reason(&again), "INVALID_TRANSITION");
}

/// What the student's button of accepting says; empty when it may be pressed.
fn hindrance(offer: &Agreement) -> &str {
    let mut buttons = offer.actions.iter();
    let button = buttons.find(|action| action.name == "accept").unwrap();
    assert_eq!(button.allowed, button.reason.is_empty());
    &button.reason_code
}

#[tokio::test]
async fn the_button_says_what_accepting_would() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let seen = suite.seen(&student.principal, &sent).await;
    assert_eq!(hindrance(&seen), "");
    signs_within(&suite, &student, -Duration::days(30), -Duration::SECOND);
    let seen = suite.seen(&student.principal, &sent).await;
    assert_eq!(hindrance(&seen), "WINDOW_CLOSED");
    signs_within(&suite, &student, -Duration::days(30), Duration::HOUR);
    suite
        .identity
        .employer_is(employer.employer_id.unwrap(), "FROZEN");
    let request = CommandRequest {
        id: sent.id.clone(),
        ..CommandRequest::default()
    };
    let opened = suite.signing(&student.principal).open_offer(request).await;
    assert_eq!(hindrance(opened.unwrap().get_ref()), "EMPLOYER_FROZEN");
    let seen = suite.seen(&student.principal, &sent).await;
    assert_eq!(hindrance(&seen), "EMPLOYER_FROZEN");
}
