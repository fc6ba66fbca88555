//! `DestinationService`: what a student's slot shows to the outside.

use std::sync::Arc;

use qihang_kit::{auth, codes};
use qihang_proto::contracts::v1::{
    Destination, GetMyDestinationRequest, SlotState, destination_service_server,
};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    App,
    domain::slot::{Kind, Reference, Slot},
    error::Error,
    party,
    scope::Scope,
    store::{agreements, slots},
    view::timestamp,
};

/// 签就业协议形式就业, the destination of an online agreement.
const SIGNED: &str = "10";

/// Handlers of `DestinationService`.
pub(crate) struct Destinations(pub(crate) Arc<App>);

#[async_trait]
impl destination_service_server::DestinationService for Destinations {
    async fn get_my_destination(
        &self,
        request: Request<GetMyDestinationRequest>,
    ) -> Result<Response<Destination>, Status> {
        let scope = Scope::of(auth::principal(&request)?)?;
        Ok(Response::new(mine(&self.0, &scope).await?))
    }
}

async fn mine(app: &App, scope: &Scope) -> Result<Destination, Error> {
    let student_id = scope.student_id.ok_or(Error::NotFound)?;
    let mut conn = app.ctx.pool.acquire().await?;
    let Some(found) = slots::find(&mut conn, student_id).await? else {
        return Ok(free());
    };
    let holder = match found.slot.reference() {
        Some(Reference {
            kind: Kind::Online,
            id,
        }) => agreements::find(&mut conn, id, scope)
            .await?
            .map(|record| party::read::<party::Employer>(&record.employer).name),
        _ => None,
    };
    let (state, state_text, way_out) = describe(found.slot);
    let confirmed = matches!(found.slot, Slot::Held(_) | Slot::Releasing { held: true, .. });
    let code = if confirmed { SIGNED } else { "" };
    Ok(Destination {
        state: state.into(),
        state_text: state_text.to_owned(),
        kind: found
            .slot
            .reference()
            .map(|reference| slots::word(reference.kind))
            .unwrap_or_default()
            .to_owned(),
        record_id: found
            .slot
            .reference()
            .map(|reference| reference.id.to_string())
            .unwrap_or_default(),
        code: code.to_owned(),
        name: codes::name("destination", code).unwrap_or_default().to_owned(),
        holder: holder.unwrap_or_default(),
        way_out: way_out.to_owned(),
        update_time: Some(timestamp(found.update_time)),
    })
}

fn describe(slot: Slot) -> (SlotState, &'static str, &'static str) {
    match slot {
        Slot::Free => (SlotState::Free, "未确认", ""),
        Slot::Reserved(_) => (
            SlotState::Reserved,
            "待学校审核",
            "学校审核不通过或双方撤销后，可以重新选择",
        ),
        Slot::Held(_) => (
            SlotState::Held,
            "已登记",
            "需要更改时，请联系学校就业指导部门办理解约",
        ),
        Slot::Releasing { .. } => (
            SlotState::Releasing,
            "解约中",
            "解约经学校审核通过后，可以重新选择",
        ),
    }
}

fn free() -> Destination {
    Destination {
        state: SlotState::Free.into(),
        state_text: "未确认".to_owned(),
        ..Destination::default()
    }
}
