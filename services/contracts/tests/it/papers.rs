//! The document: drawn before the decision, sealed after it, and verified by anybody.

use prost_types::value::Kind;
use qihang_kit::auth::Principal;
use qihang_proto::{common::v1::HttpBody, contracts::v1::*, documents::v1::RenderFormat};
use tonic::Status;

use crate::{
    neighbours::SCHOOL,
    suite::{Suite, approve, collect, office, reason, reject},
};

fn paper(agreement: &Agreement) -> DownloadAgreementRequest {
    DownloadAgreementRequest {
        id: agreement.id.clone(),
    }
}

fn by_serial(agreement: &Agreement) -> VerifySerialRequest {
    VerifySerialRequest {
        serial: agreement.serial.clone(),
        code: agreement.verify_code.clone(),
    }
}

async fn verify_file(suite: &Suite, file: &[u8]) -> Result<Verification, Status> {
    let pieces: Vec<_> = file
        .chunks(5)
        .map(|piece| VerifyFileRequest {
            body: Some(HttpBody {
                data: piece.to_vec().into(),
                ..HttpBody::default()
            }),
        })
        .collect();
    let reply = suite.anybody().verify_file(futures::stream::iter(pieces)).await;
    reply.map(tonic::Response::into_inner)
}

/// An agreement that the school has approved, before its document is made.
async fn approved(suite: &Suite) -> (Principal, Agreement) {
    let student = suite.student(SCHOOL).await;
    let accepted = suite.accepted(&suite.employer(), &student).await;
    let mut reviews = suite.reviews(&office());
    let reply = reviews.approve_agreement(approve(&accepted)).await.unwrap();
    (student.principal, reply.into_inner())
}

#[tokio::test]
async fn a_document_is_issued_once_however_often_its_message_comes() {
    let suite = Suite::start().await;
    let (student, approved) = approved(&suite).await;
    assert!(!approved.document_ready);
    let mut client = suite.signing(&student);
    let status = client.download_agreement(paper(&approved)).await.unwrap_err();
    assert_eq!(reason(&status), "DOCUMENT_NOT_READY");

    // Documents is away at first; the message is tried again, and then delivered once more than needed.
    suite.documents.away(true);
    let published = suite.service.published().await;
    let mut approvals = published
        .iter()
        .filter(|delivery| delivery.key.ends_with(".approved.v1"));
    let approval = approvals.next().unwrap();
    suite.service.redeliver(approval).await.unwrap_err();
    suite.documents.away(false);
    // The copy of the student is sealed.
    suite.service.change_data_key().await;
    suite.service.relay_until_idle().await;
    suite.service.redeliver(approval).await.unwrap();
    let asked = suite.documents.issued();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].request_id, approval.id.to_string());
    assert_eq!(asked[0].owner, format!("contracts.agreement/{}", approved.id));
    assert_eq!(asked[0].watermark, "");
    let data = &asked[0].data.as_ref().unwrap().fields;
    for name in ["employer", "archive", "household", "student", "school", "terms"] {
        assert!(matches!(data[name].kind, Some(Kind::StructValue(_))), "{name}");
    }
    let Some(Kind::ListValue(signatures)) = &data["signatures"].kind else {
        panic!("no list")
    };
    assert_eq!(signatures.values.len(), 3, "employer, student, school");
    let events = suite.events(&student, &approved).await;
    assert_eq!(events.last().unwrap(), "seal");
}

/// The text of a field of a group.
fn leaf(group: &prost_types::Struct, name: &str) -> String {
    let value = group.fields.get(name).and_then(|value| value.kind.as_ref());
    match value {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
    .unwrap()
}

/// The steps of a certificate: what was done and as what. Names must be masked.
fn steps(certificate: &prost_types::Struct) -> Vec<(String, String)> {
    let events = certificate.fields.get("events").unwrap();
    let Some(Kind::ListValue(events)) = &events.kind else {
        return Vec::new();
    };
    let groups = events.values.iter().filter_map(|event| match &event.kind {
        Some(Kind::StructValue(event)) => Some(event),
        _ => None,
    });
    groups
        .map(|event| {
            assert!(leaf(event, "name").contains('*'), "{event:?}");
            (leaf(event, "event"), leaf(event, "role"))
        })
        .collect()
}

#[tokio::test]
async fn the_certificate_tells_each_step_until_the_approval_masked() {
    let suite = Suite::start().await;
    let (_, approved) = approved(&suite).await;
    suite.service.relay_until_idle().await;
    let asked = suite.documents.issued();
    let Some(Kind::StructValue(certificate)) = &asked[0].data.as_ref().unwrap().fields["certificate"].kind
    else {
        panic!("no certificate")
    };
    assert_eq!(leaf(certificate, "revision"), "第 1 版");
    assert_eq!(leaf(certificate, "content_sha256").len(), 64);
    let head: String = sqlx::query_scalar(
        "SELECT encode(hash, 'hex') FROM contracts.history WHERE agreement_id = $1::uuid AND event = 'approve'",
    )
    .bind(&approved.id)
    .fetch_one(&suite.service.db.pool)
    .await
    .unwrap();
    assert_eq!(leaf(certificate, "chain_sha256"), head);
    let step = |event: &str, role: &str| (event.to_owned(), role.to_owned());
    assert_eq!(
        steps(certificate),
        [
            step("签署并发出邀请", "用人单位"),
            step("应约并签署", "毕业生"),
            step("学校审核通过", "学校")
        ]
    );
}

#[tokio::test]
async fn an_agreement_with_a_broken_chain_gets_no_sealed_document() {
    let suite = Suite::start().await;
    let (_, approved) = approved(&suite).await;
    sqlx::query(
        "UPDATE contracts.history SET actor_name = '别人' WHERE agreement_id = $1::uuid AND sequence = 1",
    )
    .bind(&approved.id)
    .execute(&suite.service.db.pool)
    .await
    .unwrap();
    let published = suite.service.published().await;
    let approval = published
        .iter()
        .find(|delivery| delivery.key.ends_with(".approved.v1"));
    suite.service.redeliver(approval.unwrap()).await.unwrap_err();
    assert!(suite.documents.issued().is_empty());
}

#[tokio::test]
async fn a_sealed_document_is_downloaded_and_verified() {
    let suite = Suite::start().await;
    let (student, approved) = approved(&suite).await;
    suite.service.relay_until_idle().await;
    let sealed = suite.seen(&student, &approved).await;
    assert!(sealed.document_ready);
    let mut client = suite.signing(&student);
    let pieces = client.download_agreement(paper(&sealed)).await.unwrap();
    let (head, pdf) = collect(pieces.into_inner()).await;
    assert_eq!(head.content_type, "application/pdf");
    assert_eq!(head.file_name, format!("就业协议书-{}.pdf", sealed.serial));

    let found = suite.anybody().verify_serial(by_serial(&sealed)).await.unwrap();
    let found = found.into_inner();
    assert!(found.genuine);
    assert_eq!(
        (found.state_text.as_str(), found.student_name.as_str()),
        ("有效", "李**")
    );
    assert_eq!(found.sha256, sealed.document_sha256);
    let found = verify_file(&suite, &pdf).await.unwrap();
    assert!(found.genuine);
    assert_eq!(found.serial, sealed.serial);
    let forged = [pdf.as_slice(), b"x"].concat();
    let found = verify_file(&suite, &forged).await.unwrap();
    assert!(!found.genuine && found.serial.is_empty(), "{found:?}");
    let status = verify_file(&suite, b"no pdf at all").await.unwrap_err();
    assert_eq!(reason(&status), "FILE_INVALID");
}

#[tokio::test]
async fn a_serial_needs_its_code_and_tells_the_state_of_now() {
    let suite = Suite::start().await;
    let accepted = suite
        .accepted(&suite.employer(), &suite.student(SCHOOL).await)
        .await;
    let mut anybody = suite.anybody();
    let found = anybody
        .verify_serial(by_serial(&accepted))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((found.genuine, found.state_text.as_str()), (true, "待学校审核"));
    let mut guess = by_serial(&accepted);
    guess.code = "22222222".to_owned();
    let wrong_code = anybody.verify_serial(guess.clone()).await.unwrap_err();
    guess.serial = "QH2026-10213-222222222".to_owned();
    let unknown = anybody.verify_serial(guess).await.unwrap_err();
    assert_eq!(reason(&wrong_code), "NOT_VERIFIED");
    // A stranger learns nothing of which serials exist.
    assert_eq!(
        (wrong_code.code(), wrong_code.message()),
        (unknown.code(), unknown.message())
    );
    let mut typed = by_serial(&accepted);
    typed.serial = format!(" {} ", typed.serial.to_lowercase());
    typed.code = typed.code.to_lowercase();
    anybody.verify_serial(typed).await.unwrap();
    suite
        .reviews(&office())
        .reject_agreement(reject(&accepted))
        .await
        .unwrap();
    let found = anybody
        .verify_serial(by_serial(&accepted))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.state_text, "已作废");
}

#[tokio::test]
async fn pages_carry_the_mark_of_their_state() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let status = client.download_agreement(paper(&sent)).await.unwrap_err();
    assert_eq!(reason(&status), "NO_DOCUMENT");
    let preview = PreviewAgreementRequest {
        id: sent.id.clone(),
        page: 2,
        revision: 0,
    };
    let (head, png) = collect(client.preview_agreement(preview).await.unwrap().into_inner()).await;
    assert_eq!(
        (head.content_type.as_str(), png.as_slice()),
        ("image/png", b"page 2".as_slice())
    );
    let accepted = suite.accepted(&suite.employer(), &student).await;
    let mut client = suite.signing(&student.principal);
    collect(
        client
            .download_agreement(paper(&accepted))
            .await
            .unwrap()
            .into_inner(),
    )
    .await;
    let drawn = suite.documents.drawn();
    let marks: Vec<_> = drawn
        .iter()
        .map(|drawing| (drawing.format(), drawing.watermark.as_str()))
        .collect();
    assert_eq!(
        marks,
        [(RenderFormat::Png, "待应约"), (RenderFormat::Pdf, "待学校审核")]
    );
}
