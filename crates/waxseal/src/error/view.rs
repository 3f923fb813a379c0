//! Why a message that refers to another one is not sent.

use waxseal_reporting::fold::Uncounted;

/// Why an edit, a deletion or a reaction cannot count for the message that it refers to. Nothing
/// was stored or sent: tell the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The message is not in this conversation, or was deleted from this device.
    #[error("there is no such message")]
    NoSuchMessage,
    /// Another account wrote the message. Only its author edits or deletes it.
    #[error("another account wrote the message")]
    NotOwn,
    /// The message is no text. Only a text can be edited.
    #[error("the message is no text")]
    NotText,
    /// The message is a note, or is itself an edit, a deletion or a reaction.
    #[error("the message cannot be edited, deleted or reacted to")]
    NotChangeable,
    /// The message was deleted, or has expired.
    #[error("the message is not shown")]
    NotShown,
}

impl ReferenceError {
    pub(crate) fn of(uncounted: Uncounted) -> Self {
        match uncounted {
            Uncounted::NotHere => Self::NoSuchMessage,
            Uncounted::OtherAccount | Uncounted::OtherAccountKey => Self::NotOwn,
            Uncounted::NotText => Self::NotText,
            _ => Self::NotChangeable,
        }
    }
}
