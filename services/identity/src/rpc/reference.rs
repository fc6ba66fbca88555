//! ReferenceService: the code tables, and the province's changes of them.

use std::sync::Arc;

use qihang_kit::{codes, db, history, idempotency::Call, page, status::Fault};
use qihang_proto::identity::v1::{
    Dictionary, DictionaryChange, DictionaryPreview, GetDictionaryRequest, ListDictionariesRequest,
    ListDictionariesResponse, ListDictionaryChangesRequest, ListDictionaryChangesResponse,
    PreviewDictionaryChangeRequest, PublishDictionaryChangeRequest, PublishedDictionaryChange, dictionary,
    dictionary_preview, reference_service_server,
};
use sqlx::PgConnection;
use time::Date;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App, dictionaries,
    domain::{
        calendar::{self, day, today},
        dictionary::{self as rules, Change, Kind, Refusal},
    },
    error::{Error, Missing},
    rpc::person::{Person, timestamp},
    store::{
        audit::{self, Event},
        dictionaries::{self as store, ChangeRow},
    },
};

/// Shows the code tables and takes changes.
pub(crate) struct ReferenceService(pub(crate) Arc<App>);

impl ReferenceService {
    async fn list(&self) -> Result<ListDictionariesResponse, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let today = today(db::now(&mut conn).await?);
        let changes = store::all(&mut conn, None).await?;
        let head =
            |table: &&codes::Dictionary| codes::base(table.name).map(|base| head(base, &changes, today));
        Ok(ListDictionariesResponse {
            dictionaries: codes::dictionaries().iter().filter_map(head).collect(),
        })
    }

    async fn get(&self, request: &GetDictionaryRequest) -> Result<Dictionary, Error> {
        let table = table(&request.name)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let on = match request.on_day.as_str() {
            "" => today(db::now(&mut conn).await?),
            text => date(text, "onDay")?,
        };
        let changes = store::all(&mut conn, Some(table.name)).await?;
        let wanted = |entry: &codes::Entry| {
            let parent = entry.parent.as_deref().unwrap_or_default();
            !entry.ended && request.parent.as_ref().is_none_or(|wanted| wanted == parent)
        };
        let entries = rules::on_day(table, &changes, on).into_iter().filter(wanted);
        Ok(Dictionary {
            entries: entries.map(entry).collect(),
            ..head(table, &changes, on)
        })
    }

    async fn preview(&self, request: &PreviewDictionaryChangeRequest) -> Result<DictionaryPreview, Error> {
        let table = table(&request.name)?;
        let wanted = change(table, request.change.clone().unwrap_or_default())?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        judged(&mut conn, table, &wanted).await
    }

    async fn publish(
        &self,
        request: &Request<PublishDictionaryChangeRequest>,
    ) -> Result<PublishedDictionaryChange, Error> {
        let (person, asked) = (Person::of(request)?, request.get_ref());
        let table = table(&asked.name)?;
        let wanted = change(table, asked.change.clone().unwrap_or_default())?;
        let caller = person.principal.account_id;
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let call = Call::new("PublishDictionaryChange", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                store::lock(conn).await?;
                judged(conn, table, &wanted).await?;
                let now = db::now(conn).await?;
                store::insert(conn, app.ctx.ids.new_id(), &wanted, (&person.author, now)).await?;
                let event = Event::of("dictionary.publish", caller);
                let seen = qihang_kit::auth::caller(request);
                audit::write(conn, app.ctx.ids.new_id(), &event, &seen).await?;
                let row = store::list(conn, table.name, None, 1).await?.pop();
                Ok(published(row.ok_or(Error::Inconsistent("dictionary_changes"))?))
            })
            .await?;
        transaction.commit().await?;
        dictionaries::refresh(app).await?;
        Ok(answer)
    }

    async fn changes(
        &self,
        request: &ListDictionaryChangesRequest,
    ) -> Result<ListDictionaryChangesResponse, Error> {
        let table = table(&request.name)?;
        let query = page::Query::new(request.page_size, &request.page_token, &table.name)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let before = query.after::<Uuid>()?;
        let rows = store::list(&mut conn, table.name, before, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.id);
        Ok(ListDictionaryChangesResponse {
            changes: rows.into_iter().map(published).collect(),
            next_page_token,
        })
    }
}

fn table(name: &str) -> Result<&'static codes::Dictionary, Error> {
    codes::base(name).ok_or(Error::NotFound(Missing::Dictionary))
}

/// Judges a change, and counts what it touches.
async fn judged(
    conn: &mut PgConnection,
    table: &codes::Dictionary,
    wanted: &Change,
) -> Result<DictionaryPreview, Error> {
    let today = today(db::now(conn).await?);
    let changes = store::all(conn, Some(table.name)).await?;
    let kind = rules::judge(table, &changes, wanted, today).map_err(refused)?;
    let entries = rules::on_day(table, &changes, wanted.from);
    let code = wanted.entry.code.as_str();
    let before = entries.iter().find(|entry| entry.code == code && !entry.ended);
    let children = entries
        .iter()
        .filter(|entry| !entry.ended && entry.parent.as_deref() == Some(code));
    let (students, employers) = store::affected(conn, table.name, code).await?;
    Ok(DictionaryPreview {
        kind: kind_view(kind).into(),
        before: before.cloned().map(entry),
        after: Some(entry(wanted.entry.clone())),
        student_count: u64::try_from(students).unwrap_or_default(),
        employer_count: u64::try_from(employers).unwrap_or_default(),
        child_count: u64::try_from(children.count()).unwrap_or_default(),
    })
}

/// A change from a request.
fn change(table: &codes::Dictionary, asked: DictionaryChange) -> Result<Change, Error> {
    let text = |text: &str| text.trim().to_owned();
    let (code, name, parent) = (asked.code, text(&asked.name), text(&asked.parent));
    if name.is_empty() {
        return Err(Fault::invalid("change.name", "NAME_BLANK", "请填写代码的名称").into());
    }
    let mut attributes: Vec<(String, String)> = asked
        .attributes
        .into_iter()
        .map(|(key, value)| (key, text(&value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    attributes.sort();
    let to = match asked.valid_to.as_str() {
        "" => None,
        text => Some(date(text, "change.validTo")?),
    };
    Ok(Change {
        table: table.name.to_owned(),
        entry: codes::Entry {
            code,
            name,
            parent: Some(parent).filter(|parent| !parent.is_empty()),
            attributes,
            ended: false,
        },
        from: date(&asked.valid_from, "change.validFrom")?,
        to,
    })
}

fn date(text: &str, field: &str) -> Result<Date, Fault> {
    calendar::read_day(text)
        .ok_or_else(|| Fault::invalid(field, "DAY_INVALID", "日期不正确，请按 2026-03-01 的格式填写"))
}

/// A table without entries. The version changes when what is in force on the day does.
fn head(table: &codes::Dictionary, changes: &[Change], on: Date) -> Dictionary {
    let overlay: Vec<_> = rules::overlay(changes, table.name, on)
        .into_iter()
        .map(|entry| {
            (
                entry.code,
                entry.name,
                entry.parent,
                entry.attributes,
                entry.ended,
            )
        })
        .collect();
    let version = if overlay.is_empty() {
        table.version.clone()
    } else {
        let hash = hex::encode(history::next_hash(None, &overlay));
        format!("{}+{}", table.version, hash.get(..8).unwrap_or_default())
    };
    Dictionary {
        name: table.name.to_owned(),
        title: table.title.clone(),
        version,
        entries: Vec::new(),
    }
}

fn entry(entry: codes::Entry) -> dictionary::Entry {
    dictionary::Entry {
        code: entry.code,
        name: entry.name,
        parent: entry.parent.unwrap_or_default(),
        attributes: entry.attributes.into_iter().collect(),
    }
}

fn published(row: ChangeRow) -> PublishedDictionaryChange {
    PublishedDictionaryChange {
        id: row.id.to_string(),
        name: row.dictionary,
        change: Some(DictionaryChange {
            code: row.code,
            name: row.name,
            parent: row.parent,
            attributes: row.attributes.0.into_iter().collect(),
            valid_from: day(row.valid_from),
            valid_to: row.valid_to.map(day).unwrap_or_default(),
        }),
        actor_name: row.actor_name,
        create_time: Some(timestamp(row.create_time)),
        hash: hex::encode(row.hash),
    }
}

fn kind_view(kind: Kind) -> dictionary_preview::Kind {
    match kind {
        Kind::Added => dictionary_preview::Kind::Added,
        Kind::Changed => dictionary_preview::Kind::Changed,
        Kind::Ended => dictionary_preview::Kind::Ended,
    }
}

fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Fixed => Fault::precondition(
            "DICTIONARY_FIXED",
            "这个代码表不能在这里修改；学校请在学校管理中新增或修改",
        ),
        Refusal::Past => Fault::invalid("change.validFrom", "VALID_FROM_PAST", "生效日期不能早于今天"),
        Refusal::Order => Fault::invalid("change.validTo", "VALID_ORDER", "失效日期不能早于生效日期"),
        Refusal::Parent => Fault::invalid(
            "change.parent",
            "PARENT_UNKNOWN",
            "上级代码在生效日期当天不在代码表内，请先发布上级代码",
        ),
        Refusal::Circle => Fault::invalid("change.parent", "PARENT_CIRCLE", "上级代码不能是它自己或它的下级"),
        Refusal::NameTaken => Fault::invalid(
            "change.name",
            "NAME_TAKEN",
            "同一上级之下已有同名的代码，请换一个名称或先停用原代码",
        ),
        Refusal::Children => Fault::precondition(
            "CODE_HAS_CHILDREN",
            "这个代码还有下级代码，请先停用下级，或把下级移到别处",
        ),
        Refusal::Nothing => Fault::invalid("change", "NOTHING_CHANGES", "与现有内容相同，没有需要发布的更改"),
    }
}

#[tonic::async_trait]
impl reference_service_server::ReferenceService for ReferenceService {
    async fn list_dictionaries(
        &self,
        _: Request<ListDictionariesRequest>,
    ) -> Result<Response<ListDictionariesResponse>, Status> {
        Ok(Response::new(self.list().await?))
    }

    async fn get_dictionary(
        &self,
        request: Request<GetDictionaryRequest>,
    ) -> Result<Response<Dictionary>, Status> {
        Ok(Response::new(self.get(request.get_ref()).await?))
    }

    async fn preview_dictionary_change(
        &self,
        request: Request<PreviewDictionaryChangeRequest>,
    ) -> Result<Response<DictionaryPreview>, Status> {
        Ok(Response::new(self.preview(request.get_ref()).await?))
    }

    async fn publish_dictionary_change(
        &self,
        request: Request<PublishDictionaryChangeRequest>,
    ) -> Result<Response<PublishedDictionaryChange>, Status> {
        Ok(Response::new(self.publish(&request).await?))
    }

    async fn list_dictionary_changes(
        &self,
        request: Request<ListDictionaryChangesRequest>,
    ) -> Result<Response<ListDictionaryChangesResponse>, Status> {
        Ok(Response::new(self.changes(request.get_ref()).await?))
    }
}
