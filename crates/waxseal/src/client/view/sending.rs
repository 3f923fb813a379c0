//! Sending: what refers to a message is sent only if it can count, and the timer of a conversation.

use rand_core::CryptoRng;
use waxseal_reporting::fold::{Reference, ReferenceKind};
use waxseal_reporting::message::Content;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::folded::author_of;
use super::timer::TIMER_AHEAD_MS;
use super::{ViewState, base_of, state_of};
#[cfg(doc)]
use crate::client::Draft;
use crate::client::{Client, Outgoing, keys};
use crate::conversation::Conversation;
use crate::error::{ReferenceError, SendError, StateError};
use crate::records::ConversationRecord;
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Sends a message that sets the timer of a conversation: messages that are written after it
    /// disappear this many seconds after they were read, or never if it is 0. Each member can set
    /// it, and the newest setting counts.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn set_timer(
        &mut self,
        conversation: impl Into<Conversation>,
        after_secs: u32,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        self.send(conversation, Content::Timer { after_secs }, now, rng)
    }

    /// The timer of a conversation, in seconds. 0 if messages do not disappear. A
    /// [`Draft`] takes it when it is sent, unless it says [otherwise](Draft::expires_after_secs).
    pub fn timer(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<u32, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| {
            let numbering = client.numbering(&conversation)?.unwrap_or_default();
            Ok(numbering.timer_secs())
        })
    }

    /// The own account key, as messages that are stored name it. Empty if it is unknown.
    pub(in crate::client) fn own_key(&self) -> Result<Vec<u8>, StateError<S::Error>> {
        match self.account_key_of(&self.me.account) {
            Err(StateError::Damaged(_)) => Ok(Vec::new()),
            key => Ok(key?.map_or_else(Vec::new, |key| key.to_vec())),
        }
    }

    /// The time that a draft says it is sent at: later than what it takes the place of, even if
    /// another device of the account wrote that with a clock ahead of this one's.
    ///
    /// # Errors
    /// [`SendError::Reference`] if the draft refers to a message for which it cannot count.
    pub(in crate::client) fn time_of_draft(
        &self,
        to: &Conversation,
        numbering: &ConversationRecord,
        content: &Content,
        now: Timestamp,
    ) -> Result<Timestamp, SendError<S::Error>> {
        let before = match content {
            Content::Timer { .. } => self.time_of_timer(numbering, now)?,
            content => match Reference::of(content) {
                Some(reference) => self.time_before(to, &reference, now)?,
                None => None,
            },
        };
        // CHK-568: what is sent later is newer.
        let least = before.map_or(0, |before| before.saturating_add(1));
        Ok(now.max(Timestamp::from_millis(least)))
    }

    /// When the timer was set that a draft takes the place of. `None` if that was with a clock so
    /// far ahead that it does not count elsewhere.
    fn time_of_timer(
        &self,
        numbering: &ConversationRecord,
        now: Timestamp,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let before = numbering.timer.as_ref().map(|timer| timer.sent_ms);
        // CHK-569: nor would what is sent later than that.
        let present_ms = self.counters()?.newest_accepted_ms.max(now.as_millis());
        let latest = present_ms.saturating_add(TIMER_AHEAD_MS);
        Ok(before.filter(|before| *before <= latest))
    }

    /// Looks again at the timer that a message of this device set, which the provider accepted.
    pub(in crate::client) fn put_confirmed_timer(
        &mut self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        (id, accepted_at): (&FrankingTag, Timestamp),
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut numbering) = self.numbering(conversation)? else {
            return Ok(());
        };
        if numbering.confirm_timer(id, accepted_at) {
            if let Some(peer) = conversation.account() {
                drop(self.peers.take(peer));
            }
            transaction.put_record(keys::conversation(conversation), &numbering);
        }
        Ok(())
    }

    /// When what a reference takes the place of was sent.
    fn time_before(
        &self,
        to: &Conversation,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<Option<u64>, SendError<S::Error>> {
        // CHK-563: what cannot count is not sent.
        let index = self.index(to, &reference.to)?;
        let message = self.message_at(to, index)?;
        let message = message.ok_or(ReferenceError::NoSuchMessage)?;
        let me = &self.me.account;
        let by = author_of(me.clone(), &self.own_key()?);
        let base = base_of(&message);
        let counts = reference.counts(&by, base.role, &base.author);
        counts.map_err(ReferenceError::of)?;
        let (fold, index) = self.fold_for(to, &message)?;
        match state_of(&fold, &index, now) {
            ViewState::Shown => {}
            // Others may not have read it yet.
            ViewState::Expired if reference.kind == ReferenceKind::Deletion => {}
            // What a removed device deleted is not wiped: the user may say it again.
            ViewState::Deleted { .. }
                if reference.kind == ReferenceKind::Deletion
                    && fold.deletion().is_some_and(|one| one.from_removed_device) => {}
            _ => return Err(ReferenceError::NotShown.into()),
        }
        let replaced = match reference.kind {
            ReferenceKind::Edit => &fold.edits,
            ReferenceKind::Reaction => &fold.reactions,
            _ => return Ok(None),
        };
        let own = replaced.iter().filter(|one| one.account == me.as_str());
        Ok(own.map(|one| one.sent_ms).max())
    }
}

impl ConversationRecord {
    pub(in crate::client) fn timer_secs(&self) -> u32 {
        self.timer.as_ref().map_or(0, |timer| timer.after_secs)
    }
}
