//! Verifies a receipt: its checkpoint, and that all it shows is in the log.

use crate::entry::{Event, Number};
use crate::keys::LogKeys;
use crate::proof::verify_inclusion;

use super::shown::Shown;
use super::{Expected, Receipt, ReceiptError, Role, Told};

impl Receipt {
    /// Verifies the receipt, and says what it tells its reader.
    ///
    /// # Errors
    /// [`ReceiptError`] if the receipt shows nothing: it is for another reader, its checkpoint is
    /// not verified, or something in it is not in the log. What the log itself gets wrong is in
    /// [`Told::contradictions`].
    pub fn verify(&self, keys: &LogKeys, expected: Expected<'_>) -> Result<Told, ReceiptError> {
        let role = match expected {
            Expected::Report { .. } => Role::Reporter,
            Expected::Account { .. } => Role::Account,
        };
        // CHK-156: the receipt is for this kind of reader.
        if self.role != role {
            return Err(ReceiptError::OtherRole);
        }
        let checkpoint = keys.verify(&self.checkpoint)?;
        for item in &self.items {
            let (index, leaf) = (item.index, item.entry.leaf_hash());
            // CHK-154: every entry is in the tree of the checkpoint, at its index.
            verify_inclusion(
                &leaf,
                index,
                checkpoint.size(),
                checkpoint.root(),
                &item.proof,
            )
            .map_err(|_| ReceiptError::NotIncluded { index })?;
            // CHK-155: a detail is the one whose digest the entry holds.
            if item
                .detail
                .as_ref()
                .is_some_and(|detail| !item.entry.is_about(detail))
            {
                return Err(ReceiptError::OtherDetail { index });
            }
            // CHK-156: the entry is of a kind that the reader gets, and of no other report.
            if !is_for(&item.entry.event, item.entry.number, expected) {
                return Err(ReceiptError::ForeignEntry { index });
            }
        }
        Shown::new(checkpoint, expected).walk(&self.items)
    }
}

/// Whether the receipt for this reader may hold an entry with this event and number.
fn is_for(event: &Event, number: Number, expected: Expected<'_>) -> bool {
    match event {
        Event::ReportReceived
        | Event::ReportRejected { .. }
        | Event::ReportSorted { .. }
        | Event::ContentOpened { .. } => {
            matches!(expected, Expected::Report { promise } if promise.number == number)
        }
        Event::Decision { .. }
        | Event::NoticeSent { .. }
        | Event::AppealFiled { .. }
        | Event::AppealDecided { .. }
        | Event::ContentErased => true,
        _ => false,
    }
}
