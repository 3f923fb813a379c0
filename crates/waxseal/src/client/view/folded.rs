//! Folded: what refers to one message, as its record has it.
//!
//! The record is the same whatever the order in which the messages arrive. Before the message that
//! they refer to is here, it holds what each author sent. Once the message is here, it holds what
//! counts.

use waxseal_reporting::fold::{Author, MAX_EDITS, Order, Reference, ReferenceKind, Role};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};

use crate::client::tag_of;
use crate::records::{EditsRecord, FoldRecord, RefersRecord};

/// Maximum number of authors whose edits or deletions of a message are kept while that message is
/// not here, and nobody knows whose count. Bounds what the members of a group make a device keep.
const MAX_AUTHORS: usize = 128;

/// Maximum number of accounts whose reactions to a message are kept: twice as many as a group has
/// members. Bounds what accounts that come and go make a device read for one message.
const MAX_REACTING: usize = 2_048;

/// A message that others refer to.
pub(super) struct Base {
    pub(super) id: FrankingTag,
    pub(super) role: Role,
    pub(super) author: Author,
}

impl RefersRecord {
    pub(super) fn author(&self) -> Option<Author> {
        let account = AccountId::new(&self.account).ok()?;
        Some(author_of(account, &self.account_key))
    }

    /// The place among the messages of the author. A record that cannot be read comes first.
    pub(super) fn order(&self) -> Order {
        Order {
            sent_at: Timestamp::from_millis(self.sent_ms),
            device: DeviceId(self.device),
            sequence: self.sequence,
            tag: tag_of(&self.id).unwrap_or(FrankingTag::from_bytes([0; 32])),
        }
    }

    /// Which of two deletions counts: the lower one.
    fn rank(&self) -> (bool, Order) {
        (self.from_removed_device, self.order())
    }

    pub(super) fn address(&self) -> Option<DeviceAddress> {
        let account = AccountId::new(&self.account).ok()?;
        Some(DeviceAddress::new(account, DeviceId(self.device)))
    }

    /// Whether two messages came of one account under one key, known or not.
    fn is_of_author(&self, other: &Self) -> bool {
        self.account == other.account && self.account_key == other.account_key
    }

    fn counts(&self, kind: ReferenceKind, base: &Base) -> bool {
        let reference = Reference { kind, to: base.id };
        let author = self.author();
        author.is_some_and(|by| reference.counts(&by, base.role, &base.author).is_ok())
    }
}

impl EditsRecord {
    fn is_of_author(&self, edit: &RefersRecord) -> bool {
        self.account == edit.account && self.account_key == edit.account_key
    }
}

/// An author, by what a record says of the account key.
pub(super) fn author_of(account: AccountId, account_key: &[u8]) -> Author {
    match account_key.try_into() {
        Ok(key) => Author::with_key(account, key),
        Err(_) => Author::new(account),
    }
}

impl FoldRecord {
    /// Adds a message that refers to the one of this record. It is `new` the first time.
    pub(super) fn add(&mut self, kind: ReferenceKind, one: RefersRecord, is_new: bool) {
        match kind {
            ReferenceKind::Edit => self.add_edit(one, is_new),
            ReferenceKind::Deletion => {
                // The first one of an author counts: a deletion is final. One of a device that was
                // removed counts if there is no other.
                add_first(&mut self.deletions, one);
            }
            ReferenceKind::Reaction => {
                self.reactions.retain(|other| other.ordinal != one.ordinal);
                let known = |other: &&mut RefersRecord| other.account == one.account;
                match self.reactions.iter_mut().find(known) {
                    Some(known) if known.order() < one.order() => *known = one,
                    Some(_) => {}
                    None => self.reactions.push(one),
                }
                // CHK-561: of reactions, the newest ones are kept.
                while self.reactions.len() > MAX_REACTING {
                    remove_least(&mut self.reactions);
                }
            }
            _ => {}
        }
    }

    fn add_edit(&mut self, one: RefersRecord, is_new: bool) {
        // CHK-561: the record is bounded, whatever is sent. It keeps the newest edits.
        if is_new {
            let mut counts = self.counts.iter_mut();
            match counts.find(|count| count.is_of_author(&one)) {
                Some(known) => known.count = known.count.saturating_add(1),
                None => self.counts.push(EditsRecord {
                    account: one.account.clone(),
                    account_key: one.account_key.clone(),
                    count: 1,
                }),
            }
        }
        self.edits.retain(|other| other.ordinal != one.ordinal);
        let added = one.clone();
        let of_author = |edit: &RefersRecord| edit.is_of_author(&added);
        self.edits.push(one);
        self.edits.sort_by_key(RefersRecord::order);
        let count = self.edits.iter().filter(|edit| of_author(edit)).count();
        if count > MAX_EDITS
            && let Some(oldest) = self.edits.iter().position(of_author)
        {
            self.edits.remove(oldest);
        }
        if self.counts.len() > MAX_AUTHORS {
            self.forget_oldest_author();
        }
    }

    /// Forgets the author whose newest edit is the oldest.
    fn forget_oldest_author(&mut self) {
        let newest_of = |count: &EditsRecord| {
            let mut edits = self.edits.iter().rev();
            let newest = edits.find(|edit| count.is_of_author(edit));
            newest.map(RefersRecord::order)
        };
        let Some(oldest) = self
            .counts
            .iter()
            .min_by_key(|count| newest_of(count))
            .cloned()
        else {
            return;
        };
        self.counts.retain(|count| *count != oldest);
        self.edits.retain(|edit| !oldest.is_of_author(edit));
    }

    /// Forgets what does not count for the message, which is here.
    pub(super) fn keep_counting(&mut self, base: &Base) {
        self.edits
            .retain(|edit| edit.counts(ReferenceKind::Edit, base));
        let is_kept = |count: &EditsRecord| {
            let mut one = RefersRecord::default();
            one.account.clone_from(&count.account);
            one.account_key.clone_from(&count.account_key);
            one.counts(ReferenceKind::Edit, base)
        };
        self.counts.retain(is_kept);
        self.deletions
            .retain(|one| one.counts(ReferenceKind::Deletion, base));
        self.reactions
            .retain(|one| one.counts(ReferenceKind::Reaction, base));
        // Those under the account key and those under an unknown one are of one author.
        let excess = self.edits.len().saturating_sub(MAX_EDITS);
        self.edits.drain(..excess);
    }

    /// Forgets the message with this ordinal, which is deleted alone.
    pub(super) fn remove(&mut self, kind: ReferenceKind, ordinal: u64, author: &Author) {
        let account_key = author.account_key.as_ref().map_or(&[][..], |key| key);
        let counts = self
            .counts
            .iter_mut()
            .filter(|_| kind == ReferenceKind::Edit);
        for count in counts {
            if count.account == author.account.as_str() && count.account_key == account_key {
                count.count = count.count.saturating_sub(1);
            }
        }
        self.counts.retain(|count| count.count > 0);
        for list in [&mut self.edits, &mut self.deletions, &mut self.reactions] {
            list.retain(|one| one.ordinal != ordinal);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.deletions.is_empty() && self.reactions.is_empty()
    }

    /// The deletion that counts.
    pub(super) fn deletion(&self) -> Option<&RefersRecord> {
        self.deletions.iter().min_by_key(|one| one.rank())
    }

    /// How many edits there were.
    pub(super) fn edit_count(&self) -> u32 {
        let counts = self.counts.iter().map(|count| count.count);
        counts.fold(0, u32::saturating_add)
    }
}

/// Adds a message to a list that keeps the first one of each author.
fn add_first(list: &mut Vec<RefersRecord>, one: RefersRecord) {
    list.retain(|other| other.ordinal != one.ordinal);
    match list.iter_mut().find(|other| other.is_of_author(&one)) {
        Some(known) if one.rank() < known.rank() => *known = one,
        Some(_) => {}
        None => list.push(one),
    }
    // CHK-561: of deletions, the first ones are kept.
    while list.len() > MAX_AUTHORS {
        let last = list.iter().max_by_key(|other| other.rank());
        let ordinal = last.map(|last| last.ordinal);
        list.retain(|other| Some(other.ordinal) != ordinal);
    }
}

fn remove_least(list: &mut Vec<RefersRecord>) {
    let least = list.iter().min_by_key(|one| one.order());
    let ordinal = least.map(|least| least.ordinal);
    list.retain(|one| Some(one.ordinal) != ordinal);
}

#[cfg(test)]
mod tests;
