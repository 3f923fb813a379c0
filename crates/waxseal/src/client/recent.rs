//! Recent: the tags that stay when a conversation is deleted.
//!
//! A sender that missed a receipt posts its message again, and the relay stamps it later than the
//! deletion. If no session knows the message any more, only its tag tells that it was received.

use waxseal_reporting::FrankingTag;

use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{ConversationRecord, RecentRecord};
use crate::store::Store;

/// Number of messages of other devices whose tags stay.
const KEPT: usize = 64;

impl<S: Store> Client<S> {
    /// The tags that stay of a conversation that is deleted now.
    pub(super) fn recent_of(
        &self,
        conversation: &Conversation,
        numbering: &ConversationRecord,
    ) -> Result<RecentRecord, StateError<S::Error>> {
        let mut recent = self.recent(conversation)?;
        let kept_and_one = (KEPT as u64).saturating_add(1);
        let after = numbering.next_ordinal.checked_sub(kept_and_one);
        let messages = self.read_messages(conversation, after, KEPT)?.items;
        let received = messages
            .iter()
            .filter(|message| *message.sender() != self.me);
        recent
            .ids
            .extend(received.map(|message| message.id().as_bytes().to_vec()));
        let too_many = recent.ids.len().saturating_sub(KEPT);
        recent.ids.drain(..too_many);
        Ok(recent)
    }

    /// Whether a message was received before its conversation was deleted.
    pub(super) fn is_recent(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        let recent = self.recent(conversation)?;
        Ok(recent.ids.iter().any(|known| known == id.as_bytes()))
    }

    fn recent(&self, conversation: &Conversation) -> Result<RecentRecord, StateError<S::Error>> {
        let recent = self.readable(&keys::recent(conversation))?;
        Ok(recent.unwrap_or_default())
    }
}
