//! Why a step of a link failed.

use waxseal_core::errors::{BundleError, DecryptError, EncryptError, HandshakeError};
use waxseal_roster::{LinkError, RosterError};

/// Why a step of a link failed. Each call says which errors end the link. After any other, the link
/// is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkingError {
    /// The message is too long. Ignore it.
    #[error("a message of {len} bytes is longer than the {max} allowed")]
    TooLong {
        /// Length of the message in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The message has an unknown version. Update the application.
    #[error("a message has the unknown version {version}")]
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The bytes are not what belongs here, or the other device wrote something that it must not.
    /// Start over with a new code.
    #[error("a message is malformed")]
    Malformed,
    /// The message belongs to another slot of the mailbox. Ignore it.
    #[error("the message belongs to another slot")]
    WrongSlot,
    /// The call does not fit the present step: the same message was taken before, or an earlier one
    /// is missing.
    #[error("the call does not fit the step of the link")]
    WrongStep,
    /// Ten minutes have passed. Start over with a new code.
    #[error("the link took longer than ten minutes")]
    Expired,
    /// The link is over. Start over with a new code.
    #[error("the link is over")]
    Over,
    /// The prekeys in the mailbox are not those to which the code commits. Someone exchanged them:
    /// do not link, and suspect the relay.
    #[error("the prekeys are not those of the code")]
    OtherBundle,
    /// The bytes in the mailbox are no link bundle. Start over with a new code.
    #[error("the link bundle cannot be read")]
    Form(#[from] LinkError),
    /// The prekeys do not verify. Start over with a new code.
    #[error("the prekeys do not verify")]
    Bundle(#[from] BundleError),
    /// The session could not be started. Start over with a new code.
    #[error("the session could not be started")]
    Handshake(#[from] HandshakeError),
    /// The message does not open. Ignore it, and start over with a new code if no other comes.
    #[error("the message does not open")]
    Session(#[from] DecryptError),
    /// The session cannot send. Start over with a new code.
    #[error("the session cannot send")]
    Encrypt(#[from] EncryptError),
    /// A roster does not verify. Do not link.
    #[error("the roster does not verify")]
    Roster(#[from] RosterError),
    /// The device that offers the account does not manage it. Do not link: use a manager.
    #[error("the offering device is not a manager of the account")]
    NotManager,
    /// The account already lists the new device. Remove it first, or use the device as it is.
    #[error("the account already lists this device")]
    Listed,
    /// The account has as many devices as it can have. Remove one first.
    #[error("the account has no room for another device")]
    Full,
    /// The number offered is not above those of the account's devices. Do not link.
    #[error("the number offered to the new device is taken")]
    NumberTaken,
    /// The new device revealed something else than it had committed to. Do not link: the link is
    /// over.
    #[error("the new device did not reveal what it had committed to")]
    Commitment,
    /// The digits are wrong, and the link is over: there is one attempt. On the new device: perhaps
    /// another manager offered its account. On the manager: nobody typed its digits into the new
    /// device. Start over with a new code, and do not show it to others.
    #[error("the digits are wrong")]
    WrongDigits,
    /// The new device did not consent to its number in this account. The link is over.
    #[error("the new device's proof does not verify")]
    Proof,
    /// The roster is not the one that ends this link: it is of another account or account key, is
    /// not newer than the offer's, or does not list this device under the number offered.
    #[error("the roster does not welcome this device")]
    NotWelcome,
}
