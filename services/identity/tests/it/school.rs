//! Schools and reference data.

use qihang_kit::testing;
use qihang_proto::identity::v1::{
    GetDictionaryRequest, GetSchoolRequest, ListDepartmentsRequest, ListDictionariesRequest,
    ListSchoolsRequest, UpdateSchoolRequest, reference_service_client::ReferenceServiceClient,
    school_service_client::SchoolServiceClient,
};
use tonic::Code;

use crate::{
    people::{SCHOOL, door},
    roster_support::{World, reason},
    support,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_schools_of_the_province_are_there_and_found_by_name_and_city() {
    let identity = support::identity().await;
    let mut client = SchoolServiceClient::new(door(&identity).way());
    let mut request = ListSchoolsRequest {
        page_size: 50,
        ..ListSchoolsRequest::default()
    };
    let mut codes = Vec::new();
    loop {
        let page = client.list_schools(request.clone()).await.unwrap().into_inner();
        codes.extend(page.schools.into_iter().map(|school| school.code));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(codes.len(), 81);
    assert!(codes.is_sorted());
    let found = ListSchoolsRequest {
        text: "理工".to_owned(),
        region_code: "230100".to_owned(),
        ..Default::default()
    };
    let found = client.list_schools(found).await.unwrap().into_inner().schools;
    assert!(found.iter().any(|school| school.name == "哈尔滨理工大学"));
    assert!(
        found
            .iter()
            .all(|school| school.name.contains("理工") && school.region == "黑龙江省哈尔滨市")
    );
    let missing = client
        .get_school(GetSchoolRequest {
            code: "0000000000".to_owned(),
        })
        .await
        .unwrap_err();
    assert_eq!(
        (missing.code(), reason(&missing).as_str()),
        (Code::NotFound, "SCHOOL_NOT_FOUND")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_keeps_its_own_details_over_restarts() {
    let identity = support::identity().await;
    let staff = testing::school_staff(SCHOOL);
    let mut client = SchoolServiceClient::new(identity.as_principal(&staff));
    let before = client
        .get_school(GetSchoolRequest {
            code: SCHOOL.to_owned(),
        })
        .await
        .unwrap()
        .into_inner();
    let update = UpdateSchoolRequest {
        code: SCHOOL.to_owned(),
        office_phone: Some("0451-86608114".to_owned()),
        review_levels: Some(2),
        etag: before.etag.clone(),
        ..UpdateSchoolRequest::default()
    };
    let after = client.update_school(update.clone()).await.unwrap().into_inner();
    assert_eq!(
        (after.office_phone.as_str(), after.review_levels),
        ("0451-86608114", 2)
    );
    assert_eq!(after.office_name, before.office_name);
    assert_eq!(
        reason(&client.update_school(update.clone()).await.unwrap_err()),
        "VERSION_CONFLICT"
    );
    qihang_identity::build(identity.ctx.clone(), support::config())
        .await
        .unwrap();
    let kept = client
        .get_school(GetSchoolRequest {
            code: SCHOOL.to_owned(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(kept, after);
    let bad = UpdateSchoolRequest {
        postcode: Some("15008".to_owned()),
        etag: String::new(),
        ..update.clone()
    };
    assert_eq!(
        client.update_school(bad).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let other = testing::school_staff("4123010213");
    let mut client = SchoolServiceClient::new(identity.as_principal(&other));
    assert_eq!(
        client.update_school(update).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn departments_come_from_the_roster() {
    let world = World::with_students(3).await;
    let request = ListDepartmentsRequest {
        code: SCHOOL.to_owned(),
    };
    let mut client = SchoolServiceClient::new(world.identity.as_principal(&world.staff));
    let departments = client
        .list_departments(request.clone())
        .await
        .unwrap()
        .into_inner()
        .departments;
    let counts: Vec<(&str, u64)> = departments
        .iter()
        .map(|department| (department.name.as_str(), department.student_count))
        .collect();
    assert_eq!(counts.len(), 2);
    assert!(counts.contains(&("外国语学院", 1)) && counts.contains(&("计算机学院", 2)));
    let mut anonymous = SchoolServiceClient::new(door(&world.identity).way());
    assert_eq!(
        anonymous.list_departments(request).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn code_tables_are_whole_or_one_level() {
    let identity = support::identity().await;
    let mut client = ReferenceServiceClient::new(door(&identity).way());
    let tables = client
        .list_dictionaries(ListDictionariesRequest {})
        .await
        .unwrap()
        .into_inner()
        .dictionaries;
    assert!(
        tables
            .iter()
            .any(|table| table.name == "ethnic" && !table.version.is_empty())
    );
    let get = |name: &str, parent: Option<&str>| GetDictionaryRequest {
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
        on_day: String::new(),
    };
    let whole = client
        .get_dictionary(get("region_gbt2260", None))
        .await
        .unwrap()
        .into_inner();
    let counties = client
        .get_dictionary(get("region_gbt2260", Some("230100")))
        .await
        .unwrap()
        .into_inner();
    assert!(counties.entries.iter().any(|entry| entry.name == "道里区"));
    assert!(counties.entries.len() < whole.entries.len());
    assert_eq!(
        client
            .get_dictionary(get("nothing", None))
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
}
