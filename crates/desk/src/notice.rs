//! Notices of decisions to both sides: the reporters, and the account that was decided against.
//!
//! [`Desk::decide`] writes both. They wait in the store ([`NoticeList::Unsent`]) until
//! [`Desk::notice_sent`] enters that they were sent.

use rand_core::CryptoRng;
use waxseal_log::decision::NoticeDetail;
use waxseal_log::entry::{Event, Number, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::store::{NoticeList, NoticeRow, Store};

impl<S: Store> Desk<S> {
    /// Enters that the notice of a decision was sent to a side: to the account, or to all reporters
    /// of the case.
    ///
    /// # Errors
    /// [`Refused::NoNotice`] if there is no such notice or it was sent before, or the store's.
    pub fn notice_sent(
        &mut self,
        decision: &TreeHash,
        side: Side,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let list = NoticeList::OfDecision(*decision.as_bytes());
        let mut notices = self.store.notices(&list, 2)?.into_iter();
        // CHK-218: a notice was written, and is entered as sent once.
        let unsent = |row: &NoticeRow| row.side == side.number() && row.log_index.is_none();
        let old = notices.find(unsent).ok_or(Refused::NoNotice)?;
        let detail = NoticeDetail {
            decision: *decision,
            side,
        };
        let mut batch = self.begin(now);
        let (number, event) = (
            Number::from_bytes(old.recipient),
            Event::NoticeSent { side },
        );
        let logged = batch.log(number, event, detail.encode(rng)?);
        let new = NoticeRow {
            sent_at_ms: Some(now.as_millis()),
            log_index: Some(logged.index),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }
}

/// The notice of a decision to one side, before it is sent.
pub(crate) fn unsent(
    decision: &TreeHash,
    side: Side,
    case: &[u8; 16],
    text: &str,
    now: Timestamp,
) -> NoticeRow {
    NoticeRow {
        decision: *decision.as_bytes(),
        side: side.number(),
        recipient: *case,
        body: text.as_bytes().to_vec(),
        made_at_ms: now.as_millis(),
        sent_at_ms: None,
        log_index: None,
    }
}

#[cfg(test)]
mod tests;
