//! Who a delivery comes from, and which conversation it belongs to.

use waxseal_reporting::recipient::AuthenticDelivery;
use waxseal_reporting::{AccountId, Audience, DeviceAddress, FrankingTag};
use waxseal_roster::group::GroupId;

use super::Received;
use crate::conversation::Conversation;

/// What the provider says of a delivery.
#[derive(Clone)]
pub(in crate::client) struct Arrival {
    pub(in crate::client) sender: DeviceAddress,
    /// The peer of the conversation: the sender's account, or the recipient of what another device
    /// of this account sent. The own account, for a note to the own devices. In a group, the
    /// sender's account.
    pub(in crate::client) with: AccountId,
    /// The group that the message is for. `None` for a direct message.
    pub(in crate::client) group: Option<GroupId>,
    pub(in crate::client) id: FrankingTag,
    pub(in crate::client) accepted_ms: u64,
    /// Whether another device of this account sent it.
    pub(in crate::client) is_own: bool,
}

impl Arrival {
    pub(super) fn of(delivery: &AuthenticDelivery) -> Self {
        let claim = delivery.claim();
        let context = claim.context();
        let is_own = delivery.is_own_copy();
        let sender = &context.sender;
        let (with, group) = match &context.audience {
            Audience::Direct(recipient) if is_own => (recipient, None),
            Audience::Direct(_) => (&sender.account, None),
            Audience::Group(group) => (
                &sender.account,
                Some(GroupId::from_bytes(*group.as_bytes())),
            ),
        };
        Self {
            sender: sender.clone(),
            with: with.clone(),
            group,
            id: *claim.tag(),
            accepted_ms: context.accepted_at.as_millis(),
            is_own,
        }
    }

    pub(in crate::client) fn conversation(&self) -> Conversation {
        match &self.group {
            Some(group) => Conversation::from(group),
            None => Conversation::from(&self.with),
        }
    }

    pub(in crate::client) fn duplicate(&self) -> Received {
        Received::Duplicate {
            conversation: self.conversation(),
            id: self.id,
        }
    }

    pub(in crate::client) fn skipped(&self) -> Received {
        Received::Skipped {
            conversation: self.conversation(),
            id: self.id,
        }
    }
}
