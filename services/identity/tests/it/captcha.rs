//! Captchas.

use qihang_proto::identity::v1::{
    CreateCaptchaRequest, LoginStudentRequest, captcha, captcha_service_client::CaptchaServiceClient,
};

use crate::{
    people::{PASSWORD, SCHOOL, door, number},
    roster_support::reason,
    support,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_drawn_unless_work_is_asked_for() {
    let identity = support::identity().await;
    let mut client = CaptchaServiceClient::new(door(&identity).way());
    let picture = client
        .create_captcha(CreateCaptchaRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(picture.kind(), captcha::Kind::Image);
    assert_eq!(picture.content_type, "image/jpeg");
    assert!(picture.image.len() > 500 && picture.challenge.is_empty());
    let work = client
        .create_captcha(CreateCaptchaRequest {
            kind: captcha::Kind::ProofOfWork.into(),
        })
        .await
        .unwrap();
    assert_eq!(work.get_ref().difficulty, 4);
    assert!(work.get_ref().image.is_empty() && work.get_ref().challenge.len() >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captcha_serves_one_answer_right_or_wrong() {
    let identity = support::identity().await;
    let door = door(&identity);
    let login = |captcha_id: &str, captcha_answer: &str| LoginStudentRequest {
        school_code: SCHOOL.to_owned(),
        student_number: number(1),
        password: PASSWORD.to_owned(),
        captcha_id: captcha_id.to_owned(),
        captcha_answer: captcha_answer.to_owned(),
    };
    // The answer found is the least that is right, so where it is not 0, 0 is surely wrong.
    let (id, answer) = loop {
        let (id, answer) = door.captcha().await;
        if answer != "0" {
            break (id, answer);
        }
    };
    let wrong = door.sessions().login_student(login(&id, "0")).await.unwrap_err();
    assert_eq!(reason(&wrong), "CAPTCHA_INVALID");
    let late = door
        .sessions()
        .login_student(login(&id, &answer))
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "CAPTCHA_INVALID", "the wrong answer used it up");
    let (id, answer) = door.captcha().await;
    let right = door
        .sessions()
        .login_student(login(&id, &answer))
        .await
        .unwrap_err();
    assert_eq!(reason(&right), "LOGIN_REFUSED");
    let again = door
        .sessions()
        .login_student(login(&id, &answer))
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "CAPTCHA_INVALID");
    let none = door.sessions().login_student(login("", "")).await.unwrap_err();
    assert_eq!(reason(&none), "CAPTCHA_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_risk_a_captcha_is_asked_for_after_a_failure_only() {
    let identity =
        support::identity_with(|config| config.captcha.login = qihang_identity::CaptchaMode::Risk).await;
    let door = door(&identity);
    let login = || LoginStudentRequest {
        school_code: SCHOOL.to_owned(),
        student_number: number(1),
        password: PASSWORD.to_owned(),
        ..LoginStudentRequest::default()
    };
    assert_eq!(
        reason(&door.sessions().login_student(login()).await.unwrap_err()),
        "LOGIN_REFUSED"
    );
    assert_eq!(
        reason(&door.sessions().login_student(login()).await.unwrap_err()),
        "CAPTCHA_INVALID"
    );
}
