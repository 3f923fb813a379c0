//! Expiry: deletes the messages that are due, by the relay's clock.

use waxseal_reporting::Timestamp;

use super::pause::later;
use super::{Courier, Event};
use crate::error::StateError;
use crate::store::Store;

/// Messages that one call deletes at most.
const AT_ONCE: usize = 64;

/// The longest time until the next look, in milliseconds: a message may come that expires earlier,
/// and clocks change.
const LONGEST_MS: u64 = 3_600_000;

impl<S: Store> Courier<S> {
    pub(super) fn expire(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        if self.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        // What is known of the relay's clock may be out of date. Nothing is deleted too early.
        let relay_now = self.relay_time(now).min(now);
        let due = self.client.due(None, AT_ONCE, relay_now)?;
        let is_all = due.next.is_none();
        for row in &due.damaged {
            self.client.delete_damaged(row)?;
        }
        for due in due.items {
            self.client.delete_message(&due.conversation, &due.id)?;
            let (conversation, id) = (due.conversation, due.id);
            self.tell(Event::Expired { conversation, id });
        }
        self.due_at = Some(match is_all {
            false => now,
            true => {
                let end = Timestamp::from_millis(u64::MAX);
                let first = self.client.due(None, 1, end)?.items.pop();
                let left = first.map(|first| {
                    let at = first.expired_at.as_millis();
                    at.saturating_sub(relay_now.as_millis())
                });
                let left = left.unwrap_or(LONGEST_MS).clamp(1, LONGEST_MS);
                later(now, left)
            }
        });
        Ok(())
    }
}
