//! Receipts of the provider's log: what was done with a report, and decided about this account.
//!
//! ```text
//! receipt -> decode -> find the number -> read the last one -> verify -> compare -> store
//! ```

use waxseal_log::entry::Number;
use waxseal_log::keys::LogKeys;
use waxseal_log::receipt::{Expected, Receipt, Role, Told};
use waxseal_reporting::Timestamp;

use super::kept_receipt::{KeptReceipt, compare, number_of};
use super::page::Page;
use super::promise::KeptPromise;
use super::{Client, keys};
use crate::error::{Damage, StateError, VerifyReceiptError};
use crate::records::{self, LastReceiptRecord, PromiseRecord};
use crate::store::{Cursor, Store, Transaction};

impl<S: Store> Client<S> {
    /// Verifies a receipt offline, and returns what it tells: of a report whose promise is
    /// [kept](Self::keep_promise), or of what was decided about this account in one case.
    ///
    /// Look at [`Told::contradictions`] first. It says what is missing: a promised entry that
    /// should be there, openings that a decision does not count, a decision without its reasons. It
    /// also says what contradicts the last receipt about the same report or case: nothing that a
    /// receipt showed may be missing from a later one. If something contradicts, tell the user, and
    /// keep both receipts.
    ///
    /// The receipt becomes the last one, unless it is older than the last one or contradicts it. A
    /// contradicted receipt [says so](KeptReceipt::is_contradicted) from then on. Receipts about
    /// different reports or cases are not compared. A receipt shows what the provider put into it:
    /// a later one, or someone who reads the whole log, can show more.
    ///
    /// # Errors
    /// * [`VerifyReceiptError::Receipt`] if not all that it shows is in the log.
    /// * [`VerifyReceiptError::NamesNoReport`] if it has no entry about a report.
    /// * [`VerifyReceiptError::NotOneCase`] if it is about this account, and has entries of several
    ///   cases or none.
    /// * [`VerifyReceiptError::NoPromise`] if no promise is kept for its report.
    /// * [`VerifyReceiptError::OtherLog`] if `keys` are those of another log than before.
    pub fn verify_receipt(
        &mut self,
        receipt: &[u8],
        keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        let decoded = Receipt::decode(receipt)?;
        let number = number_of(&decoded);
        match decoded.role {
            Role::Reporter => {
                let number = number.ok_or(VerifyReceiptError::NamesNoReport)?;
                self.run(|client| client.verify_for_report(&number, &decoded, receipt, keys))
            }
            Role::Account => {
                let number = number.ok_or(VerifyReceiptError::NotOneCase)?;
                self.run(|client| client.verify_for_account(&number, &decoded, receipt, keys))
            }
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
        number: &Number,
        decoded: &Receipt,
        receipt: &[u8],
        keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        let key = keys::account_receipt(number);
        let record: Option<LastReceiptRecord> = self.get_record(&key)?;
        let damaged = || StateError::Damaged(Damage::Promise);
        let read = |record| KeptReceipt::of(&record, self.as_account()).ok_or_else(damaged);
        let last = record.map(read).transpose()?;
        // A receipt that was moved here from another case is no receipt of this one.
        let last = last.filter(|last| last.number() == *number);
        if last
            .as_ref()
            .is_some_and(|last| last.origin() != keys.origin())
        {
            return Err(VerifyReceiptError::OtherLog);
        }
        let mut told = decoded.verify(keys, self.as_account())?;
        if let Some(last) = compare(&mut told, receipt, keys, last.as_ref()) {
            let mut transaction = Transaction::default();
            transaction.put_record(key, &last);
            self.commit(transaction)?;
        }
        Ok(told)
    }

    /// Lists up to `limit` last receipts about this account, after `after`: for each case the last
    /// one that took nothing back.
    ///
    /// Each is verified again. A receipt has up to
    /// [`MAX_RECEIPT_LEN`](waxseal_log::limits::MAX_RECEIPT_LEN) bytes.
    pub fn account_receipts(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<KeptReceipt>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::account_receipts(), after, limit, |_, bytes| {
                KeptReceipt::of(&records::decode(bytes)?, client.as_account())
            })
        })
    }

    /// Forgets the last receipt about a case, so that the next one is not compared with it.
    pub fn forget_account_receipt(&mut self, number: &Number) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::account_receipt(number));
            client.commit(transaction)
        })
    }

    /// What a receipt about this account must name.
    fn as_account(&self) -> Expected<'_> {
        let account = self.me.account.as_str().as_bytes();
        Expected::Account { account }
    }
}
