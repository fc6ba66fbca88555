//! `GuideService`: the province's pages, and each student's place.

use std::sync::Arc;

use qihang_kit::{auth, etag, idempotency::Call, page};
use qihang_proto::contracts::v1::{
    GetGuideDraftRequest, GetGuideRequest, GetMyGuideRequest, Guide, GuideSection, GuideStep, GuideVersion,
    ListGuideDraftsRequest, ListGuideDraftsResponse, ListGuideVersionsRequest, ListGuideVersionsResponse,
    ListGuidesRequest, ListGuidesResponse, MyGuide, PublishGuideRequest, UpdateGuideRequest,
    guide_service_server, guide_step::Progress,
};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    App,
    domain::{
        guide::{self, Place, STEPS, Signed},
        slot::{Kind, Reference, Slot},
    },
    error::{Error, GuideFault},
    peers,
    scope::Scope,
    store::{
        agreements,
        guides::{self, Draft, Numbers, Page, Section},
        slots,
    },
    view::timestamp,
};

/// Handlers of `GuideService`.
pub(crate) struct Guides(pub(crate) Arc<App>);

impl Guides {
    async fn list(&self) -> Result<ListGuidesResponse, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let pages = guides::published(&mut conn).await?;
        Ok(ListGuidesResponse {
            guides: pages.into_iter().map(|page| head(public(page))).collect(),
        })
    }

    async fn drafts(&self) -> Result<ListGuideDraftsResponse, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let pages = guides::latest(&mut conn).await?;
        Ok(ListGuideDraftsResponse {
            guides: pages.into_iter().map(|page| head(view(page))).collect(),
        })
    }

    async fn get(&self, slug: &str) -> Result<Guide, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let page = guides::get_published(&mut conn, slug).await?;
        page.map(public).ok_or(Error::Guide(GuideFault::NotFound))
    }

    async fn draft(&self, slug: &str) -> Result<Guide, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let page = guides::get_latest(&mut conn, slug).await?;
        page.map(view).ok_or(Error::Guide(GuideFault::NotFound))
    }

    async fn update(&self, request: &Request<UpdateGuideRequest>) -> Result<Guide, Error> {
        let (asked, principal) = (request.get_ref(), auth::principal(request)?);
        let (title, sections) = text(asked)?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        let call = Call::new("UpdateGuide", principal.account_id, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let number = if let Some(numbers) = guides::lock(conn, &asked.slug).await? {
                    etag::check(&asked.etag, numbers.version)?;
                    let latest = numbers.latest + 1;
                    guides::save(conn, &asked.slug, &Numbers { latest, ..numbers }).await?;
                    latest
                } else {
                    // A tag is of a page that was seen, and there is none.
                    etag::check(&asked.etag, 0)?;
                    guides::make(conn, &asked.slug, None).await?;
                    1
                };
                let caller = auth::caller(request);
                let address = caller
                    .address
                    .map(|address| address.to_string())
                    .unwrap_or_default();
                let draft = Draft {
                    slug: &asked.slug,
                    number,
                    title: &title,
                    position: i32::try_from(asked.position).unwrap_or(i32::MAX),
                    sections: &sections,
                    actor_id: Some(principal.account_id),
                    actor_name: &principal.name,
                    address: &address,
                    client: caller.client.as_str(),
                };
                guides::write(conn, &draft).await?;
                let page = guides::get_latest(conn, &asked.slug).await?;
                Ok(page.map(view).ok_or(Error::Guide(GuideFault::NotFound))?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn publish(&self, request: &Request<PublishGuideRequest>) -> Result<Guide, Error> {
        let (asked, principal) = (request.get_ref(), auth::principal(request)?);
        let mut transaction = self.0.ctx.pool.begin().await?;
        let call = Call::new("PublishGuide", principal.account_id, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let numbers = guides::lock(conn, &asked.slug).await?;
                let numbers = numbers.ok_or(Error::Guide(GuideFault::NotFound))?;
                etag::check(&asked.etag, numbers.version)?;
                let latest = numbers.latest;
                if numbers.published == Some(latest) {
                    return Err(Error::Guide(GuideFault::Published).into());
                }
                let published = Some(latest);
                guides::save(conn, &asked.slug, &Numbers { published, ..numbers }).await?;
                let publisher = (principal.account_id, principal.name.as_str());
                guides::note_published(conn, (&asked.slug, latest), Some(publisher)).await?;
                let page = guides::get_latest(conn, &asked.slug).await?;
                Ok(page.map(view).ok_or(Error::Guide(GuideFault::NotFound))?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn versions(&self, asked: &ListGuideVersionsRequest) -> Result<ListGuideVersionsResponse, Error> {
        let query = page::Query::new(asked.page_size, &asked.page_token, &asked.slug)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let before = query.after::<i32>()?;
        let rows = guides::versions(&mut conn, &asked.slug, before, query.limit()).await?;
        if rows.is_empty() && before.is_none() {
            return Err(Error::Guide(GuideFault::NotFound));
        }
        let (rows, next_page_token) = query.finish(rows, |row| row.number);
        let version = |row: guides::VersionRow| GuideVersion {
            number: number(row.number),
            title: row.title,
            published: row.published,
            actor_name: row.actor_name,
            create_time: Some(timestamp(row.create_time)),
            publish_time: row.publish_time.map(timestamp),
            publisher_name: row.publisher_name,
            hash: hex::encode(row.hash),
        };
        Ok(ListGuideVersionsResponse {
            versions: rows.into_iter().map(version).collect(),
            next_page_token,
        })
    }

    async fn mine(&self, scope: &Scope) -> Result<MyGuide, Error> {
        let student_id = scope.student_id.ok_or(Error::NotFound)?;
        // Asked before a connection is taken.
        let origin = peers::origin(&peers::student(&self.0.ctx, student_id).await?);
        let mut conn = self.0.ctx.pool.acquire().await?;
        let slot = slots::find(&mut conn, student_id)
            .await?
            .map_or(Slot::Free, |found| found.slot);
        let record = match slot.reference() {
            Some(Reference {
                kind: Kind::Online,
                id,
            }) => agreements::find(&mut conn, id, scope).await?,
            _ => None,
        };
        let signed = record.as_ref().map(|record| Signed {
            state: record.rules.state,
            waiting_for: record.rules.waiting_for(),
            since: record.waiting_since,
        });
        let offers = guides::offers_since(&mut conn, student_id).await?;
        let place = guide::place(&origin, slot, signed, offers);
        Ok(my_guide(place, record.map(|record| record.rules.id.to_string())))
    }
}

fn my_guide(place: Place, agreement_id: Option<String>) -> MyGuide {
    let step = |(number, (title, slug)): (usize, &(&str, &str))| GuideStep {
        number: u32::try_from(number).unwrap_or_default(),
        title: (*title).to_owned(),
        progress: match number.cmp(&place.step) {
            std::cmp::Ordering::Less => Progress::Done,
            std::cmp::Ordering::Equal => Progress::Current,
            std::cmp::Ordering::Greater => Progress::Ahead,
        }
        .into(),
        slug: (*slug).to_owned(),
    };
    MyGuide {
        step: u32::try_from(place.step).unwrap_or_default(),
        steps: (1..).zip(&STEPS).map(step).collect(),
        text: place.text(),
        waiting_since: place.since.map(timestamp),
        waiting_for: place.waiting_for,
        agreement_id: agreement_id.unwrap_or_default(),
    }
}

/// Title and sections of a request, ends trimmed; none may be blank.
fn text(asked: &UpdateGuideRequest) -> Result<(String, Vec<Section>), Error> {
    let filled = |text: &str, field| {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Guide(GuideFault::Blank(field)));
        }
        Ok(text.to_owned())
    };
    let section = |section: &GuideSection| {
        Ok(Section {
            title: filled(&section.title, "sections.title")?,
            body: filled(&section.body, "sections.body")?,
        })
    };
    let sections = asked.sections.iter().map(section).collect::<Result<_, Error>>()?;
    Ok((filled(&asked.title, "title")?, sections))
}

fn number(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// A page as the province sees it.
fn view(page: Page) -> Guide {
    let section = |section: Section| GuideSection {
        title: section.title,
        body: section.body,
    };
    Guide {
        slug: page.slug,
        title: page.title,
        position: number(page.position),
        sections: page.sections.0.into_iter().map(section).collect(),
        number: number(page.number),
        published: page.published == Some(page.number),
        create_time: Some(timestamp(page.create_time)),
        etag: etag::of(page.version),
    }
}

/// A page as lists have it.
fn head(page: Guide) -> Guide {
    Guide {
        sections: Vec::new(),
        ..page
    }
}

/// A page as everybody sees it.
fn public(page: Page) -> Guide {
    Guide {
        etag: String::new(),
        ..view(page)
    }
}

#[async_trait]
impl guide_service_server::GuideService for Guides {
    async fn list_guides(
        &self,
        _: Request<ListGuidesRequest>,
    ) -> Result<Response<ListGuidesResponse>, Status> {
        Ok(Response::new(self.list().await?))
    }

    async fn get_guide(&self, request: Request<GetGuideRequest>) -> Result<Response<Guide>, Status> {
        Ok(Response::new(self.get(&request.get_ref().slug).await?))
    }

    async fn list_guide_drafts(
        &self,
        _: Request<ListGuideDraftsRequest>,
    ) -> Result<Response<ListGuideDraftsResponse>, Status> {
        Ok(Response::new(self.drafts().await?))
    }

    async fn get_guide_draft(
        &self,
        request: Request<GetGuideDraftRequest>,
    ) -> Result<Response<Guide>, Status> {
        Ok(Response::new(self.draft(&request.get_ref().slug).await?))
    }

    async fn update_guide(&self, request: Request<UpdateGuideRequest>) -> Result<Response<Guide>, Status> {
        Ok(Response::new(self.update(&request).await?))
    }

    async fn publish_guide(&self, request: Request<PublishGuideRequest>) -> Result<Response<Guide>, Status> {
        Ok(Response::new(self.publish(&request).await?))
    }

    async fn list_guide_versions(
        &self,
        request: Request<ListGuideVersionsRequest>,
    ) -> Result<Response<ListGuideVersionsResponse>, Status> {
        Ok(Response::new(self.versions(request.get_ref()).await?))
    }

    async fn get_my_guide(&self, request: Request<GetMyGuideRequest>) -> Result<Response<MyGuide>, Status> {
        let scope = Scope::of(auth::principal(&request)?)?;
        Ok(Response::new(self.mine(&scope).await?))
    }
}
