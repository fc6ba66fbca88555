//! Drawing, sealing and checking, for other services.

use std::sync::Arc;

use prost::Message as _;
use qihang_proto::documents::v1::{
    IssueDocumentRequest, IssuedDocument, RenderFormat, RenderRequest, RenderResponse, VerifySealRequest,
    VerifySealResponse, render_service_server::RenderService,
};
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::convert;
use crate::{
    App, Error,
    issue::{self, Order},
    render::{self, Drawing, RenderError, Template},
    seal::{self, SealFault},
};

pub(super) struct RenderRpc {
    app: Arc<App>,
}

impl RenderRpc {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    fn drawing(
        &self,
        template: &str,
        data: Option<prost_types::Struct>,
        watermark: String,
    ) -> Result<Drawing, Error> {
        Ok(Drawing {
            template: Template::parse(template).ok_or(Error::UnknownTemplate)?,
            data: convert::data(data.unwrap_or_default()),
            watermark,
            time: self.app.ctx.clock.now(),
        })
    }
}

#[tonic::async_trait]
impl RenderService for RenderRpc {
    async fn render(&self, request: Request<RenderRequest>) -> Result<Response<RenderResponse>, Status> {
        let request = request.into_inner();
        let format = request.format();
        let drawing = self.drawing(&request.template, request.data, request.watermark)?;
        let draw = move || -> Result<Vec<Vec<u8>>, RenderError> {
            match format {
                RenderFormat::Png => render::png(&drawing),
                RenderFormat::Pdf | RenderFormat::Unspecified => Ok(vec![render::pdf(&drawing)?]),
            }
        };
        let pages = self.app.workers.run(draw).await?.map_err(Error::from)?;
        Ok(Response::new(RenderResponse { pages }))
    }

    async fn issue_document(
        &self,
        request: Request<IssueDocumentRequest>,
    ) -> Result<Response<IssuedDocument>, Status> {
        let request = request.into_inner();
        let request_hash = Sha256::digest(request.encode_to_vec()).to_vec();
        let order = Order {
            request_id: convert::id("requestId", &request.request_id)?,
            request_hash,
            drawing: self.drawing(&request.template, request.data, request.watermark)?,
            owner: request.owner,
            file_name: request.file_name,
            reason: request.reason,
        };
        let (id, content) = issue::issue(&self.app, order).await?;
        Ok(Response::new(IssuedDocument {
            file_id: id.to_string(),
            sha256: hex::encode(content.sha256),
            size_bytes: content.size,
        }))
    }

    async fn verify_seal(
        &self,
        request: Request<VerifySealRequest>,
    ) -> Result<Response<VerifySealResponse>, Status> {
        let pdf = request.into_inner().pdf;
        let app = Arc::clone(&self.app);
        let check = move || (seal::verify(&pdf, &app.trust), hex::encode(Sha256::digest(&pdf)));
        let (result, sha256) = self.app.workers.run(check).await?;
        Ok(Response::new(match result {
            Ok(report) => VerifySealResponse {
                valid: true,
                reason: String::new(),
                signer: report.signer,
                sha256,
            },
            Err(fault) => VerifySealResponse {
                valid: false,
                reason: fault.to_string(),
                signer: if let SealFault::Foreign { signer } = fault {
                    signer
                } else {
                    String::new()
                },
                sha256,
            },
        }))
    }
}
