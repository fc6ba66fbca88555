//! Drawing, sealing and checking through the calls.

use std::collections::BTreeMap;

use prost_types::{Struct, Value, value::Kind};
use qihang_proto::documents::v1::{IssueDocumentRequest, RenderFormat, RenderRequest, VerifySealRequest};
use tonic::Code;
use uuid::Uuid;

use crate::harness::{self, Suite, reason};

fn data(serial: &str) -> Struct {
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    let fields = [
        ("serial", text(serial)),
        ("verify_url", text("https://example.invalid/v/1")),
    ];
    Struct {
        fields: fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn order(number: u128, serial: &str) -> IssueDocumentRequest {
    IssueDocumentRequest {
        request_id: Uuid::from_u128(number).to_string(),
        template: "agreement-2026".to_owned(),
        data: Some(data(serial)),
        owner: "contracts.agreement/1".to_owned(),
        file_name: "就业协议书".to_owned(),
        reason: "学校审核通过".to_owned(),
        watermark: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_drawn_as_pdf_or_pictures() {
    let suite = Suite::start().await;
    let request = |format: RenderFormat| RenderRequest {
        template: "agreement-2026".to_owned(),
        data: Some(data("1")),
        format: format.into(),
        watermark: "待学校审核".to_owned(),
    };
    let pdf = suite
        .render()
        .render(request(RenderFormat::Pdf))
        .await
        .unwrap()
        .into_inner()
        .pages;
    assert_eq!(pdf.len(), 1);
    assert!(pdf[0].starts_with(b"%PDF-"));
    let pictures = suite
        .render()
        .render(request(RenderFormat::Png))
        .await
        .unwrap()
        .into_inner()
        .pages;
    assert_eq!(pictures.len(), 2);
    assert!(pictures.iter().all(|page| page.starts_with(b"\x89PNG")));
    let unknown = RenderRequest {
        template: "agreement-1999".to_owned(),
        ..request(RenderFormat::Pdf)
    };
    assert_eq!(
        reason(&suite.render().render(unknown).await.unwrap_err()),
        "TEMPLATE_UNKNOWN"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_document_is_sealed_kept_and_checked() {
    let suite = Suite::start().await;
    let issued = suite
        .render()
        .issue_document(order(1, "QH-1"))
        .await
        .unwrap()
        .into_inner();
    let read = suite.read(&issued.file_id).await.unwrap();
    assert_eq!(read.first.content_type, "application/pdf");
    assert_eq!(read.first.file_name, "就业协议书.pdf");
    assert_eq!(
        (read.bytes.len() as u64, harness::sha256(&read.bytes)),
        (issued.size_bytes, issued.sha256.clone())
    );
    let verify = async |pdf: Vec<u8>| {
        suite
            .render()
            .verify_seal(VerifySealRequest { pdf })
            .await
            .unwrap()
            .into_inner()
    };
    let good = verify(read.bytes.clone()).await;
    assert!(good.valid && good.reason.is_empty(), "{}", good.reason);
    assert_eq!(good.sha256, issued.sha256);
    assert!(good.signer.contains("Qihang Development Seal"));
    let mut changed = read.bytes;
    changed.push(b'\n');
    let bad = verify(changed).await;
    assert!(
        !bad.valid && bad.reason.contains("没有覆盖整个文件"),
        "{}",
        bad.reason
    );
    assert!(!verify(b"%PDF-1.7 nothing".to_vec()).await.valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_gets_one_document_however_often_it_asks() {
    let suite = Suite::start().await;
    let orders = (0..8).map(|_| async {
        suite
            .render()
            .issue_document(order(1, "QH-1"))
            .await
            .unwrap()
            .into_inner()
    });
    let issued = futures::future::join_all(orders).await;
    assert!(issued.iter().all(|document| *document == issued[0]));
    assert_eq!(
        suite
            .render()
            .issue_document(order(1, "QH-1"))
            .await
            .unwrap()
            .into_inner(),
        issued[0]
    );
    let other = suite.render().issue_document(order(1, "QH-2")).await.unwrap_err();
    assert_eq!(
        (other.code(), reason(&other).as_str()),
        (Code::InvalidArgument, "REQUEST_ID_REUSED")
    );
    let second = suite
        .render()
        .issue_document(order(2, "QH-2"))
        .await
        .unwrap()
        .into_inner();
    assert_ne!(second.file_id, issued[0].file_id);
    // What the slower of the equal requests stored is swept.
    suite.advance(time::Duration::hours(2)).await;
    suite.sweep().await;
    assert_eq!(suite.count("SELECT count(*) FROM documents.objects").await, 2);
    suite.read(&issued[0].file_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_document_is_for_services_and_the_province() {
    let suite = Suite::start().await;
    let issued = suite
        .render()
        .issue_document(order(1, "QH-1"))
        .await
        .unwrap()
        .into_inner();
    for principal in [
        harness::student(1),
        harness::employer(1),
        harness::school("10213"),
    ] {
        let refused = suite
            .download(&principal, &issued.file_id, &[])
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    suite
        .download(&harness::province(), &issued.file_id, &[])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_may_not_have_documents_drawn() {
    let suite = Suite::start().await;
    let mut client = suite.render_as(&harness::school("10213"));
    let refused = client.issue_document(order(1, "QH-1")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
