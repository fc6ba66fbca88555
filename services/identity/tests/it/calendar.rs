//! The calendar: who sets which days, what follows, and what is refused outside them.

use qihang_kit::testing;
use qihang_proto::identity::v1::{
    BatchGetStudentsRequest, Calendar, CalendarWindow, GetCalendarRequest, GetMyRosterRequest,
    ListCalendarChangesRequest, SetWindowRequest, WindowKind, calendar_service_client::CalendarServiceClient,
    directory_service_client::DirectoryServiceClient,
};
use time::Duration;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    origin::submit,
    people::{credentials, door, verification},
    roster_support::{OTHER_SCHOOL, SCHOOL, Way, World, reason},
};

const COHORT: u32 = 2026;

/// Days that are long over, and days that have hardly begun.
const PAST: (&str, &str) = ("2020-01-01", "2020-06-30");
const LONG: (&str, &str) = ("2020-01-01", "2099-12-31");

fn asked(kind: WindowKind, (open, close): (&str, &str)) -> SetWindowRequest {
    SetWindowRequest {
        cohort: COHORT,
        kind: kind.into(),
        open_day: open.to_owned(),
        close_day: close.to_owned(),
        ..SetWindowRequest::default()
    }
}

fn calendars(world: &World, who: &qihang_kit::auth::Principal) -> CalendarServiceClient<Way> {
    CalendarServiceClient::new(world.identity.as_principal(who))
}

async fn province_sets(world: &World, kind: WindowKind, days: (&str, &str)) -> Calendar {
    let mut client = calendars(world, &testing::province_staff());
    client.set_window(asked(kind, days)).await.unwrap().into_inner()
}

async fn school_sets(world: &World, kind: WindowKind, days: (&str, &str)) -> Result<Calendar, Status> {
    let mut client = calendars(world, &world.staff);
    Ok(client.set_window(asked(kind, days)).await?.into_inner())
}

fn of(calendar: &Calendar, kind: WindowKind) -> CalendarWindow {
    let found = calendar.windows.iter().find(|window| window.kind() == kind);
    found.unwrap().clone()
}

fn days(window: &CalendarWindow) -> Option<(&str, &str)> {
    let period = window.effective.as_ref()?;
    Some((&period.open_day, &period.close_day))
}

#[tokio::test]
async fn the_province_sets_a_school_narrows_and_anybody_looks() {
    let world = World::new().await;
    let whole = province_sets(&world, WindowKind::Signing, ("2026-03-01", "2026-06-30")).await;
    assert_eq!(whole.windows.len(), 5);
    let outside = school_sets(&world, WindowKind::Signing, ("2026-02-01", "2026-05-31"))
        .await
        .unwrap_err();
    assert_eq!(
        (outside.code(), reason(&outside).as_str()),
        (Code::InvalidArgument, "WINDOW_OUTSIDE")
    );
    assert!(
        outside.message().contains("2026年3月1日至2026年6月30日"),
        "{outside}"
    );
    school_sets(&world, WindowKind::Signing, ("2026-04-01", "2026-05-31"))
        .await
        .unwrap();

    let get = |school: &str| GetCalendarRequest {
        cohort: COHORT,
        school_code: school.to_owned(),
    };
    let mut anybody = CalendarServiceClient::new(door(&world.identity).way());
    let own = anybody.get_calendar(get(SCHOOL)).await.unwrap().into_inner();
    let signing = of(&own, WindowKind::Signing);
    assert_eq!(days(&signing), Some(("2026-04-01", "2026-05-31")));
    // Until the end of the last day in Shanghai.
    let close = signing.effective.unwrap().close_time.unwrap();
    assert_eq!((close.seconds % 86_400, close.nanos), (57_599, 999_000_000));
    let origin = of(&own, WindowKind::Origin);
    assert_eq!((days(&origin), origin.never), (None, false));
    let other = anybody
        .get_calendar(get(OTHER_SCHOOL))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        days(&of(&other, WindowKind::Signing)),
        Some(("2026-03-01", "2026-06-30"))
    );
    let nobody = anybody.get_calendar(get("4123099999")).await.unwrap_err();
    assert_eq!(reason(&nobody), "SCHOOL_NOT_FOUND");

    // The province moves its days away from the school's: none are left in common.
    province_sets(&world, WindowKind::Signing, ("2026-07-01", "2026-08-31")).await;
    let own = anybody.get_calendar(get(SCHOOL)).await.unwrap().into_inner();
    let signing = of(&own, WindowKind::Signing);
    assert_eq!((days(&signing), signing.never), (None, true));
    school_sets(&world, WindowKind::Signing, ("", "")).await.unwrap();
    let own = anybody.get_calendar(get(SCHOOL)).await.unwrap().into_inner();
    assert_eq!(
        days(&of(&own, WindowKind::Signing)),
        Some(("2026-07-01", "2026-08-31"))
    );
}

#[tokio::test]
async fn what_is_no_window_is_refused_and_changes_nothing() {
    let world = World::new().await;
    for (days, expected) in [
        (("2026-03-01", ""), "WINDOW_INCOMPLETE"),
        (("2026-03-02", "2026-03-01"), "WINDOW_ORDER"),
        (("2026-02-30", "2026-03-01"), "DAY_INVALID"),
    ] {
        let refused = school_sets(&world, WindowKind::Origin, days).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, expected)
        );
    }
    let student = testing::student(SCHOOL, Uuid::nil());
    let refused = calendars(&world, &student)
        .set_window(asked(WindowKind::Origin, LONG))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "ROLE_NOT_ALLOWED");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.calendar_windows")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn changes_are_kept_once_a_request_and_seen_by_those_they_concern() {
    let world = World::new().await;
    let first = province_sets(&world, WindowKind::Origin, PAST).await;
    let etag = of(&first, WindowKind::Origin).province_etag;
    let mut province = calendars(&world, &testing::province_staff());
    let again = SetWindowRequest {
        etag,
        request_id: Uuid::from_u128(7).to_string(),
        ..asked(WindowKind::Origin, LONG)
    };
    let once = province.set_window(again.clone()).await.unwrap().into_inner();
    assert_eq!(
        once,
        province.set_window(again.clone()).await.unwrap().into_inner()
    );
    let late = SetWindowRequest {
        request_id: String::new(),
        ..again
    };
    let late = province.set_window(late).await.unwrap_err();
    assert_eq!(reason(&late), "VERSION_CONFLICT");
    school_sets(&world, WindowKind::Origin, ("2026-01-01", "2026-12-31"))
        .await
        .unwrap();
    let list = |page_size| ListCalendarChangesRequest {
        cohort: COHORT,
        page_size,
        page_token: String::new(),
    };
    let whose = |changes: &[qihang_proto::identity::v1::CalendarChange]| {
        let codes = changes.iter().map(|change| change.school_code.clone());
        codes.collect::<Vec<_>>()
    };
    let seen = province
        .list_calendar_changes(list(0))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(whose(&seen.changes), [SCHOOL, "", ""]);
    assert!(seen.changes.iter().all(|change| change.hash.len() == 64));
    let mut school = calendars(&world, &world.staff);
    let page = school.list_calendar_changes(list(2)).await.unwrap().into_inner();
    assert_eq!(whose(&page.changes), [SCHOOL, ""]);
    let rest = ListCalendarChangesRequest {
        page_token: page.next_page_token,
        ..list(2)
    };
    let rest = school.list_calendar_changes(rest).await.unwrap().into_inner();
    assert_eq!(whose(&rest.changes), [""]);
    let mut stranger = calendars(&world, &testing::school_staff(OTHER_SCHOOL));
    let seen = stranger
        .list_calendar_changes(list(0))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(whose(&seen.changes), ["", ""]);
}

#[tokio::test]
async fn records_are_sent_inside_the_window_only() {
    let world = World::with_students(1).await;
    let student = world.student(0).await;
    province_sets(&world, WindowKind::Origin, PAST).await;
    let refused = world
        .origin(&student)
        .submit_my_roster(submit())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "WINDOW_CLOSED")
    );
    assert!(
        refused.message().contains("2020年1月1日至2020年6月30日"),
        "{refused}"
    );
    let record = world.origin(&student).get_my_roster(GetMyRosterRequest {}).await;
    let record = record.unwrap().into_inner();
    let submit_action = record.actions.iter().find(|action| action.name == "submit");
    assert_eq!(submit_action.unwrap().reason_code, "WINDOW_CLOSED");
    province_sets(&world, WindowKind::Origin, LONG).await;
    world.origin(&student).submit_my_roster(submit()).await.unwrap();
}

#[tokio::test]
async fn students_register_inside_the_window_only() {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    let ticket = door.verify(verification(0)).await.unwrap().ticket;
    province_sets(&world, WindowKind::Registration, PAST).await;
    // Somebody who does not match the roster learns nothing of it.
    let mut stranger = verification(1);
    stranger.name = "无此人".to_owned();
    let refused = door.verify(stranger).await.unwrap_err();
    assert_eq!(reason(&refused), "ROSTER_MISMATCH");
    let refused = door.verify(verification(1)).await.unwrap_err();
    assert_eq!(reason(&refused), "WINDOW_CLOSED");
    let refused = door.set(credentials(&ticket)).await.unwrap_err();
    assert_eq!(reason(&refused), "WINDOW_CLOSED");
    province_sets(&world, WindowKind::Registration, LONG).await;
    door.set(credentials(&ticket)).await.unwrap();
    // Who has an account goes on signing in.
    province_sets(&world, WindowKind::Registration, PAST).await;
    door.login(0, crate::people::PASSWORD).await.unwrap();
}

#[tokio::test]
async fn other_services_are_told_when_a_student_may_sign() {
    let world = World::with_students(1).await;
    let id = world.student(0).await.student_id.unwrap().to_string();
    let window = async || {
        let request = BatchGetStudentsRequest {
            ids: vec![id.clone()],
        };
        let mut directory = DirectoryServiceClient::new(world.identity.as_service("contracts"));
        let reply = directory.batch_get_students(request).await.unwrap().into_inner();
        reply.students[0].signing_window
    };
    assert_eq!(window().await, None);
    province_sets(&world, WindowKind::Signing, ("2026-03-01", "2026-06-30")).await;
    school_sets(&world, WindowKind::Signing, ("2026-04-01", "2026-05-31"))
        .await
        .unwrap();
    let told = window().await.unwrap();
    let span = told.close_time.unwrap().seconds - told.open_time.unwrap().seconds;
    assert_eq!(span, Duration::days(61).whole_seconds() - 1);
    province_sets(&world, WindowKind::Signing, ("2026-08-01", "2026-08-31")).await;
    let never = window().await.unwrap();
    assert!(never.close_time.unwrap().seconds < never.open_time.unwrap().seconds);
}
