//! What goes wrong at the provider, with a group, and with a link.

use waxseal_interface::ErrorCode;

#[cfg(doc)]
use crate::Notice;
use crate::linking::LinkingError;

/// Why the provider cannot be used at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// No answer came, or one that the relay did not make.
    Unreachable,
    /// Another relay key signed the card than the pinned one. Nothing was sent.
    OtherRelay {
        /// The fingerprint of that key.
        fingerprint: String,
    },
    /// The relay refused. With [`ErrorCode::AccountTaken`], another device has the name: choose
    /// another one, in another store.
    Refused {
        /// The relay's reason, for programs.
        code: ErrorCode,
        /// The relay's reason, for people.
        message: String,
    },
    /// This device's clock differs from the relay's by more than ten minutes. Messages are posted
    /// with the relay's time. Tell the user to set the clock.
    ClockDiffers,
    /// Messages wait because their recipient's queue is full.
    QueueFull,
}

/// What went wrong about a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupFailure {
    /// The relay refuses a change that this device made. If it never takes it, the change is given
    /// up, and [`Notice::GroupChangeLost`] tells; otherwise it is tried again every hour.
    #[error("the relay refuses a change of the group: {0:?}")]
    Change(ErrorCode),
    /// What the relay hands out of the group is not taken, for this reason. It is asked for again
    /// every hour. Suspect the provider.
    #[error("{0}")]
    News(String),
}

/// Why a link is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkFailure {
    /// A step failed, see [`LinkingError`].
    #[error(transparent)]
    Step(#[from] LinkingError),
    /// Someone else wrote into the mailbox of the code before this device. Start over with a new
    /// code, and do not show it to others.
    #[error("someone else answered the code")]
    SlotTaken,
    /// The relay refused the roster with the new device for good, or another device changed the
    /// account meanwhile. Start over.
    #[error("the account's devices could not be changed")]
    Roster,
    /// [`Courier::cancel_link`](crate::courier::Courier::cancel_link) ended it.
    #[error("the link was cancelled")]
    Cancelled,
}
