//! What waits for the provider in a group. It is sealed again when this device left its chain.

use rand_core::CryptoRng;
use waxseal_reporting::sender::{GroupFanout, GroupSlot, SentMessage};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::group::GroupId;

use super::Group;
use super::seal::InGroup;
use crate::client::outbox::waiting_sent;
use crate::client::send::Outgoing;
use crate::client::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::{SendError, StateError};
use crate::records::{MessageRecord, OutboxRecord, OwnChainRecord};
use crate::store::{Store, Transaction};

/// Entries of the outbox that are read at once: each can be long.
const ENTRIES_AT_ONCE: usize = 8;

impl<S: Store> Client<S> {
    /// What is posted of an entry of the outbox. `None` if it cannot be read, or if it is to be
    /// sealed again first.
    pub(in crate::client) fn outgoing_in_group(
        &self,
        id: &GroupId,
        entry: &OutboxRecord,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, StateError<S::Error>> {
        let Ok(fanout) = GroupFanout::decode(&entry.envelope) else {
            return Ok(None);
        };
        if !self.is_on_chain(id, entry.chain, now)? {
            return Ok(None);
        }
        let without = entry.without.iter().filter_map(|one| {
            let account = AccountId::new(&one.account).ok()?;
            Some(DeviceAddress::new(account, DeviceId(one.device)))
        });
        Ok(Some(self.posted_in_group(
            id,
            &fanout,
            without.collect(),
            now,
        )))
    }

    /// The number of the first entry of the outbox of a group that waits for the provider and for
    /// which `is_it` says so.
    pub(in crate::client) fn first_waiting(
        &self,
        id: &GroupId,
        is_it: impl Fn(&OutboxRecord) -> bool,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.entries(after, ENTRIES_AT_ONCE, |entry| {
                let is_first = entry.again_for.is_none() && entry.group == id.to_bytes();
                Some((entry.ordinal, is_first && is_it(entry)))
            })?;
            let mut items = page.items.into_iter();
            if let Some((number, _)) = items.find(|(_, is_it)| *is_it) {
                return Ok(Some(number));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Seals again what waits for the provider on a chain that was left, each message in a
    /// transaction of its own.
    pub(in crate::client) fn seal_stale(
        &mut self,
        id: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), SendError<S::Error>> {
        let mut last = None;
        loop {
            let sealed = self.run(|client| client.seal_first_stale(id, last, now, rng))?;
            // Each has a higher number than the one before, so the loop ends.
            match sealed {
                Some(number) => last = Some(number),
                None => return Ok(()),
            }
        }
    }

    fn seal_first_stale(
        &mut self,
        id: &GroupId,
        after: Option<u64>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<u64>, SendError<S::Error>> {
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(id))?;
        let number = record.map(|record| record.number);
        let is_present = match number {
            Some(number) => self.is_on_chain(id, number, now)?,
            None => false,
        };
        let ready = self.ready_groups().zip(number.filter(|_| is_present));
        if ready.is_some_and(|(ready, number)| ready.are_all_on(id, number)) {
            return Ok(None);
        }
        let stale = self.first_waiting(id, |entry| {
            let is_later = after.is_none_or(|after| entry.ordinal > after);
            is_later && !(is_present && Some(entry.chain) == number)
        })?;
        let Some(stale) = stale else {
            if let Some((ready, number)) = ready.filter(|_| after.is_none()) {
                ready.note_all_on(id, number);
            }
            return Ok(None);
        };
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(stale))?;
        let Some(mut entry) = entry else {
            return Ok(Some(stale));
        };
        let group = self.writable_group(id, true)?;
        let leave_out = self.left_out(&group)?;
        let mut transaction = Transaction::default();
        let sealed =
            self.seal_entry(&group, &mut entry, &leave_out, (now, rng), &mut transaction)?;
        if sealed.is_none() {
            self.drop_unsealable(id, &entry)?;
        }
        Ok(Some(stale))
    }

    /// Takes an entry out of the outbox that is on a chain that was left, and whose message was
    /// deleted or is damaged. It is never posted, and while it waits, no other chain begins.
    fn drop_unsealable(
        &mut self,
        id: &GroupId,
        entry: &OutboxRecord,
    ) -> Result<(), StateError<S::Error>> {
        let mut transaction = Transaction::default();
        transaction.delete(keys::envelope(entry.ordinal));
        if let Some(tag) = tag_of(&entry.id) {
            let to = &Conversation::from(id);
            let index = self.index(to, &tag)?;
            if let Some(mut index) = index.filter(|index| index.outbox == Some(entry.ordinal)) {
                index.outbox = None;
                self.put_index(&mut transaction, to, tag, &index);
            }
        }
        self.commit(transaction)
    }

    /// Seals the message of an entry again, under its tag, and commits. Returns what is posted.
    pub(in crate::client) fn seal_entry(
        &mut self,
        group: &Group,
        entry: &mut OutboxRecord,
        leave_out: &[AccountId],
        (now, rng): (Timestamp, &mut impl CryptoRng),
        transaction: &mut Transaction,
    ) -> Result<Option<Outgoing>, SendError<S::Error>> {
        let Some(sent) = self.sent_of(&group.id, entry)? else {
            return Ok(None); // its message was deleted or is damaged
        };
        let sealed = self.seal_in_group(group, &sent, leave_out, (now, rng), transaction)?;
        let outgoing = self.put_again(group, entry, sealed, now, transaction)?;
        Ok(Some(outgoing))
    }

    /// Writes an entry whose message was sealed again, and commits.
    pub(in crate::client) fn put_again(
        &mut self,
        group: &Group,
        entry: &mut OutboxRecord,
        sealed: InGroup,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<Outgoing, StateError<S::Error>> {
        sealed.fill(group, entry);
        entry.sealed_ms = now.as_millis();
        let tag = *sealed.fanout.tag();
        let mut numbering = self.group_numbering(&group.id)?;
        numbering.last_chain = numbering.last_chain.max(sealed.chain());
        let key = keys::conversation(&group.id.into());
        transaction.put_record(key, &numbering);
        transaction.put_record(keys::own_sent(&tag), &sealed.own_sent(group));
        transaction.put_record(keys::envelope(entry.ordinal), entry);
        self.commit(std::mem::take(transaction))?;
        Ok(self.keep_sealed(&group.id, sealed, now))
    }

    /// The message of an entry that waits for the provider.
    pub(in crate::client) fn sent_of(
        &self,
        id: &GroupId,
        entry: &OutboxRecord,
    ) -> Result<Option<SentMessage>, StateError<S::Error>> {
        let Some(tag) = tag_of(&entry.id) else {
            return Ok(None);
        };
        let to = &Conversation::from(id);
        let index = self.search(to, &tag)?.unwrap_or_default();
        let Some(ordinal) = index.ordinal else {
            return Ok(None);
        };
        let message: Option<MessageRecord> = self.readable(&keys::message(to, ordinal))?;
        let sent = message.as_ref().and_then(waiting_sent);
        Ok(sent.filter(|sent| *sent.tag() == tag))
    }

    /// Notes that a message to a group is given up before the provider accepted it. Devices that
    /// were to get the chain with it did not, so the next message begins another one.
    pub(in crate::client) fn note_given_up(
        &self,
        conversation: &Conversation,
        number: Option<u64>,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let (Some(id), Some(number)) = (conversation.group(), number) else {
            return Ok(());
        };
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        // CHK-448: a message with key slots that is given up ends the chain.
        match entry {
            Some(entry) if entry.again_for.is_some() || !gives_chain(&entry) => Ok(()),
            _ => self.leave_chain(id, transaction),
        }
    }
}

/// Whether the receipt of the message of an entry is of an earlier posting, from before it was
/// sealed again: what it gives then came to nobody.
pub(super) fn is_of_before(entry: &OutboxRecord, accepted_ms: u64) -> bool {
    accepted_ms < entry.sealed_ms
}

/// Whether the message of an entry gives the chain to a device.
pub(super) fn gives_chain(entry: &OutboxRecord) -> bool {
    let fanout = GroupFanout::decode(&entry.envelope);
    fanout.map_or(true, |fanout| {
        let mut slots = fanout.slots().iter();
        slots.any(|slot| matches!(slot, GroupSlot::Key(_)))
    })
}
