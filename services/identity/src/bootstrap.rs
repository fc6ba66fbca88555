//! What must be there before the first request: schools, a signing key, and the first administrator.

use anyhow::Context as _;
use qihang_kit::{
    auth::{Caller, Role},
    codes,
    totp::Totp,
};
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App, dictionaries,
    domain::password,
    error::Error,
    factor, keys,
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
        factors, schools,
        sessions::{self, EndReason},
        staff,
    },
};

/// Does it; nothing happens when it is done already.
///
/// # Errors
/// The database's; when the first administrator's password is too weak.
pub(crate) async fn run(app: &App) -> anyhow::Result<()> {
    let mut conn = app.ctx.pool.acquire().await?;
    let written = schools::seed(&mut conn, &codes::base_schools().collect::<Vec<_>>())
        .await
        .context("schools")?;
    drop(conn);
    if written > 0 {
        tracing::info!(schools = written, "schools written");
    }
    dictionaries::refresh(app).await.context("code tables")?;
    keys::rotate(app).await.context("signing keys")?;
    first_administrator(app).await?;
    reset_second_factor(app).await
}

async fn first_administrator(app: &App) -> anyhow::Result<()> {
    let settings = &app.config.bootstrap;
    if settings.login.is_empty() {
        return Ok(());
    }
    let mut transaction = app.ctx.pool.begin().await?;
    staff::lock_administrators(&mut transaction).await?;
    if staff::has_administrator(&mut transaction).await? {
        return Ok(());
    }
    let login = settings.login.to_lowercase();
    let plain = settings.password.expose_secret();
    password::check(plain, &[&login])
        .map_err(|weakness| anyhow::anyhow!("bootstrap.password is too weak ({})", weakness.reason()))?;
    let account = NewAccount {
        id: app.ctx.ids.new_id(),
        role: Role::Province,
        login: Some(login),
        name: settings.name.clone(),
        password_hash: app.passwords.hash(plain).await?,
        ..NewAccount::default()
    };
    match accounts::insert(&mut transaction, &account, &app.sealer).await {
        Ok(()) => {}
        Err(error @ Error::LoginTaken { .. }) => return Err(error).context("bootstrap.login"),
        Err(error) => return Err(error.into()),
    }
    enrol(app, &mut transaction, account.id).await?;
    transaction.commit().await?;
    tracing::info!(account.id = %account.id, "first administrator made");
    Ok(())
}

/// Gives the first administrator the second factor of the settings, when they have one.
async fn enrol(app: &App, conn: &mut PgConnection, account_id: Uuid) -> anyhow::Result<()> {
    let secret = app.config.bootstrap.totp_secret.expose_secret();
    if secret.is_empty() {
        return Ok(());
    }
    let totp =
        Totp::from_base32(secret).context("bootstrap.totp_secret must be 16 bytes or more in base32")?;
    factors::propose(conn, account_id, &factor::seal(app, account_id, totp.secret())?).await?;
    Ok(factors::confirm(conn, account_id, 0).await?)
}

/// Removes the second factor of a member of staff whom nobody else can help.
async fn reset_second_factor(app: &App) -> anyhow::Result<()> {
    let login = app.config.bootstrap.reset_second_factor.to_lowercase();
    if login.is_empty() {
        return Ok(());
    }
    let mut transaction = app.ctx.pool.begin().await?;
    let account = staff::find_login(&mut transaction, &login)
        .await?
        .context("bootstrap.reset_second_factor names no member of staff")?;
    factors::remove(&mut transaction, account).await?;
    sessions::end_all(&mut transaction, account, None, EndReason::Factor).await?;
    let event = Event::of("factor.clear", account);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, &Caller::system()).await?;
    transaction.commit().await?;
    tracing::warn!(account.id = %account, "second factor removed: take bootstrap.reset_second_factor out of the settings");
    Ok(())
}
