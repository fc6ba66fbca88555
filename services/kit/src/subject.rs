//! What each service holds about a person, and how long: asked by identity when the person wants to see it or take it along.
//! [`crate::run::Suite`] puts it beside every service's own calls, so that none can be forgotten.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_proto::subject::v1::{
    Field, GetSubjectDataRequest, Record, Section, SubjectData as Answer,
    subject_data_service_server::{SubjectDataService, SubjectDataServiceServer},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::status::Fault;

/// A person.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The account.
    pub account_id: Uuid,
    /// The student, when the person is one.
    pub student_id: Option<Uuid>,
}

/// What a kind of data is for, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Name, e.g. `contracts.agreements`.
    pub name: &'static str,
    /// What it is, in Chinese.
    pub title: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// On what ground it is kept.
    pub basis: &'static str,
    /// For how long.
    pub retention: &'static str,
    /// True when it goes with the account.
    pub erasable: bool,
}

impl Kind {
    /// The kind with its records: each a list of titles and values, of which empty ones are left out.
    #[must_use]
    pub fn section(&self, records: impl IntoIterator<Item = Vec<(&'static str, String)>>) -> Section {
        let record = |fields: Vec<(&'static str, String)>| Record {
            fields: fields
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(title, value)| Field {
                    title: title.to_owned(),
                    value,
                })
                .collect(),
        };
        Section {
            name: self.name.to_owned(),
            title: self.title.to_owned(),
            purpose: self.purpose.to_owned(),
            basis: self.basis.to_owned(),
            retention: self.retention.to_owned(),
            erasable: self.erasable,
            records: records.into_iter().map(record).collect(),
        }
    }
}

/// A service that holds something about people.
#[async_trait]
pub trait Subjects: Send + Sync + 'static {
    /// All that it holds about a person.
    async fn sections(&self, subject: Subject) -> Result<Vec<Section>, Fault>;
}

/// Handlers of `SubjectDataService`.
pub(crate) struct Server(Option<Arc<dyn Subjects>>);

/// The calls of one service; one that holds nothing answers that.
pub(crate) fn server(subjects: Option<Arc<dyn Subjects>>) -> SubjectDataServiceServer<Server> {
    SubjectDataServiceServer::new(Server(subjects))
}

#[async_trait]
impl SubjectDataService for Server {
    async fn get_subject_data(
        &self,
        request: Request<GetSubjectDataRequest>,
    ) -> Result<Response<Answer>, Status> {
        let GetSubjectDataRequest {
            account_id,
            student_id,
        } = request.get_ref();
        let account = account_id.parse();
        let subject = Subject {
            account_id: account.map_err(|_| Fault::invalid("accountId", "ID_INVALID", "账号编号不正确"))?,
            student_id: student_id.parse().ok(),
        };
        let sections = match &self.0 {
            Some(subjects) => subjects.sections(subject).await?,
            None => Vec::new(),
        };
        Ok(Response::new(Answer { sections }))
    }
}
