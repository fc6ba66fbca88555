//! The guide: the province's pages, and each student's place.

use qihang_kit::testing;
use qihang_proto::{
    contracts::v1::{guide_service_client::GuideServiceClient, guide_step::Progress, *},
    identity::v1::DirectoryStudent,
};
use time::Duration;
use tonic::Code;
use uuid::Uuid;

use crate::{
    neighbours::SCHOOL,
    suite::{Student, Suite, approve, office, reason},
};

fn page(slug: &str, title: &str) -> UpdateGuideRequest {
    UpdateGuideRequest {
        slug: slug.to_owned(),
        title: title.to_owned(),
        position: 5,
        sections: vec![GuideSection {
            title: "第一步".to_owned(),
            body: "请**先**核对。".to_owned(),
        }],
        ..UpdateGuideRequest::default()
    }
}

async fn place(suite: &Suite, student: &Student) -> MyGuide {
    let mut client = GuideServiceClient::new(suite.service.as_principal(&student.principal));
    client
        .get_my_guide(GetMyGuideRequest {})
        .await
        .unwrap()
        .into_inner()
}

/// Number, whether published, and by whom, newest first.
async fn versions(suite: &Suite, slug: &str) -> Vec<(u32, bool, String)> {
    let mut client = GuideServiceClient::new(suite.service.as_principal(&testing::province_staff()));
    let request = ListGuideVersionsRequest {
        slug: slug.to_owned(),
        ..ListGuideVersionsRequest::default()
    };
    let page = client.list_guide_versions(request).await.unwrap().into_inner();
    let told = |version: GuideVersion| (version.number, version.published, version.publisher_name);
    page.versions.into_iter().map(told).collect()
}

#[tokio::test]
async fn the_guide_comes_with_texts_that_anybody_reads() {
    let suite = Suite::start().await;
    let mut anybody = GuideServiceClient::new(suite.service.anonymous());
    let list = anybody
        .list_guides(ListGuidesRequest {})
        .await
        .unwrap()
        .into_inner();
    let slugs: Vec<&str> = list.guides.iter().map(|guide| guide.slug.as_str()).collect();
    assert_eq!(slugs, ["origin-check", "online-signing", "correction"]);
    for guide in list.guides {
        assert!(guide.sections.is_empty());
        let request = GetGuideRequest { slug: guide.slug };
        let whole = anybody.get_guide(request).await.unwrap().into_inner();
        assert!(whole.sections.len() >= 4 && whole.published && whole.etag.is_empty());
        let filled = |section: &GuideSection| !section.title.is_empty() && !section.body.is_empty();
        assert!(whole.sections.iter().all(filled));
    }
}

#[tokio::test]
async fn the_province_drafts_and_publishes_and_nobody_sees_a_draft() {
    let suite = Suite::start().await;
    let mut province = GuideServiceClient::new(suite.service.as_principal(&testing::province_staff()));
    let mut anybody = GuideServiceClient::new(suite.service.anonymous());
    let slug = "fair-tickets".to_owned();
    let get = || GetGuideRequest { slug: slug.clone() };
    let once = UpdateGuideRequest {
        request_id: Uuid::from_u128(3).to_string(),
        ..page(&slug, "招聘会门票")
    };
    let draft = province.update_guide(once.clone()).await.unwrap().into_inner();
    assert_eq!(province.update_guide(once).await.unwrap().into_inner(), draft);
    assert_eq!((draft.number, draft.published), (1, false));
    let hidden = anybody.get_guide(get()).await.unwrap_err();
    assert_eq!(
        (hidden.code(), reason(&hidden).as_str()),
        (Code::NotFound, "GUIDE_NOT_FOUND")
    );
    let publish = |etag: &str| PublishGuideRequest {
        slug: slug.clone(),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let published = province
        .publish_guide(publish(&draft.etag))
        .await
        .unwrap()
        .into_inner();
    assert!(published.published);
    let again = province.publish_guide(publish("")).await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::FailedPrecondition, "GUIDE_PUBLISHED")
    );

    // The next draft leaves what is published as it is.
    let next = province
        .update_guide(page(&slug, "改名"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next.number, 2);
    let seen = anybody.get_guide(get()).await.unwrap().into_inner();
    assert_eq!((seen.number, seen.title.as_str()), (1, "招聘会门票"));
    let drafted = GetGuideDraftRequest { slug: slug.clone() };
    let drafted = province.get_guide_draft(drafted).await.unwrap().into_inner();
    assert_eq!(drafted.title, "改名");
    let all = province
        .list_guide_drafts(ListGuideDraftsRequest {})
        .await
        .unwrap()
        .into_inner();
    let listed = all.guides.iter().find(|guide| guide.slug == slug).unwrap();
    assert_eq!(
        (listed.number, listed.published, listed.title.as_str()),
        (2, false, "改名")
    );
    let stale = province.publish_guide(publish(&draft.etag)).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");
    let told = versions(&suite, &slug).await;
    let expected = [(2, false, String::new()), (1, true, "省**".to_owned())];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn blank_pages_are_refused_and_only_the_province_writes() {
    let suite = Suite::start().await;
    let mut province = GuideServiceClient::new(suite.service.as_principal(&testing::province_staff()));
    let refused = province.update_guide(page("blank", "  ")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "TEXT_BLANK")
    );
    let seen_nowhere = UpdateGuideRequest {
        etag: "\"7\"".to_owned(),
        ..page("blank", "新页")
    };
    let refused = province.update_guide(seen_nowhere).await.unwrap_err();
    assert_eq!(reason(&refused), "VERSION_CONFLICT");
    let mut school = GuideServiceClient::new(suite.service.as_principal(&office()));
    let refused = school.update_guide(page("blank", "新页")).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_NOT_ALLOWED");
}

#[tokio::test]
async fn a_student_is_told_the_step_and_who_acts_next() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    suite.identity.enrol(DirectoryStudent {
        origin_approved: false,
        origin_waiting_for: "SCHOOL".to_owned(),
        ..student.entry.clone()
    });
    let waiting = place(&suite, &student).await;
    assert_eq!((waiting.step, waiting.waiting_for.as_str()), (2, "SCHOOL"));
    suite.identity.enrol(student.entry.clone());
    let free = place(&suite, &student).await;
    assert_eq!((free.step, free.waiting_for.as_str()), (3, "EMPLOYER"));
    assert!(
        free.text.starts_with("您现在在第 3 步，共 6 步："),
        "{}",
        free.text
    );
    suite.sent(&employer, &student).await;
    let offered = place(&suite, &student).await;
    assert_eq!((offered.step, offered.waiting_for.as_str()), (4, "STUDENT"));
    assert!(offered.waiting_since.is_some());
    // An offer whose time is over asks nothing of the student, written down or not.
    suite.service.advance(Duration::days(9)).await;
    assert_eq!(place(&suite, &student).await.step, 3);

    let other = suite.employer();
    let accepted = suite.accepted(&other, &student).await;
    let signed = place(&suite, &student).await;
    assert_eq!((signed.step, signed.waiting_for.as_str()), (5, "SCHOOL"));
    assert_eq!(signed.agreement_id, accepted.id);
    let progress: Vec<Progress> = signed.steps.iter().map(GuideStep::progress).collect();
    let expected = [&[Progress::Done; 4][..], &[Progress::Current, Progress::Ahead]].concat();
    assert_eq!(progress, expected);
    let reply = suite
        .reviews(&office())
        .approve_agreement(approve(&accepted))
        .await;
    reply.unwrap();
    let done = place(&suite, &student).await;
    assert_eq!((done.step, done.waiting_for.as_str()), (6, ""));
}
