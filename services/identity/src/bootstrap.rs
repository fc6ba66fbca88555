//! What must be there before the first request: schools, a signing key, and the first administrator.

use anyhow::Context as _;
use qihang_kit::auth::Role;
use qihang_kit::codes;
use secrecy::ExposeSecret as _;

use crate::{
    App, dictionaries,
    domain::password,
    error::Error,
    keys,
    store::{
        accounts::{self, NewAccount},
        schools, staff,
    },
};

/// Does it; nothing happens when it is done already.
///
/// # Errors
/// The database's; when the first administrator's password is too weak.
pub(crate) async fn run(app: &App) -> anyhow::Result<()> {
    let mut conn = app.ctx.pool.acquire().await?;
    let written = schools::seed(&mut conn, codes::schools())
        .await
        .context("schools")?;
    drop(conn);
    if written > 0 {
        tracing::info!(schools = written, "schools written");
    }
    dictionaries::refresh(app).await.context("code tables")?;
    keys::rotate(app).await.context("signing keys")?;
    first_administrator(app).await
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
        Ok(()) => transaction.commit().await?,
        Err(error @ Error::LoginTaken { .. }) => return Err(error).context("bootstrap.login"),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(account.id = %account.id, "first administrator made");
    Ok(())
}
