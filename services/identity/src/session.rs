//! Sessions: opened after a proof, kept by refresh tokens that work once.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use qihang_kit::{
    auth::{BY_PASSWORD, Caller, Claims, Principal},
    db, validators,
};
use qihang_proto::{
    common::v1::TokenPair,
    identity::v1::{Account, IssuedSession},
};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::refresh::{self, Outcome},
    error::Error,
    purpose,
    rpc::{account_view, person::timestamp},
    store::{
        accounts::{self, AccountRow},
        audit::{self, Event},
        sessions::{self, EndReason, NewSession, SessionRow},
    },
};

/// Opens a session of an account in the caller's transaction and gives its tokens.
///
/// # Errors
/// ACCOUNT_DISABLED when the account may not sign in; the database's.
pub(crate) async fn issue(
    app: &App,
    conn: &mut PgConnection,
    account_id: Uuid,
    caller: &Caller,
) -> Result<TokenPair, Error> {
    let issued = open(app, conn, account_id, &[BY_PASSWORD], caller).await?;
    Ok(issued.tokens.unwrap_or_default())
}

/// Opens a session of an account in the caller's transaction. `ways` are how the person was proved.
///
/// # Errors
/// ACCOUNT_DISABLED when the account may not sign in; the database's.
pub(crate) async fn open(
    app: &App,
    conn: &mut PgConnection,
    account_id: Uuid,
    ways: &[&str],
    caller: &Caller,
) -> Result<IssuedSession, Error> {
    let now = db::now(conn).await?;
    accounts::touch_login(conn, account_id).await?;
    let account = accounts::get(conn, account_id)
        .await?
        .ok_or(Error::Inconsistent("account of a session"))?;
    if !may_sign_in(&account) {
        return Err(Error::AccountDisabled);
    }
    let amr: Vec<String> = ways.iter().map(|way| (*way).to_owned()).collect();
    let address = caller
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    let session = NewSession {
        id: app.ctx.ids.new_id(),
        account_id,
        client: caller.client.as_str(),
        address: &address,
        amr: &amr,
        auth_time: now,
        expire_time: now + app.config.session_life(),
    };
    sessions::insert(conn, &session).await?;
    let token = app.ctx.ids.token(32);
    let ends = (now + app.config.refresh_life()).min(session.expire_time);
    sessions::insert_token(conn, session.id, 1, &digest(&token), ends).await?;
    audit::write(
        conn,
        app.ctx.ids.new_id(),
        &Event::of("session.open", account_id),
        caller,
    )
    .await?;
    let principal = principal(&account, session.id, session.auth_time, amr.clone())?;
    issued(app, conn, &account, &principal, (token, ends)).await
}

/// Notes that the person of a session was proved anew and gives it new tokens. Its refresh token until now is worth
/// nothing from here on: whoever holds a copy of it gains nothing from the proof.
///
/// # Errors
/// REFRESH_INVALID when the session has ended; the database's.
pub(crate) async fn prove(
    app: &App,
    conn: &mut PgConnection,
    who: &Principal,
    way: &str,
) -> Result<TokenPair, Error> {
    let (session, generation) = sessions::lock_open(conn, who.account_id, who.session_id)
        .await?
        .ok_or(Error::RefreshInvalid)?;
    let account = accounts::get(conn, session.account_id)
        .await?
        .filter(may_sign_in)
        .ok_or(Error::RefreshInvalid)?;
    let now = db::now(conn).await?;
    let mut amr = session.amr;
    if !amr.iter().any(|known| known == way) {
        amr.push(way.to_owned());
    }
    sessions::prove(conn, session.id, &amr, now).await?;
    let token = app.ctx.ids.token(32);
    let ends = (now + app.config.refresh_life()).min(session.expire_time);
    sessions::insert_token(conn, session.id, generation + 1, &digest(&token), ends).await?;
    let principal = principal(&account, session.id, now, amr)?;
    let issued = issued(app, conn, &account, &principal, (token, ends)).await?;
    Ok(issued.tokens.unwrap_or_default())
}

/// Exchanges a refresh token.
///
/// # Errors
/// REFRESH_INVALID, REFRESH_SUPERSEDED, TOKEN_REUSED; the database's.
pub(crate) async fn refresh(
    app: &App,
    token: &str,
    request_id: &str,
    caller: &Caller,
) -> Result<IssuedSession, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let hash = digest(token);
    let session = sessions::lock_by_token(&mut transaction, &hash)
        .await?
        .ok_or(Error::RefreshInvalid)?;
    let (presented, generation) = sessions::present(&mut transaction, &hash).await?;
    let now = db::now(&mut transaction).await?;
    let next = successor(app, session.id, generation, token);
    let ends = (now + app.config.refresh_life()).min(session.expire_time);
    match refresh::decide(&presented, request_id, now) {
        Outcome::Rotate => {
            let used = sessions::use_token(&mut transaction, &hash, request_id, now).await?;
            db::one(&used)?;
            sessions::insert_token(&mut transaction, session.id, generation + 1, &digest(&next), ends)
                .await?;
            sessions::touch(&mut transaction, session.id, now).await?;
        }
        Outcome::Repeat => {}
        Outcome::Superseded => return Err(Error::RefreshSuperseded),
        Outcome::Ended => return Err(Error::RefreshInvalid),
        Outcome::Reused => {
            end(app, &mut transaction, &session, EndReason::Reused, caller).await?;
            transaction.commit().await?;
            return Err(Error::TokenReused);
        }
    }
    let account = accounts::get(&mut transaction, session.account_id)
        .await?
        .ok_or(Error::RefreshInvalid)?;
    if !may_sign_in(&account) {
        end(app, &mut transaction, &session, EndReason::Disabled, caller).await?;
        transaction.commit().await?;
        return Err(Error::RefreshInvalid);
    }
    let principal = principal(&account, session.id, session.auth_time, session.amr)?;
    let issued = issued(app, &mut transaction, &account, &principal, (next, ends)).await?;
    transaction.commit().await?;
    Ok(issued)
}

/// Ends the session of a refresh token. Nothing happens when there is none.
///
/// # Errors
/// The database's.
pub(crate) async fn logout_by_token(app: &App, token: &str, caller: &Caller) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    if let Some(session) = sessions::lock_by_token(&mut transaction, &digest(token)).await? {
        end(app, &mut transaction, &session, EndReason::Logout, caller).await?;
    }
    Ok(transaction.commit().await?)
}

/// SHA-256 of a token, as it is kept.
pub(crate) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

async fn end(
    app: &App,
    conn: &mut PgConnection,
    session: &SessionRow,
    reason: EndReason,
    caller: &Caller,
) -> Result<(), Error> {
    let ended = sessions::end(conn, session.account_id, session.id, reason).await?;
    if ended > 0 {
        let event = match reason {
            EndReason::Reused => Event {
                refused: true,
                ..Event::of("session.reuse", session.account_id)
            },
            _ => Event::of("session.end", session.account_id),
        };
        audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
    }
    Ok(())
}

/// The token after this one. It follows from this one under our key, so that a repeat gets the same without our keeping it.
fn successor(app: &App, session_id: Uuid, generation: i32, token: &str) -> String {
    let value = format!("{session_id}:{generation}:{token}");
    URL_SAFE_NO_PAD.encode(app.sealer.blind_index(purpose::REFRESH_TOKEN, &value))
}

/// Whether the account may have a session: itself active, and with an employer still a member.
fn may_sign_in(account: &AccountRow) -> bool {
    account.state == "ACTIVE"
        && (account.employer_id.is_none() || account.member_state.as_deref() == Some("ACTIVE"))
}

fn principal(
    account: &AccountRow,
    session_id: Uuid,
    auth_time: OffsetDateTime,
    amr: Vec<String>,
) -> Result<Principal, Error> {
    Ok(Principal {
        role: accounts::role(&account.role).ok_or(Error::Inconsistent("accounts.role"))?,
        account_id: account.id,
        session_id,
        student_id: account.student_id,
        school_code: account.school_code.clone(),
        department: account.department.clone(),
        classes: account.classes.clone(),
        employer_id: account.employer_id,
        employer_role: account.employer_role.clone(),
        name: validators::mask_name(&account.name),
        auth_time,
        amr,
    })
}

async fn issued(
    app: &App,
    conn: &mut PgConnection,
    account: &AccountRow,
    principal: &Principal,
    (refresh_token, refresh_ends): (String, OffsetDateTime),
) -> Result<IssuedSession, Error> {
    let tokens = &app.config.tokens;
    let (now, life) = (app.ctx.clock.now(), app.config.access_life());
    let claims = Claims::new(principal, &tokens.issuer, &tokens.audience, now, life);
    let pair = TokenPair {
        access_token: app.keys.sign(app, conn, &claims).await?,
        refresh_token,
        access_expire_time: Some(timestamp(now + life)),
        refresh_expire_time: Some(timestamp(refresh_ends)),
    };
    let account: Account = account_view::account(account, &app.sealer)?;
    Ok(IssuedSession {
        tokens: Some(pair),
        account: Some(account),
        session_id: principal.session_id.to_string(),
    })
}
