//! RosterService: imports and their reports, and the school's students.

use std::{sync::Arc, time::Duration};

use futures::stream::BoxStream;
use qihang_kit::{
    auth::Role,
    db,
    download::{Pieces, pieces},
    idempotency::Call,
    page,
    status::Fault,
};
use qihang_proto::{
    common::v1::Operation,
    documents::v1::{ClaimFilesRequest, FilePurpose},
    identity::v1::{
        DownloadImportErrorsRequest, GetImportRequest, GetOperationRequest, GetStudentRequest, ImportChange,
        ImportError, ImportRosterRequest, ListImportChangesRequest, ListImportChangesResponse,
        ListImportErrorsRequest, ListImportErrorsResponse, ListImportsRequest, ListImportsResponse,
        ListStudentsRequest, ListStudentsResponse, RevealStudentRequest, RevealStudentResponse, RosterImport,
        Student, WatchOperationRequest, download_import_errors_request::Format, import_change, import_error,
        roster_import, roster_service_server,
    },
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::{calendar::Effective, origin::Surroundings, roster_check::Severity},
    rpc::{
        error_table,
        origin::claim_files,
        origin_flow,
        person::{self, Person, timestamp},
        reveal_student, schools, student_view,
    },
    sealing,
    store::{
        self,
        imports::{Change, ImportRow, KeptFinding, NewImport},
        students::Filter,
    },
};

/// Pause between two looks at an operation that is watched.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// Rows of a download; no import keeps more.
const MAX_DOWNLOAD: i64 = 10_000;

/// The service.
pub(crate) struct RosterService {
    app: Arc<App>,
}

impl RosterService {
    /// The service on its parts.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    async fn import(&self, person: &Person, request: &ImportRosterRequest) -> Result<Operation, Fault> {
        let school_code = person.school_code()?;
        let file_id: Uuid = request
            .file_id
            .parse()
            .map_err(|_| Fault::invalid("fileId", "FILE_UNUSABLE", "文件编号不正确"))?;
        // The owner is the file itself: a dry run and the import after it claim the same.
        let claim = ClaimFilesRequest {
            ids: vec![request.file_id.clone()],
            owner: format!("identity.roster_file/{file_id}"),
            uploader_account_id: person.principal.account_id.to_string(),
            purposes: vec![FilePurpose::Roster.into()],
            school_code: school_code.to_owned(),
            ..ClaimFilesRequest::default()
        };
        let files = claim_files(&self.app, claim, "fileId").await?;
        let mut transaction = self.app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("ImportRoster", caller, &request.request_id, request);
        let first: Operation = call
            .once(&mut transaction, async |conn| {
                schools::takes_in(conn, Some(school_code)).await?;
                let id = self.app.ctx.ids.new_id();
                let new = NewImport {
                    id,
                    school_code,
                    account_id: caller,
                    actor_name: &person.author.name,
                    address: &person.author.address,
                    client: &person.author.client,
                    file_id,
                    file_sha256: files.first().map_or("", |file| file.sha256.as_str()),
                    dry_run: request.dry_run,
                    cohort: i32::try_from(request.cohort).unwrap_or_default(),
                    now: db::now(conn).await?,
                };
                store::imports::insert(conn, &new).await.map_err(running)?;
                let row = store::imports::get(conn, school_code, id).await?;
                Ok(operation(&row.ok_or_else(import_not_found)?))
            })
            .await?;
        transaction.commit().await?;
        // A repeat sees how far the import is.
        let id = person::id(&first.id, import_not_found)?;
        Ok(operation(&self.load(person, id).await?))
    }

    async fn load(&self, person: &Person, id: Uuid) -> Result<ImportRow, Fault> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        store::imports::get(&mut conn, person.school_code()?, id)
            .await?
            .ok_or_else(import_not_found)
    }

    async fn list_students(
        &self,
        person: &Person,
        request: &ListStudentsRequest,
    ) -> Result<ListStudentsResponse, Fault> {
        let filled = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let filter = Filter {
            department: filled(&request.department),
            class_name: filled(&request.class_name),
            state: student_view::filter_state(request.state()).map(|state| state.as_str().to_owned()),
            cohort: (request.cohort > 0).then(|| i32::try_from(request.cohort).unwrap_or_default()),
            text: filled(&request.text),
        };
        let query = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let actor = person.actor()?;
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let levels = origin_flow::levels(&mut conn, person.school_code()?).await?;
        let rows = store::students::list(
            &mut conn,
            &person.scope()?,
            &filter,
            query.after()?,
            query.limit(),
        )
        .await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.student_number.clone());
        let around = Surroundings {
            levels,
            window: Effective::Always,
            agreement_held: false,
        };
        let mut students = Vec::with_capacity(rows.len());
        for row in &rows {
            let opened = sealing::student(&self.app.sealer, row)?;
            let record = origin_flow::record(row, &opened, Vec::new())?;
            let actions = origin_flow::actions(&record, actor, around, now);
            students.push(student_view::summary(row, &opened, actions));
        }
        Ok(ListStudentsResponse {
            students,
            next_page_token,
        })
    }

    async fn table(&self, person: &Person, request: &DownloadImportErrorsRequest) -> Result<Pieces, Fault> {
        let id = person::id(&request.import_id, import_not_found)?;
        let school_code = person.school_code()?;
        self.load(person, id).await?;
        let mut conn = self.app.ctx.pool.acquire().await?;
        let findings =
            store::imports::findings(&mut conn, (school_code, id), None, None, MAX_DOWNLOAD).await?;
        drop(conn);
        let format = request.format();
        let work = tokio::task::spawn_blocking(move || match format {
            Format::Csv => error_table::csv(&findings).map_err(|error| Fault::internal(&error)),
            Format::Xlsx | Format::Unspecified => {
                error_table::xlsx(&findings).map_err(|error| Fault::internal(&error))
            }
        });
        let bytes = work.await.map_err(|error| Fault::internal(&error))??;
        let (content_type, name) = match format {
            Format::Csv => ("text/csv; charset=utf-8", "导入错误清单.csv"),
            _ => (
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "导入错误清单.xlsx",
            ),
        };
        Ok(pieces(content_type, name, bytes))
    }
}

fn import_not_found() -> Fault {
    Fault::not_found("IMPORT_NOT_FOUND", "没有找到该导入记录，或不属于本校")
}

/// The school's one running import is held by an index.
fn running(error: sqlx::Error) -> Fault {
    match db::constraint(&error) {
        Some("roster_imports_one") => {
            Fault::precondition("IMPORT_RUNNING", "本校已有名册导入正在进行，请等它结束后再试")
        }
        _ => Fault::database(error),
    }
}

#[tonic::async_trait]
impl roster_service_server::RosterService for RosterService {
    type WatchOperationStream = BoxStream<'static, Result<Operation, Status>>;
    type DownloadImportErrorsStream = Pieces;

    async fn import_roster(
        &self,
        request: Request<ImportRosterRequest>,
    ) -> Result<Response<Operation>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.import(&person, &request.into_inner()).await?))
    }

    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let person = Person::of(&request)?;
        let id = person::id(&request.into_inner().id, import_not_found)?;
        Ok(Response::new(operation(&self.load(&person, id).await?)))
    }

    async fn watch_operation(
        &self,
        request: Request<WatchOperationRequest>,
    ) -> Result<Response<Self::WatchOperationStream>, Status> {
        let person = Person::of(&request)?;
        let id = person::id(&request.into_inner().id, import_not_found)?;
        let mut present = operation(&self.load(&person, id).await?);
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let service = Self::new(Arc::clone(&self.app));
        tokio::spawn(async move {
            loop {
                let done = present.done;
                // A watcher who left, or the last news.
                if sender.send(Ok(present.clone())).await.is_err() || done {
                    return;
                }
                present = match service.changed(&person, id, &present, &sender).await {
                    Ok(Some(next)) => next,
                    Ok(None) => return,
                    Err(fault) => {
                        let _ = sender.send(Err(fault.into())).await;
                        return;
                    }
                };
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn list_imports(
        &self,
        request: Request<ListImportsRequest>,
    ) -> Result<Response<ListImportsResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let query = page::Query::new(request.page_size, &request.page_token, &())?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let rows =
            store::imports::list(&mut conn, person.school_code()?, query.after()?, query.limit()).await;
        let (rows, next_page_token) = query.finish(rows.map_err(Fault::database)?, |row| row.id);
        let imports = rows.iter().map(import).collect();
        Ok(Response::new(ListImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn get_import(&self, request: Request<GetImportRequest>) -> Result<Response<RosterImport>, Status> {
        let person = Person::of(&request)?;
        let id = person::id(&request.into_inner().id, import_not_found)?;
        Ok(Response::new(import(&self.load(&person, id).await?)))
    }

    async fn list_import_errors(
        &self,
        request: Request<ListImportErrorsRequest>,
    ) -> Result<Response<ListImportErrorsResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let id = person::id(&request.import_id, import_not_found)?;
        self.load(&person, id).await?;
        let severity = match request.severity() {
            import_error::Severity::Error => Some(Severity::Error),
            import_error::Severity::Warning => Some(Severity::Warning),
            import_error::Severity::Unspecified => None,
        };
        let query = page::Query::new(request.page_size, &request.page_token, &(id, request.severity))?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let owner = (person.school_code()?, id);
        let rows = store::imports::findings(&mut conn, owner, severity, query.after()?, query.limit()).await;
        let (rows, next_page_token) = query.finish(rows.map_err(Fault::database)?, |row| row.position);
        Ok(Response::new(ListImportErrorsResponse {
            errors: rows.into_iter().map(error).collect(),
            next_page_token,
        }))
    }

    async fn download_import_errors(
        &self,
        request: Request<DownloadImportErrorsRequest>,
    ) -> Result<Response<Self::DownloadImportErrorsStream>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.table(&person, &request.into_inner()).await?))
    }

    async fn list_import_changes(
        &self,
        request: Request<ListImportChangesRequest>,
    ) -> Result<Response<ListImportChangesResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let id = person::id(&request.import_id, import_not_found)?;
        self.load(&person, id).await?;
        let query = page::Query::new(request.page_size, &request.page_token, &id)?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let owner = (person.school_code()?, id);
        let rows = store::imports::changes(&mut conn, owner, query.after()?, query.limit()).await;
        let (rows, next_page_token) = query.finish(rows.map_err(Fault::database)?, |row| row.file_row);
        Ok(Response::new(ListImportChangesResponse {
            changes: rows.into_iter().map(change).collect(),
            next_page_token,
        }))
    }

    async fn list_students(
        &self,
        request: Request<ListStudentsRequest>,
    ) -> Result<Response<ListStudentsResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(
            self.list_students(&person, &request.into_inner()).await?,
        ))
    }

    async fn get_student(&self, request: Request<GetStudentRequest>) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        if person.principal.role == Role::Student {
            return Err(origin_flow::not_found().into());
        }
        let id = person::id(&request.into_inner().id, origin_flow::not_found)?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let now = db::now(&mut conn).await.map_err(Fault::database)?;
        let loaded = origin_flow::load(&self.app, &mut conn, &person.scope()?, id).await?;
        Ok(Response::new(loaded.view(&person, now)?))
    }

    async fn reveal_student(
        &self,
        request: Request<RevealStudentRequest>,
    ) -> Result<Response<RevealStudentResponse>, Status> {
        Ok(Response::new(reveal_student::reveal(&self.app, &request).await?))
    }
}

impl RosterService {
    /// The operation once it differs from what the watcher knows; nothing when the watcher left.
    async fn changed(
        &self,
        person: &Person,
        id: Uuid,
        known: &Operation,
        sender: &tokio::sync::mpsc::Sender<Result<Operation, Status>>,
    ) -> Result<Option<Operation>, Fault> {
        loop {
            tokio::select! {
                () = sender.closed() => return Ok(None),
                () = tokio::time::sleep(WATCH_PERIOD) => {}
            }
            let next = operation(&self.load(person, id).await?);
            if next != *known {
                return Ok(Some(next));
            }
        }
    }
}

/// An import as the operation that it is.
fn operation(row: &ImportRow) -> Operation {
    Operation {
        id: row.id.to_string(),
        kind: "importRoster".to_owned(),
        done: row.end_time.is_some(),
        progress: u64::try_from(row.progress).unwrap_or_default(),
        total: u64::try_from(row.total).unwrap_or_default(),
        error: row.error.clone(),
        error_code: row.error_code.clone(),
        create_time: Some(timestamp(row.create_time)),
        end_time: row.end_time.map(timestamp),
    }
}

fn import(row: &ImportRow) -> RosterImport {
    let count = |number: i32| u32::try_from(number).unwrap_or_default();
    let state = match row.state.as_str() {
        "PENDING" => roster_import::State::Pending,
        "RUNNING" => roster_import::State::Running,
        "SUCCEEDED" => roster_import::State::Succeeded,
        "FAILED" => roster_import::State::Failed,
        _ => roster_import::State::Unspecified,
    };
    RosterImport {
        id: row.id.to_string(),
        state: state.into(),
        dry_run: row.dry_run,
        cohort: count(row.cohort),
        rows: count(row.row_count),
        inserted: count(row.inserted),
        updated: count(row.updated),
        unchanged: count(row.unchanged),
        errors: count(row.error_count),
        warnings: count(row.warning_count),
        unknown_columns: row.unknown_columns.clone(),
        error: row.error.clone(),
        error_code: row.error_code.clone(),
        file_id: row.file_id.to_string(),
        file_sha256: row.file_sha256.clone(),
        create_time: Some(timestamp(row.create_time)),
        end_time: row.end_time.map(timestamp),
    }
}

fn error(finding: KeptFinding) -> ImportError {
    let severity = match finding.severity.as_str() {
        "ERROR" => import_error::Severity::Error,
        _ => import_error::Severity::Warning,
    };
    ImportError {
        row: u32::try_from(finding.file_row).unwrap_or_default(),
        column: finding.column_name,
        value: finding.value,
        severity: severity.into(),
        message: finding.message,
    }
}

fn change(change: Change) -> ImportChange {
    let field = |field: store::imports::ChangedField| import_change::Field {
        field: field.field,
        old_value: field.old,
        new_value: field.new,
    };
    ImportChange {
        row: u32::try_from(change.file_row).unwrap_or_default(),
        student_number: change.student_number,
        name_masked: change.name_masked,
        inserted: change.inserted,
        fields: change.fields.into_iter().map(field).collect(),
    }
}
