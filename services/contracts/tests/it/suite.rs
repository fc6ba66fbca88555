//! The service under test, its people, and the steps that most tests begin with.

use futures::StreamExt as _;
use qihang_contracts::{Config, DEFAULTS, MIGRATOR, NAME, build};
use qihang_kit::{
    auth::Principal,
    client::ServiceChannel,
    settings::Loader,
    testing::{self, Acting, TestService},
};
use qihang_proto::{
    common::v1::HttpBody,
    contracts::v1::{
        agreement_review_service_client::AgreementReviewServiceClient,
        destination_service_client::DestinationServiceClient, signing_service_client::SigningServiceClient,
        verification_service_client::VerificationServiceClient, *,
    },
    documents::v1::{file_service_server::FileServiceServer, render_service_server::RenderServiceServer},
    identity::v1::{
        DirectoryStudent, directory_service_server::DirectoryServiceServer,
        origin_service_server::OriginServiceServer,
    },
    messages::v1::OriginChanged,
};
use time::Duration;
use tonic::{
    Status, Streaming,
    service::{Routes, interceptor::InterceptedService},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::{
    neighbours::{DEPARTMENT, Documents, Identity, SCHOOL},
    origins::Origins,
};

type Way = InterceptedService<ServiceChannel, Acting>;

/// The service with its neighbours.
pub(crate) struct Suite {
    pub(crate) service: TestService,
    pub(crate) identity: Identity,
    pub(crate) documents: Documents,
    pub(crate) origins: Origins,
}

/// A student on the roster.
#[derive(Clone)]
pub(crate) struct Student {
    pub(crate) principal: Principal,
    pub(crate) entry: DirectoryStudent,
}

impl Suite {
    pub(crate) async fn start() -> Self {
        let loader = Loader::new(DEFAULTS).unwrap();
        let loader = loader.set("crypto.development", true).unwrap();
        let config = loader.load::<Config>().unwrap().own;
        let service = testing::service(NAME, &MIGRATOR, |ctx| build(ctx, config)).await;
        let (identity, documents) = (Identity::default(), Documents::default());
        let origins = Origins::default();
        service.peer(
            "identity",
            Routes::new(DirectoryServiceServer::new(identity.clone()))
                .add_service(OriginServiceServer::new(origins.clone())),
        );
        let routes = Routes::new(RenderServiceServer::new(documents.clone()))
            .add_service(FileServiceServer::new(documents.clone()));
        service.peer("documents", routes);
        Self {
            service,
            identity,
            documents,
            origins,
        }
    }

    pub(crate) fn signing(&self, who: &Principal) -> SigningServiceClient<Way> {
        SigningServiceClient::new(self.service.as_principal(who))
    }

    pub(crate) fn reviews(&self, who: &Principal) -> AgreementReviewServiceClient<Way> {
        AgreementReviewServiceClient::new(self.service.as_principal(who))
    }

    pub(crate) fn anybody(&self) -> VerificationServiceClient<Way> {
        VerificationServiceClient::new(self.service.anonymous())
    }

    pub(crate) async fn destination(&self, student: &Student) -> Destination {
        let mut client = DestinationServiceClient::new(self.service.as_principal(&student.principal));
        let reply = client.get_my_destination(GetMyDestinationRequest {}).await;
        reply.unwrap().into_inner()
    }

    /// A student whose record is approved, as identity says and as its message said.
    pub(crate) async fn student(&self, school: &str) -> Student {
        let id = Uuid::from_bytes(self.service.ctx.ids.new_id().into_bytes());
        let entry = DirectoryStudent {
            id: id.to_string(),
            school_code: school.to_owned(),
            school_name: "黑龙江大学".to_owned(),
            department: DEPARTMENT.to_owned(),
            student_number: format!("2022{}", &id.simple().to_string()[20..]),
            name: "李小明".to_owned(),
            identity_number: "230102200401011234".to_owned(),
            major: "软件工程".to_owned(),
            graduation: "2026-07".to_owned(),
            cohort: 2026,
            origin_approved: true,
            active: true,
            ..DirectoryStudent::default()
        };
        self.identity.enrol(entry.clone());
        let message = OriginChanged {
            student_id: entry.id.clone(),
            school_code: school.to_owned(),
            cohort: 2026,
            version: 1,
            approved: true,
        };
        let key = "identity.origin.approved.v1";
        self.service.deliver(key, id, &message).await.unwrap();
        Student {
            principal: testing::student(school, id),
            entry,
        }
    }

    /// An administrator of an employer of its own.
    pub(crate) fn employer(&self) -> Principal {
        testing::employer(self.service.ctx.ids.new_id())
    }

    /// A draft.
    pub(crate) async fn draft(&self, employer: &Principal, student: &Student) -> Agreement {
        let mut client = self.signing(employer);
        client.create_offer(offer(student)).await.unwrap().into_inner()
    }

    /// An offer that waits for the student, for seven days.
    pub(crate) async fn sent(&self, employer: &Principal, student: &Student) -> Agreement {
        let draft = self.draft(employer, student).await;
        let mut client = self.signing(employer);
        client.send_offer(send(&draft)).await.unwrap().into_inner()
    }

    /// The right to sign, before the reading time is over.
    pub(crate) async fn reads(&self, student: &Student, offer: &Agreement) -> String {
        let request = CreateReadTokenRequest {
            id: offer.id.clone(),
            revision: offer.revision,
        };
        let mut client = self.signing(&student.principal);
        let reply = client.create_read_token(request).await.unwrap();
        reply.into_inner().token
    }

    /// An agreement that both have signed.
    pub(crate) async fn accepted(&self, employer: &Principal, student: &Student) -> Agreement {
        let sent = self.sent(employer, student).await;
        let token = self.reads(student, &sent).await;
        self.service.advance(Duration::seconds(16)).await;
        let mut client = self.signing(&student.principal);
        client
            .accept_offer(accept(&sent, &token))
            .await
            .unwrap()
            .into_inner()
    }

    /// An agreement that the employer has changed after the acceptance.
    pub(crate) async fn amended(&self, employer: &Principal, accepted: &Agreement) -> Agreement {
        let mut client = self.signing(employer);
        let reply = client.amend_agreement(amend(accepted)).await.unwrap();
        reply.into_inner()
    }

    /// The agreement as somebody sees it now.
    pub(crate) async fn seen(&self, who: &Principal, agreement: &Agreement) -> Agreement {
        let request = GetAgreementRequest {
            id: agreement.id.clone(),
        };
        self.signing(who)
            .get_agreement(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// The events of an agreement's history, whose chain must be whole.
    pub(crate) async fn events(&self, who: &Principal, agreement: &Agreement) -> Vec<String> {
        let request = ListAgreementHistoryRequest {
            id: agreement.id.clone(),
        };
        let reply = self.signing(who).list_agreement_history(request).await.unwrap();
        let history = reply.into_inner();
        assert!(history.intact, "{history:?}");
        for (one, next) in history.entries.iter().zip(history.entries.iter().skip(1)) {
            assert_eq!(one.to_state, next.from_state, "{history:?}");
        }
        history.entries.into_iter().map(|entry| entry.event).collect()
    }

    /// One number of the database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let pool = &self.service.db.pool;
        sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
    }

    /// Keys of what was published, oldest first.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let published = self.service.published().await;
        published.into_iter().map(|delivery| delivery.key).collect()
    }
}

/// Terms that may be sent.
pub(crate) fn terms() -> Terms {
    Terms {
        position: "软件工程师".to_owned(),
        job_category_code: "11".to_owned(),
        work_region_code: "230102".to_owned(),
        work_address: "中央大街 1 号".to_owned(),
        contract_months: 36,
        probation_months: 3,
        probation_salary: 6400,
        salary: 8000,
        report_by: "2099-07-15".to_owned(),
        accepts_archive: true,
        archive: Some(Archive {
            receiver: "哈尔滨市人才服务中心".to_owned(),
            address: "哈尔滨市道里区经纬街 2 号".to_owned(),
            ..Archive::default()
        }),
        accepts_household: true,
        household: Some(Household {
            address: "哈尔滨市道里区".to_owned(),
        }),
        ..Terms::default()
    }
}

pub(crate) fn offer(student: &Student) -> CreateOfferRequest {
    CreateOfferRequest {
        school_code: student.entry.school_code.clone(),
        student_number: student.entry.student_number.clone(),
        student_name: student.entry.name.clone(),
        terms: Some(terms()),
        request_id: String::new(),
    }
}

pub(crate) fn send(draft: &Agreement) -> SendOfferRequest {
    SendOfferRequest {
        id: draft.id.clone(),
        etag: draft.etag.clone(),
        ..SendOfferRequest::default()
    }
}

pub(crate) fn edit(offer: &Agreement, salary: u32) -> EditOfferRequest {
    EditOfferRequest {
        id: offer.id.clone(),
        terms: Some(Terms { salary, ..terms() }),
        etag: offer.etag.clone(),
        ..EditOfferRequest::default()
    }
}

pub(crate) fn accept(offer: &Agreement, token: &str) -> AcceptOfferRequest {
    AcceptOfferRequest {
        id: offer.id.clone(),
        revision: offer.revision,
        read_token: token.to_owned(),
        etag: offer.etag.clone(),
        ..AcceptOfferRequest::default()
    }
}

pub(crate) fn amend(agreement: &Agreement) -> AmendAgreementRequest {
    AmendAgreementRequest {
        id: agreement.id.clone(),
        terms: Some(Terms {
            probation_salary: 7200,
            salary: 9000,
            ..terms()
        }),
        reason: "岗位薪资调整".to_owned(),
        etag: agreement.etag.clone(),
        request_id: String::new(),
    }
}

pub(crate) fn approve(agreement: &Agreement) -> ApproveAgreementRequest {
    ApproveAgreementRequest {
        id: agreement.id.clone(),
        revision: agreement.signed_revision,
        etag: agreement.etag.clone(),
        request_id: String::new(),
    }
}

pub(crate) fn reject(agreement: &Agreement) -> RejectAgreementRequest {
    RejectAgreementRequest {
        id: agreement.id.clone(),
        revision: agreement.signed_revision,
        reason_code: "TERMS_UNCLEAR".to_owned(),
        reason: "工作地点不明确，请补充后重新发出".to_owned(),
        fields: vec!["terms.workAddress".to_owned()],
        etag: agreement.etag.clone(),
        request_id: String::new(),
    }
}

pub(crate) fn bare(agreement: &Agreement) -> CommandRequest {
    CommandRequest {
        id: agreement.id.clone(),
        etag: agreement.etag.clone(),
        request_id: String::new(),
    }
}

pub(crate) fn because(agreement: &Agreement) -> ReasonRequest {
    ReasonRequest {
        id: agreement.id.clone(),
        reason: "另有安排".to_owned(),
        etag: agreement.etag.clone(),
        request_id: String::new(),
    }
}

/// The stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_else(|| status.to_string())
}

/// The field that a refusal names, and its Chinese sentence.
pub(crate) fn field(status: &Status) -> String {
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.first().unwrap().field.clone()
}

/// Whether somebody may do something, as the page's button says.
pub(crate) fn may(agreement: &Agreement, name: &str) -> Result<(), String> {
    let action = agreement.actions.iter().find(|action| action.name == name);
    let action = action.unwrap();
    if action.allowed {
        Ok(())
    } else {
        Err(action.reason_code.clone())
    }
}

/// A stream to its end: the first piece's head, and all bytes.
pub(crate) async fn collect(mut pieces: Streaming<HttpBody>) -> (HttpBody, Vec<u8>) {
    let mut head: Option<HttpBody> = None;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        bytes.extend_from_slice(&piece.data);
        head.get_or_insert(piece);
    }
    (head.unwrap(), bytes)
}

/// The school's office of the tests.
pub(crate) fn office() -> Principal {
    testing::school_staff(SCHOOL)
}
