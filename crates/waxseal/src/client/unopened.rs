//! What did not open: noted when it arrives, so that its author can be asked for it.

use std::collections::btree_map::Entry;

use waxseal_core::IdentityKey;
use waxseal_reporting::{AccountId, FrankingTag};

use super::receive::Batch;
use super::{Client, keys};
use crate::error::StateError;
use crate::records::{ConversationRecord, UnopenedRecord, UpkeepRecord};
use crate::store::Store;

/// Maximum number of deliveries of one accepted peer that are noted because they did not open. More
/// than the reference relay keeps for one sender.
pub(super) const MAX_UNOPENED: usize = 2_000;

/// Maximum number of deliveries that are noted of a peer which is not accepted: what one refusal
/// can name.
pub(super) const MAX_UNOPENED_OF_STRANGER: usize = 64;

/// How often a message that was sealed again is asked for once more: as often as an honest author
/// seals it again.
const MAX_AGAIN: u32 = 3;

/// Number of accounts to which something is still to be said from which on nothing is noted of
/// further strangers, who could otherwise fill the store. Accepted peers are not affected.
const MAX_UPKEEPS: usize = 4_096;

/// Whether the user accepted the peer. A store of an earlier version says so only by the messages
/// that were sent.
pub(super) fn is_accepted(conversation: &ConversationRecord) -> bool {
    let has_written = conversation.next_sequence > 0 && !conversation.is_sequence_guessed;
    conversation.is_accepted || has_written
}

impl<S: Store> Client<S> {
    /// Notes a delivery that did not open. `claimed` is the identity that the message names, if it
    /// names one. The provider vouches for account and tag.
    pub(super) fn note_unopened(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        id: &FrankingTag,
        accepted_ms: u64,
        claimed: Option<&IdentityKey>,
    ) -> Result<(), StateError<S::Error>> {
        let (key, name) = (keys::unopened(from, id), (from.clone(), *id.as_bytes()));
        let noted: Option<UnopenedRecord> = match batch.unopened.get(&name) {
            Some(noted) => Some(noted.clone()),
            None => self.readable(&key)?,
        };
        if let Some(mut noted) = noted {
            // Its author sealed it again or posted it twice, and it did not open again. A refusal
            // always names the newest delivery, because its author ignores any other.
            if accepted_ms > noted.accepted_ms {
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
        let is_accepted = batch.conversation(from).is_some_and(is_accepted);
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
        if !is_accepted && self.has_no_room_for(batch, from)? {
            return Ok(());
        }
        let upkeep = self.upkeep_in(batch, from)?;
        if let Some(claimed) = claimed {
            upkeep.identity = claimed.to_bytes().to_vec();
        }
        let record = UnopenedRecord {
            id: id.as_bytes().to_vec(),
            accepted_ms,
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
        let is_accepted = batch.conversation(from).is_some_and(is_accepted);
        if is_accepted && (batch.upkeeps.contains_key(from) || self.has_upkeep(from)?) {
            self.upkeep_in(batch, from)?.give_up_unopened(accepted_ms);
        }
        Ok(())
    }

    /// Forgets that a message did not open, because it opened now.
    pub(super) fn forget_unopened(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        let in_batch = batch.unopened.remove(&(from.clone(), *id.as_bytes()));
        // Only an account with upkeep can have messages that did not open.
        if in_batch.is_some() || batch.upkeeps.contains_key(from) || self.has_upkeep(from)? {
            batch.transaction.delete(keys::unopened(from, id));
        }
        Ok(())
    }

    /// Whether there are too many accounts already to note anything of another stranger.
    fn has_no_room_for(
        &self,
        batch: &Batch,
        stranger: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        if batch.upkeeps.contains_key(stranger) || self.has_upkeep(stranger)? {
            return Ok(false);
        }
        Ok(self.count(&keys::upkeeps(), MAX_UPKEEPS)? >= MAX_UPKEEPS)
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
