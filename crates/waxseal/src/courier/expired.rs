//! Expired queues: the relay dropped deliveries for this device.

use waxseal_interface::{Answer, QUEUE_EXPIRED_ID};
use waxseal_reporting::Timestamp;

use super::{Courier, Event};
use crate::error::StateError;
use crate::records::CourierRecord;
use crate::store::Store;

/// How often sessions start over because of it: once a day. A relay can say it at any time, and
/// each session that starts over costs a peer a prekey.
const START_OVER_MS: u64 = 24 * 3_600_000;

/// How long a dropped message must have waited for that: 29 days. A relay drops messages after 30
/// days. One that it dropped earlier had no room in the queue, which anyone can fill: then each
/// session goes on, and what is missing is asked for.
const WAITED_MS: u64 = 29 * 24 * 3_600_000;

impl<S: Store> Courier<S> {
    /// Tells that the relay dropped messages. Starts over with all peers if some of them waited for
    /// too long, because the sessions may need them.
    pub(super) fn take_expired(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let waited_ms = self
            .relay_time(now)
            .as_millis()
            .checked_sub(from.as_millis());
        let has_waited = waited_ms.is_some_and(|waited_ms| waited_ms >= WAITED_MS);
        let age = now.as_millis().checked_sub(self.record.expired_ms);
        if has_waited && age.is_none_or(|age| age >= START_OVER_MS) {
            self.client.leave_sessions()?;
            self.put(CourierRecord {
                expired_ms: now.as_millis(),
                ..self.record.clone()
            })?;
        }
        self.tell(Event::QueueExpired { from, to });
        self.stream.answer(Answer::Acknowledged {
            id: QUEUE_EXPIRED_ID,
        });
        Ok(())
    }
}
