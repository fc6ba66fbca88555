//! What nobody used is deleted, rows and bytes.

use qihang_proto::documents::v1::{ClaimFilesRequest, FilePurpose, GetFileRequest};
use time::Duration;
use tonic::Code;

use crate::harness::{self, Suite, pdf};

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_no_record_uses_are_gone_after_a_day() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let unused = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    let pending = suite
        .open(&student, FilePurpose::Evidence, "b.pdf", 9)
        .await
        .unwrap();
    let used = suite
        .upload(&student, FilePurpose::Evidence, "c.pdf", &pdf("c"))
        .await;
    suite
        .claim(ClaimFilesRequest {
            ids: vec![used.id.clone()],
            owner: "identity.request/1".to_owned(),
            uploader_account_id: student.account_id.to_string(),
            purposes: vec![FilePurpose::Evidence.into()],
            ..ClaimFilesRequest::default()
        })
        .await
        .unwrap();
    suite.advance(Duration::hours(23)).await;
    suite.sweep().await;
    for id in [&unused.id, &pending.id, &used.id] {
        suite
            .files(&student)
            .get_file(GetFileRequest { id: id.clone() })
            .await
            .unwrap();
    }
    suite.advance(Duration::hours(2)).await;
    suite.sweep().await;
    for id in [&unused.id, &pending.id] {
        let gone = suite
            .files(&student)
            .get_file(GetFileRequest { id: id.clone() })
            .await
            .unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
    }
    assert_eq!(
        suite.download(&student, &used.id, &[]).await.unwrap().bytes,
        pdf("c")
    );
    // The bytes go an hour after the row, and so did what lay in quarantine.
    suite.advance(Duration::hours(2)).await;
    suite.sweep().await;
    assert_eq!(suite.count("SELECT count(*) FROM documents.objects").await, 1);
    assert_eq!(suite.count("SELECT count(*) FROM documents.files").await, 1);
    assert_eq!(
        suite.download(&student, &used.id, &[]).await.unwrap().bytes,
        pdf("c")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_forgotten_uploads_are_all_swept() {
    let suite = Suite::start().await;
    for number in 0..45 {
        suite
            .open(&harness::student(number), FilePurpose::Evidence, "a.pdf", 9)
            .await
            .unwrap();
    }
    suite.advance(Duration::hours(25)).await;
    suite.sweep().await;
    assert_eq!(suite.count("SELECT count(*) FROM documents.files").await, 0);
}
