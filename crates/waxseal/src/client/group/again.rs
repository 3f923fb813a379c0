//! What a device does for a group besides sending and receiving: it seals messages again, answers
//! devices from which it only receives, and destroys chains that are not used any more.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::{Group, GroupStanding};
use crate::client::again::again_device;
use crate::client::outbox::waiting_sent;
use crate::client::send::Outgoing;
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::{SendError, StateError};
use crate::records::{self, GroupRecord, IndexRecord, MessageRecord, OutboxRecord, OwnSentRecord};
use crate::store::{Cursor, Store, Transaction};

/// How long a device only receives keys of chains from a device of a peer: seven days.
const TOUCH_MS: u64 = 7 * 24 * 3_600_000;

/// How long it does after many keys: one day.
const SOON_MS: u64 = 24 * 3_600_000;

/// How many keys are many. In a group where each message renews its chain, they are as many
/// messages, and without an answer none of them brings the sessions a new key.
const MANY_KEYS: u32 = 50;

/// How often it is looked for chains that are not used any more: once a day.
const TIDY_MS: u64 = 24 * 3_600_000;

/// How long after a member was removed its chains are kept, for what is on its way: seven days.
const FORMER_MS: u64 = 7 * 24 * 3_600_000;

/// Groups that are read at once.
const GROUPS_AT_ONCE: usize = 16;

/// Entries of the outbox that are read at once: each can be long.
const ENTRIES_AT_ONCE: usize = 8;

impl<S: Store> Client<S> {
    /// Whether a message of this device to a group may be sealed again for a device of an account.
    pub(in crate::client) fn may_have_again(
        &self,
        id: &GroupId,
        account: &AccountId,
        identity: &[u8; 64],
        tag: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(group) = self.take_group(id)? else {
            return Ok(false);
        };
        // CHK-457: a message is sealed again for a device that it was for, of an account that is a
        // member under the same account key. Who left answers, too: else a device that cannot open
        // the good-bye would go on taking this account for a member.
        let is_left = group.standing() == GroupStanding::Left;
        let log = group.log.as_deref().filter(|_| is_left);
        let state = group.sendable().or(log).map(|log| log.state());
        let member = state.and_then(|state| state.member(account.as_str()));
        let named = member.map(|member| member.account_key().to_bytes());
        let pinned = match self.pinned_roster(account) {
            Err(StateError::Damaged(_)) => None,
            pinned => pinned?,
        };
        let pinned = pinned.map(|(roster, _)| roster.account_key().to_bytes());
        if named.is_none() || named != pinned || group.is_suspended(account) {
            return Ok(false);
        }
        let sent: Option<OwnSentRecord> = self.readable(&keys::own_sent(tag))?;
        let targets = sent.map(|sent| sent.targets).unwrap_or_default();
        self.was_target(id, &targets, identity)
    }

    /// Seals a message to a group again that is not in the outbox, although the provider did not
    /// accept it. `None` if it is not stored, or was confirmed.
    pub(in crate::client) fn send_again_in_group(
        &mut self,
        conversation: &Conversation,
        tag: &FrankingTag,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<FrankingTag>, SendError<S::Error>> {
        let id = conversation.group().ok_or(SendError::NoGroup)?;
        self.seal_stale(id, now, rng)?;
        self.run(|client| {
            let index = client.search(conversation, tag)?.unwrap_or_default();
            let Some(ordinal) = index.ordinal else {
                return Ok(None);
            };
            let message: Option<MessageRecord> =
                client.readable(&keys::message(conversation, ordinal))?;
            let Some(mut message) = message.filter(|one| waiting_sent(one).is_some()) else {
                return Ok(None);
            };
            let group = client.writable_group(id, true)?;
            let mut counters = client.counters()?;
            let number = counters.next_outbox;
            counters.next_outbox = number.checked_add(1).ok_or(SendError::NumbersUsedUp)?;
            let mut entry = OutboxRecord {
                ordinal: number,
                id: tag.as_bytes().to_vec(),
                ..OutboxRecord::default()
            };
            let index_now = IndexRecord {
                outbox: Some(number),
                ..index.clone()
            };
            let mut transaction = Transaction::default();
            transaction.put_record(keys::counters(), &counters);
            if let Some(before) = index.outbox {
                transaction.delete(keys::envelope(before));
            }
            message.not_delivered = 0;
            transaction.put_message(conversation, &message);
            client.put_index(&mut transaction, conversation, *tag, &index_now);
            let leave_out = client.left_out(&group)?;
            let sealed: Option<Outgoing> =
                client.seal_entry(&group, &mut entry, &leave_out, (now, rng), &mut transaction)?;
            Ok(sealed.map(|sealed| sealed.id))
        })
    }

    /// Has an account told the own roster, if a device of it gave this one a chain seven days ago,
    /// or one day ago and many since, and this device sealed nothing for it since. Returns whether
    /// nothing is to be kept in mind.
    ///
    /// Sessions recover from a theft of their state only if both sides send. In a direct
    /// conversation each device answers with receipts, and in a group nobody does.
    pub(in crate::client) fn touch_member(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        if *account == self.me.account {
            return Ok(true);
        }
        let time = self.roster_time(now)?;
        let due = self.look_at_peer(account, |peer| {
            let counting: Vec<_> = time
                .counting(peer.roster()?)
                .map(|entry| entry.id)
                .collect();
            let devices = peer.devices.iter();
            let counted =
                devices.filter(|(id, device)| counting.contains(&id.0) && device.can_send());
            let waiting = counted.map(|(_, device)| &device.record);
            let waiting = waiting.filter(|record| record.unanswered_ms != 0);
            let due = waiting.map(|record| {
                let age_ms = match record.unanswered_keys >= MANY_KEYS {
                    true => SOON_MS,
                    false => TOUCH_MS,
                };
                (record.unanswered_ms.saturating_add(age_ms), age_ms)
            });
            due.min()
        })?;
        let Some((due_ms, age_ms)) = due.flatten() else {
            return Ok(true);
        };
        if !self.is_fellow_now(account, upkeep)? {
            return Ok(true); // it is answered if it comes back
        }
        // CHK-458: an account is told once in seven days, or once a day, whatever its devices send.
        let unanswered_ms = due_ms.saturating_sub(age_ms);
        if since(unanswered_ms, now).is_none_or(|age| age < age_ms) {
            upkeep.again_at(due_ms);
            return Ok(false);
        }
        let mut record = self.upkeep_or_new(account)?;
        if !record.tells_roster {
            (record.tells_roster, record.told_ms) = (true, 0);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::upkeep(account), &record);
            self.commit(transaction)?;
            upkeep.again_at(now.as_millis());
        }
        Ok(false)
    }

    /// Whether the account is a member of a group that this account is in. All groups are read once
    /// for an upkeep.
    pub(in crate::client) fn is_fellow_now(
        &self,
        account: &AccountId,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let fellows = match upkeep.fellows.take() {
            Some(known) => known,
            None => self.fellow_members()?,
        };
        let is_fellow = fellows.contains(account);
        upkeep.fellows = Some(fellows);
        Ok(is_fellow)
    }

    /// The members of all groups that this account is in.
    pub(in crate::client) fn fellow_members(
        &self,
    ) -> Result<BTreeSet<AccountId>, StateError<S::Error>> {
        let (mut fellows, mut after): (_, Option<Cursor>) = (BTreeSet::new(), None);
        loop {
            let table = keys::groups();
            let page = self.page(&table, after.as_ref(), GROUPS_AT_ONCE, |_, bytes| {
                let record: GroupRecord = records::decode(bytes)?;
                // Of others, which anybody can make this device store, the log is not read.
                if !Group::may_send(&record) {
                    return Some(Vec::new());
                }
                let group = Group::of(record)?;
                let state = group.sendable().map(|log| log.state());
                let members = state.into_iter().flat_map(|state| state.members());
                let names = members.filter_map(|member| AccountId::new(member.account()).ok());
                Some(names.collect::<Vec<_>>())
            })?;
            fellows.extend(page.items.into_iter().flatten());
            after = page.next;
            if after.is_none() {
                return Ok(fellows);
            }
        }
    }

    /// Seals again what waits on chains that were left, and destroys chains that are not used any
    /// more.
    pub(in crate::client) fn attend_chains(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.look(|client| {
                client.page(
                    &keys::groups(),
                    after.as_ref(),
                    GROUPS_AT_ONCE,
                    |_, bytes| {
                        let group = Group::of(records::decode::<GroupRecord>(bytes)?)?;
                        Some((group.id, group.standing(), group.log.is_some()))
                    },
                )
            })?;
            for (id, standing, was_in) in &page.items {
                // Anybody can invite to any number of groups. That costs no more than their list.
                if !was_in {
                    continue;
                }
                if matches!(standing, GroupStanding::Member | GroupStanding::Left) {
                    match self.seal_stale(id, now, rng) {
                        Err(SendError::State(StateError::Damaged(_))) | Ok(()) => {}
                        Err(SendError::State(error)) => return Err(error),
                        Err(_) => {}
                    }
                }
                match self.seal_held_in_group(id, now, rng, upkeep) {
                    Err(StateError::Damaged(_)) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
                let tidied = self.run(|client| {
                    if client.drop_again_for_gone(id)? {
                        upkeep.again_at(now.as_millis()); // others may have it now
                    }
                    client.tidy_chains(id, now)
                });
                match tidied {
                    Err(StateError::Damaged(_)) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() || upkeep.is_full() {
                return Ok(());
            }
        }
    }

    /// Takes out of the outbox what was sealed again for devices that may not have it any more. The
    /// provider refuses it, and while it waits, nobody else gets the message again. Returns whether
    /// there was such a thing.
    fn drop_again_for_gone(&mut self, id: &GroupId) -> Result<bool, StateError<S::Error>> {
        let me = self.me.account.clone();
        let (mut after, mut is_dropped) = (None, false);
        loop {
            let page = self.entries(after, ENTRIES_AT_ONCE, |entry| {
                let is_again = entry.again_for.is_some() && entry.group == id.to_bytes();
                let device = again_device(entry, &me).filter(|_| is_again);
                Some((entry.ordinal, device.zip(tag_of(&entry.id))))
            })?;
            for (number, again) in page.items {
                let Some((device, tag)) = again else {
                    continue;
                };
                let entry = self.look_at_peer(&device.account, |peer| {
                    peer.entry(device.device).map(|entry| entry.identity)
                })?;
                let may_have = match entry.flatten() {
                    Some(identity) => self.may_have_again(id, &device.account, &identity, &tag)?,
                    None => false,
                };
                if may_have {
                    continue;
                }
                let mut transaction = Transaction::default();
                transaction.delete(keys::envelope(number));
                transaction.delete(keys::asked(&device.account, device.device, &tag));
                let conversation = &Conversation::from(id);
                let index = self.index(conversation, &tag)?;
                if let Some(mut index) = index.filter(|index| index.outbox == Some(number)) {
                    index.outbox = None;
                    self.put_index(&mut transaction, conversation, tag, &index);
                }
                self.commit(transaction)?;
                is_dropped = true;
            }
            after = page.next;
            if after.is_none() {
                return Ok(is_dropped);
            }
        }
    }

    /// Destroys the chains of devices of accounts that are no members any more, and the own one if
    /// this account is none.
    fn tidy_chains(&mut self, id: &GroupId, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let Some(group) = self.take_group(id)? else {
            return Ok(());
        };
        let mut sending = self.take_sending(id)?;
        let is_in = matches!(
            group.standing(),
            GroupStanding::Member | GroupStanding::Suspended | GroupStanding::New
        );
        let is_in = is_in || self.first_waiting(id, |_| true)?.is_some();
        let mut transaction = Transaction::default();
        let tidied_ms = sending.record.tidied_ms;
        let is_tidy = since(tidied_ms, now).is_some_and(|age| tidied_ms != 0 && age < TIDY_MS);
        if is_tidy && is_in {
            return Ok(());
        }
        if !is_in {
            if sending.chain.is_none() && is_tidy {
                return Ok(());
            }
            self.delete_own_chain(id, &mut transaction)?;
            sending = self.take_sending(id)?;
            sending.record.state.clear();
            sending.record.is_left = true;
            sending.forget_pending();
        }
        let mut after = None;
        loop {
            after = self.delete_peer_chains(id, after.as_ref(), &mut transaction, |device| {
                is_over(&group, &device.account, is_in, now)
            })?;
            if after.is_none() {
                break;
            }
        }
        sending.record.tidied_ms = now.as_millis().max(1);
        transaction.put_record(keys::own_chain(id), &sending.record);
        self.commit(transaction)
    }
}

/// Whether nothing that a device of this account sealed is still to come.
fn is_over(group: &Group, account: &AccountId, is_in: bool, now: Timestamp) -> bool {
    let state = group.log.as_ref().map(|log| log.state());
    if is_in && state.is_some_and(|state| state.is_member(account.as_str())) {
        return false;
    }
    let mut former = group.record.former.iter().rev();
    let removed = former.find(|one| one.account == account.as_str());
    let removed_ms = removed.map_or(0, |one| one.removed_ms);
    since(removed_ms, now).is_some_and(|age| age >= FORMER_MS)
}
