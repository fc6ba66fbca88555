//! The service under test, identity as far as push asks it, and announcements to begin with.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use qihang_kit::{
    auth::Principal,
    client::ServiceChannel,
    status::Fault,
    testing::{self, Acting, TestService},
};
use qihang_proto::{
    identity::v1::{
        directory_service_server::{DirectoryService, DirectoryServiceServer},
        *,
    },
    push::v1::{announcement_service_client::AnnouncementServiceClient, *},
};
use qihang_push::{Config, MIGRATOR, NAME, build};
use tonic::{
    Request, Response, Status, async_trait,
    service::{Routes, interceptor::InterceptedService},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

pub(crate) const SCHOOL: &str = "4123010212";
pub(crate) const OTHER_SCHOOL: &str = "4123010213";
pub(crate) const DEPARTMENT: &str = "计算机学院";

pub(crate) type Way = InterceptedService<ServiceChannel, Acting>;

/// Identity: students' graduation years, and accounts of staff.
#[derive(Clone, Default)]
pub(crate) struct Identity(Arc<Known>);

#[derive(Default)]
struct Known {
    cohorts: Mutex<HashMap<String, u32>>,
    staff: Mutex<Vec<Uuid>>,
    asked: Mutex<Vec<ListStaffAccountsRequest>>,
    away: AtomicBool,
}

impl Identity {
    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// Accounts of staff that any question finds.
    pub(crate) fn staff_are(&self, mut ids: Vec<Uuid>) {
        ids.sort();
        *self.0.staff.lock().unwrap() = ids;
    }

    /// What was asked for staff.
    pub(crate) fn asked(&self) -> Vec<ListStaffAccountsRequest> {
        self.0.asked.lock().unwrap().clone()
    }

    fn here(&self) -> Result<(), Status> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("AWAY", "不在").into());
        }
        Ok(())
    }
}

#[async_trait]
impl DirectoryService for Identity {
    async fn batch_get_students(
        &self,
        request: Request<BatchGetStudentsRequest>,
    ) -> Result<Response<BatchGetStudentsResponse>, Status> {
        self.here()?;
        let cohorts = self.0.cohorts.lock().unwrap();
        let student = |id: &String| DirectoryStudent {
            id: id.clone(),
            cohort: cohorts.get(id).copied().unwrap_or(2026),
            ..DirectoryStudent::default()
        };
        let students = request.get_ref().ids.iter().map(student).collect();
        Ok(Response::new(BatchGetStudentsResponse { students }))
    }

    async fn list_code_changes(
        &self,
        _: Request<ListCodeChangesRequest>,
    ) -> Result<Response<ListCodeChangesResponse>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }

    async fn list_staff_accounts(
        &self,
        request: Request<ListStaffAccountsRequest>,
    ) -> Result<Response<ListStaffAccountsResponse>, Status> {
        self.here()?;
        let request = request.into_inner();
        let staff = self.0.staff.lock().unwrap();
        let after: Option<Uuid> = request.after.parse().ok();
        let found = staff.iter().filter(|id| after.is_none_or(|after| **id > after));
        let limit = usize::try_from(request.limit).unwrap();
        let answer = ListStaffAccountsResponse {
            account_ids: found.take(limit).map(Uuid::to_string).collect(),
            total: u32::try_from(staff.len()).unwrap(),
        };
        self.0.asked.lock().unwrap().push(request);
        Ok(Response::new(answer))
    }

    async fn find_student(
        &self,
        _: Request<FindStudentRequest>,
    ) -> Result<Response<DirectoryStudent>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }

    async fn batch_find_students(
        &self,
        _: Request<BatchFindStudentsRequest>,
    ) -> Result<Response<BatchFindStudentsResponse>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }

    async fn batch_get_employers(
        &self,
        _: Request<BatchGetEmployersRequest>,
    ) -> Result<Response<BatchGetEmployersResponse>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }

    async fn batch_get_schools(
        &self,
        _: Request<BatchGetSchoolsRequest>,
    ) -> Result<Response<BatchGetSchoolsResponse>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Err(Status::unimplemented("not asked by push"))
    }
}

/// The service with identity.
pub(crate) struct Suite {
    pub(crate) service: TestService,
    pub(crate) identity: Identity,
    pub(crate) province: Principal,
    pub(crate) school: Principal,
}

impl Suite {
    pub(crate) async fn start() -> Self {
        let service = testing::service(NAME, &MIGRATOR, |ctx| build(ctx, Config::default())).await;
        let identity = Identity::default();
        service.peer(
            "identity",
            Routes::new(DirectoryServiceServer::new(identity.clone())),
        );
        Self {
            service,
            identity,
            province: testing::province_staff(),
            school: testing::school_staff(SCHOOL),
        }
    }

    pub(crate) fn by(&self, who: &Principal) -> AnnouncementServiceClient<Way> {
        AnnouncementServiceClient::new(self.service.as_principal(who))
    }

    pub(crate) fn anybody(&self) -> AnnouncementServiceClient<Way> {
        AnnouncementServiceClient::new(self.service.anonymous())
    }

    /// A student of a graduation year and department.
    pub(crate) fn student(&self, school: &str, cohort: u32) -> Principal {
        let id = self.service.ctx.ids.new_id();
        self.identity
            .0
            .cohorts
            .lock()
            .unwrap()
            .insert(id.to_string(), cohort);
        Principal {
            department: Some(DEPARTMENT.to_owned()),
            ..testing::student(school, id)
        }
    }

    pub(crate) async fn draft(&self, office: &Principal, content: AnnouncementContent) -> Announcement {
        let request = CreateAnnouncementRequest {
            content: Some(content),
            request_id: String::new(),
        };
        self.by(office)
            .create_announcement(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn published(&self, office: &Principal, content: AnnouncementContent) -> Announcement {
        let draft = self.draft(office, content).await;
        self.by(office)
            .publish_announcement(publish(&draft))
            .await
            .unwrap()
            .into_inner()
    }

    /// Titles that somebody sees.
    pub(crate) async fn titles(
        &self,
        mut client: AnnouncementServiceClient<Way>,
        school: &str,
    ) -> Vec<String> {
        let request = ListAnnouncementsRequest {
            school_code: school.to_owned(),
            ..ListAnnouncementsRequest::default()
        };
        let page = client.list_announcements(request).await.unwrap().into_inner();
        let title = |one: Announcement| one.content.unwrap().title;
        page.announcements.into_iter().map(title).collect()
    }

    pub(crate) async fn unread(&self, who: &Principal) -> u32 {
        let request = CountUnreadAnnouncementsRequest {};
        let reply = self.by(who).count_unread_announcements(request).await;
        reply.unwrap().into_inner().count
    }
}

/// What an announcement says, to everybody who is signed in.
pub(crate) fn content(title: &str) -> AnnouncementContent {
    AnnouncementContent {
        title: title.to_owned(),
        body: "请各有关单位**按时**办理。".to_owned(),
        ..AnnouncementContent::default()
    }
}

/// The same, to some.
pub(crate) fn to(title: &str, targets: AnnouncementTargets) -> AnnouncementContent {
    AnnouncementContent {
        targets: Some(targets),
        ..content(title)
    }
}

pub(crate) fn publish(draft: &Announcement) -> PublishAnnouncementRequest {
    PublishAnnouncementRequest {
        id: draft.id.clone(),
        etag: draft.etag.clone(),
        ..PublishAnnouncementRequest::default()
    }
}

pub(crate) fn withdraw(one: &Announcement) -> WithdrawAnnouncementRequest {
    WithdrawAnnouncementRequest {
        id: one.id.clone(),
        reason: "时间有误，另行通知".to_owned(),
        etag: one.etag.clone(),
        request_id: String::new(),
    }
}

pub(crate) fn get(one: &Announcement) -> GetAnnouncementRequest {
    GetAnnouncementRequest { id: one.id.clone() }
}

/// The stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| status.to_string(), |info| info.reason)
}
