//! Who sees what, and what is unread.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    options::v1::Role,
    push::v1::{
        AnnouncementContent, AnnouncementTargets, ListAnnouncementsRequest, MarkAnnouncementReadRequest,
    },
};
use tonic::Code;

use crate::suite::{DEPARTMENT, OTHER_SCHOOL, SCHOOL, Suite, content, get, reason, to};

fn public(title: &str) -> AnnouncementContent {
    AnnouncementContent {
        public: true,
        ..content(title)
    }
}

fn roles(roles: &[Role]) -> AnnouncementTargets {
    AnnouncementTargets {
        roles: roles.iter().map(|role| i32::from(*role)).collect(),
        ..AnnouncementTargets::default()
    }
}

#[tokio::test]
async fn everybody_sees_what_is_public_and_each_what_concerns_them() {
    let suite = Suite::start().await;
    let cohort = AnnouncementTargets {
        cohorts: vec![2026],
        ..AnnouncementTargets::default()
    };
    let department = AnnouncementTargets {
        departments: vec![DEPARTMENT.to_owned()],
        ..AnnouncementTargets::default()
    };
    let elsewhere = AnnouncementTargets {
        school_codes: vec![OTHER_SCHOOL.to_owned()],
        ..AnnouncementTargets::default()
    };
    for one in [
        public("公开"),
        content("全体"),
        to("单位", roles(&[Role::Employer])),
        to("2026届", cohort),
        to("院系", department),
        to("外校", elsewhere),
    ] {
        suite.published(&suite.province, one).await;
    }
    suite.published(&suite.school, public("本校公开")).await;
    suite.published(&suite.school, content("本校")).await;

    let mut of_school = testing::department_staff(SCHOOL, "外国语学院");
    of_school.name = "院**".to_owned();
    let (this_year, next_year) = (suite.student(SCHOOL, 2026), suite.student(SCHOOL, 2027));
    let employer = testing::employer(suite.service.ctx.ids.new_id());
    let expected: [(&Principal, &[&str]); 6] = [
        (
            &this_year,
            &["本校", "本校公开", "院系", "2026届", "全体", "公开"],
        ),
        (&next_year, &["本校", "本校公开", "院系", "全体", "公开"]),
        (&of_school, &["本校", "本校公开", "全体", "公开"]),
        (&employer, &["单位", "全体", "公开"]),
        (&suite.province, &["全体", "公开"]),
        (&suite.school, &["本校", "本校公开", "全体", "公开"]),
    ];
    for (who, titles) in expected {
        assert_eq!(suite.titles(suite.by(who), "").await, titles, "{who:?}");
    }
    assert_eq!(suite.titles(suite.anybody(), "").await, ["公开"]);
    assert_eq!(suite.titles(suite.anybody(), SCHOOL).await, ["本校公开", "公开"]);
    assert_eq!(suite.titles(suite.anybody(), OTHER_SCHOOL).await, ["公开"]);
}

#[tokio::test]
async fn what_does_not_concern_somebody_is_not_there_for_them() {
    let suite = Suite::start().await;
    let draft = suite.draft(&suite.school, content("草稿")).await;
    let own = suite.published(&suite.school, content("本校")).await;
    let stranger = testing::school_staff(OTHER_SCHOOL);
    for (who, one) in [
        (&stranger, &own),
        (&suite.province, &own),
        (&suite.student(SCHOOL, 2026), &draft),
    ] {
        let refused = suite.by(who).get_announcement(get(one)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "ANNOUNCEMENT_NOT_FOUND")
        );
        let request = MarkAnnouncementReadRequest { id: one.id.clone() };
        let refused = suite.by(who).mark_announcement_read(request).await.unwrap_err();
        assert_eq!(reason(&refused), "ANNOUNCEMENT_NOT_FOUND");
    }
    let refused = suite.anybody().get_announcement(get(&own)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    // Readers are told what it says; whom else it concerns is its office's business.
    let seen = suite
        .by(&suite.student(SCHOOL, 2026))
        .get_announcement(get(&own))
        .await;
    let seen = seen.unwrap().into_inner();
    assert!(seen.actions.is_empty() && seen.etag.is_empty());
    assert_eq!(seen.content.unwrap().targets, None);
}

#[tokio::test]
async fn what_is_read_is_no_longer_unread() {
    let suite = Suite::start().await;
    let student = suite.student(SCHOOL, 2026);
    let one = suite.published(&suite.province, content("一")).await;
    suite.published(&suite.province, content("二")).await;
    suite.draft(&suite.province, content("草稿")).await;
    assert_eq!(suite.unread(&student).await, 2);
    let request = MarkAnnouncementReadRequest { id: one.id.clone() };
    let first = suite.by(&student).mark_announcement_read(request.clone()).await;
    let first = first.unwrap().into_inner().read_time;
    assert!(first.is_some());
    let again = suite.by(&student).mark_announcement_read(request).await;
    assert_eq!(again.unwrap().into_inner().read_time, first);
    assert_eq!(suite.unread(&student).await, 1);
    assert_eq!(suite.unread(&suite.student(SCHOOL, 2026)).await, 2);
}

#[tokio::test]
async fn a_students_year_is_asked_once_and_never_guessed() {
    let suite = Suite::start().await;
    suite.published(&suite.province, content("一")).await;
    let (known, unknown) = (suite.student(SCHOOL, 2026), suite.student(SCHOOL, 2026));
    assert_eq!(suite.unread(&known).await, 1);
    suite.identity.away(true);
    assert_eq!(suite.unread(&known).await, 1);
    let request = ListAnnouncementsRequest::default();
    let refused = suite.by(&unknown).list_announcements(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "PEER_AWAY")
    );
    assert_eq!(suite.unread(&suite.school).await, 1);
}

#[tokio::test]
async fn pinned_ones_come_first_over_all_pages() {
    let suite = Suite::start().await;
    for number in 1..=5 {
        let one = AnnouncementContent {
            pinned: number == 2 || number == 4,
            ..public(&number.to_string())
        };
        suite.published(&suite.province, one).await;
    }
    let mut request = ListAnnouncementsRequest {
        page_size: 2,
        ..ListAnnouncementsRequest::default()
    };
    let mut titles = Vec::new();
    loop {
        let page = suite.anybody().list_announcements(request.clone()).await.unwrap();
        let page = page.into_inner();
        for one in page.announcements {
            let content = one.content.unwrap();
            assert_eq!(content.body, "", "lists have no texts");
            titles.push(content.title);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(titles, ["4", "2", "5", "3", "1"]);
}
