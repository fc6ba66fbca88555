//! What went wrong, in one shape: a code, a stable reason, a Chinese sentence, the fields.
//!
//! Services turn their errors into a [`Fault`] in one place (`error.rs`); a fault becomes a `google.rpc.Status` here and
//! nowhere else, and the gateway renders that as problem+json.

use std::{collections::HashMap, error::Error as StdError, fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// `ErrorInfo.domain` of every error of the suite.
pub const DOMAIN: &str = "qihang";

/// Locale of the sentences for people.
const LOCALE: &str = "zh-CN";

/// An error as the caller may see it.
#[derive(Clone, Debug)]
pub struct Fault {
    code: Code,
    reason: &'static str,
    message: String,
    fields: Vec<Violation>,
    metadata: HashMap<String, String>,
    retry_after: Option<Duration>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path in JSON names, e.g. `terms.salary` or `rows[3].name`.
    pub field: String,
    /// Stable reason, upper snake.
    pub reason: String,
    /// What is wrong and what to do, in Chinese.
    pub message: String,
}

impl Fault {
    /// An error of any code.
    #[must_use]
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            fields: Vec::new(),
            metadata: HashMap::new(),
            retry_after: None,
        }
    }

    /// A field has a bad value (400).
    #[must_use]
    pub fn invalid(field: &str, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Code::InvalidArgument, reason, message.clone()).and_field(field, reason, message)
    }

    /// The record does not exist or is not the caller's to see (404).
    #[must_use]
    pub fn not_found(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, reason, message)
    }

    /// The role may not call this (403).
    #[must_use]
    pub fn permission_denied(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, reason, message)
    }

    /// Nobody is signed in, or not validly (401).
    #[must_use]
    pub fn unauthenticated(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, reason, message)
    }

    /// The record's state does not allow it (409).
    #[must_use]
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// Somebody else was faster (412).
    #[must_use]
    pub fn aborted(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, reason, message)
    }

    /// It exists already (409).
    #[must_use]
    pub fn already_exists(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, reason, message)
    }

    /// A limit is used up until `retry_after` (429).
    #[must_use]
    pub fn exhausted(reason: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        let mut fault = Self::new(Code::ResourceExhausted, reason, message);
        fault.retry_after = Some(retry_after);
        fault
    }

    /// Something we need is down; trying again soon may work (503).
    #[must_use]
    pub fn unavailable(reason: &'static str, message: impl Into<String>) -> Self {
        let mut fault = Self::new(Code::Unavailable, reason, message);
        fault.retry_after = Some(Duration::from_secs(2));
        fault
    }

    /// Our own fault: logged here, once, with its whole chain; the caller gets a fixed sentence (500).
    #[must_use]
    pub fn internal(error: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "internal error");
        Self::new(
            Code::Internal,
            "INTERNAL",
            "系统出现问题，已记录。请稍后再试，或把页面上的追踪编号告诉管理员。",
        )
    }

    /// A database error: what may pass is UNAVAILABLE, everything else our own fault.
    #[must_use]
    pub fn database(error: sqlx::Error) -> Self {
        if passes(&error) {
            tracing::warn!(error = %Chain(&error), "database not available");
            return Self::unavailable("DATABASE_UNAVAILABLE", "系统繁忙，请稍后再试。");
        }
        Self::internal(&error)
    }

    /// Names a further field.
    #[must_use]
    pub fn and_field(mut self, field: &str, reason: &str, message: impl Into<String>) -> Self {
        self.fields.push(Violation {
            field: field.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
        });
        self
    }

    /// Adds a fact for programs, e.g. the present state.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The Chinese sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> &[Violation] {
        &self.fields
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason, self.message)
    }
}

impl StdError for Fault {}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(fault.reason, DOMAIN, fault.metadata);
        details.set_localized_message(LOCALE, fault.message.clone());
        if !fault.fields.is_empty() {
            details.set_bad_request(fault.fields.into_iter().map(violation).collect::<Vec<_>>());
        }
        if let Some(after) = fault.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(fault.code, fault.message, details)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::database(error)
    }
}

fn violation(violation: Violation) -> FieldViolation {
    FieldViolation {
        field: violation.field,
        description: violation.message,
        reason: violation.reason.to_owned(),
        ..FieldViolation::default()
    }
}

/// True for errors that a retry may not meet again: no connection, shutdown, serialization failure, deadlock, a disk or a
/// memory that is full (53).
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::WorkerCrashed
        // A server that goes down while a connection greets it gives an answer that is none.
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(
                code.as_ref(),
                "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03"
            ) || code.starts_with("08")
                || code.starts_with("53")
        }),
        _ => false,
    }
}

/// An error with everything below it, for log lines.
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_everything_on_the_wire() {
        let fault = Fault::invalid(
            "terms.salary",
            "SALARY_TOO_LOW",
            "薪资过低，请填写不低于 1 元的数额",
        )
        .with("minimum", "1")
        .retry_after(Duration::from_secs(3));
        let status = Status::from(fault);
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "SALARY_TOO_LOW");
        assert_eq!(
            details.error_info().unwrap().metadata.get("minimum").unwrap(),
            "1"
        );
        assert_eq!(details.localized_message().unwrap().locale, "zh-CN");
        assert_eq!(
            details.retry_info().unwrap().retry_delay,
            Some(Duration::from_secs(3))
        );
        let field = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(field.reason, "SALARY_TOO_LOW");
        assert_eq!(field.description, "薪资过低，请填写不低于 1 元的数额");
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_cause() {
        let status = Status::from(Fault::database(sqlx::Error::ColumnNotFound("secret".into())));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"));
    }
}
