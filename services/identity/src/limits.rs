//! Limits of attempts by address and by person.

use std::net::IpAddr;

use qihang_kit::{auth::Caller, crypto::Sealer};
use sqlx::PgConnection;
use time::Duration;

use crate::{error::Error, purpose, store};

/// So many events of one kind within a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) bucket: &'static str,
    /// Reason when it is used up.
    pub(crate) reason: &'static str,
    pub(crate) max: i64,
    pub(crate) window: Duration,
}

impl Limit {
    /// Holds the subject and refuses when the limit is used up.
    ///
    /// # Errors
    /// The limit's reason; the database's.
    pub(crate) async fn check(&self, conn: &mut PgConnection, subject: &[u8]) -> Result<(), Error> {
        store::limits::lock(conn, self.bucket, subject).await?;
        let wait = store::limits::wait(conn, self.bucket, subject, self.max, self.window).await?;
        if wait.is_zero() {
            Ok(())
        } else {
            Err(Error::Limited {
                reason: self.reason,
                wait,
            })
        }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn count(&self, conn: &mut PgConnection, subject: &[u8]) -> Result<(), Error> {
        Ok(store::limits::add(conn, self.bucket, subject).await?)
    }
}

/// The caller's address as a subject: whole for IPv4, the network of 64 bits for IPv6, since one client has all of it.
pub(crate) fn address(sealer: &Sealer, caller: &Caller) -> Vec<u8> {
    sealer.blind_index(purpose::ADDRESS, &network(caller.address))
}

fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:016x}", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_of_ipv6_is_one_subject() {
        let network = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
