//! Offers to many students by a sheet.

use qihang_kit::auth::Principal;
use qihang_proto::contracts::v1::{bulk_offer_response::Row, *};
use tonic::{Response, Status};

use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, reason, terms},
};

fn line(student: &Student, rest: &str) -> String {
    let entry = &student.entry;
    format!(
        "{},{},{},{rest}\n",
        entry.school_code, entry.student_number, entry.name
    )
}

fn request(suite: &Suite, lines: &[String]) -> BulkOfferRequest {
    BulkOfferRequest {
        sheet: format!("学校,学号,姓名,月薪\n{}", lines.concat()).into_bytes(),
        terms: Some(terms()),
        request_id: suite.service.ctx.ids.new_id().to_string(),
        ..BulkOfferRequest::default()
    }
}

async fn bulk(suite: &Suite, by: &Principal, request: BulkOfferRequest) -> Result<BulkOfferResponse, Status> {
    suite
        .signing(by)
        .bulk_offer(request)
        .await
        .map(Response::into_inner)
}

fn reasons(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.reason_code.as_str()).collect()
}

async fn offers(suite: &Suite, employer: &Principal) -> usize {
    let mut client = suite.signing(employer);
    let list = client.list_sent_offers(ListAgreementsRequest::default()).await;
    list.unwrap().into_inner().agreements.len()
}

#[tokio::test]
async fn each_row_is_sent_for_itself_and_a_dry_run_says_the_same() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let (one, two) = (suite.student(SCHOOL).await, suite.student(SCHOOL).await);
    let open = suite.student(SCHOOL).await;
    suite.sent(&employer, &open).await;
    let lines = [
        line(&one, "7500"),
        line(&two, ""),
        line(&one, ""),
        line(&open, ""),
        format!("{SCHOOL},2026999,无此人,\n"),
        "火星大学,1,张三,\n".to_owned(),
        format!("{SCHOOL},2026998,张三,八千\n"),
    ];
    let expected = [
        "",
        "",
        "ROW_TWICE",
        "OFFER_OPEN",
        "STUDENT_NOT_FOUND",
        "SCHOOL_UNKNOWN",
        "MONEY_INVALID",
    ];
    let asked = request(&suite, &lines);
    let dry = BulkOfferRequest {
        dry_run: true,
        ..asked.clone()
    };
    let tried = bulk(&suite, &employer, dry).await.unwrap();
    assert_eq!(reasons(&tried.rows), expected);
    assert_eq!((tried.row_count, tried.sent_count), (7, 2));
    assert_eq!(tried.rows[0].row, 2, "as a spreadsheet counts");
    assert_eq!(offers(&suite, &employer).await, 1, "nothing was changed");

    let done = bulk(&suite, &employer, asked).await.unwrap();
    assert_eq!(reasons(&done.rows), expected);
    assert_eq!(offers(&suite, &employer).await, 3);
    let look = GetAgreementRequest {
        id: done.rows[0].agreement_id.clone(),
    };
    let seen = suite.signing(&one.principal).get_agreement(look).await;
    let seen = seen.unwrap().into_inner();
    assert_eq!(seen.terms.as_ref().unwrap().salary, 7500);
    assert_eq!(seen.waiting_for, "STUDENT");
}

#[tokio::test]
async fn a_sheet_that_comes_again_finds_its_offers_again() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let asked = request(&suite, &[line(&suite.student(SCHOOL).await, "")]);
    let done = bulk(&suite, &employer, asked.clone()).await.unwrap();
    let again = bulk(&suite, &employer, asked.clone()).await.unwrap();
    assert_eq!(again.rows, done.rows);
    assert_eq!(offers(&suite, &employer).await, 1);
    let terms = Terms {
        salary: 7000,
        ..terms()
    };
    let other = BulkOfferRequest {
        terms: Some(terms),
        ..asked
    };
    let reused = bulk(&suite, &employer, other).await.unwrap();
    assert_eq!(reasons(&reused.rows), ["REQUEST_ID_REUSED"]);
}

#[tokio::test]
async fn a_sheet_that_cannot_be_read_sends_nothing() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let student = suite.student(SCHOOL).await;
    let many = format!("学校,学号,姓名\n{}", line(&student, "").repeat(201));
    for (text, why) in [
        ("学校,学号\n1,2\n", "COLUMN_MISSING"),
        ("学校,学号,姓名\n", "SHEET_EMPTY"),
        (many.as_str(), "TOO_MANY_ROWS"),
        ("PK\u{3}\u{4}nothing", "SHEET_UNREADABLE"),
    ] {
        let asked = BulkOfferRequest {
            sheet: text.as_bytes().to_vec(),
            ..request(&suite, &[])
        };
        let refused = bulk(&suite, &employer, asked).await.unwrap_err();
        assert_eq!(reason(&refused), why, "{text:.20}");
    }
    let clerk = Principal {
        employer_role: Some("HR".to_owned()),
        ..employer.clone()
    };
    let asked = request(&suite, &[line(&student, "")]);
    let refused = bulk(&suite, &clerk, asked).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMBER_MAY_NOT_SIGN");
    assert_eq!(offers(&suite, &employer).await, 0);
}
