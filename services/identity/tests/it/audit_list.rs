//! Who sees which events of the audit.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    AuditEvent, ListAuditEventsRequest, ListMyAuditEventsRequest, audit_event,
    audit_service_client::AuditServiceClient,
};
use tonic::Response;

use crate::{
    people::{PASSWORD, door},
    roster_support::{OTHER_SCHOOL, SCHOOL, Way, World, reason},
};

fn client(world: &World, principal: &Principal) -> AuditServiceClient<Way> {
    AuditServiceClient::new(world.identity.as_principal(principal))
}

async fn list(world: &World, who: &Principal, request: ListAuditEventsRequest) -> Vec<AuditEvent> {
    client(world, who)
        .list_audit_events(request)
        .await
        .unwrap()
        .into_inner()
        .events
}

fn names(events: &[AuditEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

fn all() -> ListAuditEventsRequest {
    ListAuditEventsRequest {
        page_size: 100,
        ..ListAuditEventsRequest::default()
    }
}

/// A world in which a student signed in and mistyped.
async fn eventful() -> (World, Principal) {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    door.register(0).await;
    let student = door.bearer(&door.login(0, PASSWORD).await.unwrap()).await;
    assert!(door.login(0, "not the password").await.is_err());
    (world, student)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_sees_its_own_and_the_province_sees_all() {
    let (world, student) = eventful().await;
    let school = testing::school_staff(SCHOOL);
    let own = list(&world, &school, all()).await;
    assert_eq!(own[0].event, "login.refuse");
    assert_eq!(own[0].outcome(), audit_event::Outcome::Refused);
    assert_eq!(own[0].account_id, student.account_id.to_string());
    assert_eq!(own[0].address, "192.0.2.1");
    let other = testing::school_staff(OTHER_SCHOOL);
    assert_eq!(list(&world, &other, all()).await, []);
    let by_id = ListAuditEventsRequest {
        student_id: student.student_id.unwrap().to_string(),
        ..all()
    };
    assert_eq!(list(&world, &other, by_id.clone()).await, []);
    let province = testing::province_staff();
    let seen = list(&world, &province, all()).await;
    assert!(seen.len() >= own.len());
    let of_student = list(&world, &province, by_id).await;
    assert_eq!(names(&of_student), names(&own));
    let by_account = ListAuditEventsRequest {
        account_id: student.account_id.to_string(),
        ..all()
    };
    assert_eq!(list(&world, &other, by_account.clone()).await, []);
    assert!(!list(&world, &school, by_account).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_pages_narrow_the_list() {
    let (world, _) = eventful().await;
    let school = testing::school_staff(SCHOOL);
    let refused = ListAuditEventsRequest {
        outcome: audit_event::Outcome::Refused.into(),
        ..all()
    };
    assert_eq!(names(&list(&world, &school, refused).await), ["login.refuse"]);
    let logins = ListAuditEventsRequest {
        event: "login.refuse".to_owned(),
        ..all()
    };
    assert_eq!(list(&world, &school, logins).await.len(), 1);
    let whole = list(&world, &school, all()).await;
    let now = whole[0].create_time.unwrap();
    let tomorrow = prost_types::Timestamp {
        seconds: now.seconds + 86_400,
        nanos: 0,
    };
    let later = ListAuditEventsRequest {
        start_time: Some(tomorrow),
        ..all()
    };
    assert_eq!(list(&world, &school, later).await, []);
    let backwards = ListAuditEventsRequest {
        start_time: Some(tomorrow),
        end_time: Some(now),
        ..all()
    };
    let refused = client(&world, &school).list_audit_events(backwards).await;
    assert_eq!(reason(&refused.unwrap_err()), "TIME_RANGE_INVALID");
    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAuditEventsRequest {
            page_size: 1,
            page_token,
            ..ListAuditEventsRequest::default()
        };
        let reply = client(&world, &school).list_audit_events(request).await;
        let page = reply.map(Response::into_inner).unwrap();
        paged.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_concerns_them_and_nothing_else() {
    let (world, student) = eventful().await;
    let mine = async |who: &Principal| {
        let request = ListMyAuditEventsRequest {
            page_size: 100,
            ..ListMyAuditEventsRequest::default()
        };
        let reply = client(&world, who).list_my_audit_events(request).await;
        reply.unwrap().into_inner().events
    };
    let own = mine(&student).await;
    assert_eq!(own[0].event, "login.refuse");
    assert!(
        own.iter()
            .all(|event| event.account_id == student.account_id.to_string()
                || event.student_id == student.student_id.unwrap().to_string())
    );
    assert_eq!(mine(&world.student(1).await).await, []);
    assert_eq!(mine(&testing::employer(uuid::Uuid::from_u128(7))).await, []);
    assert_eq!(mine(&testing::province_staff()).await, []);
}

/// A member of staff looks at a student's sealed words: the student learns who and why, not from which desk.
#[tokio::test(flavor = "multi_thread")]
async fn a_student_sees_who_looked_and_why_without_their_address() {
    let (world, student) = eventful().await;
    sqlx::query(
        "INSERT INTO identity.audit_events
             (id, event, outcome, actor_id, student_id, address, client, reason, create_time)
         SELECT 'ffffffff-0000-7000-8000-000000000001', 'correction.reveal', 'DONE', $1, $2, '10.0.0.9', 'WEB', '核对身份证明',
                identity.kit_now()",
    )
    .bind(uuid::Uuid::from_u128(9))
    .bind(student.student_id)
    .execute(&world.identity.db.pool)
    .await
    .unwrap();
    let request = ListMyAuditEventsRequest {
        page_size: 1,
        ..ListMyAuditEventsRequest::default()
    };
    let reply = client(&world, &student).list_my_audit_events(request).await;
    let seen = reply.unwrap().into_inner().events;
    assert_eq!(
        (
            seen[0].event.as_str(),
            seen[0].reason.as_str(),
            seen[0].address.as_str()
        ),
        ("correction.reveal", "核对身份证明", "")
    );
}
