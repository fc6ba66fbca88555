//! The student's signature.

use qihang_proto::{contracts::v1::*, identity::v1::DirectoryStudent};
use time::Duration;
use tonic::Code;

use super::{CONFLICT, TRANSITION, draft_with, refused, refused_field, stands};
use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, accept, edit, reason, send, terms},
};

/// One fact of a student changes at identity.
fn correct(suite: &Suite, student: &Student, origin_approved: bool) {
    let entry = student.entry.clone();
    suite.identity.enrol(DirectoryStudent {
        origin_approved,
        ..entry
    });
}

#[tokio::test]
async fn a_signature_needs_a_read_token_of_its_own_and_fifteen_seconds() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let sent = suite.sent(&suite.employer(), &student).await;
    let other = suite.sent(&suite.employer(), &student).await;
    let token = suite.reads(&student, &sent).await;
    let foreign = suite.reads(&student, &other).await;
    let mut me = suite.signing(&student.principal);
    suite.service.advance(Duration::milliseconds(14_999)).await;
    refused(
        &suite,
        me.accept_offer(accept(&sent, &token)),
        CONFLICT,
        "READ_TOKEN_EARLY",
    )
    .await;
    suite.service.advance(Duration::MILLISECOND).await;
    let invented = suite.service.ctx.ids.new_id().to_string();
    for bad in [foreign.as_str(), invented.as_str(), "no token at all"] {
        refused(
            &suite,
            me.accept_offer(accept(&sent, bad)),
            CONFLICT,
            "READ_TOKEN_INVALID",
        )
        .await;
    }
    suite.service.advance(Duration::HOUR).await;
    let mut me = suite.signing(&student.principal);
    refused(
        &suite,
        me.accept_offer(accept(&sent, &token)),
        CONFLICT,
        "READ_TOKEN_INVALID",
    )
    .await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(15)).await;
    me.accept_offer(accept(&sent, &token)).await.unwrap();
}

#[tokio::test]
async fn what_was_read_before_an_edit_signs_nothing() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let edited = suite
        .signing(&employer)
        .edit_offer(edit(&sent, 7900))
        .await
        .unwrap()
        .into_inner();
    let mut me = suite.signing(&student.principal);
    let old = AcceptOfferRequest {
        etag: String::new(),
        ..accept(&sent, &token)
    };
    refused(&suite, me.accept_offer(old), Code::Aborted, "REVISION_CHANGED").await;
    refused(
        &suite,
        me.accept_offer(accept(&sent, &token)),
        Code::Aborted,
        "VERSION_CONFLICT",
    )
    .await;
    refused(
        &suite,
        me.accept_offer(accept(&edited, &token)),
        CONFLICT,
        "READ_TOKEN_INVALID",
    )
    .await;
    let read = CreateReadTokenRequest {
        id: sent.id.clone(),
        revision: 1,
    };
    refused(
        &suite,
        me.create_read_token(read),
        Code::Aborted,
        "REVISION_CHANGED",
    )
    .await;
}

#[tokio::test]
async fn an_acceptance_needs_an_approved_record_and_identitys_word() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let sent = suite.sent(&suite.employer(), &student).await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let mut me = suite.signing(&student.principal);
    let call = accept(&sent, &token);
    correct(&suite, &student, false);
    refused(
        &suite,
        me.accept_offer(call.clone()),
        CONFLICT,
        "ORIGIN_NOT_APPROVED",
    )
    .await;
    correct(&suite, &student, true);
    suite.identity.away(true);
    refused(
        &suite,
        me.accept_offer(call.clone()),
        Code::Unavailable,
        "IDENTITY_UNAVAILABLE",
    )
    .await;
    suite.identity.away(false);
    me.accept_offer(call).await.unwrap();
}

#[tokio::test]
async fn the_student_names_the_places_that_the_employer_does_not_offer() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let placeless = draft_with(&student, |terms| {
        (terms.accepts_archive, terms.accepts_household) = (false, false);
        (terms.archive, terms.household) = (None, None);
    });
    let mut company = suite.signing(&employer);
    let draft = company.create_offer(placeless).await.unwrap().into_inner();
    let sent = company.send_offer(send(&draft)).await.unwrap().into_inner();
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let mut me = suite.signing(&student.principal);
    let call = accept(&sent, &token);
    let (file, home) = ("ARCHIVE_NEEDED", "HOUSEHOLD_NEEDED");
    refused_field(&suite, me.accept_offer(call.clone()), file, "archive.receiver").await;
    let filed = AcceptOfferRequest {
        archive: terms().archive,
        ..call
    };
    refused_field(&suite, me.accept_offer(filed.clone()), home, "household.address").await;
    let whole = AcceptOfferRequest {
        household: terms().household,
        ..filed
    };
    let accepted = me.accept_offer(whole).await.unwrap().into_inner();
    assert_eq!(
        (accepted.archive, accepted.household),
        (terms().archive, terms().household)
    );
}

#[tokio::test]
async fn a_taken_slot_refuses_the_second_signature() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL).await;
    let other = suite.sent(&suite.employer(), &student).await;
    let token = suite.reads(&student, &other).await;
    let accepted = suite.accepted(&suite.employer(), &student).await;
    let mut me = suite.signing(&student.principal);
    refused(
        &suite,
        me.accept_offer(accept(&other, &token)),
        CONFLICT,
        "SLOT_TAKEN",
    )
    .await;
    let again = me.accept_offer(accept(&accepted, &token));
    let status = refused(&suite, again, CONFLICT, TRANSITION).await;
    assert_eq!(stands(&status), "PENDING_REVIEW");
}

#[tokio::test]
async fn an_offer_is_good_to_its_last_moment_and_no_longer() {
    let suite = Suite::start().await;
    for (late, expected) in [
        (Duration::ZERO, None),
        (Duration::MILLISECOND, Some("OFFER_EXPIRED")),
    ] {
        let student = suite.student(SCHOOL).await;
        let sent = suite.sent(&suite.employer(), &student).await;
        let end = sent.expire_time.unwrap();
        let end = time::OffsetDateTime::from_unix_timestamp(end.seconds).unwrap()
            + Duration::nanoseconds(end.nanos.into());
        suite.service.clock.set(end - Duration::minutes(1)).await;
        let token = suite.reads(&student, &sent).await;
        suite.service.clock.set(end + late).await;
        let answer = suite
            .signing(&student.principal)
            .accept_offer(accept(&sent, &token))
            .await;
        assert_eq!(
            answer.err().as_ref().map(reason).as_deref(),
            expected,
            "{late} after the end"
        );
    }
}
