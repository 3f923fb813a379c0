//! Receipts: verified, compared with the ones before, and told if they show something new.

use waxseal_interface::ErrorCode;
use waxseal_log::entry::{Number, Side};
use waxseal_log::receipt::{Receipt, Role, Told};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use super::news::is_news;
use super::{DAY_MS, HOUR_MS, ReceiptAbout, ReceiptNews};
use crate::client::KeptReceipt;
use crate::courier::{Courier, Event};
use crate::error::{StateError, VerifyReceiptError};
use crate::store::Store;

/// Number of receipts of this account that are read at once. Each can be long.
const AT_ONCE: usize = 16;

impl<S: Store> Courier<S> {
    /// Takes a receipt about a report.
    pub(in crate::courier) fn take_report_receipt(
        &mut self,
        number: &Number,
        receipt: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (Some(keys), Some(kept)) = (
            self.usable_log_keys(),
            self.client.promise_with(number, now)?,
        ) else {
            return Ok(());
        };
        let about = ReceiptAbout::of(&kept);
        let before = kept.receipt().map(KeptReceipt::told);
        // CHK-671: the receipt is about the report that was asked for.
        let is_asked = Receipt::decode(receipt).is_ok_and(|receipt| {
            let mut items = receipt.items.iter();
            receipt.role == Role::Reporter
                && (receipt.items.is_empty() || items.any(|item| item.entry.number == *number))
        });
        let mut verified = match is_asked {
            true => self.client.verify_receipt(receipt, &keys),
            false => Err(VerifyReceiptError::NamesNoReport),
        };
        // Before the day of the report is over, its entry need not be in the log. What the receipt
        // does not show is not stored.
        let is_empty = is_asked && matches!(verified, Err(VerifyReceiptError::NamesNoReport));
        if is_empty {
            verified = self.client.verify_empty_receipt(&kept, receipt, &keys);
        }
        let mut seen_at = None;
        match verified {
            Ok(told) => {
                seen_at = Some(cosigned_at(&told));
                if !is_empty {
                    self.tell_receipt(about, before, told, Side::Reporter)?;
                }
            }
            Err(error) => self.receipt_shows_nothing(about, error)?,
        }
        self.client
            .note_receipt_asked(number, now.as_millis().max(1))?;
        self.desk.promises.at(now, DAY_MS);
        self.tell_overdue(number, seen_at, now)
    }

    /// Tells that a promise is overdue, after a receipt was asked for, once a day. `seen_at` is the
    /// time of the receipt's checkpoint.
    fn tell_overdue(
        &mut self,
        number: &Number,
        seen_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        // CHK-677: a promise is overdue by the provider's own time. This device's clock alone
        // accuses nobody.
        let relay_at = self.time_of_session(now).map(|at| at.min(now));
        let Some(at) = relay_at.max(seen_at) else {
            return Ok(());
        };
        if let Some(kept) = self.client.tell_overdue(number, at)? {
            self.tell(Event::PromiseOverdue(Box::new(kept)));
        }
        Ok(())
    }

    /// Takes a receipt about a decision against this account.
    pub(in crate::courier) fn take_decision_receipt(
        &mut self,
        decision: &TreeHash,
        receipt: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let Some(keys) = self.usable_log_keys() else {
            return Ok(());
        };
        let about = ReceiptAbout::Decision(*decision);
        let decoded = Receipt::decode(receipt).ok();
        let decoded = decoded.filter(|receipt| receipt.role == Role::Account);
        let Some(decoded) = decoded else {
            self.receipt_shows_nothing(about, VerifyReceiptError::NotOneCase)?;
            let asked_ms = now.as_millis().max(1);
            return self.client.note_decision_asked(decision, asked_ms);
        };
        // CHK-675: a receipt about other decisions is none about this one. It may be older than the
        // decision. Then the next one shows it.
        let mut leaves = decoded.items.iter().map(|item| item.entry.leaf_hash());
        let shows_it = leaves.any(|leaf| leaf == *decision);
        let again_ms = if shows_it { DAY_MS } else { HOUR_MS };
        if let Some(first) = decoded.items.first().filter(|_| shows_it) {
            let before = self.account_receipt(&first.entry.number)?;
            let before = before.as_ref().map(KeptReceipt::told);
            match self.client.verify_receipt(receipt, &keys) {
                Ok(told) => self.tell_receipt(about, before, told, Side::Account)?,
                Err(error) => self.receipt_shows_nothing(about, error)?,
            }
        }
        let asked_ms = now
            .as_millis()
            .saturating_sub(DAY_MS)
            .saturating_add(again_ms);
        self.client.note_decision_asked(decision, asked_ms.max(1))?;
        self.desk.decisions.at(now, again_ms);
        Ok(())
    }

    /// The last receipt about the case with this number.
    fn account_receipt(
        &self,
        number: &Number,
    ) -> Result<Option<KeptReceipt>, StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.client.account_receipts(after.as_ref(), AT_ONCE)?;
            let mut items = page.items.into_iter();
            let found = items.find(|receipt| receipt.number() == *number);
            after = page.next;
            if found.is_some() || after.is_none() {
                return Ok(found);
            }
        }
    }

    fn tell_receipt(
        &mut self,
        about: ReceiptAbout,
        before: Option<&Told>,
        told: Told,
        side: Side,
    ) -> Result<(), StateError<S::Error>> {
        let further = self.client.compare_appeals(&told, side)?;
        if is_news(before, &told) {
            self.tell(Event::Receipt(Box::new(ReceiptNews { about, told })));
        }
        for appeal in further {
            self.tell(Event::Appeal(Box::new(appeal)));
        }
        Ok(())
    }

    fn receipt_shows_nothing(
        &mut self,
        about: ReceiptAbout,
        error: VerifyReceiptError<S::Error>,
    ) -> Result<(), StateError<S::Error>> {
        match error {
            VerifyReceiptError::State(StateError::Store(error)) => Err(StateError::Store(error)),
            error => {
                let why = match &error {
                    VerifyReceiptError::Receipt(cause) => cause.to_string(),
                    error => error.to_string(),
                };
                self.tell(Event::ReceiptRefused { about, why });
                Ok(())
            }
        }
    }

    /// The provider has no receipt about a report now.
    pub(in crate::courier) fn report_receipt_refused(
        &mut self,
        number: &Number,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (asked_ms, again_ms) = asked_again(code, now);
        self.client.note_receipt_asked(number, asked_ms)?;
        self.desk.promises.at(now, again_ms);
        self.tell_overdue(number, None, now)
    }

    /// The provider has no receipt about a decision now.
    pub(in crate::courier) fn decision_receipt_refused(
        &mut self,
        decision: &TreeHash,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (asked_ms, again_ms) = asked_again(code, now);
        self.client.note_decision_asked(decision, asked_ms)?;
        self.desk.decisions.at(now, again_ms);
        Ok(())
    }
}

/// When the vault cosigned the checkpoint of a receipt.
fn cosigned_at(told: &Told) -> Timestamp {
    Timestamp::from_millis(told.checkpoint.vault_time().saturating_mul(1_000))
}

/// What to note as the time of a request that was refused, and when to ask again: after an hour if
/// the desk could not answer, and otherwise after a day.
fn asked_again(code: ErrorCode, now: Timestamp) -> (u64, u64) {
    let again_ms = if code.is_transient() { HOUR_MS } else { DAY_MS };
    let asked_ms = now
        .as_millis()
        .saturating_sub(DAY_MS)
        .saturating_add(again_ms);
    (asked_ms.max(1), again_ms)
}
