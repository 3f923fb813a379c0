//! Status: where a sent message is.

use waxseal_reporting::Timestamp;

/// What the peer told of a sent message.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) delivered_ms: u64,
    pub(super) opened_ms: u64,
    pub(super) not_delivered: u32,
}

/// Where a sent message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It waits for the relay's receipt.
    Waiting,
    /// The relay accepted it. Nothing more is known.
    Accepted,
    /// The peer's device opened and stored it.
    Delivered {
        /// When the relay accepted the peer's receipt.
        at: Timestamp,
    },
    /// The peer's application showed it.
    Opened {
        /// When the relay accepted the peer's receipt.
        at: Timestamp,
    },
    /// As far as is known it did not arrive, and it is not sealed again. Write it again to send it
    /// under another tag.
    NotDelivered(NotDelivered),
}

/// Why a message counts as not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotDelivered {
    /// The recipient could not open the message, and not when it was sealed again either.
    Refused,
    /// The provider no longer verifies its stamp on the message, so it does not take it again.
    TooOld,
    /// The provider answered three times that the recipient's devices are others, so it never took
    /// the message. [`send_again`](crate::Client::send_again) tries again.
    Targets,
    /// The recipient's device has later messages and not this one, eight days after it was
    /// accepted: the provider dropped it, or the recipient's user blocked this account for a while.
    /// A later receipt or refusal of the message lifts it.
    ///
    /// Not every lost message is noticed. The message must have been accepted at least ten minutes
    /// after the first receipt of the peer's present identity, because a peer never tells what
    /// arrived before its user accepted this account. If a delivery from the peer never opened, it
    /// may have been a receipt: no message that was accepted before it counts as lost. A message
    /// that is older than thirty days when the next one arrives does not count either.
    ///
    /// A message that arrived counts as lost if the provider dropped the peer's receipt, if this
    /// device was set back to a store from before the receipt, or if the peer showed the message
    /// before accepting this account again: because it forgot this account as a contact, or was set
    /// back to a store from before it had accepted it.
    Lost,
}

impl NotDelivered {
    /// The number under which it is stored.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Refused => 1,
            Self::TooOld => 2,
            Self::Lost => 3,
            Self::Targets => 4,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            0 => None,
            2 => Some(Self::TooOld),
            3 => Some(Self::Lost),
            4 => Some(Self::Targets),
            _ => Some(Self::Refused),
        }
    }
}
