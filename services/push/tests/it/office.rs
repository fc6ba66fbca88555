//! What offices do: draft, schedule, publish, withdraw, and see who has read.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    messages::v1::AnnouncementPublished,
    options::v1::Role,
    push::v1::{
        Announcement, AnnouncementContent, AnnouncementState, AnnouncementTargets, CreateAnnouncementRequest,
        ListAnnouncementHistoryRequest, ListAnnouncementReceiptsRequest, ListOwnAnnouncementsRequest,
        MarkAnnouncementReadRequest, PublishAnnouncementRequest, UpdateAnnouncementRequest,
    },
};
use time::Duration;
use tonic::Code;
use uuid::Uuid;

use crate::suite::{OTHER_SCHOOL, SCHOOL, Suite, content, get, publish, reason, to, withdraw};

async fn events(suite: &Suite, office: &Principal, one: &Announcement) -> Vec<String> {
    let request = ListAnnouncementHistoryRequest { id: one.id.clone() };
    let reply = suite.by(office).list_announcement_history(request).await.unwrap();
    let entries = reply.into_inner().entries;
    assert!(entries.iter().all(|entry| entry.hash.len() == 64));
    entries.into_iter().map(|entry| entry.event).collect()
}

async fn own(suite: &Suite, office: &Principal, state: AnnouncementState) -> usize {
    let request = ListOwnAnnouncementsRequest {
        state: state.into(),
        ..ListOwnAnnouncementsRequest::default()
    };
    let reply = suite.by(office).list_own_announcements(request).await.unwrap();
    reply.into_inner().announcements.len()
}

fn later(suite: &Suite, one: &Announcement, by: Duration) -> PublishAnnouncementRequest {
    let time = suite.service.clock.now() + by;
    PublishAnnouncementRequest {
        publish_time: Some(prost_types::Timestamp {
            seconds: time.unix_timestamp(),
            nanos: 0,
        }),
        ..publish(one)
    }
}

fn allowed(one: &Announcement) -> Vec<&str> {
    let allowed = one.actions.iter().filter(|action| action.allowed);
    allowed.map(|action| action.name.as_str()).collect()
}

#[tokio::test]
async fn a_draft_is_changed_once_a_request_on_the_version_that_was_seen() {
    let suite = Suite::start().await;
    let draft = suite.draft(&suite.school, content("校园招聘会")).await;
    assert_eq!(draft.state(), AnnouncementState::Draft);
    assert_eq!(allowed(&draft), ["update", "publish", "withdraw"]);
    let targets = draft.content.clone().unwrap().targets.unwrap();
    assert_eq!(targets.school_codes, [SCHOOL]);
    let update = UpdateAnnouncementRequest {
        id: draft.id.clone(),
        content: Some(content("校园双选会")),
        etag: draft.etag.clone(),
        request_id: Uuid::from_u128(1).to_string(),
    };
    let changed = suite.by(&suite.school).update_announcement(update.clone()).await;
    let changed = changed.unwrap().into_inner();
    let again = suite.by(&suite.school).update_announcement(update).await;
    assert_eq!(again.unwrap().into_inner(), changed);
    let stale = suite
        .by(&suite.school)
        .publish_announcement(publish(&draft))
        .await;
    assert_eq!(reason(&stale.unwrap_err()), "VERSION_CONFLICT");
    assert_eq!(events(&suite, &suite.school, &draft).await, ["draft", "update"]);
}

#[tokio::test]
async fn what_is_published_stays_as_it_is_until_it_is_withdrawn() {
    let suite = Suite::start().await;
    let published = suite.published(&suite.school, content("校园双选会")).await;
    assert_eq!(published.state(), AnnouncementState::Published);
    assert_eq!(allowed(&published), ["withdraw"]);
    let late = UpdateAnnouncementRequest {
        id: published.id.clone(),
        content: Some(content("改了")),
        ..UpdateAnnouncementRequest::default()
    };
    let refused = suite
        .by(&suite.school)
        .update_announcement(late)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "INVALID_TRANSITION")
    );
    let student = suite.student(SCHOOL, 2026);
    suite
        .by(&student)
        .get_announcement(get(&published))
        .await
        .unwrap();
    let withdrawn = suite
        .by(&suite.school)
        .withdraw_announcement(withdraw(&published))
        .await;
    let withdrawn = withdrawn.unwrap().into_inner();
    assert_eq!(withdrawn.withdraw_reason, "时间有误，另行通知");
    let gone = suite
        .by(&student)
        .get_announcement(get(&published))
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    assert_eq!(
        events(&suite, &suite.school, &published).await,
        ["draft", "publish", "withdraw"]
    );
    let told = suite.service.published().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].key, "push.announcement.published.v1");
}

#[tokio::test]
async fn what_is_scheduled_is_seen_from_its_time_on_and_told_once() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL, 2026);
    let draft = suite.draft(&suite.province, content("解约政策")).await;
    let asked = later(&suite, &draft, Duration::HOUR);
    let scheduled = suite.by(&suite.province).publish_announcement(asked).await;
    assert_eq!(
        scheduled.unwrap().into_inner().state(),
        AnnouncementState::Scheduled
    );
    suite.service.run_tasks().await;
    assert_eq!(suite.unread(&student).await, 0);
    assert_eq!(suite.service.published().await.len(), 0);
    suite.service.advance(Duration::HOUR).await;
    // Nobody has written it down yet, and it counts all the same.
    assert_eq!(suite.unread(&student).await, 1);
    assert_eq!(
        own(&suite, &suite.province, AnnouncementState::Published).await,
        1
    );
    assert_eq!(
        own(&suite, &suite.province, AnnouncementState::Scheduled).await,
        0
    );
    suite.service.run_tasks().await;
    suite.service.run_tasks().await;
    assert_eq!(
        events(&suite, &suite.province, &draft).await,
        ["draft", "publish", "published"]
    );
    let told = suite.service.published().await;
    assert_eq!(told.len(), 1);
    let message = <AnnouncementPublished as prost::Message>::decode(told[0].payload.clone()).unwrap();
    assert_eq!((message.announcement_id, message.public), (draft.id, false));
}

#[tokio::test]
async fn what_has_ended_is_not_shown() {
    let suite = Suite::start().await;
    let end = suite.service.clock.now() + Duration::HOUR;
    let ending = AnnouncementContent {
        expire_time: Some(prost_types::Timestamp {
            seconds: end.unix_timestamp(),
            nanos: 0,
        }),
        ..content("限时")
    };
    let draft = suite.draft(&suite.province, ending).await;
    let asked = later(&suite, &draft, Duration::days(2));
    let refused = suite
        .by(&suite.province)
        .publish_announcement(asked)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "EXPIRE_TOO_EARLY");
    let asked = later(&suite, &draft, Duration::days(400));
    let refused = suite
        .by(&suite.province)
        .publish_announcement(asked)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PUBLISH_TOO_FAR");
    suite
        .by(&suite.province)
        .publish_announcement(publish(&draft))
        .await
        .unwrap();
    assert_eq!(suite.unread(&suite.school).await, 1);
    suite.service.advance(Duration::HOUR).await;
    assert_eq!(suite.unread(&suite.school).await, 0);
    let gone = suite
        .by(&suite.school)
        .get_announcement(get(&draft))
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn an_office_has_its_own_alone_and_a_school_speaks_to_its_own() {
    let suite = Suite::start().await;
    let draft = suite.draft(&suite.school, content("本校")).await;
    for stranger in [&testing::school_staff(OTHER_SCHOOL), &suite.province] {
        let refused = suite
            .by(stranger)
            .publish_announcement(publish(&draft))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let refused = suite
            .by(stranger)
            .withdraw_announcement(withdraw(&draft))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(own(&suite, stranger, AnnouncementState::Unspecified).await, 0);
    }
    let elsewhere = AnnouncementTargets {
        school_codes: vec![OTHER_SCHOOL.to_owned()],
        ..AnnouncementTargets::default()
    };
    let employers = AnnouncementTargets {
        roles: vec![Role::Employer.into()],
        ..AnnouncementTargets::default()
    };
    for (content, expected) in [
        (to("外校", elsewhere), "TARGET_OUTSIDE"),
        (to("单位", employers), "TARGET_OUTSIDE"),
        (content("  "), "TITLE_BLANK"),
    ] {
        let request = CreateAnnouncementRequest {
            content: Some(content),
            request_id: String::new(),
        };
        let refused = suite
            .by(&suite.school)
            .create_announcement(request)
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, expected)
        );
    }
    assert_eq!(own(&suite, &suite.school, AnnouncementState::Draft).await, 1);
    let student = suite.student(SCHOOL, 2026);
    let request = CreateAnnouncementRequest {
        content: Some(content("学生")),
        request_id: String::new(),
    };
    let refused = suite.by(&student).create_announcement(request).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_NOT_ALLOWED");
}

#[tokio::test]
async fn receipts_are_counted_for_the_staff_whom_it_concerns() {
    let suite = Suite::start().await;
    let staff: Vec<Principal> = (0..3).map(|_| testing::school_staff(SCHOOL)).collect();
    suite
        .identity
        .staff_are(staff.iter().map(|one| one.account_id).collect());
    let offices = AnnouncementTargets {
        roles: vec![Role::School.into(), Role::Student.into()],
        school_codes: vec![SCHOOL.to_owned()],
        ..AnnouncementTargets::default()
    };
    let one = suite.published(&suite.province, to("核对", offices)).await;
    let read = MarkAnnouncementReadRequest { id: one.id.clone() };
    suite
        .by(&staff[0])
        .mark_announcement_read(read.clone())
        .await
        .unwrap();
    // A student's reading is not counted.
    let student = suite.student(SCHOOL, 2026);
    suite.by(&student).mark_announcement_read(read).await.unwrap();
    let mut request = ListAnnouncementReceiptsRequest {
        id: one.id.clone(),
        page_size: 2,
        page_token: String::new(),
    };
    let mut receipts = Vec::new();
    loop {
        let page = suite
            .by(&suite.province)
            .list_announcement_receipts(request.clone())
            .await;
        let page = page.unwrap().into_inner();
        assert_eq!((page.staff_count, page.read_count), (3, 1));
        receipts.extend(page.receipts);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(receipts.len(), 3);
    let reader = staff[0].account_id.to_string();
    assert!(
        receipts
            .iter()
            .all(|one| one.read_time.is_some() == (one.account_id == reader))
    );
    let asked = suite.identity.asked();
    assert_eq!(
        (asked[0].roles.as_slice(), asked[0].school_codes.as_slice()),
        (["SCHOOL".to_owned()].as_slice(), [SCHOOL.to_owned()].as_slice())
    );
    request.page_token = String::new();
    let refused = suite
        .by(&suite.school)
        .list_announcement_receipts(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
