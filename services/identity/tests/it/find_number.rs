//! 查找学号 tells nothing but to who knows everything.

use prost::Message as _;
use qihang_proto::identity::v1::{FindStudentNumberRequest, FindStudentNumberResponse};
use time::Duration;
use tonic::{Response, Status};

use crate::{
    people::{SCHOOL, door, door_at},
    roster_support::{OTHER_SCHOOL, World, identity_number},
};

fn right() -> FindStudentNumberRequest {
    FindStudentNumberRequest {
        school_code: SCHOOL.to_owned(),
        name: "李明".to_owned(),
        identity_number: identity_number(1),
        ..FindStudentNumberRequest::default()
    }
}

async fn find(
    world: &World,
    last: u8,
    request: FindStudentNumberRequest,
) -> Result<FindStudentNumberResponse, Status> {
    let door = door_at(&world.identity, last);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = FindStudentNumberRequest {
        captcha_id,
        captcha_answer,
        ..request
    };
    door.registration()
        .find_student_number(request)
        .await
        .map(Response::into_inner)
}

/// Rows that look-ups write: events of the limits, and of the audit.
pub(crate) async fn written(world: &World) -> (i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM identity.limited_events), (SELECT count(*) FROM identity.audit_events)",
    )
    .fetch_one(&world.identity.db.pool)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_the_answer_is_the_same_to_the_byte_after_the_same_work() {
    let world = World::with_students(2).await;
    door(&world.identity).register(0).await;
    let wrong = [
        FindStudentNumberRequest {
            name: "李四".to_owned(),
            ..right()
        },
        FindStudentNumberRequest {
            identity_number: identity_number(9),
            ..right()
        },
        FindStudentNumberRequest {
            school_code: OTHER_SCHOOL.to_owned(),
            ..right()
        },
        FindStudentNumberRequest {
            school_code: "4123099999".to_owned(),
            ..right()
        },
        FindStudentNumberRequest {
            name: "李四".to_owned(),
            identity_number: identity_number(8),
            ..right()
        },
        FindStudentNumberRequest {
            // Of somebody who has an account, under another's name.
            name: "李四".to_owned(),
            identity_number: identity_number(0),
            ..right()
        },
    ];
    let mut answers = Vec::new();
    let mut work = Vec::new();
    for (last, request) in (0..).zip(wrong) {
        let before = written(&world).await;
        let refused = find(&world, last, request).await.unwrap_err();
        let after = written(&world).await;
        work.push((after.0 - before.0, after.1 - before.1));
        answers.push((
            refused.code(),
            refused.message().to_owned(),
            refused.details().to_vec(),
        ));
        world.identity.advance(Duration::hours(25)).await;
    }
    let before = written(&world).await;
    let found = find(&world, 100, right()).await.unwrap();
    let after = written(&world).await;
    work.push((after.0 - before.0, after.1 - before.1));
    assert!(found.student_number_masked.contains('*') && found.encoded_len() < 20);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    work.dedup();
    assert_eq!(work, [(2, 1)], "two counts and one event, found or not");
}
