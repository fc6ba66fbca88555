//! The ticket between the two steps of a registration: who was checked, and until when. It is signed, says what it is for,
//! and is of no use after the account exists.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use uuid::Uuid;

/// What the signature is over, before the fields.
const PURPOSE: &[u8] = b"qihang registration ticket 1:";
/// Bytes of id and time.
const BODY: usize = 24;
/// Bytes of the signature.
const MAC: usize = 32;

/// A student that was checked against the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) student_id: Uuid,
    pub(crate) expire_time: OffsetDateTime,
}

/// Why a ticket does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TicketFault {
    /// Not one of ours.
    Invalid,
    /// Too old.
    Expired,
}

impl Ticket {
    /// The ticket as text. `sign` is a keyed hash of 32 bytes.
    pub(crate) fn write(&self, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let body = self.body();
        let mac = sign(&[PURPOSE, &body].concat());
        URL_SAFE_NO_PAD.encode([body, mac].concat())
    }

    /// Reads a ticket that counts.
    pub(crate) fn read(
        text: &str,
        now: OffsetDateTime,
        sign: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Result<Self, TicketFault> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TicketFault::Invalid)?;
        if bytes.len() != BODY + MAC {
            return Err(TicketFault::Invalid);
        }
        let (body, mac) = bytes.split_at_checked(BODY).ok_or(TicketFault::Invalid)?;
        if !bool::from(sign(&[PURPOSE, body].concat()).ct_eq(mac)) {
            return Err(TicketFault::Invalid);
        }
        let ticket = Self::parse(body).ok_or(TicketFault::Invalid)?;
        if ticket.expire_time <= now {
            Err(TicketFault::Expired)
        } else {
            Ok(ticket)
        }
    }

    fn body(&self) -> Vec<u8> {
        [
            self.student_id.as_bytes().as_slice(),
            &self.expire_time.unix_timestamp().to_be_bytes(),
        ]
        .concat()
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let (id, seconds) = body.split_at_checked(16)?;
        let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
        Some(Self {
            student_id: Uuid::from_slice(id).ok()?,
            expire_time: OffsetDateTime::from_unix_timestamp(seconds).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use time::{Duration, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);

    fn sign(bytes: &[u8]) -> Vec<u8> {
        Sha256::digest([b"key".as_slice(), bytes].concat()).to_vec()
    }

    fn ticket() -> Ticket {
        Ticket {
            student_id: Uuid::from_u128(7),
            expire_time: NOW + Duration::minutes(30),
        }
    }

    #[test]
    fn a_ticket_counts_until_its_time() {
        let text = ticket().write(sign);
        assert_eq!(Ticket::read(&text, NOW, sign), Ok(ticket()));
        assert_eq!(
            Ticket::read(&text, NOW + Duration::minutes(30), sign),
            Err(TicketFault::Expired)
        );
        assert_eq!(
            Ticket::read(&text, NOW, |_| vec![0; MAC]),
            Err(TicketFault::Invalid)
        );
        assert_eq!(Ticket::read("", NOW, sign), Err(TicketFault::Invalid));
    }

    proptest! {
        #[test]
        fn no_text_panics_or_counts(text in "[A-Za-z0-9_-]{0,100}|\\PC{0,40}") {
            prop_assert_eq!(Ticket::read(&text, NOW, sign), Err(TicketFault::Invalid));
        }

        #[test]
        fn no_changed_ticket_counts(at in 0_usize..(BODY + MAC), bit in 0_u32..8) {
            let mut bytes = URL_SAFE_NO_PAD.decode(ticket().write(sign)).unwrap();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(Ticket::read(&URL_SAFE_NO_PAD.encode(bytes), NOW, sign), Err(TicketFault::Invalid));
        }

        #[test]
        fn every_ticket_comes_back(id in any::<u128>(), seconds in 1_i64..2_000_000_000) {
            let ticket = Ticket { student_id: Uuid::from_u128(id), expire_time: NOW + Duration::seconds(seconds) };
            prop_assert_eq!(Ticket::read(&ticket.write(sign), NOW, sign), Ok(ticket));
        }
    }
}
