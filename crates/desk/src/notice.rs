//! Notices of decisions to both sides.

use rand_core::CryptoRng;
use waxseal_log::decision::NoticeDetail;
use waxseal_log::entry::{Event, Measure, Number, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::case::MAX_OF_CASE;
use crate::decision::Decision;
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::officer::Signed;
use crate::store::{DecisionRow, NoticeList, NoticeRow, Store};

/// What one reader is told of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who reads it.
    pub side: Side,
    /// The reporter's report, or the case if the reader is the account.
    pub recipient: [u8; 16],
    /// The text: measure, rule, statement of reasons, and until when to appeal.
    pub text: String,
}

impl<S: Store> Desk<S> {
    /// Writes the notices of a decision: one for each report of the case, and one for the account.
    /// A notice that was written before is not written again.
    ///
    /// Deliver each one, and then call [`notice_sent`](Self::notice_sent).
    ///
    /// # Errors
    /// [`Refused::NoDecision`], or the store's.
    pub fn write_notices(
        &mut self,
        decision: &TreeHash,
        now: Timestamp,
    ) -> Result<Vec<Notice>, DeskError> {
        let row = self.store.decision(decision.as_bytes())?.ok_or(Refused::NoDecision)?;
        let text = text_of(&row)?;
        let known = self.notices_of(&row)?;
        let reports = self.reports_of(&row.case_id)?;
        let reporters = reports.iter().map(|report| (Side::Reporter, report.id));
        let mut batch = self.begin(now);
        let mut written = Vec::new();
        for (side, recipient) in reporters.chain([(Side::Account, row.case_id)]) {
            let is = |notice: &NoticeRow| {
                notice.side == side.number() && notice.recipient == recipient
            };
            if known.iter().any(is) {
                continue;
            }
            batch.add(NoticeRow {
                decision: row.leaf_hash,
                side: side.number(),
                recipient,
                body: text.clone().into_bytes(),
                made_at_ms: now.as_millis(),
                sent_at_ms: None,
                log_index: None,
            });
            written.push(Notice {
                side,
                recipient,
                text: text.clone(),
            });
        }
        self.commit(batch)?;
        Ok(written)
    }

    /// Enters that a notice was sent.
    ///
    /// # Errors
    /// [`Refused::NoNotice`] if there is no such notice or it was sent before, or the store's.
    pub fn notice_sent(
        &mut self,
        decision: &TreeHash,
        side: Side,
        recipient: &[u8; 16],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let row = self.store.decision(decision.as_bytes())?.ok_or(Refused::NoDecision)?;
        let case = self.store.case(&row.case_id)?.ok_or(Refused::NoCase)?;
        // CHK-218: a notice is entered once, and only if it was written.
        let is = |notice: &NoticeRow| {
            notice.side == side.number()
                && notice.recipient == *recipient
                && notice.log_index.is_none()
        };
        let notices = self.notices_of(&row)?;
        let old = notices.into_iter().find(is).ok_or(Refused::NoNotice)?;
        let detail = NoticeDetail {
            decision: *decision,
            side,
        };
        let mut batch = self.begin(now);
        let event = Event::NoticeSent { side };
        let logged = batch.log(Number::from_bytes(case.number), event, detail.encode(rng)?);
        let new = NoticeRow {
            sent_at_ms: Some(now.as_millis()),
            log_index: Some(logged.index),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }

    /// The notices of a decision, at most 1,000.
    pub(crate) fn notices_of(&self, row: &DecisionRow) -> Result<Vec<NoticeRow>, DeskError> {
        Ok(self.store.notices(&NoticeList::OfDecision(row.leaf_hash), MAX_OF_CASE)?)
    }
}

/// What both sides are told.
fn text_of(row: &DecisionRow) -> Result<String, DeskError> {
    // The desk verified this act before it stored it; the audit verifies it again.
    let signed = Signed::<Decision>::decode(&row.signed);
    let decision = signed.map_err(|_| Refused::Erased)?.read_stored();
    let decision = decision.ok_or(Refused::Damaged("decision"))?;
    let measure = Measure::from_number(row.measure).map_or("unknown", Measure::name);
    Ok(format!(
        "Decision: {measure}\nRule: {}\nReasons: {}\nAppeal until: {} (ms since 1970-01-01 UTC)\n",
        decision.rule, decision.statement, row.appeal_until_ms,
    ))
}

#[cfg(test)]
mod tests;
