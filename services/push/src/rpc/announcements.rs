//! `AnnouncementService`: each call is a line here and a step in one of the files beside.

use std::sync::Arc;

use qihang_proto::push::v1::*;
use tonic::{Request, Response, Status, async_trait};

use super::{office, reading};
use crate::App;

/// Handlers of `AnnouncementService`.
pub(crate) struct Announcements(pub(crate) Arc<App>);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl announcement_service_server::AnnouncementService for Announcements {
    async fn list_announcements(
        &self,
        request: Request<ListAnnouncementsRequest>,
    ) -> Answer<ListAnnouncementsResponse> {
        Ok(Response::new(reading::list(&self.0, &request).await?))
    }

    async fn get_announcement(&self, request: Request<GetAnnouncementRequest>) -> Answer<Announcement> {
        Ok(Response::new(reading::get(&self.0, &request).await?))
    }

    async fn count_unread_announcements(
        &self,
        request: Request<CountUnreadAnnouncementsRequest>,
    ) -> Answer<CountUnreadAnnouncementsResponse> {
        Ok(Response::new(reading::count_unread(&self.0, &request).await?))
    }

    async fn mark_announcement_read(
        &self,
        request: Request<MarkAnnouncementReadRequest>,
    ) -> Answer<Announcement> {
        Ok(Response::new(reading::mark(&self.0, &request).await?))
    }

    async fn list_own_announcements(
        &self,
        request: Request<ListOwnAnnouncementsRequest>,
    ) -> Answer<ListOwnAnnouncementsResponse> {
        Ok(Response::new(office::list(&self.0, &request).await?))
    }

    async fn create_announcement(&self, request: Request<CreateAnnouncementRequest>) -> Answer<Announcement> {
        Ok(Response::new(office::create(&self.0, &request).await?))
    }

    async fn update_announcement(&self, request: Request<UpdateAnnouncementRequest>) -> Answer<Announcement> {
        Ok(Response::new(office::update(&self.0, &request).await?))
    }

    async fn publish_announcement(
        &self,
        request: Request<PublishAnnouncementRequest>,
    ) -> Answer<Announcement> {
        Ok(Response::new(office::publish(&self.0, &request).await?))
    }

    async fn withdraw_announcement(
        &self,
        request: Request<WithdrawAnnouncementRequest>,
    ) -> Answer<Announcement> {
        Ok(Response::new(office::withdraw(&self.0, &request).await?))
    }

    async fn list_announcement_receipts(
        &self,
        request: Request<ListAnnouncementReceiptsRequest>,
    ) -> Answer<ListAnnouncementReceiptsResponse> {
        Ok(Response::new(office::receipts(&self.0, &request).await?))
    }

    async fn list_announcement_history(
        &self,
        request: Request<ListAnnouncementHistoryRequest>,
    ) -> Answer<ListAnnouncementHistoryResponse> {
        Ok(Response::new(office::history(&self.0, &request).await?))
    }
}
