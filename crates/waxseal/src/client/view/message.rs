//! What one message shows.

use waxseal_reporting::message::Attachment;
use waxseal_reporting::{AccountId, DeviceAddress, FrankingTag, Timestamp};
use zeroize::Zeroizing;

#[cfg(doc)]
use crate::client::Client;
use crate::client::{Direction, Message, Status};

/// From this many forwards on, a message counts as forwarded often.
pub const OFTEN_FORWARDED: u8 = 5;

/// What a message shows: its present text, the reactions to it, and whether it was deleted or has
/// expired.
///
/// [`Client::views`] lists them. [`Client::messages`] lists every message as it was sent, the edits
/// and the reactions too.
#[derive(Clone)]
pub struct MessageView {
    pub(super) id: FrankingTag,
    pub(super) ordinal: u64,
    pub(super) author: DeviceAddress,
    pub(super) direction: Direction,
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) status: Option<Status>,
    pub(super) state: ViewState,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) from_removed_device: bool,
    pub(super) shown: Option<Shown>,
}

/// What is shown of a message.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) message: Message,
    /// The text of the newest edit.
    pub(super) edited: Option<Zeroizing<String>>,
    pub(super) edit_count: u32,
    pub(super) reactions: Vec<ViewReaction>,
}

/// Whether a message is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewState {
    /// It is shown.
    Shown,
    /// Its author deleted it, with this device. Say so in its place.
    Deleted {
        /// The device that deleted it.
        by: DeviceAddress,
    },
    /// It has expired.
    Expired,
}

/// A reaction to a message: the newest one of an account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewReaction {
    /// The account that reacts.
    pub account: AccountId,
    /// The reaction, 1 to 64 bytes of UTF-8.
    pub reaction: Zeroizing<String>,
}

impl std::fmt::Debug for ViewReaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewReaction").finish_non_exhaustive()
    }
}

/// How often a message was forwarded, as its sender claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ForwardLabel {
    /// It was not forwarded.
    None,
    /// It was forwarded.
    Forwarded,
    /// It was forwarded [`OFTEN_FORWARDED`] times or more.
    ForwardedOften,
}

impl ForwardLabel {
    /// The label of this count.
    pub fn of(forward_count: u8) -> Self {
        match forward_count {
            0 => Self::None,
            OFTEN_FORWARDED.. => Self::ForwardedOften,
            _ => Self::Forwarded,
        }
    }
}

impl MessageView {
    /// The message's identifier. With it, the message can be reported, whatever its state.
    pub fn id(&self) -> &FrankingTag {
        &self.id
    }

    /// The message's number in this device's record of the conversation, for paging.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The device that wrote the message.
    pub fn author(&self) -> &DeviceAddress {
        &self.author
    }

    /// Whether a device of this account or the peer wrote the message.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// When the provider accepted the message. `None` before its receipt.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.accepted_at
    }

    /// Where a sent message is: see [`Message::status`].
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Whether the message is shown.
    pub fn state(&self) -> &ViewState {
        &self.state
    }

    /// When the message expires, or did. `None` if it never does, or was not read yet.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The message as it was sent, with its evidence. `None` if it is not shown.
    pub fn message(&self) -> Option<&Message> {
        self.shown.as_ref().map(|shown| &shown.message)
    }

    /// The present text: that of the newest edit, or of the message. `None` if the message is no
    /// text, or is not shown.
    pub fn text(&self) -> Option<&str> {
        let shown = self.shown.as_ref()?;
        match &shown.edited {
            Some(edited) => Some(edited),
            None => shown.message.text(),
        }
    }

    /// Whether the message is part of a [request](Client::requests): see [`Message::is_request`].
    /// False if the message is not shown.
    pub fn is_request(&self) -> bool {
        self.message().is_some_and(Message::is_request)
    }

    /// Whether the present text, or the deletion, came from a device that had been removed from the
    /// author's account: it may be stolen. Say so next to it. What such a device deleted is not
    /// wiped for that, and [`Client::message`] has it as it was.
    pub fn is_from_removed_device(&self) -> bool {
        self.from_removed_device
    }

    /// The files attached to the message. Empty if it is not shown.
    pub fn attachments(&self) -> &[Attachment] {
        self.message().map_or(&[], Message::attachments)
    }

    /// How often the author edited the message. [`Client::edits`] has the newest of them.
    pub fn edit_count(&self) -> u32 {
        self.shown.as_ref().map_or(0, |shown| shown.edit_count)
    }

    /// Whether the author edited the message. Say so next to the text.
    pub fn is_edited(&self) -> bool {
        self.edit_count() > 0
    }

    /// The reactions to the message, at most one of each account.
    pub fn reactions(&self) -> &[ViewReaction] {
        self.shown.as_ref().map_or(&[], |shown| &shown.reactions)
    }

    /// The message that this one answers, as its sender claims.
    pub fn reply_to(&self) -> Option<&FrankingTag> {
        self.message()?.header().reply_to.as_ref()
    }

    /// How often the content was forwarded before, as its sender claims. A modified client can lie.
    pub fn forward_count(&self) -> u8 {
        let header = self.message().map(Message::header);
        header.map_or(0, |header| header.forward_count)
    }

    /// How to label a forwarded message.
    pub fn forward_label(&self) -> ForwardLabel {
        ForwardLabel::of(self.forward_count())
    }
}

impl std::fmt::Debug for MessageView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageView")
            .field("ordinal", &self.ordinal)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}
