//! One suite for both caches.

use std::time::Duration;

use qihang_kit::{cache::Cache, ids::Ids, testing::setting};

async fn suite(cache: Cache) {
    let id = Ids::random().new_id();
    let key = |name: &str| format!("test:{id}:{name}");
    let long = Duration::from_secs(60);

    assert_eq!(cache.get(&key("a")).await.unwrap(), None);
    cache.set(&key("a"), "1", long).await.unwrap();
    assert_eq!(
        cache.get(&key("a")).await.unwrap().as_deref(),
        Some(b"1".as_slice())
    );
    assert!(!cache.add(&key("a"), "2", long).await.unwrap());
    assert!(cache.delete(&key("a")).await.unwrap());
    assert!(!cache.delete(&key("a")).await.unwrap());
    assert!(cache.add(&key("a"), "2", long).await.unwrap());

    // Of many takers one has it.
    let takers = futures::future::join_all((0..10).map(|_| cache.take(key("a").leak()))).await;
    assert_eq!(takers.into_iter().filter_map(Result::unwrap).count(), 1);
    // Of many adders one adds.
    let adders = futures::future::join_all((0..10).map(|_| cache.add(key("b").leak(), "x", long))).await;
    assert_eq!(
        adders
            .into_iter()
            .filter(|added| *added.as_ref().unwrap())
            .count(),
        1
    );
    // Counting loses nothing.
    futures::future::join_all((0..20).map(|_| cache.incr(key("c").leak(), long))).await;
    assert_eq!(cache.incr(&key("c"), long).await.unwrap(), 21);

    cache
        .set(&key("d"), "short", Duration::from_millis(30))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(cache.get(&key("d")).await.unwrap(), None);

    let minute = Duration::from_secs(600);
    for left in (0..3).rev() {
        let decision = cache.allow(&key("e"), 3, minute).await;
        assert!(decision.allowed);
        assert_eq!(decision.remaining, left);
    }
    let refused = cache.allow(&key("e"), 3, minute).await;
    assert!(!refused.allowed);
    assert!(refused.retry_after > Duration::ZERO && refused.retry_after <= minute * 2);
    let short = Duration::from_millis(200);
    assert!(cache.allow(&key("f"), 1, short).await.allowed);
    assert!(!cache.allow(&key("f"), 1, short).await.allowed);
    tokio::time::sleep(short * 3).await;
    assert!(cache.allow(&key("f"), 1, short).await.allowed);
}

#[tokio::test]
async fn memory_keeps_the_promises() {
    suite(Cache::open("memory://").await.unwrap()).await;
}

#[tokio::test]
async fn redis_keeps_the_promises() {
    suite(Cache::open(&setting("QIHANG_TEST_REDIS_URL")).await.unwrap()).await;
}

#[tokio::test]
async fn without_redis_values_are_unavailable_and_limits_still_hold() {
    let cache = Cache::open("redis://127.0.0.1:1").await.unwrap();
    assert_eq!(cache.get("a").await.unwrap_err().code(), tonic::Code::Unavailable);
    assert!(cache.allow("a", 1, Duration::from_secs(60)).await.allowed);
    assert!(!cache.allow("a", 1, Duration::from_secs(60)).await.allowed);
}

#[tokio::test]
async fn leased_calls_are_counted_as_exactly_as_others() {
    let caches = [
        Cache::open(&setting("QIHANG_TEST_REDIS_URL")).await.unwrap(),
        Cache::open(&setting("QIHANG_TEST_REDIS_URL")).await.unwrap(),
    ];
    let (key, window) = (
        format!("leases:{}", Ids::random().new_id()),
        Duration::from_secs(600),
    );
    let mut allowed = 0;
    for call in 0..400_usize {
        let decision = caches[call % 2].allow(&key, 300, window).await;
        allowed += usize::from(decision.allowed);
        if call == 0 {
            assert_eq!(decision.remaining, 299, "a lease is not used up at once");
        }
    }
    assert_eq!(allowed, 300);
}

#[tokio::test]
async fn calls_at_the_same_time_lease_once() {
    let cache = Cache::open(&setting("QIHANG_TEST_REDIS_URL")).await.unwrap();
    let (key, window) = (
        format!("leases:{}", Ids::random().new_id()),
        Duration::from_secs(600),
    );
    let burst = (0..200).map(|_| cache.allow(&key, 300, window));
    let together = futures::future::join_all(burst).await;
    assert!(together.iter().all(|decision| decision.allowed));
    let mut after = 0;
    while cache.allow(&key, 300, window).await.allowed {
        after += 1;
    }
    assert_eq!(after, 100);
}
