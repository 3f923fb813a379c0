//! Receipts: a file that shows its reader what was done with a report, or decided about an account.
//!
//! A receipt holds entries of the log with inclusion proofs. Its reader verifies it offline, with
//! the keys of the log and what the reader already knows: the promise for the report, or the name
//! of the account. [`Told`] says what the receipt shows, and what is missing or contradicts.
//!
//! ```text
//! promise ──► verify ──► PromisedReport ─┐
//!                                        ├─► Receipt::verify ──► Told
//! receipt ──► decode ────────────────────┘
//! ```

mod compare;
mod shown;
mod told;
mod verify;

use core::fmt;

use crate::checkpoint::CheckpointError;
use crate::codec::{Reader, put_medium, put_short};
use crate::entry::{Detail, Entry, Event};
use crate::limits::{MAX_RECEIPT_ITEMS, MAX_RECEIPT_LEN};
use crate::link::{Link, read_hashes};
use crate::merkle::TreeHash;
use crate::note::Note;

pub use told::{Contradiction, Expected, Told, ToldAppeal, ToldDecision};

/// Whom a receipt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The reporter: sees the entries of one report, and those of its case from the decision on.
    Reporter,
    /// The account that was decided against: sees decisions, notices and appeals, and no reports.
    Account,
}

impl Role {
    /// The number in a receipt, 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Self::Reporter => 1,
            Self::Account => 2,
        }
    }

    /// The role with a number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Reporter, Self::Account]
            .into_iter()
            .find(|role| role.number() == number)
    }
}

/// One entry in a receipt.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Index of the entry in the log.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// Inclusion proof of the entry in the tree of the receipt's checkpoint.
    pub proof: Vec<TreeHash>,
    /// What the entry is about, if the reader may see it.
    pub detail: Option<Detail>,
    /// For a decision with its detail: shows that it is about the reader.
    pub link: Option<Link>,
}

impl Item {
    /// Whether an item like this has a link: only a decision whose detail is shown has one.
    fn has_link(&self) -> bool {
        matches!(self.entry.event, Event::Decision { .. }) && self.detail.is_some()
    }
}

/// A receipt. It is not verified.
///
/// ```text
/// 01 || role u8 || medium(checkpoint note) || count be16 || count x item || links
/// item    = index be64 || short(entry) || count u8 || count x hash 32
///           || 00, or 01 || salt 32 || medium(detail)
/// links   = one for each decision with its detail, in the order of the items
/// link    = salt 32 || index be32 || count u8 || count x hash 32      for a reporter
///           salt 32                                                   for an account
/// ```
///
/// At most [`MAX_RECEIPT_LEN`] bytes and [`MAX_RECEIPT_ITEMS`] items, in ascending order of their
/// indices.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whom the receipt is for.
    pub role: Role,
    /// The checkpoint against which the entries are proven: a signed note.
    pub checkpoint: Note,
    /// The entries, in ascending order of their indices.
    pub items: Vec<Item>,
}

impl Receipt {
    /// Encodes the receipt. `None` if it would be too large, or would not decode again: its items
    /// do not ascend, or a link is missing, is there without a decision, or is for the other role.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = vec![1, self.role.number()];
        put_medium(&mut out, &self.checkpoint.encode());
        out.extend_from_slice(&u16::try_from(self.items.len()).ok()?.to_be_bytes());
        let mut links = Vec::new();
        for item in &self.items {
            out.extend_from_slice(&item.index.to_be_bytes());
            put_short(&mut out, &item.entry.encode());
            out.push(u8::try_from(item.proof.len()).ok()?);
            item.proof
                .iter()
                .for_each(|hash| out.extend_from_slice(hash.as_bytes()));
            match &item.detail {
                None => out.push(0),
                Some(detail) => {
                    out.push(1);
                    out.extend_from_slice(detail.salt());
                    put_medium(&mut out, detail.bytes());
                }
            }
            if let Some(link) = &item.link {
                link.encode_to(&mut links);
            }
        }
        out.extend_from_slice(&links);
        // What this function writes, `decode` reads: the one place that knows the rules.
        let reads_back = Self::decode(&out).is_ok_and(|decoded| decoded == *self);
        reads_back.then_some(out)
    }

    /// Decodes a receipt.
    ///
    /// # Errors
    /// [`ReceiptError::TooLong`], [`UnknownVersion`](ReceiptError::UnknownVersion) or
    /// [`Malformed`](ReceiptError::Malformed).
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        // CHK-153: a receipt has its bounds, its version and its form.
        if bytes.len() > MAX_RECEIPT_LEN {
            return Err(ReceiptError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(1) {
            return Err(ReceiptError::UnknownVersion);
        }
        Self::read(reader).ok_or(ReceiptError::Malformed)
    }

    fn read(mut reader: Reader<'_>) -> Option<Self> {
        let role = Role::from_number(reader.u8()?)?;
        let checkpoint = Note::decode(reader.medium()?).ok()?;
        let count = usize::from(reader.u16()?);
        if count > MAX_RECEIPT_ITEMS {
            return None;
        }
        let mut items: Vec<Item> = Vec::new();
        for _ in 0..count {
            let item = read_item(&mut reader)?;
            if items.last().is_some_and(|last| last.index >= item.index) {
                return None;
            }
            items.push(item);
        }
        for item in items.iter_mut().filter(|item| item.has_link()) {
            item.link = Some(match role {
                Role::Reporter => Link::read_report(&mut reader)?,
                Role::Account => Link::read_account(&mut reader)?,
            });
        }
        reader.finish()?;
        Some(Self {
            role,
            checkpoint,
            items,
        })
    }
}

/// Reads an item, without its link.
fn read_item(reader: &mut Reader<'_>) -> Option<Item> {
    let index = reader.u64()?;
    let entry = Entry::decode(reader.short()?).ok()?;
    let proof = read_hashes(reader)?;
    let detail = match reader.u8()? {
        0 => None,
        1 => {
            let salt = reader.array()?;
            Some(Detail::from_parts(salt, reader.medium()?.to_vec()).ok()?)
        }
        _ => return None,
    };
    Some(Item {
        index,
        entry,
        proof,
        detail,
        link: None,
    })
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Receipt");
        out.field("role", &self.role)
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// Why a receipt shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The receipt is longer than any receipt. Ask the provider for another one.
    #[error("the receipt is too long")]
    TooLong,
    /// A later version wrote it. Update this software.
    #[error("unknown version of a receipt")]
    UnknownVersion,
    /// The bytes are no receipt. Ask the provider for another one.
    #[error("the receipt is malformed")]
    Malformed,
    /// The receipt is for the other role. Open it with a promise, or with an account.
    #[error("the receipt is for another kind of reader")]
    OtherRole,
    /// The checkpoint is not signed by all whose keys are pinned. Compare the keys; if they are
    /// right, ask the provider for another receipt.
    #[error("the receipt's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The entry at this index is not in the log of the checkpoint. Ask for another receipt.
    #[error("entry {index} is not in the log")]
    NotIncluded {
        /// Index that the receipt gives the entry.
        index: u64,
    },
    /// The detail is not the one that the log holds. Ask for another receipt.
    #[error("the detail of entry {index} is not the one in the log")]
    OtherDetail {
        /// Index of the entry.
        index: u64,
    },
    /// The entry is of a kind that no reader in this role gets, or of another report. Ask for
    /// another receipt.
    #[error("entry {index} is not for this reader")]
    ForeignEntry {
        /// Index of the entry.
        index: u64,
    },
}

#[cfg(test)]
mod tests;
