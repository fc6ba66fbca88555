//! Downloads: parts, headers, the log.

use qihang_proto::documents::v1::FilePurpose;
use tonic::Code;

use crate::harness::{self, Suite, csv, pdf, reason};

/// Account, reader, first and last byte.
type LogRow = (Option<uuid::Uuid>, String, Option<i64>, Option<i64>);

#[tokio::test(flavor = "multi_thread")]
async fn a_download_gives_the_bytes_and_says_what_they_are() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let bytes = pdf("a");
    let file = suite
        .upload(&student, FilePurpose::Evidence, "证明.pdf", &bytes)
        .await;
    let got = suite.download(&student, &file.id, &[]).await.unwrap();
    assert_eq!(got.bytes, bytes);
    assert_eq!(got.first.content_type, "application/pdf");
    assert_eq!(got.first.file_name, "证明.pdf");
    assert_eq!(got.first.total_bytes, bytes.len() as u64);
    assert_eq!(got.header("x-http-header-etag"), format!("\"{}\"", file.sha256));
    assert_eq!(got.header("x-http-header-accept-ranges"), "bytes");
    assert_eq!(
        got.header("x-http-header-content-disposition"),
        "inline; filename*=UTF-8''%E8%AF%81%E6%98%8E.pdf"
    );
    assert_eq!(got.header("x-http-status"), "");
    assert_eq!(got.header("x-http-header-x-frame-options"), "SAMEORIGIN");
    let policy = got.header("x-http-header-content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'self'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_saved_and_not_shown() {
    let suite = Suite::start().await;
    let school = harness::school("10213");
    let file = suite
        .upload(&school, FilePurpose::Roster, "花名册.csv", &csv())
        .await;
    let got = suite.download(&school, &file.id, &[]).await.unwrap();
    assert!(
        got.header("x-http-header-content-disposition")
            .starts_with("attachment;")
    );
    assert_eq!(got.first.content_type, "text/csv");
    assert_eq!(
        got.header("x-http-header-x-frame-options"),
        "",
        "nobody frames it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_gives_that_part_of_the_same_file_only() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let bytes = pdf("a");
    let file = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &bytes)
        .await;
    let part = suite
        .download(&student, &file.id, &[("range", "bytes=5-9")])
        .await
        .unwrap();
    assert_eq!(part.bytes, bytes[5..10]);
    assert_eq!(part.header("x-http-status"), "206");
    assert_eq!(
        part.header("x-http-header-content-range"),
        format!("bytes 5-9/{}", bytes.len())
    );
    let end = suite
        .download(&student, &file.id, &[("range", "bytes=-4")])
        .await
        .unwrap();
    assert_eq!(end.bytes, bytes[bytes.len() - 4..]);
    let same = format!("\"{}\"", file.sha256);
    let part = suite
        .download(&student, &file.id, &[("range", "bytes=0-0"), ("if-range", &same)])
        .await
        .unwrap();
    assert_eq!(part.bytes.len(), 1);
    let whole = suite
        .download(
            &student,
            &file.id,
            &[("range", "bytes=0-0"), ("if-range", "\"other\"")],
        )
        .await
        .unwrap();
    assert_eq!(whole.bytes, bytes);
    let beyond = suite
        .download(&student, &file.id, &[("range", "bytes=999999-")])
        .await
        .unwrap_err();
    assert_eq!(
        (beyond.code(), reason(&beyond).as_str()),
        (Code::OutOfRange, "RANGE_NOT_SATISFIABLE")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_download_is_written_down() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let file = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    suite.download(&student, &file.id, &[]).await.unwrap();
    suite
        .download(&student, &file.id, &[("range", "bytes=5-9")])
        .await
        .unwrap();
    suite.read(&file.id).await.unwrap();
    assert_eq!(
        suite
            .download(&harness::student(2), &file.id, &[])
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let rows: Vec<LogRow> = suite
        .rows("SELECT account_id, reader, first_byte, last_byte FROM documents.downloads ORDER BY id")
        .await;
    let account = Some(student.account_id);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], (account, student.role.as_str().to_owned(), None, None));
    assert_eq!(
        rows[1],
        (account, student.role.as_str().to_owned(), Some(5), Some(9))
    );
    assert_eq!((rows[2].0, rows[2].2), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_checked_bytes_has_none() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let opened = suite
        .open(&student, FilePurpose::Evidence, "a.pdf", 9)
        .await
        .unwrap();
    let pending = suite.download(&student, &opened.id, &[]).await.unwrap_err();
    assert_eq!(
        (pending.code(), reason(&pending).as_str()),
        (Code::FailedPrecondition, "FILE_NOT_READY")
    );
    suite.put(&student, &opened.id, b"nonsense").await.unwrap();
    assert_eq!(
        reason(&suite.download(&student, &opened.id, &[]).await.unwrap_err()),
        "FILE_NOT_READY"
    );
}
