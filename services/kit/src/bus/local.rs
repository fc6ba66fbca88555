//! The bus of one process: the relay hands each message to every consumer that wants it.
//!
//! A message counts as published once every consumer has had its effect or given up; until then the relay brings it
//! again, and consumers that are done pass it over by their inbox. A crash at any point is therefore a redelivery.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;

use super::{MAX_ATTEMPTS, Outcome};
use crate::consume::{ConsumeError, Delivery, Subscription};

/// The consumers of this process.
#[derive(Clone, Default)]
pub struct Local(Arc<ArcSwap<Vec<Subscription>>>);

impl Local {
    /// Adds a consumer.
    pub fn add(&self, subscription: Subscription) {
        self.0.rcu(|all| {
            let mut all = Vec::clone(all);
            all.push(subscription.clone());
            all
        });
    }

    pub(super) async fn publish(&self, delivery: &Delivery, attempts: u32) -> Outcome {
        let all = self.0.load_full();
        let wanting = all.iter().filter(|one| one.wants(&delivery.key));
        let results = join_all(wanting.map(|one| hand_over(one, delivery, attempts))).await;
        [Outcome::Later, Outcome::Wait]
            .into_iter()
            .find(|outcome| results.contains(outcome))
            .unwrap_or(Outcome::Done)
    }
}

async fn hand_over(subscription: &Subscription, delivery: &Delivery, attempts: u32) -> Outcome {
    let Err(error) = subscription.handle(delivery).await else {
        return Outcome::Done;
    };
    if let ConsumeError::Wait(_) = error {
        tracing::warn!(queue = subscription.queue(), message.id = %delivery.id, error = %error, "consumer waits");
        return Outcome::Wait;
    }
    let attempts = attempts.saturating_add(1);
    if matches!(error, ConsumeError::Retry(_)) && attempts < MAX_ATTEMPTS {
        tracing::warn!(queue = subscription.queue(), message.id = %delivery.id, attempts, error = %error, "consumer failed");
        return Outcome::Later;
    }
    match subscription.bury(delivery, attempts, &error).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::warn!(error = %error, "dead letter could not be written");
            Outcome::Wait
        }
    }
}
