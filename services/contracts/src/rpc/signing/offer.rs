//! The employer's side: drafting, sending, changing, offering again.

use qihang_kit::{
    auth::{self, Caller, Principal},
    codes, db,
    idempotency::Call,
};
use qihang_proto::{
    contracts::v1::{
        Agreement as Answer, AmendAgreementRequest, CreateOfferRequest, EditOfferRequest,
        ReofferAgreementRequest, SendOfferRequest, UpdateOfferRequest,
    },
    identity::v1::{DirectoryEmployer, DirectorySchool, DirectoryStudent, FindStudentRequest},
};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime, Time, UtcOffset};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::command::{Asked, Work, run, view};
use crate::{
    App,
    act::{self, By, With},
    domain::{
        agreement::{Agreement, Command, State},
        edition,
        refusal::Refusal,
        terms::{self, Terms},
        window::{self, Window},
    },
    error::Error,
    party, peers,
    rpc::id,
    scope::Scope,
    store::{
        agreements::{self, Record},
        history::{self, Step},
        revisions,
    },
    view::{reofferable, terms_from_proto},
};

/// Days an offer is open when the employer does not say.
pub(super) const DEFAULT_DAYS: u32 = 7;

/// Drafts an offer.
pub(super) async fn create(
    app: &App,
    request: &Request<CreateOfferRequest>,
) -> Result<Response<Answer>, Status> {
    let principal = auth::principal(request)?;
    let caller = auth::caller(request);
    Ok(Response::new(
        draft_new(app, request.get_ref(), principal, &caller).await?,
    ))
}

async fn draft_new(
    app: &App,
    request: &CreateOfferRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<Answer, Error> {
    let employer_id = Scope::of(principal)?
        .employer_id
        .ok_or(Error::EmployerNotApproved)?;
    let terms = terms_from_proto(request.terms.clone().unwrap_or_default());
    known_codes(&terms)?;
    let employer = peers::employer(&app.ctx, employer_id).await?;
    let student = peers::find_student(
        &app.ctx,
        FindStudentRequest {
            school_code: request.school_code.clone(),
            student_number: request.student_number.trim().to_owned(),
            name: request.student_name.trim().to_owned(),
        },
    )
    .await?;
    let school = peers::school(&app.ctx, &student.school_code).await?;
    let record = first(app, employer_id, employer, student, school, &terms)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new("CreateOffer", principal.account_id, &request.request_id, request);
    let by = By {
        principal: Some(principal),
        caller,
    };
    let answer = call
        .once(&mut transaction, async |conn| {
            insert(conn, &record, &terms, &by).await?;
            Ok(view(app, conn, &record, principal).await?)
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

/// The record of a new draft, with copies of the parties as identity knows them.
pub(super) fn first(
    app: &App,
    employer_id: Uuid,
    employer: DirectoryEmployer,
    student: DirectoryStudent,
    school: DirectorySchool,
    terms: &Terms,
) -> Result<Record, Error> {
    peers::not_frozen(&employer, &student.school_code)?;
    let id = app.ctx.ids.new_id();
    let levels = u8::try_from(school.review_levels.clamp(1, 2)).unwrap_or(1);
    let now = app.ctx.clock.now();
    Ok(Record {
        rules: Agreement::draft(id, levels, terms.accepts_archive, terms.accepts_household),
        version: 1,
        student_id: student.id.parse().map_err(|_| Error::StudentNotFound)?,
        employer_id,
        school_code: student.school_code.clone(),
        department: student.department.clone(),
        class_name: student.class_name.clone(),
        cohort: i32::try_from(student.cohort).unwrap_or_default(),
        student_sealed: party::seal(&app.sealer, id, &party::Student::from(student))?,
        employer: serde_json::to_value(party::Employer::from(employer)).map_err(Error::Json)?,
        school: serde_json::to_value(party::School::from(school)).map_err(Error::Json)?,
        archive: None,
        household: None,
        serial: None,
        verify_code: None,
        file_id: None,
        document_sha256: None,
        reason: String::new(),
        reason_code: String::new(),
        reason_fields: Vec::new(),
        cancel_reason: String::new(),
        template: edition::first().to_owned(),
        supersedes_id: None,
        uncounted: false,
        effective_time: None,
        waiting_since: now,
        create_time: now,
        update_time: now,
    })
}

/// Writes a new draft with its first revision and first step.
pub(super) async fn insert(
    conn: &mut PgConnection,
    record: &Record,
    terms: &Terms,
    by: &By<'_>,
) -> Result<(), Error> {
    let principal = by.principal.ok_or(Error::NotFound)?;
    agreements::insert(&mut *conn, record).await?;
    revisions::write(&mut *conn, record.rules.id, 1, terms).await?;
    let step = Step {
        agreement_id: record.rules.id,
        event: "draft".to_owned(),
        from_state: String::new(),
        to_state: State::Draft.as_str().to_owned(),
        revision: 1,
        actor_role: principal.role.as_str().to_owned(),
        actor_id: Some(principal.account_id),
        actor_name: principal.name.clone(),
        address: by
            .caller
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        client: by.caller.client.as_str().to_owned(),
        reason: String::new(),
        create_time: db::now(&mut *conn).await?,
    };
    history::append(conn, &step).await
}

/// Replaces a draft's terms.
pub(super) async fn update(
    app: &App,
    request: &Request<UpdateOfferRequest>,
) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let terms = terms_from_proto(message.terms.clone().unwrap_or_default());
    known_codes(&terms)?;
    let asked = Asked {
        request,
        method: "UpdateOffer",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| {
        Box::pin(async move {
            let with = With {
                terms: Some(terms),
                ..With::default()
            };
            act::apply(work.app, work.conn, work.record, Command::Update, work.by, with).await
        })
    })
    .await
}

/// Sends a draft.
pub(super) async fn send(app: &App, request: &Request<SendOfferRequest>) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let principal = auth::principal(request)?;
    let employer_id = Scope::of(principal)?
        .employer_id
        .ok_or(Error::EmployerNotApproved)?;
    let employer = peers::employer(&app.ctx, employer_id).await?;
    let window = window_of(app, principal, &message.id, &employer).await?;
    let employer = party::Employer::from(employer);
    let days = if message.valid_days == 0 {
        DEFAULT_DAYS
    } else {
        message.valid_days
    };
    let asked = Asked {
        request,
        method: "SendOffer",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| {
        Box::pin(send_draft(work, days, employer, window))
    })
    .await
}

/// When the student of an offer may sign, as identity says now; the school must not keep the employer away.
async fn window_of(
    app: &App,
    principal: &Principal,
    offer: &str,
    employer: &DirectoryEmployer,
) -> Result<Option<Window>, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let record = agreements::find(&mut conn, id(offer)?, &Scope::of(principal)?).await?;
    drop(conn);
    let record = record.ok_or(Error::NotFound)?;
    peers::not_frozen(employer, &record.school_code)?;
    Ok(peers::signing_window(
        &peers::student(&app.ctx, record.student_id).await?,
    ))
}

pub(super) async fn send_draft(
    work: Work<'_>,
    days: u32,
    employer: party::Employer,
    window: Option<Window>,
) -> Result<(), Error> {
    let Work {
        app,
        conn,
        record,
        by,
    } = work;
    let now = db::now(&mut *conn).await?;
    let terms = revisions::terms(&mut *conn, record.rules.id, record.rules.revision).await?;
    check_terms(&terms.ok_or(Error::RevisionNotFound)?, now)?;
    if record.rules.state == State::Draft {
        window::check(window, now)?;
        let sent = agreements::count_sent(&mut *conn, record.employer_id, record.student_id, now).await?;
        if !record.uncounted && sent >= app.config.signing.offers_per_year {
            return Err(Error::OfferLimit);
        }
        close_expired(app, &mut *conn, record, now).await?;
        // What is signed shows the employer as it is now, not as it was when the draft was begun.
        record.employer = serde_json::to_value(employer).map_err(Error::Json)?;
    }
    let command = Command::Send {
        expire_time: end_of_day(now, days),
    };
    act::apply(app, conn, record, command, by, With::default()).await
}

/// An offer of the same pair whose time is over must not stand in the way until the sweep comes by.
async fn close_expired(
    app: &App,
    conn: &mut PgConnection,
    record: &Record,
    now: OffsetDateTime,
) -> Result<(), Error> {
    match agreements::open_offer(&mut *conn, record.employer_id, record.student_id, now).await? {
        Some((_, false)) => Err(Error::OfferOpen),
        Some((open, true)) => {
            let caller = Caller::system();
            let by = By {
                principal: None,
                caller: &caller,
            };
            let mut old = act::load(&mut *conn, open, &by).await?;
            act::apply(app, conn, &mut old, Command::Expire, &by, With::default()).await
        }
        None => Ok(()),
    }
}

/// Changes an open offer.
pub(super) async fn edit(app: &App, request: &Request<EditOfferRequest>) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let terms = terms_from_proto(message.terms.clone().unwrap_or_default());
    known_codes(&terms)?;
    let days = message.valid_days;
    let asked = Asked {
        request,
        method: "EditOffer",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| {
        Box::pin(async move {
            let now = db::now(&mut *work.conn).await?;
            check_terms(&terms, now)?;
            let command = Command::Edit {
                expire_time: (days > 0).then(|| end_of_day(now, days)),
            };
            let with = With {
                terms: Some(terms),
                ..With::default()
            };
            act::apply(work.app, work.conn, work.record, command, work.by, with).await
        })
    })
    .await
}

/// Changes an agreement that waits for its review.
pub(super) async fn amend(
    app: &App,
    request: &Request<AmendAgreementRequest>,
) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let terms = terms_from_proto(message.terms.clone().unwrap_or_default());
    known_codes(&terms)?;
    let reason = message.reason.trim().to_owned();
    let asked = Asked {
        request,
        method: "AmendAgreement",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| {
        Box::pin(async move {
            check_terms(&terms, db::now(&mut *work.conn).await?)?;
            let with = With {
                terms: Some(terms),
                reason,
                ..With::default()
            };
            act::apply(work.app, work.conn, work.record, Command::Amend, work.by, with).await
        })
    })
    .await
}

/// Drafts a new offer from one that came to nothing.
pub(super) async fn reoffer(
    app: &App,
    request: &Request<ReofferAgreementRequest>,
) -> Result<Response<Answer>, Status> {
    let principal = auth::principal(request)?;
    let caller = auth::caller(request);
    Ok(Response::new(
        draft_again(app, request.get_ref(), principal, &caller).await?,
    ))
}

async fn draft_again(
    app: &App,
    request: &ReofferAgreementRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<Answer, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "ReofferAgreement",
        principal.account_id,
        &request.request_id,
        request,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let by = By {
                principal: Some(principal),
                caller,
            };
            let old = act::load(conn, id(&request.id)?, &by).await?;
            if !reofferable(old.rules.state) {
                return Err(Error::NotReofferable(old.rules.state).into());
            }
            let terms = revisions::terms(conn, old.rules.id, old.rules.revision).await?;
            let terms = terms.ok_or(Error::RevisionNotFound)?;
            let record = again(app, &old, app.ctx.ids.new_id(), &terms)?;
            insert(conn, &record, &terms, &by).await?;
            Ok(view(app, conn, &record, principal).await?)
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

fn again(app: &App, old: &Record, agreement_id: Uuid, terms: &Terms) -> Result<Record, Error> {
    let student = party::open(&app.sealer, old.rules.id, &old.student_sealed)?;
    let levels = old.rules.levels;
    Ok(Record {
        rules: Agreement::draft(
            agreement_id,
            levels,
            terms.accepts_archive,
            terms.accepts_household,
        ),
        version: 1,
        student_sealed: party::seal(&app.sealer, agreement_id, &student)?,
        archive: None,
        household: None,
        serial: None,
        verify_code: None,
        file_id: None,
        document_sha256: None,
        reason: String::new(),
        reason_code: String::new(),
        reason_fields: Vec::new(),
        cancel_reason: String::new(),
        template: edition::first().to_owned(),
        supersedes_id: Some(old.rules.id),
        uncounted: old.rules.state == State::SchoolRejected,
        effective_time: None,
        ..old.clone()
    })
}

/// Codes that are given must be in their tables; missing ones are told when the offer is sent.
pub(super) fn known_codes(terms: &Terms) -> Result<(), Error> {
    let known = |table: &str, code: &str| code.is_empty() || codes::in_force(table, code);
    if !known("job_category_moe", &terms.job_category_code) {
        return Err(Error::UnknownCode("terms.jobCategoryCode", "工作职位类别"));
    }
    if !known("region_gbt2260", &terms.work_region_code) {
        return Err(Error::UnknownCode("terms.workRegionCode", "工作地点"));
    }
    Ok(())
}

fn check_terms(terms: &Terms, now: OffsetDateTime) -> Result<(), Refusal> {
    terms::check(terms, now.to_offset(shanghai()).date())
}

/// The end of the day in Shanghai, so many days from now.
fn end_of_day(now: OffsetDateTime, days: u32) -> OffsetDateTime {
    let last = Time::from_hms_milli(23, 59, 59, 999).unwrap_or(Time::MIDNIGHT);
    (now.to_offset(shanghai()) + Duration::days(i64::from(days)))
        .replace_time(last)
        .to_offset(UtcOffset::UTC)
}

fn shanghai() -> UtcOffset {
    UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_offer_ends_with_its_last_day_in_shanghai() {
        let late_evening = datetime!(2026-06-01 15:59 UTC);
        assert_eq!(
            end_of_day(late_evening, 7),
            datetime!(2026-06-08 15:59:59.999 UTC)
        );
        let next_morning = datetime!(2026-06-01 16:01 UTC);
        assert_eq!(
            end_of_day(next_morning, 7),
            datetime!(2026-06-09 15:59:59.999 UTC)
        );
    }
}
