//! When signing keys change: the next key is published before it signs, and a retired one stays published until its tokens
//! are gone, so that a change is never noticed.

use time::{Duration, OffsetDateTime};

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Published, does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Published while tokens that it signed may live.
    Retired,
}

impl State {
    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Next => "NEXT",
            Self::Active => "ACTIVE",
            Self::Retired => "RETIRED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A key as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) activate_time: Option<OffsetDateTime>,
    pub(crate) retire_time: Option<OffsetDateTime>,
}

/// How long keys live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// A key signs for so long.
    pub(crate) rotate_after: Duration,
    /// The next key is published so long before it signs: longer than any cache of the key set.
    pub(crate) publish_ahead: Duration,
    /// A retired key stays so long: the life of a token, and what replicas need to notice.
    pub(crate) keep_retired: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a key that signs at once: there was none.
    CreateActive,
    /// Make a key and publish it.
    CreateNext,
    /// Let this key sign in place of the active one.
    Promote(String),
    /// Forget this key.
    Delete(String),
}

/// The steps due now, in order.
pub(crate) fn plan(keys: &[Key], now: OffsetDateTime, policy: Policy) -> Vec<Step> {
    let find = |state| keys.iter().find(move |key: &&Key| key.state == state);
    let mut steps = Vec::new();
    match (find(State::Active), find(State::Next)) {
        (None, None) => steps.push(Step::CreateActive),
        (None, Some(next)) => steps.push(Step::Promote(next.id.clone())),
        (Some(active), next) => {
            let age = now - active.activate_time.unwrap_or(active.create_time);
            match next {
                None if age >= policy.rotate_after - policy.publish_ahead => steps.push(Step::CreateNext),
                Some(next)
                    if age >= policy.rotate_after && now - next.create_time >= policy.publish_ahead =>
                {
                    steps.push(Step::Promote(next.id.clone()));
                }
                _ => {}
            }
        }
    }
    let gone = |key: &&Key| {
        key.retire_time
            .is_some_and(|time| now - time >= policy.keep_retired)
    };
    steps.extend(keys.iter().filter(gone).map(|key| Step::Delete(key.id.clone())));
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);
    const POLICY: Policy = Policy {
        rotate_after: Duration::days(30),
        publish_ahead: Duration::hours(1),
        keep_retired: Duration::hours(2),
    };

    fn apply(keys: &mut Vec<Key>, steps: Vec<Step>, now: OffsetDateTime) {
        for step in steps {
            let new = |state, activate_time| Key {
                id: now.to_string(),
                state,
                create_time: now,
                activate_time,
                retire_time: None,
            };
            match step {
                Step::CreateActive => keys.push(new(State::Active, Some(now))),
                Step::CreateNext => keys.push(new(State::Next, None)),
                Step::Promote(id) => {
                    for key in keys.iter_mut() {
                        if key.state == State::Active {
                            (key.state, key.retire_time) = (State::Retired, Some(now));
                        }
                        if key.id == id {
                            (key.state, key.activate_time) = (State::Active, Some(now));
                        }
                    }
                }
                Step::Delete(id) => keys.retain(|key| key.id != id),
            }
        }
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_kept_after() {
        let mut keys = Vec::new();
        let mut seen = Vec::new();
        for hour in 0..=(30 * 24 + 3) {
            let now = START + Duration::hours(hour);
            let steps = plan(&keys, now, POLICY);
            if !steps.is_empty() {
                seen.push((hour, steps.clone()));
            }
            apply(&mut keys, steps, now);
        }
        let hours: Vec<i64> = seen.iter().map(|(hour, _)| *hour).collect();
        assert_eq!(hours, [0, 719, 720, 722]);
        assert_eq!(seen[0].1, [Step::CreateActive]);
        assert_eq!(seen[1].1, [Step::CreateNext]);
        assert!(matches!(seen[2].1[..], [Step::Promote(_)]));
        assert!(matches!(seen[3].1[..], [Step::Delete(_)]));
    }

    proptest! {
        #[test]
        fn there_is_always_one_signing_key_however_seldom_the_task_runs(gaps in prop::collection::vec(1_i64..100_000, 1..60)) {
            let mut keys = Vec::new();
            let mut now = START;
            for gap in gaps {
                let steps = plan(&keys, now, POLICY);
                let published: Vec<String> = keys.iter().filter(|key| now - key.create_time >= POLICY.publish_ahead).map(|key| key.id.clone()).collect();
                for step in &steps {
                    if let Step::Promote(id) = step {
                        prop_assert!(published.contains(id), "signs before it was published long enough");
                    }
                }
                apply(&mut keys, steps, now);
                prop_assert_eq!(keys.iter().filter(|key| key.state == State::Active).count(), 1);
                prop_assert!(keys.iter().filter(|key| key.state == State::Next).count() <= 1);
                now += Duration::minutes(gap);
            }
        }
    }
}
