//! The province's changes of code tables.

use std::collections::HashMap;

use qihang_kit::testing;
use qihang_proto::identity::v1::{
    DictionaryChange, GetDictionaryRequest, ListCodeChangesRequest, ListDictionaryChangesRequest,
    PreviewDictionaryChangeRequest, PublishDictionaryChangeRequest, PublishedDictionaryChange,
    dictionary_preview::Kind, directory_service_client::DirectoryServiceClient,
    reference_service_client::ReferenceServiceClient,
};
use time::{Date, Duration, UtcOffset};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    people::door,
    roster_support::{Way, World, file, reason},
};

fn province(world: &World) -> ReferenceServiceClient<Way> {
    ReferenceServiceClient::new(world.identity.as_principal(&testing::province_staff()))
}

/// A day so many days from today in Shanghai.
fn day(world: &World, ahead: i64) -> String {
    let shanghai = UtcOffset::from_hms(8, 0, 0).unwrap();
    let date: Date = (world.identity.clock.now().to_offset(shanghai) + Duration::days(ahead)).date();
    date.to_string()
}

fn change(world: &World, code: &str, name: &str) -> DictionaryChange {
    DictionaryChange {
        code: code.to_owned(),
        name: name.to_owned(),
        valid_from: day(world, 0),
        ..DictionaryChange::default()
    }
}

async fn publish(
    world: &World,
    table: &str,
    change: DictionaryChange,
) -> Result<PublishedDictionaryChange, Status> {
    let request = PublishDictionaryChangeRequest {
        name: table.to_owned(),
        change: Some(change),
        request_id: String::new(),
    };
    Ok(province(world)
        .publish_dictionary_change(request)
        .await?
        .into_inner())
}

/// Names by code, and the version.
async fn shown(world: &World, table: &str, on_day: &str) -> (HashMap<String, String>, String) {
    let request = GetDictionaryRequest {
        name: table.to_owned(),
        parent: None,
        on_day: on_day.to_owned(),
    };
    let mut anybody = ReferenceServiceClient::new(door(&world.identity).way());
    let table = anybody.get_dictionary(request).await.unwrap().into_inner();
    let entries = table.entries.into_iter().map(|entry| (entry.code, entry.name));
    (entries.collect(), table.version)
}

#[tokio::test]
async fn a_new_code_is_shown_and_imported_from_its_first_day() {
    let world = World::new().await;
    let row = file(1).replace(",01,13,", ",77,13,");
    assert_eq!(world.import(&world.staff, &row, true).await.errors, 1);
    let (before, version) = shown(&world, "ethnic", "").await;
    let tomorrow = DictionaryChange {
        valid_from: day(&world, 1),
        ..change(&world, "77", "新识别民族")
    };
    publish(&world, "ethnic", tomorrow).await.unwrap();
    assert_eq!(shown(&world, "ethnic", "").await, (before, version.clone()));
    let (ahead, later) = shown(&world, "ethnic", &day(&world, 1)).await;
    assert_eq!(ahead["77"], "新识别民族");
    assert_ne!(later, version);
    assert_eq!(world.import(&world.staff, &row, true).await.errors, 1);
    world.identity.advance(Duration::DAY).await;
    assert_eq!(shown(&world, "ethnic", "").await.1, later);
    world.identity.run_tasks().await;
    let import = world
        .import(&testing::school_staff(crate::people::SCHOOL), &row, true)
        .await;
    assert_eq!((import.errors, import.error.as_str()), (0, ""));
}

#[tokio::test]
async fn a_code_that_ends_is_counted_first_and_keeps_its_meaning() {
    let world = World::with_students(3).await;
    let ended = DictionaryChange {
        valid_to: day(&world, 0),
        ..change(&world, "01", "汉族")
    };
    let request = PreviewDictionaryChangeRequest {
        name: "ethnic".to_owned(),
        change: Some(ended.clone()),
    };
    let preview = province(&world).preview_dictionary_change(request).await.unwrap();
    let preview = preview.into_inner();
    assert_eq!((preview.kind(), preview.student_count), (Kind::Ended, 3));
    assert_eq!(preview.before.unwrap().name, "汉族");
    assert_eq!(shown(&world, "ethnic", "").await.0["01"], "汉族");
    publish(&world, "ethnic", ended).await.unwrap();
    assert_eq!(
        shown(&world, "ethnic", "").await.0["01"],
        "汉族",
        "the last day is within"
    );
    world.identity.advance(Duration::DAY).await;
    world.identity.run_tasks().await;
    assert!(!shown(&world, "ethnic", "").await.0.contains_key("01"));
    let staff = testing::school_staff(crate::people::SCHOOL);
    let refused = world.import(&staff, &file(4), true).await;
    assert_eq!(refused.errors, 4);
    let student = world.student(0).await;
    let request = qihang_proto::identity::v1::GetMyRosterRequest {};
    let record = world
        .origin(&student)
        .get_my_roster(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(record.locked.unwrap().ethnic, "汉族");
    // What other services lay over their tables says the same.
    let mut directory = DirectoryServiceClient::new(world.identity.as_service("contracts"));
    let told = directory
        .list_code_changes(ListCodeChangesRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told.changes.len(), 1);
    assert!(told.changes[0].ended && told.changes[0].code == "01");
}

#[tokio::test]
async fn harmful_changes_are_refused() {
    let world = World::new().await;
    let fine = |name: &str| change(&world, "77", name);
    let past = DictionaryChange {
        valid_from: day(&world, -1),
        ..fine("新")
    };
    let no_day = DictionaryChange {
        valid_from: "2026-02-30".to_owned(),
        ..fine("新")
    };
    let orphan = DictionaryChange {
        parent: "999999".to_owned(),
        ..fine("新")
    };
    for (table, change, expected) in [
        ("ethnic", past, "VALID_FROM_PAST"),
        ("ethnic", no_day, "DAY_INVALID"),
        ("ethnic", orphan, "PARENT_UNKNOWN"),
        ("ethnic", fine("汉族"), "NAME_TAKEN"),
        ("ethnic", fine("  "), "NAME_BLANK"),
        ("school_heilongjiang", fine("新"), "DICTIONARY_FIXED"),
        ("nothing", fine("新"), "DICTIONARY_NOT_FOUND"),
    ] {
        assert_eq!(
            reason(&publish(&world, table, change).await.unwrap_err()),
            expected
        );
    }
}

#[tokio::test]
async fn changes_are_kept_once_a_request_and_only_the_provinces() {
    let world = World::new().await;
    let fine = |name: &str| change(&world, "77", name);
    let request = PublishDictionaryChangeRequest {
        name: "ethnic".to_owned(),
        change: Some(fine("新")),
        request_id: Uuid::from_u128(5).to_string(),
    };
    let mut client = province(&world);
    let first = client
        .publish_dictionary_change(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        client
            .publish_dictionary_change(request.clone())
            .await
            .unwrap()
            .into_inner(),
        first
    );
    publish(&world, "ethnic", fine("更新")).await.unwrap();
    let list = ListDictionaryChangesRequest {
        name: "ethnic".to_owned(),
        ..ListDictionaryChangesRequest::default()
    };
    let changes = client
        .list_dictionary_changes(list)
        .await
        .unwrap()
        .into_inner()
        .changes;
    let names: Vec<&str> = changes
        .iter()
        .map(|change| change.change.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["更新", "新"]);
    let mut school = ReferenceServiceClient::new(world.identity.as_principal(&world.staff));
    let refused = school.publish_dictionary_change(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_NOT_ALLOWED")
    );
}
