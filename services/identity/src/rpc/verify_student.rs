//! VerifyStudent: who wants to register, compared with the roster in equal time and with equal work, known or not.

use std::sync::Arc;

use qihang_kit::{auth::Caller, db, validators};
use qihang_proto::identity::v1::{VerifyStudentRequest, VerifyStudentResponse};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use subtle::{Choice, ConstantTimeEq as _};
use time::Duration;
use uuid::Uuid;

use crate::{
    App, captcha,
    domain::{
        calendar::{Effective, Kind},
        readable_code, school,
        ticket::Ticket,
    },
    error::{Error, Mismatch, Missing},
    limits::{self, Limit},
    purpose,
    rpc::{person::timestamp, schools::state},
    sealing,
    store::{
        audit::{self, CaseRow, Event},
        calendar::{self, Place},
        schools::{self, SchoolRow},
        students::{self, RegistrationRow},
    },
};

/// Life of a ticket.
const TICKET_LIFE: Duration = Duration::minutes(30);

/// How the given data compare with the roster.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    number: Choice,
    name: Choice,
    identity: Choice,
}

/// The subjects of the two limits.
struct Subjects {
    address: Vec<u8>,
    number: Vec<u8>,
}

/// A registration that does not match.
struct Refused<'a> {
    student_number: &'a str,
    school: &'a SchoolRow,
    comparison: Comparison,
    subjects: Subjects,
}

/// Checks who wants to register.
///
/// # Errors
/// CAPTCHA_INVALID, REGISTRATION_LIMITED, SCHOOL_NOT_FOUND, ROSTER_MISMATCH, ALREADY_REGISTERED, WINDOW_CLOSED; the
/// database's.
pub(crate) async fn verify(
    app: &Arc<App>,
    request: &VerifyStudentRequest,
    caller: &Caller,
) -> Result<VerifyStudentResponse, Error> {
    captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
    let number = request.student_number.trim();
    let subjects = Subjects {
        address: limits::address(&app.sealer, caller),
        number: app.sealer.blind_index(
            purpose::REGISTRATION,
            &format!("{}:{number}", request.school_code),
        ),
    };
    let mut transaction = app.ctx.pool.begin().await?;
    let school = schools::get(&mut transaction, &request.school_code).await?;
    let school = school.ok_or(Error::NotFound(Missing::School))?;
    for (limit, subject) in limits_of(app).iter().zip([&subjects.address, &subjects.number]) {
        limit.check(&mut transaction, subject).await?;
    }
    let row = students::find_for_registration(&mut transaction, &school.code, number).await?;
    let comparison = compare(app, row.as_ref(), request);
    let all: bool = (comparison.number & comparison.name & comparison.identity).into();
    let Some(row) = row.filter(|_| all) else {
        let refused = Refused {
            student_number: number,
            school: &school,
            comparison,
            subjects,
        };
        let mismatch = refuse(app, &mut transaction, &refused, caller).await?;
        transaction.commit().await?;
        return Err(Error::RosterMismatch(Box::new(mismatch)));
    };
    let event = Event {
        event: "registration.verify",
        refused: row.registered,
        student_id: Some(row.student_id),
        school_code: Some(school.code.clone()),
        ..Event::default()
    };
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    let now = db::now(&mut transaction).await?;
    let window = window(&mut transaction, &school.code, row.cohort).await?;
    transaction.commit().await?;
    if row.registered {
        return Err(Error::AlreadyRegistered);
    }
    // Said to nobody but the person: others have been told that nothing matches.
    school::takes_in(state(&school)?)?;
    window.check(Kind::Registration, now)?;
    let ticket = Ticket {
        student_id: row.student_id,
        expire_time: now + TICKET_LIFE,
    };
    Ok(VerifyStudentResponse {
        ticket: ticket.write(|bytes| sign(app, bytes)),
        expire_time: Some(timestamp(ticket.expire_time)),
        student_number: number.to_owned(),
        name_masked: validators::mask_name(&row.name),
        school_name: school.name,
    })
}

/// When students of a school's graduation year may register.
///
/// # Errors
/// The database's.
pub(crate) async fn window(
    conn: &mut PgConnection,
    school_code: &str,
    cohort: i32,
) -> Result<Effective, Error> {
    let place = Place {
        cohort,
        kind: Kind::Registration,
        school_code,
    };
    Ok(calendar::effective(conn, place).await?)
}

/// Signs a ticket.
pub(crate) fn sign(app: &App, bytes: &[u8]) -> Vec<u8> {
    app.sealer.blind_index(purpose::TICKET, &hex::encode(bytes))
}

/// What the number in a case is tied to.
pub(crate) fn tie(case_number: &str) -> Vec<u8> {
    [
        b"identity.registration_cases.student_number",
        case_number.as_bytes(),
    ]
    .concat()
}

/// Limits of failures, by address and by student number, in this order.
fn limits_of(app: &App) -> [Limit; 2] {
    let max = app.config.limits_of_attempts.verify_per_hour;
    ["registration.address", "registration.number"].map(|bucket| Limit {
        bucket,
        reason: "REGISTRATION_LIMITED",
        max,
        window: Duration::HOUR,
    })
}

/// Compares hashes of one length. An unknown number is compared with a row that nobody is.
fn compare(app: &App, row: Option<&RegistrationRow>, request: &VerifyStudentRequest) -> Comparison {
    let nobody = RegistrationRow {
        student_id: Uuid::nil(),
        cohort: 0,
        name: String::new(),
        identity_blind: vec![0; 32],
        registered: false,
    };
    let against = row.unwrap_or(&nobody);
    let given = sealing::identity_blind(&app.sealer, request.identity_number.trim());
    let name = |name: &str| Sha256::digest(name.trim());
    Comparison {
        number: Choice::from(u8::from(row.is_some())),
        name: name(&against.name)
            .as_slice()
            .ct_eq(name(&request.name).as_slice()),
        identity: against.identity_blind.ct_eq(&given),
    }
}

async fn refuse(
    app: &App,
    conn: &mut PgConnection,
    refused: &Refused<'_>,
    caller: &Caller,
) -> Result<Mismatch, Error> {
    let Refused {
        student_number,
        school,
        comparison,
        subjects,
    } = refused;
    for (limit, subject) in limits_of(app).iter().zip([&subjects.address, &subjects.number]) {
        limit.count(conn, subject).await?;
    }
    let case_number = readable_code::letters(&app.ctx.ids.bytes::<10>());
    let case = CaseRow {
        school_code: school.code.clone(),
        student_number_sealed: app.sealer.seal(student_number.as_bytes(), &tie(&case_number))?,
        number_known: comparison.number.into(),
        name_matches: comparison.name.into(),
        identity_matches: comparison.identity.into(),
        create_time: db::now(conn).await?,
        case_number,
    };
    audit::insert_case(conn, &case).await?;
    let event = Event {
        event: "registration.verify",
        refused: true,
        school_code: Some(school.code.clone()),
        ..Event::default()
    };
    audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
    Ok(Mismatch {
        case_number: case.case_number,
        school_name: school.name.clone(),
        office_name: school.office_name.clone(),
        office_contact: school.office_contact.clone(),
        office_phone: school.office_phone.clone(),
    })
}
