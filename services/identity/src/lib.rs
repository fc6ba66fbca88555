//! Who people are: schools, rosters, accounts, sessions, employers.

use std::sync::Arc;

use anyhow::Context as _;
use qihang_kit::{
    context::Context,
    crypto::{Sealer, reseal::Sealed},
    service::Service,
};
use qihang_proto::identity::v1::{
    account_service_server::AccountServiceServer, administrator_service_server::AdministratorServiceServer,
    audit_service_server::AuditServiceServer, calendar_service_server::CalendarServiceServer,
    captcha_service_server::CaptchaServiceServer, correction_service_server::CorrectionServiceServer,
    directory_service_server::DirectoryServiceServer,
    employer_guard_service_server::EmployerGuardServiceServer,
    employer_service_server::EmployerServiceServer, help_service_server::HelpServiceServer,
    lockout_service_server::LockoutServiceServer, member_service_server::MemberServiceServer,
    my_data_service_server::MyDataServiceServer, operations_service_server::OperationsServiceServer,
    origin_service_server::OriginServiceServer, password_reset_service_server::PasswordResetServiceServer,
    profile_service_server::ProfileServiceServer, reference_service_server::ReferenceServiceServer,
    registration_service_server::RegistrationServiceServer, roster_service_server::RosterServiceServer,
    school_service_server::SchoolServiceServer, session_service_server::SessionServiceServer,
    staff_service_server::StaffServiceServer,
};
use sqlx::migrate::Migrator;
use tonic::service::Routes;

mod bootstrap;
mod captcha;
mod chains;
mod config;
mod consumers;
mod dictionaries;
mod domain;
mod erase;
mod error;
mod factor;
mod keys;
mod limits;
mod login;
mod messages;
mod passwords;
mod purpose;
mod refusal;
mod rpc;
mod sealing;
mod session;
mod store;
mod subjects;
mod tasks;

pub use config::{Bootstrap, Captcha, CaptchaMode, Config, Erasure, Limits, Passwords, SigningKeys, Tokens};

/// Name of the service, and of its schema.
pub const NAME: &str = "identity";
/// Settings of the service with their defaults and comments.
pub const DEFAULTS: &str = include_str!("../defaults.toml");
/// The service's tables.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// What every handler and task needs.
pub(crate) struct App {
    pub(crate) ctx: Context,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) config: Arc<Config>,
    pub(crate) passwords: passwords::Passwords,
    pub(crate) keys: keys::KeyRing,
}

/// Builds the service on tables that stand, and writes what must be there before the first request.
///
/// # Errors
/// When a setting is wrong, or the database cannot be written.
pub async fn build(ctx: Context, config: Config) -> anyhow::Result<Service> {
    config.validate()?;
    let sealer = Sealer::load(&config.crypto, &ctx.pool)
        .await
        .context("keys of identity")?;
    let app = Arc::new(App {
        sealer: Arc::new(sealer),
        passwords: passwords::Passwords::new(&config.passwords, ctx.ids.clone())?,
        keys: keys::KeyRing::default(),
        config: Arc::new(config),
        ctx,
    });
    bootstrap::run(&app).await?;
    Ok(Service {
        name: NAME,
        chains: vec![
            Arc::new(chains::Audit),
            Arc::new(chains::Records),
            Arc::new(chains::Employers),
        ],
        subjects: Some(Arc::new(subjects::Persons(app.clone()))),
        sealed: Some(Sealed {
            sealer: Sealer::clone(&app.sealer),
            columns: sealing::COLUMNS,
        }),
        routes: routes(&app),
        consumers: vec![consumers::agreement_holds::AgreementHolds::shared(&app)],
        tasks: vec![
            Arc::new(tasks::refresh_codes::RefreshCodes(app.clone())),
            Arc::new(tasks::rotate_keys::RotateKeys(app.clone())),
            Arc::new(tasks::purge::Purge(app.clone())),
            Arc::new(tasks::link_audit::LinkAudit(app.clone())),
            Arc::new(tasks::erase_accounts::EraseAccounts(app.clone())),
            Arc::new(tasks::import_roster::ImportRoster::new(app.clone())),
            Arc::new(tasks::expire_employers::ExpireEmployers::new(app)),
        ],
    })
}

fn routes(app: &Arc<App>) -> Routes {
    let app = || app.clone();
    Routes::new(CaptchaServiceServer::new(rpc::captchas::CaptchaService(app())))
        .add_service(RegistrationServiceServer::new(
            rpc::registration::RegistrationService(app()),
        ))
        .add_service(SessionServiceServer::new(rpc::sessions::SessionService(app())))
        .add_service(AccountServiceServer::new(rpc::accounts::AccountService(app())))
        .add_service(PasswordResetServiceServer::new(
            rpc::password_resets::PasswordResetService(app()),
        ))
        .add_service(HelpServiceServer::new(rpc::help::HelpService(app())))
        .add_service(AuditServiceServer::new(rpc::audit::AuditService(app())))
        .add_service(StaffServiceServer::new(rpc::staff::StaffService(app())))
        .add_service(AdministratorServiceServer::new(
            rpc::administrators::AdministratorService(app()),
        ))
        .add_service(LockoutServiceServer::new(rpc::lockouts::LockoutService(app())))
        .add_service(SchoolServiceServer::new(rpc::schools::SchoolService(app())))
        .add_service(ReferenceServiceServer::new(rpc::reference::ReferenceService(
            app(),
        )))
        .add_service(CalendarServiceServer::new(rpc::calendars::CalendarService(app())))
        .add_service(RosterServiceServer::new(rpc::roster::RosterService::new(app())))
        .add_service(OriginServiceServer::new(rpc::origin::OriginService::new(app())))
        .add_service(CorrectionServiceServer::new(rpc::corrections::CorrectionService(
            app(),
        )))
        .add_service(MyDataServiceServer::new(rpc::my_data::MyDataService(app())))
        .add_service(ProfileServiceServer::new(rpc::profiles::ProfileService(app())))
        .add_service(EmployerServiceServer::new(rpc::employers::EmployerService::new(
            app(),
        )))
        .add_service(EmployerGuardServiceServer::new(
            rpc::employer_guards::EmployerGuards(app()),
        ))
        .add_service(MemberServiceServer::new(rpc::members::MemberService(app())))
        .add_service(OperationsServiceServer::new(rpc::operations::OperationsService(
            app(),
        )))
        .add_service(DirectoryServiceServer::new(
            rpc::directory::DirectoryService::new(app()),
        ))
}
