//! Retargeting in a group: the provider says that its state or its devices are others, and the
//! message is sealed for those.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;
use waxseal_reporting::sender::{GroupFanout, GroupSlot, SentMessage};
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::RosterVersion;
use waxseal_roster::group::GroupId;

use super::Group;
use super::news::GroupNews;
use super::seal::{InGroup, claim_of};
use super::slots::Sessions;
use super::waiting::gives_chain;
use crate::channel::KeySlots as _;
use crate::client::notices::Kind;
use crate::client::retarget::MAX_ROUNDS;
use crate::client::send::Outgoing;
use crate::client::{Client, keys};
use crate::error::{RetargetError, SendError, StateError};
use crate::records::OutboxRecord;
use crate::store::{Store, Transaction};

/// Maximum number of rosters, and of accounts that left, that are looked at: more than a group has
/// members.
const MAX_NAMED: usize = 1_024;

/// Rosters that are taken at once.
const ROSTERS_AT_ONCE: usize = 64;

/// What the provider answers to a message to a group that was not sealed for its newest state, or
/// for exactly the devices of its members. Pass it to [`Client::retarget_in_group`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMismatch {
    /// What happened in the group after the version of the message.
    pub news: GroupNews,
    /// Which roster of each member the provider goes by: account, epoch, version.
    pub rosters: Vec<(AccountId, u32, u32)>,
    /// Members that left, in the order in which they left, and that are not removed yet.
    pub left: Vec<AccountId>,
}

impl<S: Store> Client<S> {
    /// The members of which the provider goes by another roster than this device. Fetch their
    /// rosters before [`retarget_in_group`](Self::retarget_in_group).
    pub fn lacking_rosters(
        &self,
        mismatch: &GroupMismatch,
    ) -> Result<Vec<AccountId>, StateError<S::Error>> {
        self.look(|client| {
            let mut lacking = Vec::new();
            for (account, epoch, version) in mismatch.rosters.iter().take(MAX_NAMED) {
                let named = RosterVersion {
                    epoch: *epoch,
                    version: *version,
                };
                let known = match client.pinned_roster(account) {
                    Err(StateError::Damaged(_)) => None,
                    known => known?,
                };
                if known.is_none_or(|(roster, _)| roster.stamp() < named) {
                    lacking.push(account.clone());
                }
            }
            Ok(lacking)
        })
    }

    /// Seals a message of the outbox for the newest state of its group and the devices that it is
    /// for now, after the provider answered that they are others. Takes the news of the answer, and
    /// `rosters` of members, see [`lacking_rosters`](Self::lacking_rosters). Returns the same
    /// message, to post again.
    ///
    /// The provider has stamped nothing. The message keeps its identifier. Devices with which there
    /// is no session get no key: [`missing`](Self::missing) names them, and
    /// [`complete`](Self::complete) seals for them.
    ///
    /// # Errors
    /// [`RetargetError::TooManyRounds`] after three rounds: the message is out of the outbox, and
    /// counts as [not delivered](crate::NotDelivered::Targets). [`RetargetError::Group`] if the
    /// news are refused, [`RetargetError::Send`] if this account may not write any more: the
    /// message stays.
    pub fn retarget_in_group(
        &mut self,
        group: &GroupId,
        id: &FrankingTag,
        mismatch: &GroupMismatch,
        rosters: &[Vec<u8>],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        self.run(|client| client.count_round(group, id))?;
        if mismatch.news != GroupNews::default() {
            let taken = self.take_group_news(group, &mismatch.news, now);
            taken.map_err(RetargetError::Group)?;
        }
        for rosters in rosters.chunks(ROSTERS_AT_ONCE).take(MAX_NAMED) {
            let taken = self.take_group_rosters(group, rosters, now);
            taken.map_err(RetargetError::Group)?;
        }
        let outgoing = self.run(|client| {
            client.note_left_at_provider(group, &mismatch.left)?;
            client.fill_in_group(group, id, false, (now, rng))
        })?;
        // What else waits may be on a chain that was left with this.
        if let Err(SendError::State(error)) = self.seal_stale(group, now, rng) {
            return Err(error.into());
        }
        Ok(outgoing)
    }

    /// Seals a message of the outbox for devices without a slot with which there is a session now.
    pub(in crate::client) fn complete_in_group(
        &mut self,
        group: &GroupId,
        id: &FrankingTag,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        self.run(|client| client.fill_in_group(group, id, true, (now, rng)))
    }

    fn entry_in_group(
        &self,
        group: &GroupId,
        id: &FrankingTag,
    ) -> Result<OutboxRecord, RetargetError<S::Error>> {
        let number = self.first_waiting(group, |entry| entry.id == id.as_bytes())?;
        let number = number.ok_or(RetargetError::NotSent)?;
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        entry.ok_or(RetargetError::NotSent)
    }

    /// Counts an answer that the devices are others.
    fn count_round(
        &mut self,
        group: &GroupId,
        id: &FrankingTag,
    ) -> Result<(), RetargetError<S::Error>> {
        let mut entry = self.entry_in_group(group, id)?;
        // CHK-320: a message is sealed for other devices three times at most.
        if entry.rounds >= MAX_ROUNDS {
            self.give_up_targets(&group.into(), id, &entry)?;
            return Err(RetargetError::TooManyRounds);
        }
        entry.rounds = entry.rounds.saturating_add(1);
        let mut transaction = Transaction::default();
        transaction.put_record(keys::envelope(entry.ordinal), &entry);
        Ok(self.commit(transaction)?)
    }

    /// Keeps in which order members left, and who has not, although it said so. Tells the user of
    /// those that the provider says so of and that did not say so themselves: it delivers nothing
    /// to them.
    fn note_left_at_provider(
        &mut self,
        id: &GroupId,
        left: &[AccountId],
    ) -> Result<(), StateError<S::Error>> {
        let Some(group) = self.take_group(id)? else {
            return Ok(());
        };
        let mut sending = self.take_sending(id)?;
        let names = left
            .iter()
            .take(MAX_NAMED)
            .map(|one| one.as_str().to_owned());
        let names: Vec<_> = names.collect();
        let leavers = group.record.leavers.iter().map(|one| &one.account);
        let not_left: Vec<_> = leavers
            .filter(|one| !names.contains(one))
            .cloned()
            .collect();
        if (&sending.record.left, &sending.record.not_left) == (&names, &not_left) {
            return Ok(());
        }
        let mut transaction = Transaction::default();
        let state = group.log.as_ref().map(|log| log.state());
        let is_member =
            |account: &AccountId| state.is_some_and(|state| state.is_member(account.as_str()));
        for account in left.iter().take(MAX_NAMED) {
            // CHK-450: that a member left counts by its own word. The provider's alone is told.
            if is_member(account) && !group.has_left(account) {
                let of = (Kind::GroupNotDelivered, id);
                self.put_group_notice(&mut transaction, of, Some(account), (&[], &[]));
            }
        }
        (sending.record.left, sending.record.not_left) = (names, not_left);
        transaction.put_record(keys::own_chain(id), &sending.record);
        self.commit(transaction)
    }

    /// Seals an entry of the outbox for those that it is for now. Without a word of the provider, a
    /// message `stays` as it is rather than that it gets another body.
    fn fill_in_group(
        &mut self,
        id: &GroupId,
        tag: &FrankingTag,
        stays: bool,
        (now, rng): (Timestamp, &mut impl CryptoRng),
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        let mut entry = self.entry_in_group(id, tag)?;
        let group = self.writable_group(id, true)?;
        let sent = self.sent_of(id, &entry)?.ok_or(RetargetError::NotSent)?;
        let leave_out = self.left_out(&group)?;
        let mut transaction = Transaction::default();
        let replaced = self.replace_slots(
            &group,
            &entry,
            &sent,
            &leave_out,
            (now, rng),
            &mut transaction,
        )?;
        if let Some(sealed) = replaced {
            return Ok(self.put_again(&group, &mut entry, sealed, now, &mut transaction)?);
        }
        if stays && let Some(outgoing) = self.outgoing_in_group(id, &entry, now)? {
            return Ok(outgoing);
        }
        // CHK-448: what the devices did not get with this message, the next chain gives them.
        let mut begins = Transaction::default();
        if gives_chain(&entry) {
            self.leave_chain(id, &mut begins)?;
            self.commit(begins)?;
        }
        let mut transaction = Transaction::default();
        let sealed =
            self.seal_entry(&group, &mut entry, &leave_out, (now, rng), &mut transaction)?;
        sealed.ok_or(RetargetError::NotSent)
    }

    /// Replaces the slots of a message whose header stays as it is. `None` if its body must be
    /// another one.
    fn replace_slots(
        &mut self,
        group: &Group,
        entry: &OutboxRecord,
        sent: &SentMessage,
        leave_out: &[AccountId],
        (now, rng): (Timestamp, &mut impl CryptoRng),
        transaction: &mut Transaction,
    ) -> Result<Option<InGroup>, SendError<S::Error>> {
        let (Ok(mut fanout), Some(log)) = (GroupFanout::decode(&entry.envelope), group.sendable())
        else {
            return Ok(None);
        };
        let recipients = self.group_recipients(group, leave_out, now)?;
        let (stamp, state) = (*fanout.stamp(), log.state());
        let is_same = stamp.version == state.version()
            && stamp.state_hash == state.hash()
            && entry.claim == claim_of(&recipients)
            && self.is_on_chain(&group.id, entry.chain, now)?;
        let mut sending = self.take_sending(&group.id)?;
        let have_chain = sending.have_chain(&recipients);
        let kept = self.kept_targets(&group.id, &stamp.targets_digest)?;
        let (Some(kept), Some((pending, keys_ad)), Some(mut chain), true) = (
            kept,
            sending.pending_of(sent.tag()),
            sending.chain.take(),
            is_same,
        ) else {
            return Ok(None);
        };
        // CHK-447: a device that has the chain and is no target any more ends it.
        let now_for: BTreeSet<_> = recipients.devices.iter().map(|one| one.short()).collect();
        let slots = kept.iter().zip(fanout.slots());
        let mut gone = slots.filter(|(short, slot)| !slot.is_empty() && !now_for.contains(*short));
        if gone.next().is_some() {
            return Ok(None);
        }
        let before: BTreeMap<_, _> = kept.iter().zip(fanout.slots()).collect();
        let mut peers = BTreeMap::new();
        self.take_lacking(&recipients, &have_chain, &mut peers)?;
        let identity = self.identity.public().to_bytes();
        let mut sessions = Sessions::of(&recipients, have_chain, &identity, peers);
        let mut slots = Vec::with_capacity(recipients.devices.len());
        for (at, device) in recipients.devices.iter().enumerate() {
            let known = before.get(&device.short()).filter(|slot| !slot.is_empty());
            if let Some(slot) = known {
                slots.push(GroupSlot::clone(slot));
                continue;
            }
            let mut made = GroupSlot::Empty;
            if sessions.can_give(device) {
                let Ok(keys) = chain.add_target(&pending, &device.identity) else {
                    return Ok(None); // it has the chain, and no slot of this message
                };
                let slot = sessions.seal_keys(at, &keys.encode(), &keys_ad, rng);
                made = match slot {
                    Some(slot) => GroupSlot::Key(slot),
                    None => return Ok(None),
                };
            }
            slots.push(made);
        }
        if fanout.retarget(recipients.digest, slots).is_err() {
            return Ok(None);
        }
        (sending.chain, sending.given) = (Some(chain), None);
        sending.put(&group.id, transaction);
        self.put_targets(&group.id, &recipients, now, transaction)?;
        let mut peers = sessions.peers;
        for (account, peer) in &mut peers {
            peer.put(account, transaction);
        }
        let me = &self.me.account;
        Ok(Some(InGroup::new(fanout, sending, &recipients, me, peers)))
    }
}
