//! CaptchaService.

use std::sync::Arc;

use qihang_proto::identity::v1::{Captcha, CreateCaptchaRequest, captcha, captcha_service_server};
use tonic::{Request, Response, Status};

use crate::{App, captcha as captchas, error::Error, rpc::person::timestamp};

/// Makes captchas.
pub(crate) struct CaptchaService(pub(crate) Arc<App>);

impl CaptchaService {
    async fn create(&self, kind: captcha::Kind) -> Result<Captcha, Error> {
        let Self(app) = self;
        let life = app.config.captcha_life();
        let empty = Captcha {
            expire_time: Some(timestamp(app.ctx.clock.now() + life)),
            ..Captcha::default()
        };
        match kind {
            captcha::Kind::Unspecified | captcha::Kind::Image => {
                let image = captchas::image(&app.ctx, life).await?;
                Ok(Captcha {
                    id: image.id,
                    kind: captcha::Kind::Image.into(),
                    image: image.bytes,
                    content_type: image.content_type.to_owned(),
                    ..empty
                })
            }
            captcha::Kind::ProofOfWork => {
                let difficulty = app.config.captcha.difficulty;
                let work = captchas::work(&app.ctx, difficulty, life).await?;
                let kind = captcha::Kind::ProofOfWork.into();
                Ok(Captcha {
                    id: work.id,
                    kind,
                    challenge: work.challenge,
                    difficulty,
                    ..empty
                })
            }
        }
    }
}

#[tonic::async_trait]
impl captcha_service_server::CaptchaService for CaptchaService {
    async fn create_captcha(
        &self,
        request: Request<CreateCaptchaRequest>,
    ) -> Result<Response<Captcha>, Status> {
        Ok(Response::new(self.create(request.get_ref().kind()).await?))
    }
}
