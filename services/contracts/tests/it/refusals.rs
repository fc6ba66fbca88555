//! What is refused says why, in Chinese and with a stable reason, and changes nothing.

use std::future::Future;

use qihang_kit::testing;
use qihang_proto::{contracts::v1::*, identity::v1::DirectoryStudent};
use time::Duration;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{
        Student, Suite, accept, amend, approve, bare, because, edit, field, offer, office, reason, reject,
        send, terms,
    },
};

/// Every row that commands write, to be compared before and after what must change nothing.
async fn everything(suite: &Suite) -> String {
    let tables = [
        "contracts.agreements",
        "contracts.revisions",
        "contracts.signatures",
        "contracts.history",
        "contracts.destination_slots",
        "outbox",
        "idempotency_keys",
    ];
    let mut all = String::new();
    for table in tables {
        let sql = format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]')::text FROM {table} t"
        );
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&suite.service.db.pool)
            .await
            .unwrap();
        all.push_str(&rows);
        all.push('\n');
    }
    all
}

/// Makes a call that must be refused for one reason and leave everything as it was.
async fn refused<T>(
    suite: &Suite,
    call: impl Future<Output = Result<Response<T>, Status>>,
    code: Code,
    why: &str,
) -> Status {
    let before = everything(suite).await;
    let status = call.await.map(|_| ()).unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (code, why),
        "{status:?}"
    );
    let message = status.get_details_localized_message().unwrap();
    assert_eq!(message.locale, "zh-CN");
    assert!(message.message.chars().any(|character| character > '\u{2e80}'));
    assert_eq!(before, everything(suite).await, "{why} changed something");
    status
}

/// The same, where a field is named.
async fn refused_field<T>(
    suite: &Suite,
    call: impl Future<Output = Result<Response<T>, Status>>,
    why: &str,
    named: &str,
) {
    let status = refused(suite, call, Code::InvalidArgument, why).await;
    assert_eq!(field(&status), named);
}

/// A refused transition tells the state that stands.
fn stands(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    info.metadata.get("from").cloned().unwrap_or_default()
}

/// One fact of a student changes at identity.
fn correct(suite: &Suite, student: &Student, origin_approved: bool) {
    let entry = student.entry.clone();
    suite.identity.enrol(DirectoryStudent {
        origin_approved,
        ..entry
    });
}

fn draft_with(student: &Student, change: impl FnOnce(&mut Terms)) -> CreateOfferRequest {
    let mut terms = terms();
    change(&mut terms);
    CreateOfferRequest {
        terms: Some(terms),
        ..offer(student)
    }
}

const GONE: (Code, &str) = (Code::NotFound, "AGREEMENT_NOT_FOUND");
const CONFLICT: Code = Code::FailedPrecondition;
const TRANSITION: &str = "INVALID_TRANSITION";

#[tokio::test]
async fn a_draft_is_its_employers_alone() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite.draft(&employer, &student).await;
    let get = || GetAgreementRequest { id: draft.id.clone() };
    let (code, why) = GONE;
    let strangers = [
        student.principal.clone(),
        suite.employer(),
        office(),
        testing::department_staff(SCHOOL, DEPARTMENT),
    ];
    for stranger in &strangers {
        refused(&suite, suite.signing(stranger).get_agreement(get()), code, why).await;
    }
    let me = &student.principal;
    refused(&suite, suite.signing(me).open_offer(bare(&draft)), code, why).await;
    refused(
        &suite,
        suite.signing(me).decline_offer(because(&draft)),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(me).accept_offer(accept(&draft, "x")),
        code,
        why,
    )
    .await;
    let mine = suite
        .signing(me)
        .list_my_offers(ListAgreementsRequest::default())
        .await;
    assert!(mine.unwrap().into_inner().agreements.is_empty());
    suite.signing(&employer).get_agreement(get()).await.unwrap();
}

#[tokio::test]
async fn another_partys_agreement_is_not_found_by_any_call() {
    let suite = Suite::start().await;
    let agreement = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (a, id) = (&agreement, agreement.id.clone());
    let (code, why) = GONE;
    let employer = suite.employer();
    refused(
        &suite,
        suite.signing(&employer).amend_agreement(amend(a)),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(&employer).edit_offer(edit(a, 9000)),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(&employer).withdraw_offer(because(a)),
        code,
        why,
    )
    .await;
    refused(&suite, suite.signing(&employer).send_offer(send(a)), code, why).await;
    let again = ReofferAgreementRequest {
        id: id.clone(),
        request_id: String::new(),
    };
    refused(
        &suite,
        suite.signing(&employer).reoffer_agreement(again),
        code,
        why,
    )
    .await;

    let student = suite.student(SCHOOL).await.principal;
    let read = CreateReadTokenRequest {
        id: id.clone(),
        revision: 1,
    };
    refused(&suite, suite.signing(&student).create_read_token(read), code, why).await;
    refused(
        &suite,
        suite.signing(&student).accept_offer(accept(a, "x")),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(&student).refuse_amendment(because(a)),
        code,
        why,
    )
    .await;

    for staff in [
        testing::school_staff(TWO_LEVELS),
        testing::department_staff(SCHOOL, "法学院"),
    ] {
        refused(&suite, suite.reviews(&staff).claim_review(bare(a)), code, why).await;
        refused(
            &suite,
            suite.reviews(&staff).approve_agreement(approve(a)),
            code,
            why,
        )
        .await;
        refused(
            &suite,
            suite.reviews(&staff).reject_agreement(reject(a)),
            code,
            why,
        )
        .await;
        let mut reviews = suite.reviews(&staff);
        let queue = reviews.list_agreement_reviews(ListAgreementReviewsRequest::default());
        assert!(queue.await.unwrap().into_inner().agreements.is_empty());
    }
    for who in [employer, student, testing::school_staff(TWO_LEVELS)] {
        let mut client = suite.signing(&who);
        let history = ListAgreementHistoryRequest { id: id.clone() };
        refused(&suite, client.list_agreement_history(history), code, why).await;
        let compare = CompareRevisionsRequest {
            id: id.clone(),
            from: 1,
            to: 1,
        };
        refused(&suite, client.compare_revisions(compare), code, why).await;
        let page = PreviewAgreementRequest {
            id: id.clone(),
            page: 1,
            revision: 0,
        };
        refused(&suite, client.preview_agreement(page), code, why).await;
        let paper = DownloadAgreementRequest { id: id.clone() };
        refused(&suite, client.download_agreement(paper), code, why).await;
    }
    assert!(
        suite.documents.drawn().is_empty(),
        "nothing is drawn for strangers"
    );
}

#[tokio::test]
async fn roles_are_kept_apart() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let agreement = suite.accepted(&employer, &student).await;
    let (a, me) = (&agreement, &student.principal);
    let (code, why) = (Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    refused(&suite, suite.reviews(me).approve_agreement(approve(a)), code, why).await;
    refused(
        &suite,
        suite.reviews(&employer).approve_agreement(approve(a)),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(&employer).accept_offer(accept(a, "x")),
        code,
        why,
    )
    .await;
    refused(
        &suite,
        suite.signing(&office()).request_cancel(because(a)),
        code,
        why,
    )
    .await;
    refused(&suite, suite.signing(me).create_offer(offer(&student)), code, why).await;
    let mut nobody = signing_service_client::SigningServiceClient::new(suite.service.anonymous());
    let get = GetAgreementRequest { id: a.id.clone() };
    refused(
        &suite,
        nobody.get_agreement(get),
        Code::Unauthenticated,
        "TOKEN_MISSING",
    )
    .await;
}

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
    let cases: [(fn(&mut Terms), &str, &str); 8] = [
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
async fn sending_has_its_limits() {
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

    let sent = client.send_offer(send(&draft)).await.unwrap().into_inner();
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
