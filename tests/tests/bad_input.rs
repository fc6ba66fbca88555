//! Bad input on the main job: a problem document that names the field in Chinese with the way out, and nothing changes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use qihang_kit::{settings::Common, telemetry::Telemetry};
use qihang_standalone::demo::{Api, Outcome, walk};
use qihang_tests::{SCHOOL, Standalone};
use reqwest::Method;
use serde_json::{Value, json};

/// One bad call and what must come of it.
struct Bad<'a> {
    who: &'a Api,
    method: Method,
    path: String,
    body: Value,
    status: u16,
    code: &'a str,
    field: &'a str,
}

fn bad<'a>(
    who: &'a Api,
    (method, path): (Method, &str),
    body: Value,
    expected: (u16, &'a str, &'a str),
) -> Bad<'a> {
    let (status, code, field) = expected;
    Bad {
        who,
        method,
        path: path.to_owned(),
        body,
        status,
        code,
        field,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_by_field_and_changes_nothing() {
    let telemetry = Telemetry::start("bad-input", &Common::embedded().unwrap().telemetry).unwrap();
    let suite = Standalone::start("bad-input", telemetry.metrics(), &[])
        .await
        .unwrap();
    let outcome = walk(suite.running.url(), &suite.plan(44, 20), |_| {})
        .await
        .unwrap();
    let nobody = Api::new(suite.running.url()).unwrap();

    let before = everything(&outcome).await;
    for bad in forms(&nobody, &outcome).into_iter().chain(agreements(&outcome)) {
        let answer = bad
            .who
            .send(bad.method.clone(), &bad.path, Some(&bad.body))
            .await
            .unwrap();
        let problem = answer.json();
        let call = format!("{} {} {} answered {problem}", bad.method, bad.path, bad.body);
        assert_eq!(answer.status.as_u16(), bad.status, "{call}");
        assert!(
            answer.content_type.starts_with("application/problem+json"),
            "{call}"
        );
        assert_eq!(problem["code"], json!(bad.code), "{call}");
        assert!(
            chinese(problem["title"].as_str()) || chinese(problem["detail"].as_str()),
            "{call}"
        );
        if !bad.field.is_empty() {
            let fields = problem["fields"].as_array().cloned().unwrap_or_default();
            let named = fields.iter().find(|field| field["field"] == json!(bad.field));
            let message = named.unwrap_or_else(|| panic!("{call}"))["message"].as_str();
            assert!(chinese(message), "{call}");
        }
    }
    assert_eq!(
        before,
        everything(&outcome).await,
        "a refused call has changed something"
    );
    suite.stop().await;
    tokio::task::spawn_blocking(move || drop(telemetry))
        .await
        .unwrap();
}

/// What the four of them see.
async fn everything(outcome: &Outcome) -> Vec<Value> {
    let agreement = format!("/v1/agreements/{}", outcome.agreement);
    vec![
        outcome.student.get("/v1/roster/mine").await.unwrap(),
        outcome.student.get("/v1/agreements:mine").await.unwrap(),
        outcome
            .student
            .get(&format!("{agreement}/history"))
            .await
            .unwrap(),
        outcome.student.get("/v1/destinations/mine").await.unwrap(),
        outcome.employer.get("/v1/employer").await.unwrap(),
        outcome.employer.get("/v1/agreements:sent").await.unwrap(),
        outcome.school.get("/v1/roster/imports").await.unwrap(),
        outcome.school.get("/v1/students").await.unwrap(),
    ]
}

fn chinese(text: Option<&str>) -> bool {
    text.is_some_and(|text| {
        text.chars()
            .any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
    })
}

const POST: fn(&str) -> (Method, &str) = |path| (Method::POST, path);

fn forms<'a>(nobody: &'a Api, outcome: &'a Outcome) -> Vec<Bad<'a>> {
    let invalid = |field: &'static str| (400, "VALIDATION_FAILED", field);
    let id = "01900000-0000-7000-8000-000000000000";
    vec![
        bad(
            nobody,
            POST("/v1/registration:verify"),
            json!({ "schoolCode": "123", "studentNumber": "1", "name": "李雷", "identityNumber": "1", "captchaId": "x", "captchaAnswer": "y" }),
            invalid("schoolCode"),
        ),
        bad(
            nobody,
            POST("/v1/sessions:loginStaff"),
            json!({ "login": "province.admin", "password": "" }),
            invalid("password"),
        ),
        bad(
            nobody,
            POST("/v1/sessions:loginStudent"),
            json!({ "schoolCode": SCHOOL, "studentNumber": "1", "password": "x".repeat(200) }),
            invalid("password"),
        ),
        bad(
            &outcome.school,
            POST("/v1/roster:import"),
            json!({ "fileId": id, "cohort": 1999 }),
            invalid("cohort"),
        ),
        bad(
            &outcome.school,
            POST("/v1/uploads"),
            json!({ "purpose": "FILE_PURPOSE_ROSTER", "fileName": "", "sizeBytes": "1" }),
            invalid("fileName"),
        ),
        bad(
            &outcome.student,
            POST("/v1/roster:import"),
            json!({ "fileId": id, "cohort": 2026 }),
            (403, "ROLE_NOT_ALLOWED", ""),
        ),
        bad(
            nobody,
            POST("/v1/roster:import"),
            json!({ "fileId": id, "cohort": 2026 }),
            (401, "TOKEN_MISSING", ""),
        ),
        bad(
            &outcome.employer,
            POST("/v1/employer:submit"),
            json!({ "licenceFileId": "no uuid", "authorisationFileId": id, "contactIdentityFileId": id }),
            invalid("licenceFileId"),
        ),
    ]
}

fn agreements(outcome: &Outcome) -> Vec<Bad<'_>> {
    let path = format!("/v1/agreements/{}", outcome.agreement);
    let verb = |verb: &str| format!("{path}:{verb}");
    let offer = json!({ "schoolCode": SCHOOL, "studentNumber": outcome.person.number, "studentName": outcome.person.name });
    let mut long = offer.clone();
    long["terms"] = json!({ "position": "长".repeat(61) });
    vec![
        bad(
            &outcome.employer,
            POST("/v1/agreements"),
            offer,
            (400, "VALIDATION_FAILED", "terms"),
        ),
        bad(
            &outcome.employer,
            POST("/v1/agreements"),
            long,
            (400, "VALIDATION_FAILED", "terms.position"),
        ),
        bad(
            &outcome.employer,
            POST(&verb("withdraw")),
            json!({ "reason": "不再需要" }),
            (409, "INVALID_TRANSITION", ""),
        ),
        bad(
            &outcome.student,
            POST(&verb("accept")),
            json!({ "revision": 0, "readToken": "x" }),
            (400, "VALIDATION_FAILED", "revision"),
        ),
        bad(
            &outcome.school,
            POST(&verb("reject")),
            json!({ "revision": 1, "reasonCode": "BECAUSE", "reason": "工作地点不明确" }),
            (400, "REASON_UNKNOWN", "reasonCode"),
        ),
        bad(
            &outcome.student,
            POST("/v1/agreements/01900000-0000-7000-8000-000000000000:decline"),
            json!({ "reason": "另有打算" }),
            (404, "AGREEMENT_NOT_FOUND", ""),
        ),
    ]
}
