//! Folds the messages of a conversation: edits, deletions and reactions change what an earlier
//! message shows, and are not shown by themselves.
//!
//! A client and a reviewer follow the same rules. [`Reference::counts`] says whether a message
//! counts for the one that it refers to, and [`Order`] which of several is the newest. [`fold`]
//! applies both to the messages of a report. A client applies them to one message at a time, and
//! keeps the newest in [`Edits`].
//!
//! ```
//! # use waxseal_reporting::fold::{Author, Reference, Role, Uncounted};
//! # use waxseal_reporting::message::Content;
//! # use waxseal_reporting::{AccountId, FrankingTag};
//! let (alice, bob) = (AccountId::new("alice")?, AccountId::new("bob")?);
//! let of = FrankingTag::from_bytes([7; 32]); // a text of Alice
//! let edit = Content::Edit { of, text: "better".into() };
//! let edit = Reference::of(&edit).expect("an edit refers to a message");
//! let (alice, bob) = (Author::new(alice), Author::new(bob));
//! assert_eq!(edit.counts(&alice, Role::Text, &alice), Ok(()));
//! assert_eq!(edit.counts(&bob, Role::Text, &alice), Err(Uncounted::OtherAccount));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod edits;
mod whole;

use core::fmt;

use crate::address::{AccountId, DeviceId};
use crate::content::Content;
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
pub use edits::{Edits, MAX_EDITS};
pub use whole::{Foldable, Folded, Outcome, View, fold};

/// Who wrote a message, as far as folding asks: the account, whatever its device.
///
/// # Security
/// The account is the one that the relay authenticated. The account key is the one under which the
/// message came: that of the pinned roster, or of the state of the group. So an account that the
/// provider gives to someone else edits and deletes nothing that was written before.
///
/// An unknown key is equal to an unknown key alone. So an account whose key is known edits and
/// deletes nothing of which the key is unknown. Give the keys of both messages, or of neither.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Author {
    /// The account.
    pub account: AccountId,
    /// The public account key of 32 bytes. `None` if it is unknown, as it is to a reviewer.
    pub account_key: Option<[u8; 32]>,
}

impl Author {
    /// An author whose account key is unknown.
    pub fn new(account: AccountId) -> Self {
        Self {
            account,
            account_key: None,
        }
    }

    /// An author with this account key.
    pub fn with_key(account: AccountId, account_key: [u8; 32]) -> Self {
        Self {
            account,
            account_key: Some(account_key),
        }
    }

    /// Whether two messages are of one author, and why not. If the account keys of both are
    /// unknown, the account alone decides.
    fn is(&self, other: &Self) -> Result<(), Uncounted> {
        // CHK-550: edits and deletions are of the account that wrote the message.
        if self.account != other.account {
            return Err(Uncounted::OtherAccount);
        }
        // CHK-551: they came under its account key, unless neither key is known.
        if self.account_key != other.account_key {
            return Err(Uncounted::OtherAccountKey);
        }
        Ok(())
    }
}

impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Author").finish_non_exhaustive()
    }
}

/// The place of a message among those of its author: the greater one is newer.
///
/// All of it is committed, so each device and each reviewer orders alike. The times of the relay do
/// not count: a message that is sealed again has a later one on one device only.
///
/// # Security
/// Every value is as claimed by the author, who can so order their own messages, and no others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// When the message was sent.
    pub sent_at: Timestamp,
    /// The device that sent it.
    pub device: DeviceId,
    /// Its number among the messages of the device.
    pub sequence: u64,
    /// Its tag, which decides if all else is equal.
    pub tag: FrankingTag,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").finish_non_exhaustive()
    }
}

/// What a message is when its conversation is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A text. It can be edited, deleted and reacted to. Its attachments stay as they are.
    Text,
    /// Any other message that is shown by itself. It can be deleted and reacted to.
    Other,
    /// What happened in the conversation: an acceptance, a leave or a timer. It is shown, and
    /// nothing changes it.
    Note,
    /// Changes an earlier message.
    Reference(Reference),
    /// A report withholds the content, which may be any. What refers to it may count, or not.
    Withheld,
}

impl Role {
    /// The role of a message with this content.
    pub fn of(content: &Content) -> Self {
        if let Some(reference) = Reference::of(content) {
            return Self::Reference(reference);
        }
        match content {
            Content::Text(_) => Self::Text,
            Content::Acceptance { .. } | Content::GroupLeave | Content::Timer { .. } => Self::Note,
            _ => Self::Other,
        }
    }

    /// Whether a message of this role disappears by itself, if its header says after how many
    /// seconds. The expiry of a reference is ignored: it goes with the message that it refers to,
    /// so no edit or deletion comes undone. That of a note is ignored too.
    pub fn expires(&self) -> bool {
        match self {
            Self::Text | Self::Other | Self::Withheld => true,
            Self::Note | Self::Reference(_) => false,
        }
    }
}

/// An edit, a deletion or a reaction, with the message that it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What it does.
    pub kind: ReferenceKind,
    /// The message that it does it to.
    pub to: FrankingTag,
}

/// What a [`Reference`] does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceKind {
    /// Gives it another text.
    Edit,
    /// Takes it back, for good.
    Deletion,
    /// Reacts to it, or takes a reaction back.
    Reaction,
}

impl Reference {
    /// The reference in this content, if there is one.
    pub fn of(content: &Content) -> Option<Self> {
        let (kind, to) = match content {
            Content::Edit { of, .. } => (ReferenceKind::Edit, of),
            Content::Deletion { of } => (ReferenceKind::Deletion, of),
            Content::Reaction { to, .. } => (ReferenceKind::Reaction, to),
            _ => return None,
        };
        Some(Self { kind, to: *to })
    }

    /// Whether this reference, written by `by`, counts for the message `to`, which has this role
    /// and author. Both messages are in one conversation: the caller looks for `to` in no other.
    /// For [`Role::Withheld`], `Ok` says that it may count.
    ///
    /// # Errors
    /// [`Uncounted`], and never [`Uncounted::NotHere`].
    pub fn counts(&self, by: &Author, base: Role, author: &Author) -> Result<(), Uncounted> {
        match base {
            Role::Text | Role::Other | Role::Withheld => {}
            // CHK-552: a note is not changed, nor is what changes another message.
            Role::Note | Role::Reference(_) => return Err(Uncounted::NotChangeable),
        }
        match self.kind {
            ReferenceKind::Reaction => return Ok(()),
            ReferenceKind::Edit | ReferenceKind::Deletion => by.is(author)?,
        }
        // CHK-553: only a text is edited.
        if self.kind == ReferenceKind::Edit && base == Role::Other {
            return Err(Uncounted::NotText);
        }
        Ok(())
    }
}

/// Why a reference changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncounted {
    /// The message that it refers to is not here. It waits for that message.
    #[error("the message is not here")]
    NotHere,
    /// It refers to a note, or to another reference.
    #[error("the message cannot be edited, deleted or reacted to")]
    NotChangeable,
    /// Another account wrote the message.
    #[error("another account wrote the message")]
    OtherAccount,
    /// The account had another account key when it wrote the message, or the key is known of one
    /// of the two only.
    #[error("the account had another key, or one that is unknown")]
    OtherAccountKey,
    /// It edits what is no text.
    #[error("the message is no text")]
    NotText,
}

#[cfg(test)]
mod tests;
