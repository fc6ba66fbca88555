//! Offers to many students by a sheet: each row is drafted and sent for itself.

use std::collections::{BTreeSet, HashMap};

use qihang_kit::{
    auth::{self, Caller, Principal},
    codes::{self, School},
    idempotency::Call,
    sheet,
    status::Fault,
};
use qihang_proto::{
    contracts::v1::{BulkOfferRequest, BulkOfferResponse, bulk_offer_response::Row as Outcome},
    identity::v1::{DirectoryEmployer, DirectorySchool, DirectoryStudent, FindStudentRequest},
};
use tonic::{Code, Request};
use uuid::Uuid;

use super::{
    command::Work,
    offer::{DEFAULT_DAYS, first, insert, known_codes, send_draft},
};
use crate::{
    App,
    act::By,
    domain::{
        bulk::{self, MAX_ROWS, Row, RowFault, SheetFault},
        terms::Terms,
        window::Window,
    },
    error::Error,
    party, peers,
    rpc::part_id,
    scope::{self, Scope},
    store::agreements::Record,
    view::terms_from_proto,
};

/// Schools that identity tells of in one call.
const SCHOOLS_AT_ONCE: usize = 100;

/// What the rows have in common.
struct Common<'a> {
    app: &'a App,
    message: &'a BulkOfferRequest,
    terms: Terms,
    employer_id: Uuid,
    employer: DirectoryEmployer,
    principal: &'a Principal,
    caller: &'a Caller,
}

/// Offers to every row, or with `dry_run` says what would become of each and changes nothing.
pub(super) async fn offer(
    app: &App,
    request: &Request<BulkOfferRequest>,
) -> Result<BulkOfferResponse, Error> {
    let (principal, caller) = (auth::principal(request)?, auth::caller(request));
    let message = request.get_ref();
    scope::may_sign(principal)?;
    let employer_id = Scope::of(principal)?.employer_id;
    let employer_id = employer_id.ok_or(Error::EmployerNotApproved)?;
    let rows = read(&message.sheet)?;
    let terms = terms_from_proto(message.terms.clone().unwrap_or_default());
    known_codes(&terms)?;
    let common = Common {
        app,
        message,
        terms,
        employer_id,
        employer: peers::employer(&app.ctx, employer_id).await?,
        principal,
        caller: &caller,
    };
    let known = Known::ask(app, &rows).await?;
    let mut outcomes = Vec::with_capacity(rows.len());
    for row in &rows {
        outcomes.push(common.outcome(row, &known).await?);
    }
    if !message.dry_run {
        app.ctx.outbox.wake();
    }
    let count = |outcomes: &[Outcome]| u32::try_from(outcomes.len()).unwrap_or_default();
    let sent_count = u32::try_from(outcomes.iter().filter(|row| row.reason_code.is_empty()).count());
    Ok(BulkOfferResponse {
        row_count: count(&outcomes),
        sent_count: sent_count.unwrap_or_default(),
        dry_run: message.dry_run,
        rows: outcomes,
    })
}

/// What identity knows of the students and schools of a sheet, asked once for all rows.
struct Known {
    students: HashMap<(String, String, String), DirectoryStudent>,
    schools: HashMap<String, DirectorySchool>,
}

impl Known {
    async fn ask(app: &App, rows: &[Row]) -> Result<Self, Error> {
        // What identity's rules refuse names nobody.
        let fits = |text: &str, longest| (1..=longest).contains(&text.chars().count());
        let named: Vec<FindStudentRequest> = rows
            .iter()
            .filter(|row| fits(&row.student_number, 32) && fits(&row.name, 64))
            .filter_map(|row| {
                Some(FindStudentRequest {
                    school_code: school_code(&row.school).ok()?.to_owned(),
                    student_number: row.student_number.clone(),
                    name: row.name.clone(),
                })
            })
            .collect();
        let codes: BTreeSet<String> = named.iter().map(|one| one.school_code.clone()).collect();
        let codes: Vec<String> = codes.into_iter().collect();
        let (mut students, mut schools) = (HashMap::new(), HashMap::new());
        if !named.is_empty() {
            for student in peers::find_students(&app.ctx, named).await? {
                students.insert(
                    key(&student.school_code, &student.student_number, &student.name),
                    student,
                );
            }
        }
        for codes in codes.chunks(SCHOOLS_AT_ONCE) {
            for school in peers::schools(&app.ctx, codes.to_vec()).await? {
                schools.insert(school.code.clone(), school);
            }
        }
        Ok(Self { students, schools })
    }

    fn student(&self, school_code: &str, row: &Row) -> Option<DirectoryStudent> {
        let key = key(school_code, &row.student_number, &row.name);
        self.students.get(&key).cloned()
    }

    fn school(&self, code: &str) -> Option<DirectorySchool> {
        self.schools.get(code).cloned()
    }
}

fn key(school_code: &str, student_number: &str, name: &str) -> (String, String, String) {
    (school_code.to_owned(), student_number.to_owned(), name.to_owned())
}

impl Common<'_> {
    /// What became of a row. Only a neighbour that is away ends the whole; what is done by then is found again by the repeat.
    async fn outcome(&self, row: &Row, known: &Known) -> Result<Outcome, Error> {
        let outcome = Outcome {
            row: row.number,
            student_number: row.student_number.clone(),
            student_name: row.name.clone(),
            ..Outcome::default()
        };
        match self.offer(row, known).await {
            Ok(agreement_id) => Ok(Outcome {
                agreement_id,
                ..outcome
            }),
            Err(error) => match Fault::from(error) {
                fault if matches!(fault.code(), Code::Unavailable | Code::Internal) => Err(fault.into()),
                fault => Ok(Outcome {
                    reason_code: fault.reason().to_owned(),
                    reason: fault.message().to_owned(),
                    ..outcome
                }),
            },
        }
    }

    /// Drafts and sends one row. Gives the agreement's id.
    async fn offer(&self, row: &Row, known: &Known) -> Result<String, Error> {
        let Self { app, .. } = self;
        let terms = row.terms(&self.terms).map_err(row_fault)?;
        let school_code = school_code(&row.school)?;
        let student = known.student(school_code, row).ok_or(Error::StudentNotFound)?;
        let window = peers::signing_window(&student);
        let school = known.school(school_code).ok_or(Error::PeerAway("identity"))?;
        let record = first(
            app,
            self.employer_id,
            self.employer.clone(),
            student,
            school,
            &terms,
        )?;
        self.send(row.number, record, &terms, window).await
    }

    /// One transaction a row; a dry run takes it back.
    async fn send(
        &self,
        row: u32,
        mut record: Record,
        terms: &Terms,
        window: Option<Window>,
    ) -> Result<String, Error> {
        let Self { app, message, .. } = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (maker, request_id) = (self.principal.account_id, part_id(&message.request_id, &row));
        let call = Call::new("BulkOffer", maker, &request_id, *message);
        let agreement_id = call
            .once(&mut transaction, async |conn| {
                let by = By {
                    principal: Some(self.principal),
                    caller: self.caller,
                };
                insert(conn, &record, terms, &by).await?;
                let work = Work {
                    app,
                    conn: &mut *conn,
                    record: &mut record,
                    by: &by,
                };
                let days = match message.valid_days {
                    0 => DEFAULT_DAYS,
                    days => days,
                };
                send_draft(work, days, party::Employer::from(self.employer.clone()), window).await?;
                Ok(record.rules.id.to_string())
            })
            .await?;
        if message.dry_run {
            transaction.rollback().await?;
            return Ok(String::new());
        }
        transaction.commit().await?;
        Ok(agreement_id)
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Row>, Fault> {
    let mut lines = Vec::new();
    let read = sheet::read(bytes, &mut |number, cells| {
        lines.push((number, cells));
        lines.len() <= MAX_ROWS + 1
    });
    read.map_err(|unreadable| Fault::invalid("sheet", "SHEET_UNREADABLE", unreadable.to_string()))?;
    bulk::rows(lines).map_err(|fault| match fault {
        SheetFault::ColumnMissing(title) => Fault::invalid(
            "sheet",
            "COLUMN_MISSING",
            format!("表格缺少“{title}”列，首行须有学校、学号、姓名"),
        ),
        SheetFault::NoRows => Fault::invalid("sheet", "SHEET_EMPTY", "表格中没有学生，请从第二行起填写"),
        SheetFault::TooManyRows => Fault::invalid(
            "sheet",
            "TOO_MANY_ROWS",
            format!("一次最多邀请 {MAX_ROWS} 名学生，请分批上传"),
        ),
    })
}

fn row_fault(fault: RowFault) -> Error {
    let fault = match fault {
        RowFault::Empty(title) => Fault::invalid("sheet", "CELL_EMPTY", format!("请填写“{title}”")),
        RowFault::Money(title) => Fault::invalid(
            "sheet",
            "MONEY_INVALID",
            format!("“{title}”应为不带小数的元数，例如 6000"),
        ),
        RowFault::Twice => Fault::invalid("sheet", "ROW_TWICE", "与上面的行是同一名学生，请删除一行"),
    };
    fault.into()
}

/// A school by its code, old or new, or by its name.
fn school_code(text: &str) -> Result<&'static str, Error> {
    let named = |school: &School| [school.code, school.name, school.short_code].contains(&text);
    codes::schools()
        .find(named)
        .map(|school| school.code)
        .ok_or_else(|| Fault::invalid("sheet", "SCHOOL_UNKNOWN", "没有这所学校，请填写学校代码或全称").into())
}
