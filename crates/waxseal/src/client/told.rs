//! Receipts of the provider's log: what was done with a report, and decided about this account.
//!
//! ```text
//! receipt ─► decode ─► find the promise ─► verify ─► compare with the last receipt ─► store
//! ```

use waxseal_log::entry::{Event, Number};
use waxseal_log::keys::LogKeys;
use waxseal_log::receipt::{Expected, Receipt, Role, Told};
use waxseal_reporting::Timestamp;

use super::kept_receipt::{KeptReceipt, compare};
use super::promise::KeptPromise;
use super::{Client, keys};
use crate::error::{Damage, StateError, VerifyReceiptError};
use crate::records::{LastReceiptRecord, PromiseRecord};
use crate::store::{Store, Transaction};

/// The number of the report that a reporter's receipt is about.
fn number_of(receipt: &Receipt) -> Option<Number> {
    let mut entries = receipt.items.iter().map(|item| &item.entry);
    let about_report = entries.find(|entry| {
        matches!(
            entry.event,
            Event::ReportReceived
                | Event::ReportRejected { .. }
                | Event::ReportSorted { .. }
                | Event::ContentOpened { .. }
        )
    });
    about_report.map(|entry| entry.number)
}

impl<S: Store> Client<S> {
    /// Verifies a receipt offline, and returns what it tells: of a report whose promise is
    /// [kept](Self::keep_promise), or of what was decided about this account.
    ///
    /// Look at [`Told::contradictions`] first. It says what is missing: a promised entry that
    /// should be there, openings that a decision does not count, a decision without its reasons. It
    /// also says what contradicts the last receipt: nothing that a receipt showed may be missing
    /// from a later one. If something contradicts, tell the user, and keep both receipts.
    ///
    /// The receipt becomes the last one, unless it is older than the last one or contradicts it. A
    /// contradicted receipt [says so](KeptReceipt::is_contradicted) from then on. A receipt shows
    /// what the provider put into it: a later one, or someone who reads the whole log, can show
    /// more.
    ///
    /// # Errors
    /// * [`VerifyReceiptError::Receipt`] if not all that it shows is in the log.
    /// * [`VerifyReceiptError::NamesNoReport`] if it has no entry about a report.
    /// * [`VerifyReceiptError::NoPromise`] if no promise is kept for its report.
    /// * [`VerifyReceiptError::OtherLog`] if `keys` are those of another log than before.
    pub fn verify_receipt(
        &mut self,
        receipt: &[u8],
        keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        let decoded = Receipt::decode(receipt)?;
        match decoded.role {
            Role::Reporter => {
                let number = number_of(&decoded).ok_or(VerifyReceiptError::NamesNoReport)?;
                self.run(|client| client.verify_for_report(&number, &decoded, receipt, keys))
            }
            Role::Account => self.run(|client| client.verify_for_account(&decoded, receipt, keys)),
        }
    }

    fn verify_for_report(
        &mut self,
        number: &Number,
        decoded: &Receipt,
        receipt: &[u8],
        keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        let key = keys::promise(number);
        let record: Option<PromiseRecord> = self.get_record(&key)?;
        let mut record = record.ok_or(VerifyReceiptError::NoPromise)?;
        let kept = KeptPromise::of(&record, Timestamp::from_millis(0))
            .filter(|kept| kept.number() == *number)
            .ok_or(StateError::Damaged(Damage::Promise))?;
        if kept.origin() != keys.origin() {
            return Err(VerifyReceiptError::OtherLog);
        }
        let promise = kept.promised();
        let mut told = decoded.verify(keys, Expected::Report { promise })?;
        if let Some(last) = compare(&mut told, receipt, keys, kept.receipt()) {
            record.last = Some(last);
            let mut transaction = Transaction::default();
            transaction.put_record(key, &record);
            self.commit(transaction)?;
        }
        Ok(told)
    }

    fn verify_for_account(
        &mut self,
        decoded: &Receipt,
        receipt: &[u8],
        keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        let last = self.read_account_receipt()?;
        if last
            .as_ref()
            .is_some_and(|last| last.origin() != keys.origin())
        {
            return Err(VerifyReceiptError::OtherLog);
        }
        let mut told = decoded.verify(keys, self.as_account())?;
        if let Some(last) = compare(&mut told, receipt, keys, last.as_ref()) {
            let mut transaction = Transaction::default();
            transaction.put_record(keys::account_receipt(), &last);
            self.commit(transaction)?;
        }
        Ok(told)
    }

    /// The last receipt about this account that took nothing back. `None` before the first.
    ///
    /// A receipt about an account shows every decision about it, so each is compared with the one
    /// before.
    pub fn account_receipt(&self) -> Result<Option<KeptReceipt>, StateError<S::Error>> {
        self.look(|client| client.read_account_receipt())
    }

    /// Forgets the last receipt about this account, so that the next one is not compared with it.
    pub fn forget_account_receipt(&mut self) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::account_receipt());
            client.commit(transaction)
        })
    }

    fn read_account_receipt(&self) -> Result<Option<KeptReceipt>, StateError<S::Error>> {
        let record: Option<LastReceiptRecord> = self.get_record(&keys::account_receipt())?;
        let damaged = || StateError::Damaged(Damage::Promise);
        let read = |record| KeptReceipt::of(&record, self.as_account()).ok_or_else(damaged);
        record.map(read).transpose()
    }

    /// What a receipt about this account must name.
    fn as_account(&self) -> Expected<'_> {
        let account = self.me.account.as_str().as_bytes();
        Expected::Account { account }
    }
}
