//! RevealStudent: masked values of a record in the clear, for a reason that is kept.

use qihang_kit::{auth, status::Fault};
use qihang_proto::identity::v1::{RevealStudentRequest, RevealStudentResponse, RevealedField};
use time::Duration;
use tonic::Request;

use crate::{
    App,
    limits::Limit,
    purpose,
    rpc::{
        origin_flow,
        person::{self, Person},
    },
    sealing::{self, Opened},
    store::{
        self,
        audit::{self, Event},
    },
};

/// A field that lists and records show masked.
struct Guarded {
    name: &'static str,
    title: &'static str,
    value: fn(&Opened) -> &str,
}

/// Every such field.
const GUARDED: [Guarded; 5] = [
    Guarded {
        name: "identityNumber",
        title: "证件号码",
        value: |record| &record.locked.identity_number,
    },
    Guarded {
        name: "mobile",
        title: "手机号",
        value: |record| &record.own.mobile,
    },
    Guarded {
        name: "email",
        title: "电子邮箱",
        value: |record| &record.own.email,
    },
    Guarded {
        name: "homePhone",
        title: "家庭电话",
        value: |record| &record.own.home_phone,
    },
    Guarded {
        name: "familyContact",
        title: "家庭联系人",
        value: |record| &record.own.family_contact,
    },
];

/// Shows the fields asked for of a student in the caller's scope. That they were shown is written before they are.
///
/// # Errors
/// STUDENT_NOT_FOUND outside the scope, REVEAL_LIMITED; the database's.
pub(crate) async fn reveal(
    app: &App,
    request: &Request<RevealStudentRequest>,
) -> Result<RevealStudentResponse, Fault> {
    let (person, asked) = (Person::of(request)?, request.get_ref());
    let id = person::id(&asked.id, origin_flow::not_found)?;
    let fields: Vec<&Guarded> = GUARDED
        .iter()
        .filter(|field| asked.fields.iter().any(|name| name == field.name))
        .collect();
    let titles: Vec<&str> = fields.iter().map(|field| field.title).collect();
    let account = person.principal.account_id;
    let mut transaction = app.ctx.pool.begin().await?;
    let row = store::students::get(&mut transaction, &person.scope()?, id).await?;
    let row = row.ok_or_else(origin_flow::not_found)?;
    let limit = Limit {
        bucket: "student.reveal",
        reason: "REVEAL_LIMITED",
        max: app.config.limits_of_attempts.reveals_per_hour,
        window: Duration::hours(1),
    };
    let subject = app.sealer.blind_index(purpose::REVEAL, &account.to_string());
    limit.check(&mut transaction, &subject).await?;
    limit.count(&mut transaction, &subject).await?;
    let event = Event {
        event: "student.reveal",
        student_id: Some(row.id),
        school_code: Some(row.school_code.clone()),
        actor_id: Some(account),
        reason: format!("{}：{}", titles.join("、"), asked.reason.trim()),
        ..Event::default()
    };
    audit::write(
        &mut transaction,
        app.ctx.ids.new_id(),
        &event,
        &auth::caller(request),
    )
    .await?;
    let opened = sealing::student(&app.sealer, &row)?;
    transaction.commit().await?;
    let shown = |field: &Guarded| RevealedField {
        field: field.name.to_owned(),
        value: (field.value)(&opened).to_owned(),
    };
    Ok(RevealStudentResponse {
        fields: fields.into_iter().map(shown).collect(),
    })
}
