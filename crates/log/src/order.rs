//! The order of times in the log.

use crate::entry::{Day, Entry, Event};
use crate::keys::VerifiedCheckpoint;
use crate::limits::PROMISE_DAYS;

/// Days by which an entry may have an earlier day than an entry before it.
///
/// Entries about arriving reports wait for a daily batch, as long as their promise says. All others
/// are appended at once; one day allows for clocks around midnight.
pub(crate) fn days_late(event: &Event) -> u32 {
    match event {
        Event::ReportReceived | Event::ReportRejected { .. } => PROMISE_DAYS,
        _ => 1,
    }
}

/// The newest day of the entries so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Newest(Option<Day>);

impl Newest {
    /// Takes the next entry of the log. `false` if it is back-dated.
    pub(crate) fn take(&mut self, entry: &Entry) -> bool {
        let is_back_dated = self
            .0
            .is_some_and(|newest| entry.day.0.saturating_add(days_late(&entry.event)) < newest.0);
        self.0 = self.0.max(Some(entry.day));
        !is_back_dated
    }
}

/// When the vault cosigned a checkpoint, in milliseconds since the Unix epoch.
pub(crate) fn vault_time_ms(checkpoint: &VerifiedCheckpoint) -> u64 {
    checkpoint.vault_time().saturating_mul(1_000)
}
