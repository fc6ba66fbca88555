//! `SigningService`: each call is a line here and a step in one of the files beside.

mod bulk;
mod command;
mod discard;
mod look;
mod offer;
mod paper;
mod student;

use std::sync::Arc;

use qihang_kit::{auth, download::Pieces};
use qihang_proto::contracts::v1::*;
use tonic::{Request, Response, Status, async_trait};

use crate::{App, domain::agreement::Command};

pub(crate) use self::{
    command::{Asked, Plain, plain, run},
    look::many,
};

/// Handlers of `SigningService`.
pub(crate) struct Signing(pub(crate) Arc<App>);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl signing_service_server::SigningService for Signing {
    async fn create_offer(&self, request: Request<CreateOfferRequest>) -> Answer<Agreement> {
        offer::create(&self.0, &request).await
    }

    async fn bulk_offer(&self, request: Request<BulkOfferRequest>) -> Answer<BulkOfferResponse> {
        Ok(Response::new(bulk::offer(&self.0, &request).await?))
    }

    async fn update_offer(&self, request: Request<UpdateOfferRequest>) -> Answer<Agreement> {
        offer::update(&self.0, &request).await
    }

    async fn discard_offer(&self, request: Request<DiscardOfferRequest>) -> Answer<()> {
        Ok(Response::new(discard::discard(&self.0, &request).await?))
    }

    async fn send_offer(&self, request: Request<SendOfferRequest>) -> Answer<Agreement> {
        offer::send(&self.0, &request).await
    }

    async fn edit_offer(&self, request: Request<EditOfferRequest>) -> Answer<Agreement> {
        offer::edit(&self.0, &request).await
    }

    async fn withdraw_offer(&self, request: Request<ReasonRequest>) -> Answer<Agreement> {
        command::plain(
            &self.0,
            &request,
            Plain::reason(request.get_ref(), "WithdrawOffer", Command::Withdraw),
        )
        .await
    }

    async fn reoffer_agreement(&self, request: Request<ReofferAgreementRequest>) -> Answer<Agreement> {
        offer::reoffer(&self.0, &request).await
    }

    async fn list_sent_offers(
        &self,
        request: Request<ListAgreementsRequest>,
    ) -> Answer<ListAgreementsResponse> {
        look::list(&self.0, &request).await
    }

    async fn list_my_offers(
        &self,
        request: Request<ListAgreementsRequest>,
    ) -> Answer<ListAgreementsResponse> {
        look::list(&self.0, &request).await
    }

    async fn list_student_agreements(
        &self,
        request: Request<ListStudentAgreementsRequest>,
    ) -> Answer<ListAgreementsResponse> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            look::list_of_student(&self.0, request.get_ref(), principal).await?,
        ))
    }

    async fn get_agreement(&self, request: Request<GetAgreementRequest>) -> Answer<Agreement> {
        look::get(&self.0, &request).await
    }

    async fn open_offer(&self, request: Request<CommandRequest>) -> Answer<Agreement> {
        student::open(&self.0, &request).await
    }

    async fn create_read_token(&self, request: Request<CreateReadTokenRequest>) -> Answer<ReadToken> {
        student::read_token(&self.0, &request).await
    }

    async fn accept_offer(&self, request: Request<AcceptOfferRequest>) -> Answer<Agreement> {
        student::accept(&self.0, &request).await
    }

    async fn decline_offer(&self, request: Request<ReasonRequest>) -> Answer<Agreement> {
        command::plain(
            &self.0,
            &request,
            Plain::reason(request.get_ref(), "DeclineOffer", Command::Decline),
        )
        .await
    }

    async fn amend_agreement(&self, request: Request<AmendAgreementRequest>) -> Answer<Agreement> {
        offer::amend(&self.0, &request).await
    }

    async fn take_back_amendment(&self, request: Request<CommandRequest>) -> Answer<Agreement> {
        let plain = Plain::bare(request.get_ref(), "TakeBackAmendment", Command::TakeBackAmendment);
        command::plain(&self.0, &request, plain).await
    }

    async fn confirm_amendment(&self, request: Request<ConfirmAmendmentRequest>) -> Answer<Agreement> {
        student::confirm(&self.0, &request).await
    }

    async fn refuse_amendment(&self, request: Request<ReasonRequest>) -> Answer<Agreement> {
        let plain = Plain::reason(request.get_ref(), "RefuseAmendment", Command::RefuseAmendment);
        command::plain(&self.0, &request, plain).await
    }

    async fn request_cancel(&self, request: Request<ReasonRequest>) -> Answer<Agreement> {
        let plain = Plain::reason(request.get_ref(), "RequestCancel", Command::RequestCancel);
        command::plain(&self.0, &request, plain).await
    }

    async fn agree_cancel(&self, request: Request<CommandRequest>) -> Answer<Agreement> {
        command::plain(
            &self.0,
            &request,
            Plain::bare(request.get_ref(), "AgreeCancel", Command::AgreeCancel),
        )
        .await
    }

    async fn withdraw_cancel(&self, request: Request<CommandRequest>) -> Answer<Agreement> {
        let plain = Plain::bare(request.get_ref(), "WithdrawCancel", Command::WithdrawCancel);
        command::plain(&self.0, &request, plain).await
    }

    async fn compare_revisions(
        &self,
        request: Request<CompareRevisionsRequest>,
    ) -> Answer<CompareRevisionsResponse> {
        look::compare(&self.0, &request).await
    }

    async fn list_agreement_history(
        &self,
        request: Request<ListAgreementHistoryRequest>,
    ) -> Answer<ListAgreementHistoryResponse> {
        look::history(&self.0, &request).await
    }

    type PreviewAgreementStream = Pieces;

    async fn preview_agreement(&self, request: Request<PreviewAgreementRequest>) -> Answer<Pieces> {
        paper::preview(&self.0, &request).await
    }

    type DownloadAgreementStream = Pieces;

    async fn download_agreement(&self, request: Request<DownloadAgreementRequest>) -> Answer<Pieces> {
        paper::download(&self.0, &request).await
    }
}
