//! The student's signature.

use qihang_proto::{contracts::v1::*, identity::v1::DirectoryStudent};
use time::Duration;
use tonic::Code;

use super::{CONFLICT, TRANSITION, draft_with, refused, refused_field, stands};
use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, accept, edit, field, reason, send, terms},
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
async fn a_signature_needs_the_revision_read_long_enough() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let (sent, other) = (
        suite.sent(&employer, &student).await,
        suite.sent(&suite.employer(), &student).await,
    );
    let me = &student.principal;
    let token = suite.reads(&student, &sent).await;
    let foreign = suite.reads(&student, &other).await;
    suite.service.advance(Duration::seconds(14)).await;
    let early = suite
        .signing(me)
        .accept_offer(accept(&sent, &token))
        .await
        .unwrap_err();
    assert_eq!(reason(&early), "READ_TOKEN_EARLY");
    suite.service.advance(Duration::seconds(2)).await;
    let invented = suite.service.ctx.ids.new_id().to_string();
    for bad in [foreign.as_str(), invented.as_str(), "no token at all"] {
        let call = accept(&sent, bad);
        refused(
            &suite,
            suite.signing(me).accept_offer(call),
            CONFLICT,
            "READ_TOKEN_INVALID",
        )
        .await;
    }
    let edited = suite
        .signing(&employer)
        .edit_offer(edit(&sent, 7900))
        .await
        .unwrap()
        .into_inner();
    let old = AcceptOfferRequest {
        etag: String::new(),
        ..accept(&sent, &token)
    };
    refused(
        &suite,
        suite.signing(me).accept_offer(old),
        Code::Aborted,
        "REVISION_CHANGED",
    )
    .await;
    let mixed = accept(&edited, &token);
    refused(
        &suite,
        suite.signing(me).accept_offer(mixed),
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
        suite.signing(me).create_read_token(read),
        Code::Aborted,
        "REVISION_CHANGED",
    )
    .await;

    let token = suite.reads(&student, &edited).await;
    suite.service.advance(Duration::minutes(61)).await;
    let late = accept(&edited, &token);
    refused(
        &suite,
        suite.signing(me).accept_offer(late),
        CONFLICT,
        "READ_TOKEN_INVALID",
    )
    .await;
}

#[tokio::test]
async fn an_acceptance_needs_an_approved_record_both_places_and_a_free_slot() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let me = &student.principal;
    let bare_terms = draft_with(&student, |terms| {
        (terms.accepts_archive, terms.accepts_household) = (false, false);
        (terms.archive, terms.household) = (None, None);
    });
    let draft = suite
        .signing(&employer)
        .create_offer(bare_terms)
        .await
        .unwrap()
        .into_inner();
    let sent = suite
        .signing(&employer)
        .send_offer(send(&draft))
        .await
        .unwrap()
        .into_inner();
    let other = suite.sent(&suite.employer(), &student).await;
    let tokens = [
        suite.reads(&student, &sent).await,
        suite.reads(&student, &other).await,
    ];
    suite.service.advance(Duration::seconds(16)).await;
    let call = accept(&sent, &tokens[0]);
    correct(&suite, &student, false);
    refused(
        &suite,
        suite.signing(me).accept_offer(call.clone()),
        CONFLICT,
        "ORIGIN_NOT_APPROVED",
    )
    .await;
    correct(&suite, &student, true);
    suite.identity.away(true);
    let away = suite.signing(me).accept_offer(call.clone()).await.unwrap_err();
    assert_eq!(
        (away.code(), reason(&away).as_str()),
        (Code::Unavailable, "IDENTITY_UNAVAILABLE")
    );
    suite.identity.away(false);
    refused_field(
        &suite,
        suite.signing(me).accept_offer(call.clone()),
        "ARCHIVE_NEEDED",
        "archive.receiver",
    )
    .await;
    let filed = AcceptOfferRequest {
        archive: terms().archive,
        ..call
    };
    let homeless = suite.signing(me).accept_offer(filed.clone()).await.unwrap_err();
    assert_eq!(
        (reason(&homeless).as_str(), field(&homeless).as_str()),
        ("HOUSEHOLD_NEEDED", "household.address")
    );
    let whole = AcceptOfferRequest {
        household: terms().household,
        ..filed
    };
    let accepted = suite
        .signing(me)
        .accept_offer(whole.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(accepted.archive, terms().archive);
    assert_eq!(accepted.household, terms().household);

    let second = accept(&other, &tokens[1]);
    refused(
        &suite,
        suite.signing(me).accept_offer(second),
        CONFLICT,
        "SLOT_TAKEN",
    )
    .await;
    let again = AcceptOfferRequest {
        etag: accepted.etag.clone(),
        ..whole
    };
    let status = refused(
        &suite,
        suite.signing(me).accept_offer(again),
        CONFLICT,
        TRANSITION,
    )
    .await;
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
