//! Identity's reviews as far as the school's queue asks for them, played by the test; who asks is judged by the real layers.

use std::sync::{Arc, Mutex};

use qihang_kit::auth::{self, Principal, Role};
use qihang_proto::identity::v1::{
    batch_approve_origins_response::Result as Outcome, origin_service_server::OriginService, *,
};
use tonic::{Request, Response, Status, async_trait};

/// Approves every record but those it was told to refuse, and keeps who asked.
#[derive(Clone, Default)]
pub(crate) struct Origins(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    by: Vec<Principal>,
    requests: Vec<BatchApproveOriginsRequest>,
    refused: Vec<String>,
}

impl Origins {
    /// Refuses a student's record from now on.
    pub(crate) fn refuse(&self, student_id: &str) {
        self.0.lock().unwrap().refused.push(student_id.to_owned());
    }

    /// Who asked, as what, and with which request.
    pub(crate) fn asked(&self) -> Vec<(Role, uuid::Uuid, BatchApproveOriginsRequest)> {
        let asked = self.0.lock().unwrap();
        let calls = asked.by.iter().zip(&asked.requests);
        calls
            .map(|(who, request)| (who.role, who.account_id, request.clone()))
            .collect()
    }
}

fn not_asked<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not asked by contracts"))
}

#[async_trait]
impl OriginService for Origins {
    async fn batch_approve_origins(
        &self,
        request: Request<BatchApproveOriginsRequest>,
    ) -> Result<Response<BatchApproveOriginsResponse>, Status> {
        let principal = auth::principal(&request)?.clone();
        let mut asked = self.0.lock().unwrap();
        asked.by.push(principal);
        asked.requests.push(request.get_ref().clone());
        let results = request.get_ref().items.iter().map(|item| {
            let refused = asked.refused.contains(&item.student_id);
            Outcome {
                student_id: item.student_id.clone(),
                approved: !refused,
                reason_code: if refused { "VERSION_CONFLICT" } else { "" }.to_owned(),
                ..Outcome::default()
            }
        });
        Ok(Response::new(BatchApproveOriginsResponse {
            results: results.collect(),
            approved_count: 0,
        }))
    }

    async fn get_my_roster(&self, _: Request<GetMyRosterRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn update_my_roster(&self, _: Request<UpdateMyRosterRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn submit_my_roster(&self, _: Request<SubmitMyRosterRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn list_origin_reviews(
        &self,
        _: Request<ListOriginReviewsRequest>,
    ) -> Result<Response<ListOriginReviewsResponse>, Status> {
        not_asked()
    }

    async fn approve_origin(&self, _: Request<ApproveOriginRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn return_origin(&self, _: Request<ReturnOriginRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn reopen_origin(&self, _: Request<ReopenOriginRequest>) -> Result<Response<Student>, Status> {
        not_asked()
    }

    async fn list_origin_history(
        &self,
        _: Request<ListOriginHistoryRequest>,
    ) -> Result<Response<ListOriginHistoryResponse>, Status> {
        not_asked()
    }
}
