//! What did not open: noted when it arrives, so that its author can be asked for it.

use std::collections::btree_map::Entry;

use waxseal_reporting::AccountId;

use super::receive::{Arrival, Batch, Noted};
use super::{Client, keys};
use crate::error::StateError;
use crate::records::{self, ConversationRecord, UnopenedRecord, UpkeepRecord};
use crate::store::Store;

/// Maximum number of deliveries of one accepted peer that are noted because they did not open. More
/// than the reference relay keeps for one sender.
pub(super) const MAX_UNOPENED: usize = 2_000;

/// Maximum number of deliveries that are noted of a peer which is not accepted: as many as the
/// messages of a [request](super::MAX_REQUEST_MESSAGES).
pub(super) const MAX_UNOPENED_OF_STRANGER: usize = 32;

/// How often a message that was sealed again is asked for once more: as often as an honest author
/// seals it again.
const MAX_AGAIN: u32 = 3;

/// Number of accounts to which something is still to be said from which on nothing is noted of
/// further strangers, who could otherwise fill the store. Accepted peers are not affected.
const MAX_UPKEEPS: usize = 4_096;

/// Maximum number of accounts without a contact among them: four for each request. Each has a
/// roster of up to 1,867 bytes, and deliveries that did not open.
const MAX_STRANGERS: usize = 512;

/// Whether the user accepted the peer.
pub(super) fn is_accepted(conversation: &ConversationRecord) -> bool {
    conversation.has_accepted()
}

impl<S: Store> Client<S> {
    /// Whether the user accepted the account. The own account is.
    pub(super) fn is_accepted(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let conversation = self.numbering(&account.into())?;
        Ok(*account == self.me.account || conversation.is_some_and(|one| is_accepted(&one)))
    }

    /// Whether the user accepted the account, as the batch will write it. The own account is, and
    /// one that another device accepted, before that is carried out here.
    pub(super) fn is_accepted_in(&self, batch: &Batch, account: &AccountId) -> bool {
        let peer = batch.peer(account);
        *account == self.me.account || peer.is_some_and(|peer| is_accepted(&peer.conversation))
    }

    /// Notes a delivery that did not open. The provider vouches for sender and tag.
    pub(super) fn note_unopened(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
    ) -> Result<(), StateError<S::Error>> {
        let (from, id) = (&arrival.sender.account, &arrival.id);
        let accepted_ms = arrival.accepted_ms;
        let (key, name) = (keys::unopened(from, id), (from.clone(), *id.as_bytes()));
        let noted: Option<UnopenedRecord> = match batch.unopened.get(&name) {
            Some(noted) => Some(noted.clone()),
            None => self.readable(&key)?,
        };
        if let Some(mut noted) = noted {
            // Its author sealed it again or posted it twice, and it did not open again. A refusal
            // always names the newest delivery, because its author ignores any other.
            if accepted_ms > noted.accepted_ms {
                if noted.first_ms == 0 {
                    noted.first_ms = noted.accepted_ms;
                }
                noted.accepted_ms = accepted_ms;
                if noted.again < MAX_AGAIN {
                    noted.again = noted.again.saturating_add(1);
                    (noted.refusals, noted.refused_ms) = (0, 0);
                }
                batch.transaction.put_record(key, &noted);
                batch.unopened.insert(name, noted);
                self.upkeep_in(batch, from)?;
            }
            return Ok(());
        }
        // The user accepted to be in the group with its members, and with nobody else whom the
        // provider may name.
        let is_fellow = match &arrival.group {
            Some(group) => self.is_or_was_member(group, from)?,
            None => false,
        };
        let is_accepted = is_fellow || self.is_accepted_in(batch, from);
        let max = match is_accepted {
            true => MAX_UNOPENED,
            false => MAX_UNOPENED_OF_STRANGER,
        };
        let of_one = batch.unopened.keys().filter(|(account, _)| account == from);
        let noted = self.count(&keys::all_unopened(from), max)?;
        if noted.saturating_add(of_one.count()) >= max {
            if is_accepted {
                self.upkeep_in(batch, from)?.give_up_unopened(accepted_ms);
            }
            return Ok(());
        }
        if !is_accepted && self.has_no_room_in(batch, from)? {
            return Ok(());
        }
        let is_stranger = batch.conversation(from).is_none() && !is_accepted;
        self.upkeep_in(batch, from)?.is_stranger |= is_stranger;
        let record = UnopenedRecord {
            id: id.as_bytes().to_vec(),
            accepted_ms,
            device: arrival.sender.device.0,
            group: arrival.conversation().to_record().1,
            ..UnopenedRecord::default()
        };
        batch.transaction.put_record(key, &record);
        batch.unopened.insert(name, record);
        Ok(())
    }

    /// Notes that a delivery was dropped unopened, which may have been of receipts. It is noted of
    /// accepted accounts only, and only while this device waits for receipts.
    pub(super) fn note_skipped(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        accepted_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        let is_accepted = self.is_accepted_in(batch, from);
        if is_accepted && (batch.upkeeps.contains_key(from) || self.has_upkeep(from)?) {
            self.upkeep_in(batch, from)?.give_up_unopened(accepted_ms);
        }
        Ok(())
    }

    /// Forgets that a message did not open, because it opened now.
    pub(super) fn forget_unopened(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
    ) -> Result<(), StateError<S::Error>> {
        let (from, id) = (&arrival.sender.account, &arrival.id);
        let in_batch = batch.unopened.remove(&(from.clone(), *id.as_bytes()));
        // Only an account with upkeep can have messages that did not open.
        if in_batch.is_some() || batch.upkeeps.contains_key(from) || self.has_upkeep(from)? {
            batch.transaction.delete(keys::unopened(from, id));
        }
        Ok(())
    }

    /// Notes that a newer roster of an account is needed. Of a stranger it is noted only while
    /// there is room.
    pub(super) fn note_roster_wanted(
        &self,
        batch: &mut Batch,
        account: &AccountId,
    ) -> Result<(), StateError<S::Error>> {
        let is_known = batch.conversation(account).is_some() || *account == self.me.account;
        if is_known || !self.has_no_room_in(batch, account)? {
            let upkeep = self.upkeep_in(batch, account)?;
            upkeep.wants_roster = true;
            upkeep.is_stranger |= !is_known;
        }
        Ok(())
    }

    /// Whether there are too many accounts already to note anything of another stranger. They are
    /// counted once for a batch.
    pub(super) fn has_no_room_in(
        &self,
        batch: &mut Batch,
        stranger: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        if batch.upkeeps.contains_key(stranger) || self.has_upkeep(stranger)? {
            return Ok(false);
        }
        let noted = match batch.noted.take() {
            Some(noted) => noted,
            None => self.noted()?,
        };
        // CHK-585: of at most 512 strangers anything is noted before a message of them opens.
        let in_batch = batch.upkeeps.iter().filter(|(account, record)| {
            record.is_stranger && !noted.strangers.contains(account.as_str())
        });
        let strangers = noted.strangers.len().saturating_add(in_batch.count());
        let is_full = strangers >= MAX_STRANGERS || noted.count >= MAX_UPKEEPS;
        batch.noted = Some(noted);
        Ok(is_full)
    }

    fn noted(&self) -> Result<Noted, StateError<S::Error>> {
        let page = self.page(&keys::upkeeps(), None, MAX_UPKEEPS, |_, bytes| {
            let record: UpkeepRecord = records::decode(bytes)?;
            Some((record.account, record.is_stranger))
        })?;
        let count = page.items.len();
        let names = page
            .items
            .into_iter()
            .filter(|(_, is_stranger)| *is_stranger);
        Ok(Noted {
            count,
            strangers: names.map(|(name, _)| name).collect(),
        })
    }

    /// The record that something is still to be said to an account, as the batch will write it.
    pub(super) fn upkeep_in<'b>(
        &self,
        batch: &'b mut Batch,
        account: &AccountId,
    ) -> Result<&'b mut UpkeepRecord, StateError<S::Error>> {
        Ok(match batch.upkeeps.entry(account.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.upkeep_or_new(account)?),
        })
    }

    /// The record that something is still to be said to an account, or a new one.
    pub(super) fn upkeep_or_new(
        &self,
        account: &AccountId,
    ) -> Result<UpkeepRecord, StateError<S::Error>> {
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(account))?;
        Ok(record.unwrap_or_else(|| UpkeepRecord {
            account: account.as_str().to_owned(),
            ..UpkeepRecord::default()
        }))
    }

    fn has_upkeep(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(account))?;
        Ok(record.is_some())
    }

    /// How many rows a table has, up to `max`.
    pub(super) fn count(
        &self,
        table: &crate::store::Table,
        max: usize,
    ) -> Result<usize, StateError<S::Error>> {
        let rows = self.store.list(table, None, max);
        Ok(rows.map_err(StateError::Store)?.len())
    }
}
