//! Requests for help of those who cannot get in.

use qihang_kit::{
    auth::Principal,
    testing::{self, TestService},
};
use qihang_proto::{
    identity::v1::{
        AnswerHelpRequestRequest, CreateHelpRequestRequest, CreateHelpRequestResponse, GetHelpRequestRequest,
        HelpRequest, ListHelpRequestsRequest, LookUpHelpRequestRequest, LookUpHelpRequestResponse,
        help_request, help_service_client::HelpServiceClient,
    },
    messages::v1::{ReviewChanged, review_changed},
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::{SCHOOL, door_at},
    roster_support::{OTHER_SCHOOL, Way, reason},
    support,
};

const PHONE: &str = "138 1234 5678";

fn help(identity: &TestService, who: &Principal) -> HelpServiceClient<Way> {
    HelpServiceClient::new(identity.as_principal(who))
}

fn request() -> CreateHelpRequestRequest {
    CreateHelpRequestRequest {
        school_code: SCHOOL.to_owned(),
        topic: help_request::Topic::Registration.into(),
        case_number: "abcdefghjk".to_owned(),
        contact_name: "李明".to_owned(),
        contact_phone: PHONE.to_owned(),
        text: "身份证号与名册不符，请帮忙核对。".to_owned(),
        ..CreateHelpRequestRequest::default()
    }
}

async fn create(
    identity: &TestService,
    last: u8,
    request: CreateHelpRequestRequest,
) -> Result<CreateHelpRequestResponse, Status> {
    let door = door_at(identity, last);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = CreateHelpRequestRequest {
        captcha_id,
        captcha_answer,
        ..request
    };
    HelpServiceClient::new(door.way())
        .create_help_request(request)
        .await
        .map(Response::into_inner)
}

async fn look_up(
    identity: &TestService,
    number: &str,
    phone: &str,
) -> Result<LookUpHelpRequestResponse, Status> {
    let door = door_at(identity, 99);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = LookUpHelpRequestRequest {
        number: number.to_owned(),
        contact_phone: phone.to_owned(),
        captcha_id,
        captcha_answer,
    };
    HelpServiceClient::new(door.way())
        .look_up_help_request(request)
        .await
        .map(Response::into_inner)
}

async fn list(identity: &TestService, who: &Principal, state: help_request::State) -> Vec<HelpRequest> {
    let request = ListHelpRequestsRequest {
        state: state.into(),
        ..ListHelpRequestsRequest::default()
    };
    help(identity, who)
        .list_help_requests(request)
        .await
        .unwrap()
        .into_inner()
        .requests
}

/// An answer to a request.
fn answer(id: &str, text: &str) -> AnswerHelpRequestRequest {
    AnswerHelpRequestRequest {
        id: id.to_owned(),
        answer: text.to_owned(),
        ..AnswerHelpRequestRequest::default()
    }
}

async fn get(identity: &TestService, who: &Principal, id: &str) -> Result<HelpRequest, Status> {
    let request = GetHelpRequestRequest { id: id.to_owned() };
    help(identity, who)
        .get_help_request(request)
        .await
        .map(Response::into_inner)
}

async fn resolve(
    identity: &TestService,
    who: &Principal,
    request: AnswerHelpRequestRequest,
) -> Result<HelpRequest, Status> {
    help(identity, who)
        .resolve_help_request(request)
        .await
        .map(Response::into_inner)
}

/// The one request that there is.
async fn only(identity: &TestService) -> String {
    let all = list(
        identity,
        &testing::school_staff(SCHOOL),
        help_request::State::Unspecified,
    )
    .await;
    assert_eq!(all.len(), 1);
    all[0].id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_the_school_and_is_answered_once() {
    let identity = support::identity().await;
    let staff = testing::school_staff(SCHOOL);
    let made = create(&identity, 1, request()).await.unwrap();
    assert!(!made.school_name.is_empty());
    let waiting = list(&identity, &staff, help_request::State::Open).await;
    assert_eq!(
        (waiting.len(), waiting[0].number.as_str()),
        (1, made.number.as_str())
    );
    assert!(
        waiting[0].contact_phone.is_empty()
            && waiting[0].contact_name.is_empty()
            && waiting[0].text.is_empty(),
        "a list tells of nobody"
    );
    let whole = get(&identity, &staff, &waiting[0].id).await.unwrap();
    assert_eq!(
        (whole.contact_phone.as_str(), whole.case_number.as_str()),
        (PHONE, "ABCDEFGHJK")
    );
    let wanted = AnswerHelpRequestRequest {
        etag: whole.etag,
        request_id: "0190b6a0-0000-7000-8000-000000000009".to_owned(),
        ..answer(&whole.id, "名册已更正，请重新注册。")
    };
    let resolved = resolve(&identity, &staff, wanted.clone()).await.unwrap();
    identity.change_data_key().await;
    assert_eq!(
        get(&identity, &staff, &waiting[0].id).await.unwrap(),
        resolved,
        "sealed with another key"
    );
    assert_eq!(
        (resolved.state(), resolved.answered_by.as_str()),
        (help_request::State::Resolved, "校**")
    );
    assert!(resolved.actions.iter().all(|action| !action.allowed));
    let repeat = resolve(&identity, &staff, wanted).await.unwrap();
    assert_eq!(repeat, resolved, "the repeat");
    assert!(
        list(&identity, &staff, help_request::State::Open)
            .await
            .is_empty()
    );
    let events: Vec<(String, bool)> = sqlx::query_as(
        "SELECT event, actor_id IS NULL FROM identity.audit_events WHERE school_code = $1 AND event LIKE 'help.%' ORDER BY id",
    )
    .bind(SCHOOL)
    .fetch_all(&identity.db.pool)
    .await
    .unwrap();
    let expected = [
        ("help.create", true),
        ("help.read", false),
        ("help.resolve", false),
        ("help.read", false),
    ];
    assert_eq!(events, expected.map(|(event, nobody)| (event.to_owned(), nobody)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_request_and_an_old_version_are_refused() {
    let identity = support::identity().await;
    let staff = testing::school_staff(SCHOOL);
    create(&identity, 1, request()).await.unwrap();
    let id = only(&identity).await;
    let stale = AnswerHelpRequestRequest {
        etag: "\"7\"".to_owned(),
        ..answer(&id, "已处理")
    };
    let stale = resolve(&identity, &staff, stale).await.unwrap_err();
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::Aborted, "VERSION_CONFLICT")
    );
    resolve(&identity, &staff, answer(&id, "已处理")).await.unwrap();
    let late = help(&identity, &staff)
        .close_help_request(answer(&id, "无法处理"))
        .await
        .unwrap_err();
    assert_eq!(
        (late.code(), reason(&late).as_str()),
        (Code::FailedPrecondition, "INVALID_TRANSITION")
    );
    assert!(late.message().contains("已解决"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_asker_sees_the_answer_with_number_and_telephone_and_nobody_with_one_of_them() {
    let identity = support::identity().await;
    let made = create(&identity, 1, request()).await.unwrap();
    let waiting = look_up(&identity, &made.number, PHONE).await.unwrap();
    assert_eq!(
        (waiting.state(), waiting.answer.as_str()),
        (help_request::State::Open, "")
    );
    let id = only(&identity).await;
    resolve(
        &identity,
        &testing::school_staff(SCHOOL),
        answer(&id, "名册已更正，请重新注册。"),
    )
    .await
    .unwrap();
    let seen = look_up(&identity, &made.number.to_lowercase(), "13812345678")
        .await
        .unwrap();
    assert_eq!(
        (seen.state(), seen.answer.as_str()),
        (help_request::State::Resolved, "名册已更正，请重新注册。")
    );
    let mut answers = Vec::new();
    for (number, phone) in [
        ("ABCDE-FGHJK-LMNPQ", PHONE),
        ("x", PHONE),
        (made.number.as_str(), "13900000000"),
    ] {
        let refused = look_up(&identity, number, phone).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "HELP_NOT_FOUND")
        );
        answers.push((refused.message().to_owned(), refused.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_asks_for_nothing() {
    let identity = support::identity().await;
    let way = door_at(&identity, 1).way();
    let wrong = CreateHelpRequestRequest {
        captcha_id: "none".to_owned(),
        captcha_answer: "0".to_owned(),
        ..request()
    };
    let refused = HelpServiceClient::new(way.clone())
        .create_help_request(wrong)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "CAPTCHA_INVALID");
    let wrong = LookUpHelpRequestRequest {
        number: "ABCDE-FGHJK-LMNPQ".to_owned(),
        contact_phone: PHONE.to_owned(),
        captcha_id: "none".to_owned(),
        captcha_answer: "0".to_owned(),
    };
    let refused = HelpServiceClient::new(way)
        .look_up_help_request(wrong)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "CAPTCHA_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn answered_requests_go_after_half_a_year_and_waiting_ones_stay() {
    let identity = support::identity().await;
    let staff = testing::school_staff(SCHOOL);
    create(&identity, 1, request()).await.unwrap();
    resolve(&identity, &staff, answer(&only(&identity).await, "已处理"))
        .await
        .unwrap();
    let waiting = create(&identity, 2, request()).await.unwrap();
    identity.advance(Duration::days(181)).await;
    identity.run_tasks().await;
    let left = list(&identity, &staff, help_request::State::Unspecified).await;
    assert_eq!(
        (left.len(), left[0].number.as_str()),
        (1, waiting.number.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_hears_when_a_request_begins_and_ceases_to_wait() {
    let identity = support::identity().await;
    let staff = testing::school_staff(SCHOOL);
    create(&identity, 1, request()).await.unwrap();
    let id = only(&identity).await;
    let closed = help(&identity, &staff)
        .close_help_request(answer(&id, "不属于本校事务"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(closed.state(), help_request::State::Closed);
    let published = identity.published().await;
    let told: Vec<ReviewChanged> = published
        .iter()
        .filter(|delivery| delivery.key == "identity.review.changed.v1")
        .map(|delivery| delivery.decode().unwrap())
        .collect();
    let brief: Vec<_> = told
        .iter()
        .map(|message| {
            (
                message.kind(),
                message.version,
                message.level,
                message.record_id == id,
            )
        })
        .collect();
    let kind = review_changed::Kind::Help;
    assert_eq!(brief, [(kind, 1, 2, true), (kind, 2, 0, true)]);
    assert_eq!(
        told.iter().map(|message| message.waiting).collect::<Vec<_>>(),
        [true, false]
    );
    for delivery in &published {
        let text = String::from_utf8_lossy(&delivery.payload).into_owned();
        assert!(
            !text.contains("李明") && !text.contains("5678"),
            "nothing personal on the broker"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_school_finds_nothing_and_the_table_holds_nothing_in_the_clear() {
    let identity = support::identity().await;
    create(&identity, 1, request()).await.unwrap();
    let id = only(&identity).await;
    let other = testing::school_staff(OTHER_SCHOOL);
    assert!(
        list(&identity, &other, help_request::State::Unspecified)
            .await
            .is_empty()
    );
    let seen = get(&identity, &other, &id).await.unwrap_err();
    assert_eq!(reason(&seen), "HELP_NOT_FOUND");
    let answered = resolve(&identity, &other, answer(&id, "已处理"))
        .await
        .unwrap_err();
    assert_eq!(reason(&answered), "HELP_NOT_FOUND");
    let department = testing::department_staff(SCHOOL, "外国语学院");
    let denied = get(&identity, &department, &id).await.unwrap_err();
    assert_eq!(reason(&denied), "ROLE_NOT_ALLOWED");
    let row: String = sqlx::query_scalar("SELECT help_requests::text FROM identity.help_requests")
        .fetch_one(&identity.db.pool)
        .await
        .unwrap();
    assert!(!row.contains("李明") && !row.contains("1234"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_telephone_numbers_ask_so_often_and_no_more() {
    let identity = support::identity().await;
    for last in 1..=3 {
        create(&identity, last, request()).await.unwrap();
    }
    let spelt = CreateHelpRequestRequest {
        contact_phone: "138-1234-5678".to_owned(),
        ..request()
    };
    let refused = create(&identity, 4, spelt).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "HELP_LIMITED")
    );
    for number in 0..5 {
        let other = CreateHelpRequestRequest {
            contact_phone: format!("1390000000{number}"),
            ..request()
        };
        create(&identity, 9, other).await.unwrap();
    }
    let other = CreateHelpRequestRequest {
        contact_phone: "13900000009".to_owned(),
        ..request()
    };
    assert_eq!(
        reason(&create(&identity, 9, other).await.unwrap_err()),
        "HELP_LIMITED"
    );
    identity.advance(Duration::hours(25)).await;
    create(&identity, 9, request()).await.unwrap();
    let unknown = CreateHelpRequestRequest {
        school_code: "4123099999".to_owned(),
        contact_phone: "13900000010".to_owned(),
        ..request()
    };
    assert_eq!(
        reason(&create(&identity, 10, unknown).await.unwrap_err()),
        "SCHOOL_NOT_FOUND"
    );
}
