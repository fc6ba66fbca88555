//! Guessing of passwords, student numbers and captchas: soon stopped, and nothing learnt on the way.

use qihang_standalone::demo::{Answer, Api};
use qihang_tests::SCHOOL;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

/// Guesses at one account.
const GUESSES: usize = 12;

pub(crate) async fn guessing_is_stopped(world: &World) {
    let nobody = Api::new(world.first.student.base()).unwrap();
    let known = &world.first.person.number;
    let at_known = guess_passwords(&nobody, known).await;
    let at_unknown = guess_passwords(&nobody, "209999999999999").await;
    assert_eq!(at_known, at_unknown, "guesses tell whether the account exists");
    assert!(
        at_known.iter().any(|(status, _)| *status == 429),
        "{GUESSES} guesses in a row: {at_known:?}"
    );
    captchas_serve_once(&nobody).await;
    look_ups_are_few(world, &nobody).await;
}

/// Status and code of each guess.
async fn guess_passwords(nobody: &Api, number: &str) -> Vec<(u16, String)> {
    let mut said = Vec::new();
    for guess in 0..GUESSES {
        let wanted = json!({
            "schoolCode": SCHOOL, "studentNumber": number, "password": format!("Guess.Number.{guess}"),
        });
        let body = nobody.with_captcha(wanted).await.unwrap();
        said.push(brief(&post(nobody, "/v1/sessions:loginStudent", &body).await));
    }
    said
}

async fn post(nobody: &Api, path: &str, body: &Value) -> Answer {
    nobody.send(Method::POST, path, Some(body)).await.unwrap()
}

fn brief(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

/// A captcha that was answered, right or wrong, is worth nothing afterwards.
async fn captchas_serve_once(nobody: &Api) {
    let wanted =
        json!({ "schoolCode": SCHOOL, "studentNumber": "209999999999998", "password": "Guess.Number.1" });
    let body = nobody.with_captcha(wanted).await.unwrap();
    let (first, _) = brief(&post(nobody, "/v1/sessions:loginStudent", &body).await);
    assert_eq!(first, 401);
    let second = brief(&post(nobody, "/v1/sessions:loginStudent", &body).await);
    assert_eq!(second, (400, "CAPTCHA_INVALID".to_owned()));
    let mut wrong = body;
    for guess in ["", "0", "AAAA", "' OR 1=1"] {
        wrong["captchaAnswer"] = json!(guess);
        let (status, _) = brief(&post(nobody, "/v1/sessions:loginStudent", &wrong).await);
        assert_eq!(status, 400, "{guess}");
    }
}

/// Looking for a person's number is limited for the address, whoever is looked for.
async fn look_ups_are_few(world: &World, nobody: &Api) {
    let mut last = (0, String::new());
    for guess in 0..8 {
        let wanted = json!({
            "schoolCode": SCHOOL, "name": format!("王{guess}"), "identityNumber": world.first.person.identity,
        });
        let body = nobody.with_captcha(wanted).await.unwrap();
        let answer = post(nobody, "/v1/registration:findStudentNumber", &body).await;
        assert!(
            !String::from_utf8_lossy(&answer.body).contains(&world.first.person.number),
            "a wrong name found the number"
        );
        last = brief(&answer);
    }
    assert_eq!(last.0, 429, "{last:?}");
}
