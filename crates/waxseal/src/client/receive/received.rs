//! What a delivery contained.

use waxseal_reporting::message::Content;
use waxseal_reporting::{AccountId, DeviceId, FrankingTag};
use waxseal_roster::group::GroupId;

#[cfg(doc)]
use crate::client::Client;
use crate::client::history::Message;
use crate::client::synced::Synced;
use crate::conversation::Conversation;

/// What a delivery contained. In all cases the delivery may now be acknowledged to the provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Received {
    /// A message that arrived for the first time. It is stored, with the evidence for a report. If
    /// [`Message::is_request`] says so, the user has not accepted its sender.
    Message {
        /// The conversation that the message is in.
        conversation: Conversation,
        /// The account that sent the message.
        from: AccountId,
        /// The message, as it is now stored.
        message: Box<Message>,
        /// Whether the sender's clock agrees with the time at which the provider accepted the
        /// message. If it does not, show the provider's time.
        sent_time_agrees: bool,
        /// Whether the sending device is no longer in the roster of its account. The provider
        /// accepted the message before this device learnt of that.
        from_removed_device: bool,
    },
    /// The copy of a message that another device of this account sent. It is stored, with the
    /// evidence for a report. If that device was [removed](Message::is_from_removed_device), a
    /// thief may have written it.
    Sent {
        /// The conversation that the message was sent to.
        to: Conversation,
        /// The message, as it is now stored.
        message: Box<Message>,
    },
    /// A message that was received before, or deleted since.
    ///
    /// After [`Client::delete_conversation`], also a message accepted before that time which no
    /// session opens, and for 30 days a message whose key was used.
    ///
    /// This also happens if the application was stopped after the message was stored and before it
    /// was shown. So if [`Client::message`] has the message and the display does not, show it.
    Duplicate {
        /// The conversation that the message is in.
        conversation: Conversation,
        /// The message's identifier.
        id: FrankingTag,
    },
    /// A peer could not open some messages of this device. Nothing to show.
    ///
    /// [`Client::upkeep`] seals them again. Each [`Message::status`] tells where it is.
    Refused {
        /// The account that could not open them.
        from: AccountId,
        /// The messages that will be sealed again, each with its conversation. Empty if there is
        /// nothing to do.
        again: Vec<(Conversation, FrankingTag)>,
        /// The messages that were sealed again often enough, each with its conversation. They now
        /// count as not delivered.
        not_delivered: Vec<(Conversation, FrankingTag)>,
    },
    /// A peer told which messages of this device arrived, and which were shown.
    Receipts {
        /// The account that tells it.
        from: AccountId,
        /// The messages that the peer's device opened and stored, each with its conversation.
        delivered: Vec<(Conversation, FrankingTag)>,
        /// The messages that were shown to the peer, each with its conversation.
        opened: Vec<(Conversation, FrankingTag)>,
    },
    /// Another device of this account told something that all of them share. It is stored, and
    /// carried out.
    Synced {
        /// The device that told it.
        device: DeviceId,
        /// What is new here. Empty if nothing is.
        changes: Vec<Synced>,
    },
    /// A device told something about a group: that this account is in it, that it changed, or its
    /// key. Call [`Client::upkeep`], which says what to fetch.
    Group {
        /// The account that tells it.
        from: AccountId,
        /// The group.
        group: GroupId,
    },
    /// A message that was dropped: by [`Client::skip`], because the sender is
    /// [blocked](Client::block) or was [declined](Client::decline), because its
    /// [request](Client::requests) has no more room, or because another device of this account told
    /// it to someone else.
    Skipped {
        /// The conversation that the message is in.
        conversation: Conversation,
        /// The message's identifier.
        id: FrankingTag,
    },
}

impl Received {
    /// Whether no further delivery may be received in the same transaction, because what this one
    /// changed is read from the store.
    pub(super) fn ends_batch(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Receipts { .. }
            | Self::Synced { .. }
            | Self::Group { .. } => true,
            Self::Message { message, .. } | Self::Sent { message, .. } => {
                is_about_group(message.content())
            }
            Self::Duplicate { .. } | Self::Skipped { .. } => false,
        }
    }
}

/// Whether a message changes what is kept of a group.
fn is_about_group(content: &Content) -> bool {
    matches!(
        content,
        Content::Invitation { .. }
            | Content::Acceptance { .. }
            | Content::GroupLeave
            | Content::GroupProfile { .. }
    )
}
