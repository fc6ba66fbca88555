//! What the use of a refresh token means.

use time::{Duration, OffsetDateTime};

/// For so long after its use a token that comes again is taken for a repeat or a race of the same client.
pub(crate) const GRACE: Duration = Duration::seconds(5);

/// A refresh token and its session as they are now.
#[derive(Debug, Clone)]
pub(crate) struct Presented {
    pub(crate) session_ended: bool,
    pub(crate) session_expire_time: OffsetDateTime,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) use_time: Option<OffsetDateTime>,
    /// The request that used it.
    pub(crate) use_request_id: String,
    /// True when the token after it was used as well.
    pub(crate) successor_used: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// First use: make the next token.
    Rotate,
    /// The same request again: give the same next token.
    Repeat,
    /// Another request of the same moment: it lost the race; the session stays.
    Superseded,
    /// An old token came back: end the session, somebody has a copy.
    Reused,
    /// The session or the token has ended.
    Ended,
}

/// Decides.
pub(crate) fn decide(token: &Presented, request_id: &str, now: OffsetDateTime) -> Outcome {
    if token.session_ended || token.session_expire_time <= now {
        return Outcome::Ended;
    }
    let Some(used) = token.use_time else {
        return if token.expire_time <= now {
            Outcome::Ended
        } else {
            Outcome::Rotate
        };
    };
    if now - used > GRACE || token.successor_used {
        return Outcome::Reused;
    }
    if !request_id.is_empty() && request_id == token.use_request_id {
        Outcome::Repeat
    } else {
        Outcome::Superseded
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);

    fn fresh() -> Presented {
        Presented {
            session_ended: false,
            session_expire_time: NOW + Duration::days(90),
            expire_time: NOW + Duration::days(30),
            use_time: None,
            use_request_id: String::new(),
            successor_used: false,
        }
    }

    fn used(seconds_ago: i64, request_id: &str) -> Presented {
        Presented {
            use_time: Some(NOW - Duration::seconds(seconds_ago)),
            use_request_id: request_id.to_owned(),
            ..fresh()
        }
    }

    #[test]
    fn a_token_works_once_and_its_return_is_judged_by_time_and_request() {
        let cases = [
            (fresh(), "", Outcome::Rotate),
            (
                Presented {
                    expire_time: NOW,
                    ..fresh()
                },
                "",
                Outcome::Ended,
            ),
            (
                Presented {
                    session_ended: true,
                    ..fresh()
                },
                "",
                Outcome::Ended,
            ),
            (
                Presented {
                    session_expire_time: NOW,
                    ..fresh()
                },
                "",
                Outcome::Ended,
            ),
            (used(5, "a"), "a", Outcome::Repeat),
            (used(5, "a"), "b", Outcome::Superseded),
            (used(5, ""), "", Outcome::Superseded),
            (used(6, "a"), "a", Outcome::Reused),
            (
                Presented {
                    successor_used: true,
                    ..used(1, "a")
                },
                "a",
                Outcome::Reused,
            ),
            (
                Presented {
                    session_ended: true,
                    ..used(60, "a")
                },
                "a",
                Outcome::Ended,
            ),
        ];
        for (token, request_id, outcome) in cases {
            assert_eq!(decide(&token, request_id, NOW), outcome, "{token:?} {request_id}");
        }
    }
}
