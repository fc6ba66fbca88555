//! The contracts service: offers, agreements, the destination slot, verification.

mod act;
mod certificate;
mod chains;
pub mod config;
mod consumers;
pub mod domain;
mod error;
mod messages;
mod paper;
mod party;
mod peers;
mod queue;
mod rpc;
mod scope;
mod store;
mod subjects;
mod tasks;
mod view;

use std::sync::Arc;

use qihang_kit::{
    Context, Service,
    crypto::{Sealer, reseal::Sealed},
};
use qihang_proto::contracts::v1::{
    agreement_review_service_server::AgreementReviewServiceServer,
    clause_template_service_server::ClauseTemplateServiceServer,
    destination_service_server::DestinationServiceServer, edition_service_server::EditionServiceServer,
    guide_service_server::GuideServiceServer, review_service_server::ReviewServiceServer,
    signing_service_server::SigningServiceServer, verification_service_server::VerificationServiceServer,
};
use sqlx::migrate::Migrator;
use tonic::service::Routes;

pub use config::Config;
pub use error::Error;

/// The schema of the service.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The service's name and schema.
pub const NAME: &str = "contracts";

/// The service's own defaults.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// What every part of the service works with.
pub(crate) struct App {
    pub(crate) ctx: Context,
    pub(crate) config: Config,
    pub(crate) sealer: Sealer,
}

/// Builds the service.
///
/// # Errors
/// When the keys of personal data are missing or bad.
pub async fn build(ctx: Context, config: Config) -> anyhow::Result<Service> {
    let sealer = Sealer::load(&config.crypto, &ctx.pool).await?;
    let app = Arc::new(App { ctx, config, sealer });
    let routes = Routes::new(SigningServiceServer::new(rpc::Signing(app.clone())))
        .add_service(AgreementReviewServiceServer::new(rpc::Reviews(app.clone())))
        .add_service(ClauseTemplateServiceServer::new(rpc::Clauses(app.clone())))
        .add_service(EditionServiceServer::new(rpc::Editions(app.clone())))
        .add_service(ReviewServiceServer::new(rpc::Queue(app.clone())))
        .add_service(VerificationServiceServer::new(rpc::Verifications(app.clone())))
        .add_service(GuideServiceServer::new(rpc::Guides(app.clone())))
        .add_service(DestinationServiceServer::new(rpc::Destinations(app.clone())));
    Ok(Service {
        name: NAME,
        chains: vec![Arc::new(chains::Agreements)],
        subjects: Some(Arc::new(subjects::Agreements(app.clone()))),
        sealed: Some(Sealed {
            sealer: app.sealer.clone(),
            columns: &[party::COLUMN],
        }),
        routes,
        consumers: consumers::all(&app),
        tasks: tasks::all(&app),
    })
}
