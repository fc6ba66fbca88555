//! What is refused says why, in Chinese and with a stable reason, and changes nothing.

mod later;
mod offers;
mod signatures;

use std::future::Future;

use qihang_kit::testing;
use qihang_proto::contracts::v1::*;
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
async fn another_employers_agreement_is_not_found() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (code, why) = GONE;
    let mut client = suite.signing(&suite.employer());
    refused(&suite, client.amend_agreement(amend(&a)), code, why).await;
    refused(&suite, client.edit_offer(edit(&a, 7900)), code, why).await;
    refused(&suite, client.withdraw_offer(because(&a)), code, why).await;
    refused(&suite, client.send_offer(send(&a)), code, why).await;
    refused(&suite, client.take_back_amendment(bare(&a)), code, why).await;
    refused(&suite, client.request_cancel(because(&a)), code, why).await;
    let again = ReofferAgreementRequest {
        id: a.id.clone(),
        request_id: String::new(),
    };
    refused(&suite, client.reoffer_agreement(again), code, why).await;
}

#[tokio::test]
async fn another_students_agreement_is_not_found() {
    let suite = Suite::start().await;
    let a = suite.sent(&suite.employer(), &suite.student(SCHOOL).await).await;
    let (code, why) = GONE;
    let mut client = suite.signing(&suite.student(SCHOOL).await.principal);
    let read = CreateReadTokenRequest {
        id: a.id.clone(),
        revision: 1,
    };
    refused(&suite, client.create_read_token(read), code, why).await;
    refused(&suite, client.open_offer(bare(&a)), code, why).await;
    refused(&suite, client.accept_offer(accept(&a, "x")), code, why).await;
    refused(&suite, client.decline_offer(because(&a)), code, why).await;
    refused(&suite, client.refuse_amendment(because(&a)), code, why).await;
    refused(&suite, client.agree_cancel(bare(&a)), code, why).await;
}

#[tokio::test]
async fn another_schools_or_departments_agreement_is_not_found() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (code, why) = GONE;
    for staff in [
        testing::school_staff(TWO_LEVELS),
        testing::department_staff(SCHOOL, "法学院"),
        testing::class_staff(SCHOOL, DEPARTMENT, &["软件二班"]),
    ] {
        let mut client = suite.reviews(&staff);
        refused(&suite, client.claim_review(bare(&a)), code, why).await;
        refused(&suite, client.approve_agreement(approve(&a)), code, why).await;
        refused(&suite, client.reject_agreement(reject(&a)), code, why).await;
        let queue = client
            .list_agreement_reviews(ListAgreementReviewsRequest::default())
            .await;
        assert!(queue.unwrap().into_inner().agreements.is_empty());
    }
}

#[tokio::test]
async fn strangers_see_neither_steps_nor_terms_nor_papers() {
    let suite = Suite::start().await;
    let a = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let (code, why) = GONE;
    let id = || a.id.clone();
    let student = suite.student(SCHOOL).await.principal;
    for who in [suite.employer(), student, testing::school_staff(TWO_LEVELS)] {
        let mut client = suite.signing(&who);
        refused(
            &suite,
            client.get_agreement(GetAgreementRequest { id: id() }),
            code,
            why,
        )
        .await;
        let history = ListAgreementHistoryRequest { id: id() };
        refused(&suite, client.list_agreement_history(history), code, why).await;
        let compare = CompareRevisionsRequest {
            id: id(),
            from: 1,
            to: 1,
        };
        refused(&suite, client.compare_revisions(compare), code, why).await;
        let page = PreviewAgreementRequest {
            id: id(),
            page: 1,
            revision: 0,
        };
        refused(&suite, client.preview_agreement(page), code, why).await;
        let paper = DownloadAgreementRequest { id: id() };
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
