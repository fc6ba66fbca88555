//! SM-9: a student's one place in the choice between online, offline and other destinations.

use uuid::Uuid;

use super::refusal::Refusal;

/// What holds a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 线上签约.
    Online,
    /// 线下签约.
    Offline,
    /// 其他去向登记.
    Other,
}

/// The record that holds a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
}

/// A slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Nothing chosen.
    Free,
    /// Waits for the school.
    Reserved(Reference),
    /// Confirmed by the school.
    Held(Reference),
    /// A release is under way; `held` says what it was before.
    Releasing {
        /// The record.
        reference: Reference,
        /// True when it was held, false when only reserved.
        held: bool,
    },
}

/// What happens to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The student accepts, generates or submits.
    Reserve,
    /// The school approves.
    Hold,
    /// The school refuses, or the parties cancel, or the student withdraws.
    Free,
    /// A release is requested.
    BeginRelease,
    /// The release came to nothing.
    EndRelease,
    /// The release is approved.
    Release,
}

/// Every row of SM-9.
///
/// # Errors
/// `SlotTaken` when it is not free, `SlotMismatch` when it belongs to another record or its state does not fit.
pub fn decide(slot: Slot, command: Command, by: Reference) -> Result<Slot, Refusal> {
    match (slot, command) {
        (Slot::Free, Command::Reserve) => Ok(Slot::Reserved(by)),
        (
            Slot::Reserved(holder)
            | Slot::Held(holder)
            | Slot::Releasing {
                reference: holder, ..
            },
            Command::Reserve,
        ) => Err(Refusal::SlotTaken(holder.kind)),
        (Slot::Reserved(holder), Command::Hold) if holder == by => Ok(Slot::Held(by)),
        (Slot::Reserved(holder), Command::Free) if holder == by => Ok(Slot::Free),
        (Slot::Held(holder), Command::BeginRelease) if holder == by => Ok(Slot::Releasing {
            reference: by,
            held: true,
        }),
        (Slot::Reserved(holder), Command::BeginRelease) if holder == by && by.kind == Kind::Offline => {
            Ok(Slot::Releasing {
                reference: by,
                held: false,
            })
        }
        (Slot::Releasing { reference, held }, Command::EndRelease) if reference == by => {
            Ok(if held { Slot::Held(by) } else { Slot::Reserved(by) })
        }
        (Slot::Releasing { reference, .. }, Command::Release) if reference == by => Ok(Slot::Free),
        _ => Err(Refusal::SlotMismatch),
    }
}

impl Slot {
    /// What holds it.
    #[must_use]
    pub fn reference(self) -> Option<Reference> {
        match self {
            Self::Free => None,
            Self::Reserved(reference) | Self::Held(reference) | Self::Releasing { reference, .. } => {
                Some(reference)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMANDS: [Command; 6] = [
        Command::Reserve,
        Command::Hold,
        Command::Free,
        Command::BeginRelease,
        Command::EndRelease,
        Command::Release,
    ];

    fn reference(kind: Kind, id: u128) -> Reference {
        Reference {
            kind,
            id: Uuid::from_u128(id),
        }
    }

    #[test]
    fn every_state_and_command() {
        let by = reference(Kind::Online, 1);
        let releasing = Slot::Releasing {
            reference: by,
            held: true,
        };
        let expected: [(Slot, [Option<Slot>; 6]); 4] = [
            (
                Slot::Free,
                [Some(Slot::Reserved(by)), None, None, None, None, None],
            ),
            (
                Slot::Reserved(by),
                [None, Some(Slot::Held(by)), Some(Slot::Free), None, None, None],
            ),
            (Slot::Held(by), [None, None, None, Some(releasing), None, None]),
            (
                releasing,
                [None, None, None, None, Some(Slot::Held(by)), Some(Slot::Free)],
            ),
        ];
        for (slot, row) in expected {
            for (command, to) in COMMANDS.iter().zip(row) {
                assert_eq!(decide(slot, *command, by).ok(), to, "{slot:?} {command:?}");
            }
        }
    }

    #[test]
    fn a_taken_slot_says_by_what() {
        let taken = Slot::Held(reference(Kind::Offline, 1));
        assert_eq!(
            decide(taken, Command::Reserve, reference(Kind::Online, 2)),
            Err(Refusal::SlotTaken(Kind::Offline))
        );
    }

    #[test]
    fn an_offline_agreement_may_be_released_before_its_review() {
        let by = reference(Kind::Offline, 1);
        let releasing = decide(Slot::Reserved(by), Command::BeginRelease, by).unwrap();
        assert_eq!(decide(releasing, Command::EndRelease, by), Ok(Slot::Reserved(by)));
    }

    proptest! {
        /// Whatever happens, another record never moves a slot that is not free.
        #[test]
        fn a_stranger_changes_nothing(steps in proptest::collection::vec(0usize..6, 0..12), strange in 0usize..6) {
            let (by, stranger) = (reference(Kind::Online, 1), reference(Kind::Online, 2));
            let mut slot = Slot::Free;
            for step in steps {
                slot = decide(slot, COMMANDS[step], by).unwrap_or(slot);
            }
            if slot != Slot::Free {
                prop_assert!(decide(slot, COMMANDS[strange], stranger).is_err());
            }
        }
    }
}
