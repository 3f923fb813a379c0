//! Reporting: draft, preview, seal, and keep the report until the provider has it.

use rand_core::CryptoRng;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::reporter::{Disclosure, ModerationPublicKey, Reason, Report, ReportDraft};
use waxseal_reporting::{AccountId, FrankingTag};

use super::Client;
use crate::error::{ReportError, StateError};
use crate::records::{self, ReportRecord};
use crate::store::{Key, Store, Table, Transaction};

/// Identifies a report on this device until it is confirmed. 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReportId([u8; 16]);

/// A sealed report on its way to the provider's intake.
#[derive(Clone)]
pub struct OutgoingReport {
    /// The report's identifier on this device.
    pub id: ReportId,
    /// The encoded report, to upload to the provider's intake.
    pub report: Vec<u8>,
}

impl std::fmt::Debug for OutgoingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingReport")
            .field("report_len", &self.report.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Drafts a report of messages exchanged with `peer`. Each message comes with the choice of the
    /// parts to show.
    ///
    /// Nothing leaves the device. Show [`ReportDraft::preview`] to the user, add a note, then call
    /// [`Client::report`].
    ///
    /// # Errors
    /// * [`ReportError::NoSuchMessage`] for a message that is not stored.
    /// * [`ReportError::NotStamped`] for a message that this device sent and whose receipt is not
    ///   confirmed yet.
    /// * [`ReportError::Draft`] if the messages cannot be in one report.
    pub fn draft_report(
        &self,
        peer: &AccountId,
        reason: Reason,
        messages: impl IntoIterator<Item = (FrankingTag, Disclosure)>,
    ) -> Result<ReportDraft, ReportError<S::Error>> {
        let mut draft = ReportDraft::new(self.me.clone(), reason);
        for (id, disclosure) in messages {
            let message = self.message(peer, &id)?.ok_or(ReportError::NoSuchMessage)?;
            let evidence = message.evidence().ok_or(ReportError::NotStamped)?;
            draft.add(evidence, disclosure)?;
        }
        Ok(draft)
    }

    /// Drafts a report about an account that shows no messages, such as a profile that poses as
    /// someone else and has sent nothing.
    ///
    /// Nothing leaves the device. Show [`ReportDraft::preview`] to the user, add a note, then call
    /// [`Client::report`].
    ///
    /// # Errors
    /// [`ReportError::Draft`] if the account is this device's own.
    pub fn draft_account_report(
        &self,
        account: &AccountId,
        reason: Reason,
    ) -> Result<ReportDraft, ReportError<S::Error>> {
        let reporter = self.me.clone();
        let draft = ReportDraft::about_account(reporter, account.clone(), reason)?;
        Ok(draft)
    }

    /// Seals a draft that the user agreed to, and returns the report for the provider's intake.
    ///
    /// The report stays in the [report outbox](Client::pending_reports) until
    /// [`Client::confirm_report`] is called. After a crash or a broken connection, send it again
    /// from there; the intake counts the report once.
    pub fn report(
        &mut self,
        draft: &ReportDraft,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        let report = draft
            .seal(self.delivery_key(), moderation_key, rng)?
            .encode();
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let record = ReportRecord {
            id: id.to_vec(),
            report: report.clone(),
        };
        let mut transaction = Transaction::default();
        transaction.put_record(Key::Report { id }, &record);
        self.commit(transaction)?;
        Ok(OutgoingReport {
            id: ReportId(id),
            report,
        })
    }

    /// Lists up to `limit` reports that were sealed and not yet confirmed.
    ///
    /// Each report has up to [`MAX_REPORT_LEN`](waxseal_reporting::limits::MAX_REPORT_LEN) bytes.
    /// Its MAC is made for this call, under the present delivery key.
    pub fn pending_reports(
        &self,
        limit: usize,
    ) -> Result<Vec<OutgoingReport>, StateError<S::Error>> {
        self.list(&Table::Reports, None, limit, |bytes| {
            outgoing_of(bytes, self.delivery_key())
        })
    }

    /// Forgets a report that the intake has accepted, or refused for good.
    pub fn confirm_report(&mut self, id: ReportId) -> Result<(), StateError<S::Error>> {
        let mut transaction = Transaction::default();
        transaction.delete(Key::Report { id: id.0 });
        self.commit(transaction)
    }
}

fn outgoing_of(bytes: &[u8], key: &DeliveryKey) -> Option<OutgoingReport> {
    let ReportRecord { id, report } = records::decode(bytes)?;
    Some(OutgoingReport {
        id: ReportId(id.try_into().ok()?),
        report: match Report::decode(&report) {
            Ok(report) => report.under_key(key).encode(),
            Err(_) => report, // the intake refuses it, which lets the application forget it
        },
    })
}
