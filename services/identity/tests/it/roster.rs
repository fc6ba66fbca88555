//! Roster imports and the school's students.

use futures::{StreamExt as _, future::join_all};
use qihang_kit::testing;
use qihang_proto::identity::v1::{
    DownloadImportErrorsRequest, GetStudentRequest, ImportRosterRequest, ListImportChangesRequest,
    ListImportErrorsRequest, ListImportsRequest, ListStudentsRequest, OriginState, WatchOperationRequest,
    import_error::Severity, roster_import::State,
};
use rust_xlsxwriter::Workbook;
use tonic::Code;

use crate::roster_support::{HEADERS, OTHER_SCHOOL, SCHOOL, World, file, reason, row};

fn request(file_id: String) -> ImportRosterRequest {
    ImportRosterRequest {
        file_id,
        dry_run: false,
        cohort: 2026,
        request_id: String::new(),
    }
}

#[tokio::test]
async fn a_dry_run_reports_by_row_and_column_and_writes_nothing() {
    let world = World::new().await;
    let bad = row(1).replace(",01,13,", ",01,77,").replace("202607", "202507");
    let text = format!("{HEADERS},foo\n{},x\n{bad},x\n", row(0));
    let import = world.import(&world.staff, &text, true).await;
    assert_eq!(
        (import.state(), import.rows, import.errors, import.inserted),
        (State::Succeeded, 2, 2, 2)
    );
    assert_eq!(import.unknown_columns, ["foo"]);
    assert!(world.students(&world.staff).await.is_empty());
    let list = ListImportErrorsRequest {
        import_id: import.id.clone(),
        ..ListImportErrorsRequest::default()
    };
    let errors = world
        .roster(&world.staff)
        .list_import_errors(list)
        .await
        .unwrap()
        .into_inner()
        .errors;
    let places: Vec<_> = errors
        .iter()
        .map(|error| (error.row, error.column.as_str()))
        .collect();
    assert_eq!(places, [(3, "zzmmdm"), (3, "bysj")]);
    assert!(
        errors
            .iter()
            .all(|error| error.severity() == Severity::Error && !error.message.is_empty())
    );
    assert!(world.identity.published().await.is_empty());
}

#[tokio::test]
async fn an_import_with_one_wrong_row_takes_none() {
    let world = World::new().await;
    let text = format!("{HEADERS}\n{}\n{}\n", row(0), row(1).replace("10212", "10213"));
    let import = world.import(&world.staff, &text, false).await;
    assert_eq!(
        (import.state(), import.error_code.as_str()),
        (State::Failed, "ROWS_INVALID")
    );
    assert!(world.students(&world.staff).await.is_empty());
}

#[tokio::test]
async fn missing_columns_are_named() {
    let world = World::new().await;
    let import = world.import(&world.staff, "xh,xm\n1,2\n", true).await;
    assert_eq!(import.error_code, "COLUMNS_MISSING");
    assert!(import.error.contains("sfzh（证件号）"), "{}", import.error);
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_a_changed_one_says_what() {
    let world = World::with_students(3).await;
    let again = world.import(&world.staff, &file(3), false).await;
    assert_eq!((again.inserted, again.updated, again.unchanged), (0, 0, 3));
    let changed = file(4).replacen("软件工程", "网络工程", 1);
    let preview = world.import(&world.staff, &changed, true).await;
    assert_eq!((preview.inserted, preview.updated, preview.unchanged), (1, 1, 2));
    let list = ListImportChangesRequest {
        import_id: preview.id,
        ..ListImportChangesRequest::default()
    };
    let changes = world
        .roster(&world.staff)
        .list_import_changes(list)
        .await
        .unwrap()
        .into_inner()
        .changes;
    let field = &changes[0].fields[0];
    assert_eq!(
        (
            field.field.as_str(),
            field.old_value.as_str(),
            field.new_value.as_str()
        ),
        ("专业", "软件工程", "网络工程")
    );
    assert!(changes[1].inserted);
    let import = world.import(&world.staff, &changed, false).await;
    assert_eq!(
        (import.state(), import.inserted, import.updated),
        (State::Succeeded, 1, 1)
    );
    let keys: Vec<_> = world
        .identity
        .published()
        .await
        .into_iter()
        .map(|message| message.key)
        .collect();
    assert_eq!(keys, ["identity.roster.imported.v1"; 3]);
}

#[tokio::test]
async fn gb_18030_and_xlsx_are_read() {
    let world = World::new().await;
    let (gb, _, _) = encoding_rs::GB18030.encode(Box::leak(file(2).into_boxed_str()));
    let import = world.import(&world.staff, &gb, false).await;
    assert_eq!((import.state(), import.inserted), (State::Succeeded, 2));
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, line) in (0..).zip(file(3).lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    let import = world
        .import(&world.staff, &workbook.save_to_buffer().unwrap(), false)
        .await;
    assert_eq!(
        (import.state(), import.inserted, import.unchanged),
        (State::Succeeded, 1, 2)
    );
}

#[tokio::test]
async fn five_thousand_rows_are_taken() {
    let world = World::new().await;
    let import = world.import(&world.staff, &file(5000), false).await;
    assert_eq!(
        (import.state(), import.inserted, import.errors),
        (State::Succeeded, 5000, 0)
    );
}

#[tokio::test]
async fn of_two_imports_at_once_one_is_refused() {
    let world = World::new().await;
    let calls = (0..8).map(|_| {
        let mut client = world.roster(&world.staff);
        let call = request(world.documents.add(file(1)));
        async move { client.import_roster(call).await }
    });
    let answers = join_all(calls).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (1, 7));
    assert!(
        refused
            .iter()
            .all(|answer| reason(answer.as_ref().unwrap_err()) == "IMPORT_RUNNING")
    );
    world.identity.run_tasks().await;
    assert_eq!(world.students(&world.staff).await.len(), 1);
}

#[tokio::test]
async fn the_same_request_twice_is_one_import() {
    let world = World::new().await;
    let call = ImportRosterRequest {
        request_id: world.identity.ctx.ids.new_id().to_string(),
        ..request(world.documents.add(file(1)))
    };
    let mut client = world.roster(&world.staff);
    let first = client.import_roster(call.clone()).await.unwrap().into_inner();
    world.identity.run_tasks().await;
    let second = client.import_roster(call).await.unwrap().into_inner();
    assert_eq!(first.id, second.id);
    assert!(second.done);
    let imports = client
        .list_imports(ListImportsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .imports;
    assert_eq!(imports.len(), 1);
}

#[tokio::test]
async fn an_import_that_a_dead_process_left_is_done_again() {
    let world = World::new().await;
    let mut client = world.roster(&world.staff);
    let operation = client
        .import_roster(request(world.documents.add(file(2))))
        .await
        .unwrap()
        .into_inner();
    let die = "UPDATE identity.roster_imports SET state = 'RUNNING', worker = gen_random_uuid(), attempts = 1, heartbeat_time = kit_now()";
    sqlx::query(die).execute(&world.identity.db.pool).await.unwrap();
    world.identity.run_tasks().await;
    assert!(
        world.students(&world.staff).await.is_empty(),
        "its worker may still live"
    );
    world.identity.clock.advance(time::Duration::minutes(6)).await;
    world.identity.run_tasks().await;
    assert_eq!(world.students(&world.staff).await.len(), 2);
    let watch = client
        .watch_operation(WatchOperationRequest { id: operation.id })
        .await
        .unwrap()
        .into_inner();
    let states: Vec<_> = watch.collect().await;
    assert!(states.last().unwrap().as_ref().unwrap().done);
}

#[tokio::test]
async fn the_errors_are_downloaded_as_a_table() {
    let world = World::new().await;
    let import = world
        .import(
            &world.staff,
            &format!("{HEADERS}\n{}\n", row(0).replace("230102,4", "230100,4")),
            true,
        )
        .await;
    let download = DownloadImportErrorsRequest {
        import_id: import.id,
        format: 2,
    };
    let pieces = world
        .roster(&world.staff)
        .download_import_errors(download)
        .await
        .unwrap()
        .into_inner();
    let pieces: Vec<_> = pieces.collect().await;
    let first = pieces[0].as_ref().unwrap();
    assert_eq!(first.file_name, "导入错误清单.csv");
    assert!(String::from_utf8_lossy(&first.data).contains("syszddm"));
}

#[tokio::test]
async fn nobody_sees_another_schools_students_nor_a_department_anothers() {
    let world = World::with_students(4).await;
    let stranger = testing::school_staff(OTHER_SCHOOL);
    assert!(world.students(&stranger).await.is_empty());
    let computing = testing::department_staff(SCHOOL, "计算机学院");
    let seen = world.students(&computing).await;
    assert_eq!(seen.len(), 2);
    let all = world.students(&world.staff).await;
    let hidden = all
        .iter()
        .find(|student| student.department == "外国语学院")
        .unwrap();
    for principal in [&stranger, &computing] {
        let refused = world
            .roster(principal)
            .get_student(GetStudentRequest {
                id: hidden.id.clone(),
            })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    let student = world.student(0).await;
    let refused = world
        .roster(&student)
        .list_students(ListStudentsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn lists_are_masked_and_paged() {
    let world = World::with_students(5).await;
    let mut client = world.roster(&world.staff);
    let page = ListStudentsRequest {
        page_size: 2,
        ..ListStudentsRequest::default()
    };
    let first = client.list_students(page.clone()).await.unwrap().into_inner();
    assert_eq!(first.students.len(), 2);
    assert_eq!(first.students[0].mobile_masked, "138****0000");
    assert!(first.students[0].identity_number_masked.starts_with("230****"));
    let next = ListStudentsRequest {
        page_token: first.next_page_token,
        ..page
    };
    let second = client.list_students(next).await.unwrap().into_inner();
    assert_eq!(second.students[0].student_number, "2022000002");
}

#[tokio::test]
async fn lists_are_filtered() {
    let world = World::with_students(5).await;
    let mut client = world.roster(&world.staff);
    for (filter, count) in [
        (
            ListStudentsRequest {
                text: "202200000".into(),
                ..ListStudentsRequest::default()
            },
            5,
        ),
        (
            ListStudentsRequest {
                text: "李".into(),
                ..ListStudentsRequest::default()
            },
            5,
        ),
        (
            ListStudentsRequest {
                department: "外国语学院".into(),
                ..ListStudentsRequest::default()
            },
            2,
        ),
        (
            ListStudentsRequest {
                state: OriginState::Approved.into(),
                ..ListStudentsRequest::default()
            },
            0,
        ),
        (
            ListStudentsRequest {
                cohort: 2025,
                ..ListStudentsRequest::default()
            },
            0,
        ),
    ] {
        assert_eq!(
            client
                .list_students(filter)
                .await
                .unwrap()
                .into_inner()
                .students
                .len(),
            count
        );
    }
}

#[tokio::test]
async fn staff_see_the_whole_record_masked() {
    let world = World::with_students(1).await;
    let id = world.students(&world.staff).await[0].id.clone();
    let mut client = world.roster(&world.staff);
    let whole = client
        .get_student(GetStudentRequest { id })
        .await
        .unwrap()
        .into_inner();
    let locked = whole.locked.unwrap();
    assert_eq!(
        (locked.major.as_str(), locked.political.as_str()),
        ("软件工程", "群众")
    );
    assert!(locked.identity_number.contains("****"));
    assert_eq!(whole.own.unwrap().mobile(), "138****0000");
}

#[tokio::test]
async fn personal_data_is_not_in_the_clear() {
    let world = World::with_students(1).await;
    let dump: String = sqlx::query_scalar("SELECT string_agg(s::text, '') FROM identity.students s")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    for secret in [
        "13800000000",
        "中央大街",
        "李建国",
        &crate::roster_support::identity_number(0),
    ] {
        assert!(!dump.contains(secret), "{secret}");
    }
}
