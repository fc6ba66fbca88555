//! Changing the password.

use futures::future::join_all;
use qihang_kit::auth::Principal;
use qihang_proto::identity::v1::{
    ChangePasswordRequest, ChangePasswordResponse, account_service_client::AccountServiceClient,
};
use tonic::{Response, Status};

use crate::{
    people::{Door, PASSWORD, door, refresh_token},
    roster_support::{World, reason},
};

const NEW: &str = "Amur.Leopard.1904";

/// A student who is signed in, and the way in.
async fn signed_in<'a>(world: &'a World) -> (Door<'a>, Principal) {
    let door = door(&world.identity);
    door.register(0).await;
    let session = door.login(0, PASSWORD).await.unwrap();
    let bearer = door.bearer(&session).await;
    (door, bearer)
}

async fn change(
    world: &World,
    who: &Principal,
    (old, new): (&str, &str),
    request_id: &str,
) -> Result<ChangePasswordResponse, Status> {
    let request = ChangePasswordRequest {
        old_password: old.to_owned(),
        new_password: new.to_owned(),
        request_id: request_id.to_owned(),
    };
    AccountServiceClient::new(world.identity.as_principal(who))
        .change_password(request)
        .await
        .map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_replaces_the_old_and_ends_every_other_session() {
    let world = World::with_students(1).await;
    let (door, bearer) = signed_in(&world).await;
    let elsewhere = door.login(0, PASSWORD).await.unwrap();
    let changed = change(&world, &bearer, (PASSWORD, NEW), "").await.unwrap();
    // The session of the registration and the one elsewhere.
    assert_eq!(changed.revoked, 2);
    let ended = door.refresh(refresh_token(&elsewhere), "").await.unwrap_err();
    assert_eq!(reason(&ended), "REFRESH_INVALID");
    assert!(door.login(0, NEW).await.is_ok());
    assert_eq!(
        reason(&door.login(0, PASSWORD).await.unwrap_err()),
        "LOGIN_REFUSED"
    );
    let written: i64 =
        sqlx::query_scalar("SELECT count(*) FROM identity.audit_events WHERE event = 'password.change'")
            .fetch_one(&world.identity.db.pool)
            .await
            .unwrap();
    assert_eq!(written, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_old_password_is_refused_and_slows_down() {
    let world = World::with_students(1).await;
    let (door, bearer) = signed_in(&world).await;
    let wrong = change(&world, &bearer, ("not the password", NEW), "")
        .await
        .unwrap_err();
    assert_eq!(reason(&wrong), "PASSWORD_WRONG");
    let early = change(&world, &bearer, (PASSWORD, NEW), "").await.unwrap_err();
    assert_eq!(reason(&early), "LOGIN_THROTTLED");
    assert!(
        door.login(0, PASSWORD).await.is_ok(),
        "signing in is counted apart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_that_is_old_weak_or_known_is_refused() {
    let world = World::with_students(1).await;
    let (_, bearer) = signed_in(&world).await;
    for (new, expected) in [
        (PASSWORD, "PASSWORD_UNCHANGED"),
        ("short", "PASSWORD_TOO_SHORT"),
        ("Li@example.com.2026", "PASSWORD_PERSONAL"),
    ] {
        let refused = change(&world, &bearer, (PASSWORD, new), "").await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{new}");
    }
    assert!(change(&world, &bearer, (PASSWORD, NEW), "").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_change_twice_is_one_and_another_one_needs_another_id() {
    let world = World::with_students(1).await;
    let (_, bearer) = signed_in(&world).await;
    let id = world.identity.ctx.ids.new_id().to_string();
    let first = change(&world, &bearer, (PASSWORD, NEW), &id).await.unwrap();
    let again = change(&world, &bearer, (PASSWORD, NEW), &id).await.unwrap();
    assert_eq!(first, again);
    let other = change(&world, &bearer, (PASSWORD, "Another.Leopard.1904"), &id).await;
    assert_eq!(reason(&other.unwrap_err()), "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_one_is_made() {
    let world = World::with_students(1).await;
    let (door, bearer) = signed_in(&world).await;
    let news: Vec<String> = (0..10).map(|number| format!("{NEW}-{number}")).collect();
    let answers = join_all(
        news.iter()
            .map(|new| change(&world, &bearer, (PASSWORD, new), "")),
    )
    .await;
    let won: Vec<usize> = (0..10).filter(|place| answers[*place].is_ok()).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(door.login(0, &news[won[0]]).await.is_ok());
}
