//! `ClauseTemplateService`: employers' own words for 补充条款.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Principal},
    db, etag,
    idempotency::Call,
};
use qihang_proto::contracts::v1::*;
use time::OffsetDateTime;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::{
    App,
    domain::terms,
    error::{ClauseFault, Error},
    rpc::id,
    scope::Scope,
    store::clauses::{self, Template},
    view::timestamp,
};

/// Handlers of `ClauseTemplateService`.
pub(crate) struct Clauses(pub(crate) Arc<App>);

#[async_trait]
impl clause_template_service_server::ClauseTemplateService for Clauses {
    async fn list_clause_templates(
        &self,
        request: Request<ListClauseTemplatesRequest>,
    ) -> Result<Response<ListClauseTemplatesResponse>, Status> {
        let employer = employer(auth::principal(&request)?)?;
        let found = async {
            let mut conn = self.0.ctx.pool.acquire().await?;
            clauses::list(&mut conn, employer).await
        };
        let templates = found.await?.into_iter().map(view).collect();
        Ok(Response::new(ListClauseTemplatesResponse { templates }))
    }

    async fn create_clause_template(
        &self,
        request: Request<CreateClauseTemplateRequest>,
    ) -> Result<Response<ClauseTemplate>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            create(&self.0, request.get_ref(), principal).await?,
        ))
    }

    async fn update_clause_template(
        &self,
        request: Request<UpdateClauseTemplateRequest>,
    ) -> Result<Response<ClauseTemplate>, Status> {
        let employer = employer(auth::principal(&request)?)?;
        Ok(Response::new(update(&self.0, request.get_ref(), employer).await?))
    }

    async fn delete_clause_template(
        &self,
        request: Request<DeleteClauseTemplateRequest>,
    ) -> Result<Response<()>, Status> {
        let employer = employer(auth::principal(&request)?)?;
        delete(&self.0, &request.get_ref().id, employer).await?;
        Ok(Response::new(()))
    }
}

fn employer(principal: &Principal) -> Result<Uuid, Error> {
    Scope::of(principal)?
        .employer_id
        .ok_or(Error::EmployerNotApproved)
}

/// A template of these words, which must be words that an offer may hold.
fn template(id: Uuid, title: &str, text: &str, now: OffsetDateTime) -> Result<Template, Error> {
    let (title, text) = (title.trim(), text.trim());
    for (field, words) in [("title", title), ("text", text)] {
        if words.is_empty() {
            return Err(Error::Clause(ClauseFault::Blank(field)));
        }
    }
    terms::allowed("text", text)?;
    Ok(Template {
        id,
        title: title.to_owned(),
        text: text.to_owned(),
        version: 1,
        create_time: now,
        update_time: now,
    })
}

async fn create(
    app: &App,
    request: &CreateClauseTemplateRequest,
    principal: &Principal,
) -> Result<ClauseTemplate, Error> {
    let employer = employer(principal)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "CreateClauseTemplate",
        principal.account_id,
        &request.request_id,
        request,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let now = db::now(conn).await?;
            let template = template(app.ctx.ids.new_id(), &request.title, &request.text, now)?;
            clauses::insert(conn, employer, &template).await?;
            Ok(view(template))
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

async fn update(
    app: &App,
    request: &UpdateClauseTemplateRequest,
    employer: Uuid,
) -> Result<ClauseTemplate, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let now = db::now(&mut transaction).await?;
    let template = template(id(&request.id)?, &request.title, &request.text, now)?;
    let expected = etag::expect(&request.etag)?;
    let updated = clauses::update(&mut transaction, employer, &template, expected).await?;
    transaction.commit().await?;
    Ok(view(updated))
}

async fn delete(app: &App, text: &str, employer: Uuid) -> Result<(), Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    if clauses::delete(&mut conn, employer, id(text)?).await? {
        Ok(())
    } else {
        Err(Error::Clause(ClauseFault::NotFound))
    }
}

fn view(template: Template) -> ClauseTemplate {
    ClauseTemplate {
        id: template.id.to_string(),
        title: template.title,
        text: template.text,
        etag: etag::of(template.version),
        create_time: Some(timestamp(template.create_time)),
        update_time: Some(timestamp(template.update_time)),
    }
}
