//! Opening uploads and sending their bytes.

use qihang_proto::documents::v1::{CreateUploadRequest, FilePurpose, GetFileRequest, file::State};
use tonic::Code;

use crate::harness::{self, Suite, pdf, png, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_ready_with_what_its_bytes_say() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let opened = suite
        .open(&student, FilePurpose::Evidence, "../证明\u{202e}.exe", 9)
        .await
        .unwrap();
    assert_eq!(opened.state(), State::Pending);
    let bytes = pdf("a");
    let file = suite.put(&student, &opened.id, &bytes).await.unwrap();
    assert_eq!(file.state(), State::Ready);
    assert_eq!(file.content_type, "application/pdf");
    assert_eq!(file.size_bytes, bytes.len() as u64);
    assert_eq!(file.sha256, harness::sha256(&bytes));
    assert_eq!(file.file_name, "证明.exe.pdf");
    let again = suite
        .files(&student)
        .get_file(GetFileRequest { id: file.id.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, file);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bytes_are_rejected_with_a_reason_and_may_be_sent_again() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let opened = suite
        .open(&student, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
    let file = suite
        .put(&student, &opened.id, b"MZ\x90\x00 not a document")
        .await
        .unwrap();
    assert_eq!(file.state(), State::Rejected);
    assert!(
        file.reject_reason.contains("PDF、PNG 图片、JPG 图片"),
        "{}",
        file.reject_reason
    );
    assert_eq!((file.sha256.as_str(), file.size_bytes), ("", 0));
    let file = suite.put(&student, &opened.id, &png()).await.unwrap();
    assert_eq!((file.state(), file.reject_reason.as_str()), (State::Ready, ""));
    let empty = suite.put(&student, &opened.id, b"").await.unwrap();
    assert_eq!(empty.state(), State::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_is_open_to_its_roles_and_sizes_only() {
    let suite = Suite::start().await;
    let mebibyte = 1024 * 1024;
    for (principal, purpose, size, expected) in [
        (harness::student(1), FilePurpose::Evidence, 10 * mebibyte, None),
        (
            harness::student(1),
            FilePurpose::Evidence,
            10 * mebibyte + 1,
            Some("FILE_TOO_LARGE"),
        ),
        (
            harness::student(1),
            FilePurpose::Roster,
            1,
            Some("PURPOSE_FORBIDDEN"),
        ),
        (
            harness::student(1),
            FilePurpose::EmployerLicence,
            1,
            Some("PURPOSE_FORBIDDEN"),
        ),
        (harness::employer(1), FilePurpose::EmployerLicence, 1, None),
        (
            harness::employer(1),
            FilePurpose::Evidence,
            1,
            Some("PURPOSE_FORBIDDEN"),
        ),
        (harness::school("10213"), FilePurpose::Roster, 64 * mebibyte, None),
    ] {
        let outcome = suite.open(&principal, purpose, "a", size).await;
        assert_eq!(
            outcome.err().map(|status| reason(&status)).as_deref(),
            expected,
            "{purpose:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_beyond_the_purposes_limit_is_cut_off() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let opened = suite
        .open(&student, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
    let refused = suite
        .put(&student, &opened.id, &vec![b'x'; 10 * 1024 * 1024 + 1])
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "FILE_TOO_LARGE");
    let file = suite
        .files(&student)
        .get_file(GetFileRequest { id: opened.id })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(file.state(), State::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_have_fifty_unused_uploads() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    for _ in 0..50 {
        suite
            .open(&student, FilePurpose::Evidence, "a.pdf", 9)
            .await
            .unwrap();
    }
    let refused = suite
        .open(&student, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_UPLOADS")
    );
    suite
        .open(&harness::student(2), FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_twice_with_one_request_id_opens_once() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let request = CreateUploadRequest {
        purpose: FilePurpose::Evidence.into(),
        file_name: "a.pdf".to_owned(),
        size_bytes: 9,
        request_id: uuid::Uuid::from_u128(7).to_string(),
    };
    let open = async |request: CreateUploadRequest| suite.files(&student).create_upload(request).await;
    let first = open(request.clone()).await.unwrap().into_inner();
    let second = open(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, second);
    let other = open(CreateUploadRequest {
        size_bytes: 10,
        ..request
    })
    .await
    .unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_upload_does_not_exist() {
    let suite = Suite::start().await;
    let owner = harness::student(1);
    let opened = suite
        .open(&owner, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
    suite.put(&owner, &opened.id, &pdf("a")).await.unwrap();
    for other in [
        harness::student(2),
        harness::employer(1),
        harness::school("10213"),
        harness::province(),
    ] {
        let seen = suite
            .files(&other)
            .get_file(GetFileRequest {
                id: opened.id.clone(),
            })
            .await;
        assert_eq!(seen.unwrap_err().code(), Code::NotFound);
        let put = suite.put(&other, &opened.id, &pdf("b")).await;
        assert_eq!(put.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_at_once_the_file_has_the_bytes_of_one() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let opened = suite
        .open(&student, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
    let texts: Vec<Vec<u8>> = (0..6).map(|number| pdf(&"x".repeat(number * 50))).collect();
    let puts = texts.iter().map(|bytes| suite.put(&student, &opened.id, bytes));
    let outcomes = futures::future::join_all(puts).await;
    assert!(outcomes.iter().any(Result::is_ok));
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(reason(refused), "FILE_CHANGED");
    }
    let file = suite
        .files(&student)
        .get_file(GetFileRequest {
            id: opened.id.clone(),
        })
        .await
        .unwrap()
        .into_inner();
    let whole = suite.download(&student, &opened.id, &[]).await.unwrap();
    assert_eq!(harness::sha256(&whole.bytes), file.sha256);
    suite.advance(time::Duration::hours(2)).await;
    suite.sweep().await;
    assert_eq!(suite.count("SELECT count(*) FROM documents.objects").await, 1);
    assert_eq!(
        suite.download(&student, &opened.id, &[]).await.unwrap().bytes,
        whole.bytes
    );
}
