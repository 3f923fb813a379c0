//! Why a delivery yielded no message.

use waxseal_core::errors::{ChainOpenError, DecodeError as CoreDecodeError, DecryptError};
use waxseal_reporting::recipient::DeliveryError;
use waxseal_reporting::{DecodeError, DeviceAddress};
use waxseal_roster::group::GroupId;

use super::{Advice, StateError};

/// Why a delivery yielded no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError<E: std::error::Error + 'static> {
    /// The bytes are not a delivery. Let the relay deliver it again.
    #[error("not a delivery")]
    Malformed(#[from] DecodeError),
    /// The provider does not vouch for the delivery: its stamp is missing, altered, or meant for
    /// another recipient. [`advice`](Self::advice) tells whether to drop it or have it delivered
    /// again.
    #[error("the delivery does not authenticate")]
    Delivery(#[from] DeliveryError),
    /// The message comes from a device that is not in the newest known roster of its account, or
    /// has another identity there. Keep the delivery: it opens when the newer roster is there.
    #[error("the sending device is not in the known roster of its account")]
    UnknownDevice {
        /// The device that the provider names.
        device: DeviceAddress,
    },
    /// The message comes from a device that had been removed from its account. Drop the delivery.
    #[error("the sending device was removed from its account")]
    RemovedDevice,
    /// The ciphertext does not begin with a preamble that this version reads. Let the relay deliver
    /// it again.
    #[error("the ciphertext has no preamble")]
    Preamble,
    /// The sender had no session with this device, so it only said that there is a message. It is
    /// noted, so that the sender can be asked for it.
    #[error("the message was not sealed for this device")]
    NotSealed,
    /// No session opens the message. Unless the message is forged, the sender or this device lost
    /// state: follow [`advice`](Self::advice). If that is [`Advice::AskAgain`], the store may
    /// keep that the delivery did not open, so that the sender can be asked for it.
    #[error("no session opens the message")]
    Session(#[source] DecryptError),
    /// The message is for a group that this account is not in, or is in without having accepted it.
    /// Drop the delivery. Of the latter, the provider is to be told:
    /// [`Client::upkeep`](crate::Client::upkeep) says so.
    #[error("this account is not in the group")]
    NotInGroup,
    /// The message was sealed for a state of its group that this device does not know yet. Keep the
    /// delivery: it opens after [`Client::take_group_news`](crate::Client::take_group_news).
    #[error("the message needs news of its group")]
    GroupNews {
        /// The group.
        group: GroupId,
    },
    /// The sender goes by another state of the group than this device, under the same version. A
    /// [notice](crate::Client::notices) tells the user. Drop the delivery.
    #[error("the sender goes by another state of the group")]
    GroupDiffers,
    /// The sender was no member of the group, was not allowed to write, or has another account key
    /// than the group names. Drop the delivery.
    #[error("the sender may not write to the group")]
    NotMember,
    /// The message was sealed again for this device, which did not ask for it. Drop the delivery.
    #[error("nobody asked for the message to be sealed again")]
    NotAsked,
    /// No chain of the sending device opens the message. Follow [`advice`](Self::advice): if it is
    /// [`Advice::AskAgain`], the sender can be asked for the message.
    #[error("no chain opens the message")]
    Chain(#[source] ChainOpenError),
    /// A refusal does not authenticate, or is malformed. Drop the delivery.
    #[error("the refusal does not authenticate")]
    Refusal,
    /// The message opened, but the sender's commitment to its content does not hold, so it could
    /// not be reported. Its content is withheld, and its message key is spent. Acknowledge the
    /// delivery.
    #[error("the sender's commitment does not hold; the content is withheld")]
    Withheld,
    /// The conversation could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> ReceiveError<E> {
    /// What to do next.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Malformed(_) | Self::Delivery(DeliveryError::NotAuthentic) => {
                Advice::DeliverAgain
            }
            Self::Delivery(_) | Self::Refusal | Self::RemovedDevice | Self::Withheld => {
                Advice::Drop
            }
            Self::NotInGroup | Self::GroupDiffers | Self::NotMember | Self::NotAsked => {
                Advice::Drop
            }
            Self::GroupNews { .. } => Advice::FetchRoster,
            Self::Chain(error) if can_be_asked_in_group(error) => Advice::AskAgain,
            Self::Chain(ChainOpenError::Malformed(_)) => Advice::DeliverAgain,
            Self::Chain(_) => Advice::Drop,
            Self::UnknownDevice { .. } => Advice::FetchRoster,
            Self::Preamble => Advice::DeliverAgain,
            Self::NotSealed => Advice::AskAgain,
            Self::Session(DecryptError::Malformed(CoreDecodeError::UnknownVersion {
                version: 2..,
            })) => Advice::KeepAndRetry,
            // The client recognises honest repeats by their tag, before it opens anything. Such an
            // error shows that the two devices are out of step.
            Self::Session(error) if can_be_asked(error) => Advice::AskAgain,
            // The relay vouches for tag and sender, not for the ciphertext, which may have been
            // altered after the relay had stamped the message.
            Self::Session(_) => Advice::DeliverAgain,
            Self::State(error) => error.advice(),
        }
    }
}

/// Whether the author may be able to seal again what did not open on a chain with this error.
pub(crate) fn can_be_asked_in_group(error: &ChainOpenError) -> bool {
    matches!(
        error,
        ChainOpenError::UnknownChain
            | ChainOpenError::Unauthenticated
            | ChainOpenError::AlreadyReceived
            | ChainOpenError::JumpTooFar { .. }
            | ChainOpenError::ContradictoryKeys
            // An early posting may have arrived late, and its author takes it for the present one.
            | ChainOpenError::ChainLeft
    )
}

/// Whether the author may be able to seal again what did not open with this error.
pub(crate) fn can_be_asked(error: &DecryptError) -> bool {
    matches!(
        error,
        DecryptError::NoHandshake
            | DecryptError::UnknownPreKey
            | DecryptError::Unauthenticated
            | DecryptError::AlreadyReceived
            | DecryptError::Misplaced
            | DecryptError::ReplayedInitialMessage
            | DecryptError::ReplayMemoryFull
            | DecryptError::JumpTooFar { .. }
            | DecryptError::Malformed(CoreDecodeError::UnknownVersion { version: 0..=1 })
    )
}
