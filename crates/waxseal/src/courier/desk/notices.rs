//! Notices of decisions: the new ones each hour, and all of them each day.

use waxseal_interface::{DecisionNotices, MAX_NOTICES, Request as Call};
use waxseal_reporting::Timestamp;

use super::{DAY_MS, HOUR_MS};
use crate::courier::Courier;
use crate::courier::next::Aim;
use crate::courier::pause::later;
use crate::error::StateError;
use crate::records::CourierRecord;
use crate::store::Store;

/// How often notices are asked for before an hour passes. The provider can have any number of them.
const MAX_ASKED: u32 = 16;

/// How far the notices are read.
#[derive(Default)]
pub(super) struct Notices {
    /// When they are next asked for.
    pub(super) at: Option<Timestamp>,
    /// The number after which the reading of all of them goes on. `None` if none is under way.
    all_after: Option<u64>,
    /// How often they were asked for since the last pause.
    asked: u32,
}

impl<S: Store> Courier<S> {
    /// Asks for notices, if it is time.
    ///
    /// A relay that was restored from a backup gives the same numbers to other notices, and one
    /// that lies can skip numbers. So each day, all notices are read from the first one on.
    pub(super) fn choose_notices(&mut self, now: Timestamp) -> Option<(Aim, Call)> {
        if self.desk.notices.at.is_some_and(|at| at > now) {
            return None;
        }
        let age = now.as_millis().checked_sub(self.record.notices_read_ms);
        if self.desk.notices.all_after.is_none() && age.is_none_or(|age| age >= DAY_MS) {
            self.desk.notices.all_after = Some(0);
        }
        let after = self.desk.notices.all_after.unwrap_or(self.record.noticed);
        Some((Aim::Notices, Call::Notices { after }))
    }

    /// Takes notices of decisions. Returns whether they follow the interface.
    pub(in crate::courier) fn take_notices(
        &mut self,
        DecisionNotices { notices }: DecisionNotices,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let of_all = self.desk.notices.all_after;
        let seen = self.record.noticed;
        let mut last = of_all.unwrap_or(seen);
        for notice in &notices {
            if notice.number <= last {
                return Ok(false);
            }
            last = notice.number;
        }
        if notices.len() > MAX_NOTICES {
            return Ok(false);
        }
        let is_end = notices.len() < MAX_NOTICES;
        // CHK-676: the number that was seen last is one of those that the provider has today.
        let record = CourierRecord {
            noticed: if of_all.is_none() || is_end {
                last
            } else {
                seen
            },
            notices_read_ms: match of_all.is_some() && is_end {
                true => now.as_millis(),
                false => self.record.notices_read_ms,
            },
            ..self.record.clone()
        };
        if record != self.record || !notices.is_empty() {
            self.client
                .take_decision_notices(&notices, seen, &record, now)?;
            self.record = record;
        }
        if !notices.is_empty() {
            self.desk.promises.look_again();
            self.desk.decisions.look_again();
        }
        let read = &mut self.desk.notices;
        read.all_after = of_all.filter(|_| !is_end).map(|_| last);
        read.asked = read.asked.saturating_add(1);
        let is_pause = is_end || read.asked >= MAX_ASKED;
        read.at = is_pause.then(|| later(now, HOUR_MS));
        if is_pause {
            read.asked = 0;
        }
        Ok(true)
    }
}
