//! Keys that sign access tokens change without anybody noticing.

use qihang_proto::identity::v1::{GetJwksRequest, directory_service_client::DirectoryServiceClient};
use serde_json::Value;
use time::Duration;

use crate::{
    people::{PASSWORD, door, refresh_token},
    roster_support::World,
};

async fn published(world: &World) -> Vec<String> {
    let mut client = DirectoryServiceClient::new(door(&world.identity).way());
    let jwks = client
        .get_jwks(GetJwksRequest {})
        .await
        .unwrap()
        .into_inner()
        .jwks_json;
    assert!(!jwks.contains("\"d\""), "no private half");
    let jwks: Value = serde_json::from_str(&jwks).unwrap();
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_verifies_by_keys_that_were_fetched_an_hour_before() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let mut session = door.register(0).await;
    let mut verifier = door.verifier().await;
    let mut seen = published(&world).await;
    assert_eq!(seen.len(), 1);
    // Half a day at a time up to the change, then half an hour: whoever fetched the keys at most an hour ago verifies
    // every new token.
    let steps = [Duration::hours(12); 58]
        .into_iter()
        .chain([Duration::minutes(30); 96]);
    for (index, step) in steps.enumerate() {
        world.identity.advance(step).await;
        world.identity.run_tasks().await;
        session = match door.refresh(refresh_token(&session), "").await {
            Ok(session) => session,
            Err(_) => door.login(0, PASSWORD).await.unwrap(),
        };
        let token = &session.tokens.as_ref().unwrap().access_token;
        verifier.verify(token).await.unwrap();
        if index % 2 == 0 {
            verifier = door.verifier().await;
            verifier.verify(token).await.unwrap();
        }
        let now = published(&world).await;
        assert!((1..=3).contains(&now.len()));
        seen.extend(now);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2, "one change in 31 days");
    assert_eq!(published(&world).await.len(), 1, "the retired key is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_agree_on_one_key() {
    let world = World::new().await;
    let build = || qihang_identity::build(world.identity.ctx.clone(), crate::support::config());
    let services = futures::future::join_all((0..4).map(|_| build())).await;
    assert!(services.iter().all(Result::is_ok));
    assert_eq!(published(&world).await.len(), 1);
}
