//! CalendarService.

use std::sync::Arc;

use qihang_kit::{
    auth::{Principal, Role},
    db, etag,
    idempotency::Call,
    page,
    status::Fault,
};
use qihang_proto::identity::v1::{
    Calendar, CalendarChange, CalendarWindow, GetCalendarRequest, ListCalendarChangesRequest,
    ListCalendarChangesResponse, Period, SetWindowRequest, WindowKind, calendar_service_server,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::calendar::{self, Days, DaysFault, Effective, Kind},
    error::{Error, Missing},
    rpc::person::{Person, timestamp},
    store::{
        audit::{self, Event},
        calendar::{self as store, Change, ChangeRow, PROVINCE, Place, WindowRow},
        schools,
    },
};

/// Shows and sets windows.
pub(crate) struct CalendarService(pub(crate) Arc<App>);

impl CalendarService {
    async fn get(&self, request: &GetCalendarRequest) -> Result<Calendar, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let school_code = request.school_code.as_str();
        if !school_code.is_empty() && schools::get(&mut conn, school_code).await?.is_none() {
            return Err(Error::NotFound(Missing::School));
        }
        whole(&mut conn, request.cohort, school_code).await
    }

    async fn set(&self, request: &Request<SetWindowRequest>) -> Result<Calendar, Error> {
        let person = Person::of(request)?;
        let asked = request.get_ref();
        let days = days_asked(asked)?;
        let place = Place {
            cohort: cohort_number(asked.cohort),
            kind: kind(asked.kind())?,
            school_code: own(&person.principal)?,
        };
        let mut transaction = self.0.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("SetWindow", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let row = store::lock(conn, place).await?;
                etag::check(&asked.etag, row.version)?;
                within_the_province(conn, place, days).await?;
                store::save(conn, place, row.version, days).await?;
                let now = db::now(conn).await?;
                let change = Change::new(place, row.version + 1, days, (&person.author, now));
                store::note(conn, self.0.ctx.ids.new_id(), &change).await?;
                let event = Event {
                    school_code: person.principal.school_code.clone(),
                    ..Event::of("calendar.set_window", caller)
                };
                let seen = qihang_kit::auth::caller(request);
                audit::write(conn, self.0.ctx.ids.new_id(), &event, &seen).await?;
                Ok(whole(conn, asked.cohort, place.school_code).await?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn changes(
        &self,
        principal: &Principal,
        request: &ListCalendarChangesRequest,
    ) -> Result<ListCalendarChangesResponse, Error> {
        let school_code = Some(own(principal)?).filter(|code| *code != PROVINCE);
        let query = page::Query::new(
            request.page_size,
            &request.page_token,
            &(request.cohort, school_code),
        )?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let before = query.after::<Uuid>()?;
        let cohort = cohort_number(request.cohort);
        let rows = store::changes(&mut conn, cohort, school_code, before, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.id);
        Ok(ListCalendarChangesResponse {
            changes: rows.into_iter().map(change_view).collect(),
            next_page_token,
        })
    }
}

/// Whose windows a caller sets: a school's code, or the province's.
fn own(principal: &Principal) -> Result<&str, Error> {
    match principal.role {
        Role::Province => Ok(PROVINCE),
        _ => principal
            .school_code
            .as_deref()
            .ok_or(Error::NotFound(Missing::School)),
    }
}

async fn within_the_province(
    conn: &mut PgConnection,
    place: Place<'_>,
    days: Option<Days>,
) -> Result<(), Error> {
    if place.school_code == PROVINCE {
        return Ok(());
    }
    let of_the_province = Place {
        school_code: PROVINCE,
        ..place
    };
    let province = store::effective(conn, of_the_province).await?.days();
    calendar::narrow(province, days).map_err(|province| {
        let message = format!(
            "学校的{}时间须在省里规定的时间（{province}）之内，请重新选择",
            place.kind.title()
        );
        Fault::invalid("openDay", "WINDOW_OUTSIDE", message).into()
    })
}

/// The calendar as it stands.
async fn whole(conn: &mut PgConnection, cohort: u32, school_code: &str) -> Result<Calendar, Error> {
    let rows = store::windows(conn, cohort_number(cohort), school_code).await?;
    Ok(Calendar {
        cohort,
        school_code: school_code.to_owned(),
        windows: Kind::ALL
            .into_iter()
            .map(|kind| window_view(kind, &rows, school_code))
            .collect(),
    })
}

fn window_view(kind: Kind, rows: &[WindowRow], school_code: &str) -> CalendarWindow {
    let of = |school_code: &str| {
        rows.iter()
            .find(|row| row.kind == kind.as_str() && row.school_code == school_code)
    };
    let version = |row: Option<&WindowRow>| etag::of(row.map_or(0, |row| row.version));
    let (province, school) = (of(PROVINCE), of(school_code).filter(|_| school_code != PROVINCE));
    let (province_days, school_days) = (
        province.and_then(WindowRow::days),
        school.and_then(WindowRow::days),
    );
    let effective = Effective::of(province_days, school_days);
    CalendarWindow {
        kind: kind_view(kind).into(),
        province: province_days.map(period),
        school: school_days.map(period),
        effective: effective.days().map(period),
        never: effective == Effective::Never,
        province_etag: version(province),
        school_etag: if school_code == PROVINCE {
            String::new()
        } else {
            version(school)
        },
    }
}

fn change_view(row: ChangeRow) -> CalendarChange {
    CalendarChange {
        id: row.id.to_string(),
        kind: Kind::parse(&row.kind)
            .map_or(WindowKind::Unspecified, kind_view)
            .into(),
        period: row.days().map(period),
        school_code: row.school_code,
        actor_name: row.actor_name,
        create_time: Some(timestamp(row.create_time)),
        hash: hex::encode(row.hash),
    }
}

fn period(days: Days) -> Period {
    Period {
        open_day: calendar::day(days.open()),
        close_day: calendar::day(days.close()),
        open_time: Some(timestamp(days.open_time())),
        close_time: Some(timestamp(days.close_time())),
    }
}

fn kind_view(kind: Kind) -> WindowKind {
    match kind {
        Kind::Registration => WindowKind::Registration,
        Kind::Origin => WindowKind::Origin,
        Kind::Signing => WindowKind::Signing,
        Kind::Destination => WindowKind::Destination,
        Kind::RecommendationForm => WindowKind::RecommendationForm,
    }
}

fn kind(asked: WindowKind) -> Result<Kind, Fault> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind_view(*kind) == asked)
        .ok_or_else(|| Fault::invalid("kind", "KIND_UNKNOWN", "请选择时间窗口的种类"))
}

fn cohort_number(cohort: u32) -> i32 {
    i32::try_from(cohort).unwrap_or_default()
}

fn days_asked(request: &SetWindowRequest) -> Result<Option<Days>, Fault> {
    Days::parse(&request.open_day, &request.close_day).map_err(|fault| match fault {
        DaysFault::NotADay(field) => {
            Fault::invalid(field, "DAY_INVALID", "日期不正确，请按 2026-03-01 的格式填写")
        }
        DaysFault::Incomplete => Fault::invalid(
            "closeDay",
            "WINDOW_INCOMPLETE",
            "请同时填写开始日期和结束日期，或都不填表示不限",
        ),
        DaysFault::Order => Fault::invalid("closeDay", "WINDOW_ORDER", "结束日期不能早于开始日期"),
    })
}

#[tonic::async_trait]
impl calendar_service_server::CalendarService for CalendarService {
    async fn get_calendar(&self, request: Request<GetCalendarRequest>) -> Result<Response<Calendar>, Status> {
        Ok(Response::new(self.get(request.get_ref()).await?))
    }

    async fn set_window(&self, request: Request<SetWindowRequest>) -> Result<Response<Calendar>, Status> {
        Ok(Response::new(self.set(&request).await?))
    }

    async fn list_calendar_changes(
        &self,
        request: Request<ListCalendarChangesRequest>,
    ) -> Result<Response<ListCalendarChangesResponse>, Status> {
        let principal = qihang_kit::auth::principal(&request)?;
        Ok(Response::new(self.changes(principal, request.get_ref()).await?))
    }
}
