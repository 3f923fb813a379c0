//! Expiry: messages expire and are wiped by the relay's clock.

use waxseal_reporting::{FrankingTag, Timestamp};

use super::pause::later;
use super::{Courier, Event};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

/// Messages of which one call does what is due.
const AT_ONCE: usize = 64;

/// The longest time until the next look, in milliseconds: a message may come that expires earlier,
/// and clocks change.
const LONGEST_MS: u64 = 3_600_000;

impl<S: Store> Courier<S> {
    /// Records that the application showed a received message to the user: see
    /// [`Client::opened`](crate::Client::opened). What disappears then does so by the relay's
    /// clock, as far as it is known.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn opened(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.look_again();
        self.client.opened(conversation, id, self.reading_time(now))
    }

    /// Records that the user read the conversation up to this message: see
    /// [`Client::mark_read`](crate::Client::mark_read). What disappears then does so by the relay's
    /// clock, as far as it is known.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn mark_read(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.look_again();
        self.client
            .mark_read(conversation, id, self.reading_time(now))
    }

    /// The time from which it counts until a message that is read expires: the later one of both
    /// clocks. Nothing disappears too early.
    fn reading_time(&self, now: Timestamp) -> Timestamp {
        // CHK-574: a clock that is behind costs no message.
        self.relay_time(now).max(now)
    }

    /// The time by which messages expire. What is known of the relay's clock may be out of date, so
    /// that it is not the later one: nothing disappears too early.
    fn expiry_time(&self, now: Timestamp) -> Timestamp {
        self.relay_time(now).min(now)
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        if self.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let relay_now = self.expiry_time(now);
        let expiry = self.client.expire(relay_now, AT_ONCE)?;
        for expired in expiry.expired {
            let (conversation, id) = (expired.conversation, expired.id);
            self.tell(Event::Expired { conversation, id });
        }
        self.end_unshown()?;
        let left = expiry.next.map(|next| {
            let left = next.as_millis().saturating_sub(relay_now.as_millis());
            left.clamp(1, LONGEST_MS)
        });
        self.due_at = Some(later(now, left.unwrap_or(LONGEST_MS)));
        Ok(())
    }
}
