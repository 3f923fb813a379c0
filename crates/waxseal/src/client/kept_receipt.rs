//! The last receipt about a report or about a case, with which later ones are compared.

use waxseal_log::entry::{Entry, Event, Number};
use waxseal_log::keys::LogKeys;
use waxseal_log::receipt::{Contradiction, Expected, Receipt, Role, Told};

use crate::records::LastReceiptRecord;

/// The last receipt that took back nothing of the receipts before it.
#[derive(Clone)]
pub struct KeptReceipt {
    number: Number,
    told: Told,
    record: LastReceiptRecord,
}

impl KeptReceipt {
    /// The number that the report, or the case about this account, has in the log.
    pub fn number(&self) -> Number {
        self.number
    }

    /// What the receipt told, with what contradicts within it.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// The encoded receipt. Together with a receipt that contradicts it, it is evidence against
    /// the provider. It shows what was decided, to anyone who reads it.
    pub fn bytes(&self) -> &[u8] {
        &self.record.receipt
    }

    /// Whether another receipt contradicted this one. The other one is not kept.
    pub fn is_contradicted(&self) -> bool {
        self.record.is_contradicted
    }

    /// The origin of the log.
    pub(super) fn origin(&self) -> &str {
        self.told.checkpoint.checkpoint().origin()
    }

    /// Whether the receipt shows the promised entry.
    pub(super) fn shows_arrival(&self) -> bool {
        self.told.received.is_some() || self.told.rejected.is_some()
    }

    /// Reads and verifies a kept receipt. `None` if the record is damaged.
    pub(super) fn of(record: &LastReceiptRecord, expected: Expected<'_>) -> Option<Self> {
        let keys: LogKeys = record.keys.parse().ok()?;
        let receipt = Receipt::decode(&record.receipt).ok()?;
        Some(Self {
            number: number_of(&receipt)?,
            told: receipt.verify(&keys, expected).ok()?,
            record: record.clone(),
        })
    }
}

impl std::fmt::Debug for KeptReceipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptReceipt")
            .field("is_contradicted", &self.is_contradicted())
            .finish_non_exhaustive()
    }
}

/// The number of what a receipt is about: for a reporter the report, for an account the case.
/// `None` if no entry has it, or if the receipt of an account has entries of several cases.
pub(super) fn number_of(receipt: &Receipt) -> Option<Number> {
    let mut entries = receipt.items.iter().map(|item| &item.entry);
    match receipt.role {
        Role::Reporter => {
            let about = entries.find(|entry| is_about_report(entry));
            about.map(|entry| entry.number)
        }
        Role::Account => {
            let number = entries.next()?.number;
            entries
                .all(|entry| entry.number == number)
                .then_some(number)
        }
    }
}

fn is_about_report(entry: &Entry) -> bool {
    matches!(
        entry.event,
        Event::ReportReceived
            | Event::ReportRejected { .. }
            | Event::ReportSorted { .. }
            | Event::ContentOpened { .. }
    )
}

/// Compares a receipt with the last one, and adds to `told` what contradicts. Returns the record to
/// write, or `None` if the one that is stored stays as it is.
pub(super) fn compare(
    told: &mut Told,
    receipt: &[u8],
    keys: &LogKeys,
    last: Option<&KeptReceipt>,
) -> Option<LastReceiptRecord> {
    let new = |is_contradicted| LastReceiptRecord {
        receipt: receipt.to_vec(),
        keys: keys.to_string(),
        is_contradicted,
    };
    let Some(last) = last else {
        return Some(new(false));
    };
    let is_older = told.checkpoint.size() < last.told.checkpoint.size();
    let found = match is_older {
        true => last.told.contradicts(told),
        false => told.contradicts(&last.told),
    };
    let agrees = found.is_empty();
    if is_older {
        told.contradictions.push(Contradiction::OlderCheckpoint);
    }
    told.contradictions.extend(found);
    match (agrees, is_older) {
        (true, false) => Some(new(last.is_contradicted())),
        (true, true) => None,
        // The last receipt stays: the next ones are compared with it, and it is evidence.
        (false, _) => (!last.is_contradicted()).then(|| LastReceiptRecord {
            is_contradicted: true,
            ..last.record.clone()
        }),
    }
}
