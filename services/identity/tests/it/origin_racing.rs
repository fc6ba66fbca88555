//! Records: two at once.

use futures::future::join_all;
use qihang_kit::testing;
use qihang_proto::identity::v1::{
    GetMyRosterRequest, OriginState, ReopenOriginRequest, SubmitMyRosterRequest,
};
use tonic::Status;

use crate::{
    origin::{approve, sent, submit},
    roster_support::{SCHOOL, World, reason},
};

#[tokio::test]
async fn of_two_reviewers_at_once_one_wins() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let record = sent(&world, &student).await;
    let calls = (0..10).map(|_| {
        let mut client = world.origin(&testing::school_staff(SCHOOL));
        let call = approve(&record);
        async move { client.approve_origin(call).await.map(drop) }
    });
    let answers: Vec<Result<(), Status>> = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter_map(Result::err) {
        assert!(
            ["VERSION_CONFLICT", "INVALID_TRANSITION"].contains(&reason(&refused).as_str()),
            "{refused:?}"
        );
    }
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM identity.origin_history WHERE event = 'approve'"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn a_submission_and_an_approval_at_once_leave_one_truth() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    for _ in 0..5 {
        let record = sent(&world, &student).await;
        let (mut one, mut two) = (world.origin(&student), world.origin(&world.staff));
        let (again, decided) = tokio::join!(
            one.submit_my_roster(submit()),
            two.approve_origin(approve(&record))
        );
        assert!(again.is_ok() || decided.is_ok());
        let now = one
            .get_my_roster(GetMyRosterRequest {})
            .await
            .unwrap()
            .into_inner();
        match now.state() {
            OriginState::Approved => assert_eq!(now.version, record.version),
            state => assert_eq!((state, now.version), (OriginState::Submitted, record.version + 1)),
        }
        if now.state() == OriginState::Approved {
            let reopen = ReopenOriginRequest {
                student_id: record.id,
                reason_code: "OTHER".into(),
                reason: "测试重新开放".into(),
                ..ReopenOriginRequest::default()
            };
            two.reopen_origin(reopen).await.unwrap();
        }
    }
    assert!(
        count(
            &world,
            "SELECT count(*) FROM identity.origin_submissions WHERE state = 'OPEN'"
        )
        .await
            <= 1
    );
}

#[tokio::test]
async fn the_same_request_twice_is_one_submission() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    let call = SubmitMyRosterRequest {
        request_id: world.identity.ctx.ids.new_id().to_string(),
        ..submit()
    };
    let calls = (0..5).map(|_| {
        let (mut client, call) = (world.origin(&student), call.clone());
        async move { client.submit_my_roster(call).await.unwrap().into_inner().version }
    });
    assert_eq!(join_all(calls).await, [1; 5]);
    let other = SubmitMyRosterRequest {
        etag: "\"7\"".into(),
        ..call
    };
    assert_eq!(
        reason(&world.origin(&student).submit_my_roster(other).await.unwrap_err()),
        "REQUEST_ID_REUSED"
    );
    let kept: String = sqlx::query_scalar(
        "SELECT coalesce(string_agg(convert_from(response, 'UTF8'), ''), '') FROM idempotency_keys",
    )
    .fetch_one(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(kept, "", "the answer holds personal data and is not kept");
}

async fn count(world: &World, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap()
}
