//! `EditionService`: which edition of the form counts for which graduation years.

use std::sync::Arc;

use qihang_kit::{
    auth,
    auth::Principal,
    db,
    download::{Pieces, pieces},
    idempotency::Call,
};
use qihang_proto::{contracts::v1::*, documents::v1::RenderFormat};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    App,
    domain::edition,
    error::{EditionFault, Error},
    peers,
    store::editions::{self, Published},
    view::timestamp,
};

/// Handlers of `EditionService`.
pub(crate) struct Editions(pub(crate) Arc<App>);

#[async_trait]
impl edition_service_server::EditionService for Editions {
    type PreviewEditionStream = Pieces;

    async fn list_editions(
        &self,
        _: Request<ListEditionsRequest>,
    ) -> Result<Response<ListEditionsResponse>, Status> {
        let listed = async {
            let mut conn = self.0.ctx.pool.acquire().await?;
            editions::list(&mut conn).await
        };
        let known = edition::EDITIONS.iter().map(|edition| Edition {
            template: edition.template.to_owned(),
            title: edition.title.to_owned(),
        });
        Ok(Response::new(ListEditionsResponse {
            editions: known.collect(),
            published: listed.await?.into_iter().map(view).collect(),
        }))
    }

    async fn publish_edition(
        &self,
        request: Request<PublishEditionRequest>,
    ) -> Result<Response<PublishedEdition>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            publish(&self.0, request.get_ref(), principal).await?,
        ))
    }

    async fn preview_edition(
        &self,
        request: Request<PreviewEditionRequest>,
    ) -> Result<Response<Self::PreviewEditionStream>, Status> {
        Ok(Response::new(sample(&self.0, &request.get_ref().template).await?))
    }
}

async fn publish(
    app: &App,
    request: &PublishEditionRequest,
    principal: &Principal,
) -> Result<PublishedEdition, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "PublishEdition",
        principal.account_id,
        &request.request_id,
        request,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            editions::lock(conn).await?;
            let cohort = i32::try_from(request.cohort).unwrap_or(i32::MAX);
            let before = editions::in_force(conn, cohort).await?;
            let edition = edition::publish(&request.template, before.as_deref()).map_err(Error::from)?;
            let published = Published {
                id: app.ctx.ids.new_id(),
                template: edition.template.to_owned(),
                cohort,
                actor_name: principal.name.clone(),
                create_time: db::now(conn).await?,
            };
            editions::insert(conn, &published, principal.account_id).await?;
            Ok(view(published))
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

/// An edition with blanks for its data.
async fn sample(app: &App, template: &str) -> Result<Pieces, Error> {
    let edition = edition::named(template).ok_or(Error::Edition(EditionFault::NotFound))?;
    let blank = prost_types::Struct::default();
    let pages = peers::render(&app.ctx, edition.template, blank, RenderFormat::Pdf, "样张").await?;
    let pdf = pages.into_iter().next().ok_or(Error::PeerAway("documents"))?;
    Ok(pieces("application/pdf", &format!("{}.pdf", edition.title), pdf))
}

fn view(published: Published) -> PublishedEdition {
    PublishedEdition {
        id: published.id.to_string(),
        template: published.template,
        cohort: u32::try_from(published.cohort).unwrap_or_default(),
        actor_name: published.actor_name,
        create_time: Some(timestamp(published.create_time)),
    }
}

impl From<edition::Refusal> for Error {
    fn from(refusal: edition::Refusal) -> Self {
        Self::Edition(match refusal {
            edition::Refusal::Unknown => EditionFault::Unknown,
            edition::Refusal::Unchanged => EditionFault::Unchanged,
        })
    }
}
