//! Drafts, sending and editing.

use qihang_proto::contracts::v1::*;
use time::Duration;
use tonic::Code;

use super::{CONFLICT, TRANSITION, draft_with, everything, refused, refused_field, stands};
use crate::{
    neighbours::SCHOOL,
    suite::{Suite, because, edit, offer, reason, send, terms},
};

/// A fault in the terms, its reason and the field that is named.
type Case = (fn(&mut Terms), &'static str, &'static str);

#[tokio::test]
async fn a_draft_needs_an_admitted_employer_and_a_known_student() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let mut client = suite.signing(&employer);
    let other_name = CreateOfferRequest {
        student_name: "王强".to_owned(),
        ..offer(&student)
    };
    refused_field(
        &suite,
        client.create_offer(other_name),
        "STUDENT_NOT_FOUND",
        "studentNumber",
    )
    .await;
    let short = CreateOfferRequest {
        school_code: "10213".to_owned(),
        ..offer(&student)
    };
    refused_field(
        &suite,
        client.create_offer(short),
        "VALIDATION_FAILED",
        "schoolCode",
    )
    .await;
    let job = draft_with(&student, |terms| terms.job_category_code = "zz".to_owned());
    refused_field(
        &suite,
        client.create_offer(job),
        "CODE_UNKNOWN",
        "terms.jobCategoryCode",
    )
    .await;
    let place = draft_with(&student, |terms| terms.work_region_code = "999999".to_owned());
    refused_field(
        &suite,
        client.create_offer(place),
        "CODE_UNKNOWN",
        "terms.workRegionCode",
    )
    .await;
    suite.identity.away(true);
    let draft = client.create_offer(offer(&student));
    refused(&suite, draft, Code::Unavailable, "IDENTITY_UNAVAILABLE").await;
    suite.identity.away(false);
    suite
        .identity
        .employer_is(employer.employer_id.unwrap(), "SUSPENDED");
    refused(
        &suite,
        client.create_offer(offer(&student)),
        CONFLICT,
        "EMPLOYER_NOT_APPROVED",
    )
    .await;
}

#[tokio::test]
async fn terms_must_be_whole_and_lawful_to_be_sent() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let cases: [Case; 8] = [
        (|t| t.position.clear(), "TERMS_INCOMPLETE", "terms.position"),
        (|t| t.salary = 0, "TERMS_INCOMPLETE", "terms.salary"),
        (|t| t.archive = None, "TERMS_INCOMPLETE", "terms.archive.receiver"),
        (
            |t| t.household = None,
            "TERMS_INCOMPLETE",
            "terms.household.address",
        ),
        (
            |t| t.report_by = "2020-01-01".to_owned(),
            "TERMS_WRONG",
            "terms.reportBy",
        ),
        (|t| t.probation_months = 7, "TERMS_WRONG", "terms.probationMonths"),
        (
            |t| t.probation_salary = 6399,
            "TERMS_WRONG",
            "terms.probationSalary",
        ),
        (
            |t| t.other = "入职交 押 金".to_owned(),
            "TERMS_FORBIDDEN",
            "terms.other",
        ),
    ];
    let mut client = suite.signing(&employer);
    for (change, why, named) in cases {
        let draft = client
            .create_offer(draft_with(&student, change))
            .await
            .unwrap()
            .into_inner();
        refused_field(&suite, client.send_offer(send(&draft)), why, named).await;
    }
    let sent = suite.sent(&employer, &student).await;
    let bad = EditOfferRequest {
        terms: Some(Terms {
            other: "须交押金".to_owned(),
            ..terms()
        }),
        ..edit(&sent, 8000)
    };
    refused_field(&suite, client.edit_offer(bad), "TERMS_FORBIDDEN", "terms.other").await;
}

#[tokio::test]
async fn sending_wants_the_right_hand_time_and_version() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite.draft(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let long = SendOfferRequest {
        valid_days: 31,
        ..send(&draft)
    };
    refused_field(&suite, client.send_offer(long), "VALIDATION_FAILED", "validDays").await;
    let stale = SendOfferRequest {
        etag: "\"7\"".to_owned(),
        ..send(&draft)
    };
    refused(
        &suite,
        client.send_offer(stale),
        Code::Aborted,
        "VERSION_CONFLICT",
    )
    .await;
    let mut clerk = employer.clone();
    clerk.employer_role = Some("HR".to_owned());
    let by_clerk = (Code::PermissionDenied, "MEMBER_MAY_NOT_SIGN");
    refused(
        &suite,
        suite.signing(&clerk).send_offer(send(&draft)),
        by_clerk.0,
        by_clerk.1,
    )
    .await;
    suite
        .identity
        .employer_is(employer.employer_id.unwrap(), "SUSPENDED");
    refused(
        &suite,
        client.send_offer(send(&draft)),
        CONFLICT,
        "EMPLOYER_NOT_APPROVED",
    )
    .await;
    suite
        .identity
        .employer_is(employer.employer_id.unwrap(), "APPROVED");
}

#[tokio::test]
async fn a_pair_has_one_open_offer_and_three_a_year() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let status = refused(&suite, client.send_offer(send(&sent)), CONFLICT, TRANSITION).await;
    assert_eq!(stands(&status), "PENDING_STUDENT");
    let second = suite.draft(&employer, &student).await;
    refused(
        &suite,
        client.send_offer(send(&second)),
        Code::AlreadyExists,
        "OFFER_OPEN",
    )
    .await;
    client.withdraw_offer(because(&sent)).await.unwrap();
    for _ in 0..2 {
        let sent = suite.sent(&employer, &student).await;
        client.withdraw_offer(because(&sent)).await.unwrap();
    }
    refused(&suite, client.send_offer(send(&second)), CONFLICT, "OFFER_LIMIT").await;
    suite.service.advance(Duration::days(366)).await;
    suite.signing(&employer).send_offer(send(&second)).await.unwrap();
}

#[tokio::test]
async fn an_edit_never_shortens_the_offer_and_comes_in_time() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let shorter = EditOfferRequest {
        valid_days: 3,
        ..edit(&sent, 8000)
    };
    refused_field(
        &suite,
        suite.signing(&employer).edit_offer(shorter),
        "DEADLINE_SHRINKS",
        "validDays",
    )
    .await;
    suite.service.advance(Duration::days(9)).await;
    let late = suite
        .signing(&employer)
        .edit_offer(edit(&sent, 8000))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(reason(&late), "OFFER_EXPIRED");
    let mut client = suite.signing(&employer);
    refused(
        &suite,
        client.withdraw_offer(because(&sent)),
        CONFLICT,
        "OFFER_EXPIRED",
    )
    .await;
    let me = &student.principal;
    refused(
        &suite,
        suite.signing(me).decline_offer(because(&sent)),
        CONFLICT,
        "OFFER_EXPIRED",
    )
    .await;
    let read = CreateReadTokenRequest {
        id: sent.id.clone(),
        revision: 1,
    };
    refused(
        &suite,
        suite.signing(me).create_read_token(read),
        CONFLICT,
        "OFFER_EXPIRED",
    )
    .await;
}

#[tokio::test]
async fn a_request_id_stands_for_one_request() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let mut client = suite.signing(&employer);
    let once = CreateOfferRequest {
        request_id: suite.service.ctx.ids.new_id().to_string(),
        ..offer(&student)
    };
    let first = client.create_offer(once.clone()).await.unwrap().into_inner();
    let before = everything(&suite).await;
    assert_eq!(
        client.create_offer(once.clone()).await.unwrap().into_inner(),
        first
    );
    assert_eq!(before, everything(&suite).await, "a repeat changes nothing");
    let other = CreateOfferRequest {
        terms: Some(Terms {
            salary: 7800,
            ..terms()
        }),
        ..once
    };
    refused_field(
        &suite,
        client.create_offer(other),
        "REQUEST_ID_REUSED",
        "requestId",
    )
    .await;
}
