//! The timer of a conversation: what its newest message about it says.

use waxseal_reporting::fold::Order;
use waxseal_reporting::message::{Content, PayloadHeader};
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{DeviceAddress, DeviceId, FrankingTag, Timestamp};

use super::stored::Stored;
use crate::client::tag_of;
use crate::records::{ConversationRecord, TimerRecord};

/// How far a timer's own time may be after the time at which the provider accepted it: a day.
/// Without this bound, the device whose clock is furthest ahead would decide for good.
pub(super) const TIMER_AHEAD_MS: u64 = 24 * 3_600_000;

impl ConversationRecord {
    /// Takes the timer that a message sets, if it is the newest one.
    pub(in crate::client) fn note_timer(&mut self, stored: &Stored<'_>) {
        let Stored { sender, header, .. } = stored;
        let written = (*sender, *header, &stored.id);
        self.take_timer(written, stored.content, stored.accepted_at);
    }

    /// Takes the timer that a message of this device sets, which has no receipt yet. It is the
    /// newest: its time was chosen later than that of the one before, if that one can count.
    pub(in crate::client) fn note_own_timer(
        &mut self,
        me: &DeviceAddress,
        sent: &SentMessage,
        content: &Content,
    ) {
        if matches!(content, Content::Timer { .. }) {
            self.timer = None;
        }
        self.take_timer((me, sent.header(), sent.tag()), content, None);
    }

    /// Looks again at the timer that a message of this device set, when the provider accepted it.
    /// Returns whether it changed.
    pub(in crate::client) fn confirm_timer(
        &mut self,
        id: &FrankingTag,
        accepted_at: Timestamp,
    ) -> bool {
        let latest = accepted_at.as_millis().saturating_add(TIMER_AHEAD_MS);
        // CHK-569: no other device takes it, so it is older here than any other.
        match &mut self.timer {
            Some(timer) if timer.id == id.as_bytes() && timer.sent_ms > latest => {
                timer.sent_ms = 0;
                true
            }
            _ => false,
        }
    }

    fn take_timer(
        &mut self,
        (sender, header, id): (&DeviceAddress, &PayloadHeader, &FrankingTag),
        content: &Content,
        accepted_at: Option<Timestamp>,
    ) {
        let Content::Timer { after_secs } = content else {
            return;
        };
        let sent_ms = header.sent_at.as_millis();
        // CHK-569: a timer counts that was sent at most a day after the provider's time.
        let latest = accepted_at.map(|at| at.as_millis().saturating_add(TIMER_AHEAD_MS));
        if latest.is_some_and(|latest| sent_ms > latest) {
            return;
        }
        let timer = TimerRecord {
            after_secs: *after_secs,
            sent_ms,
            device: sender.device.0,
            sequence: header.sequence,
            id: id.as_bytes().to_vec(),
            account: sender.account.as_str().to_owned(),
        };
        if self
            .timer
            .as_ref()
            .is_none_or(|known| known.place() < timer.place())
        {
            self.timer = Some(timer);
        }
    }
}

impl TimerRecord {
    /// What decides which of two timers is the newest.
    fn place(&self) -> (Option<Order>, &str) {
        let order = tag_of(&self.id).map(|tag| Order {
            sent_at: Timestamp::from_millis(self.sent_ms),
            device: DeviceId(self.device),
            sequence: self.sequence,
            tag,
        });
        (order, &self.account)
    }
}
