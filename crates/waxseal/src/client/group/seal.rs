//! Sealing: one message, once, for all devices of a group.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_core::ChainClaims;
use waxseal_core::errors::ChainSealError;
use waxseal_reporting::sender::{GroupFanout, GroupSealError, GroupStamp, SentMessage};
use waxseal_reporting::{AccountId, DeviceAddress, Timestamp};
use waxseal_roster::group::GroupId;

use super::Group;
use super::chains::{Sending, renew};
use super::slots::Sessions;
use super::targets::Recipients;
use crate::channel::{ChainSealer, RosterClaim};
use crate::client::Client;
use crate::client::peers::Peer;
use crate::client::send::Outgoing;
use crate::error::{SendError, StateError};
use crate::records::{OutboxRecord, OwnSentRecord, WithoutRecord};
use crate::store::{Store, Transaction};

/// A message that is sealed for a group and not stored yet.
pub(in crate::client) struct InGroup {
    pub(in crate::client) fanout: GroupFanout,
    /// The chain, as it is stored once the transaction is committed.
    sending: Sending,
    /// The claim of the own roster in its header.
    claim: [u8; 24],
    /// The devices without a slot that opens it.
    pub(in crate::client) without: Vec<DeviceAddress>,
    /// The other devices of the own account that it is for.
    own: Vec<u32>,
    /// The peers whose sessions it changed.
    pub(in crate::client) peers: BTreeMap<AccountId, Peer>,
}

impl InGroup {
    pub(super) fn new(
        fanout: GroupFanout,
        sending: Sending,
        recipients: &Recipients,
        me: &AccountId,
        peers: BTreeMap<AccountId, Peer>,
    ) -> Self {
        let slots = fanout.slots().iter().zip(&recipients.devices);
        let without = slots.filter(|(slot, _)| slot.is_empty());
        let without = without.map(|(_, device)| device.address.clone());
        let all = recipients.devices.iter().map(|device| &device.address);
        let own = all.filter(|address| address.account == *me);
        Self {
            sending,
            claim: claim_of(recipients),
            without: without.collect(),
            own: own.map(|address| address.device.0).collect(),
            fanout,
            peers,
        }
    }

    /// Number of the chain.
    pub(in crate::client) fn chain(&self) -> u32 {
        self.sending.record.number
    }

    /// Puts it into an entry of the outbox.
    pub(in crate::client) fn fill(&self, group: &Group, entry: &mut OutboxRecord) {
        entry.group = group.id.to_bytes().to_vec();
        entry.id = self.fanout.tag().as_bytes().to_vec();
        entry.envelope = self.fanout.encode();
        entry.chain = self.chain();
        entry.claim = self.claim.to_vec();
        let without = self.without.iter().map(|device| WithoutRecord {
            account: device.account.as_str().to_owned(),
            device: device.device.0,
        });
        entry.without = without.collect();
    }

    /// For whom it is.
    pub(in crate::client) fn own_sent(&self, group: &Group) -> OwnSentRecord {
        OwnSentRecord {
            targets: self.fanout.stamp().targets_digest.to_vec(),
            ..OwnSentRecord::new(&group.id.into(), self.own.clone())
        }
    }
}

/// The claim of the own roster, as it is in the header of each message.
pub(super) fn claim_of(recipients: &Recipients) -> [u8; 24] {
    let claim = RosterClaim::of(&recipients.own).to_bytes();
    claim.try_into().unwrap_or([0; 24]) // it has 24 bytes, always
}

impl<S: Store> Client<S> {
    /// Seals a message for all devices of a group. Writes the chain and the sessions into the
    /// transaction.
    pub(in crate::client) fn seal_in_group(
        &mut self,
        group: &Group,
        sent: &SentMessage,
        leave_out: &[AccountId],
        (now, rng): (Timestamp, &mut impl CryptoRng),
        transaction: &mut Transaction,
    ) -> Result<InGroup, SendError<S::Error>> {
        let recipients = self.group_recipients(group, leave_out, now)?;
        let log = group.sendable().ok_or(SendError::NotMember)?;
        let id = &group.id;
        if recipients.devices.is_empty() {
            return Err(SendError::NobodyThere);
        }
        let mut sending = self.take_sending(id)?;
        let restarts = self.counters()?.restarts();
        if sending.is_left(restarts, now) || self.is_chain_due(group, &sending, &recipients, now)? {
            self.begin_chain(group, &mut sending, restarts, now, rng)?;
        }
        let (state, identity) = (log.state(), self.identity.public().to_bytes());
        let claims = ChainClaims {
            version: state.version(),
            state_hash: state.hash(),
            roster: claim_of(&recipients),
        };
        let stamp = GroupStamp::new(state.version(), state.hash(), recipients.digest);
        let mut peers = BTreeMap::new();
        let mut is_first = true;
        loop {
            let have_chain = sending.have_chain(&recipients);
            let chain = sending.chain.as_mut().ok_or(SendError::NumbersUsedUp)?;
            self.take_lacking(&recipients, &have_chain, &mut peers)?;
            let taken = std::mem::take(&mut peers);
            let mut sessions = Sessions::of(&recipients, have_chain, &identity, taken);
            let targets = sessions.targets();
            if targets.iter().all(|target| target.identity.is_none()) {
                self.keep_peers(sessions.peers); // nothing in them changed
                return Err(SendError::NoSession);
            }
            let mut channel = ChainSealer::new(chain, claims, &targets, &mut sessions);
            let sealed = sent.seal_for_group(&mut channel, stamp, rng);
            let (pending, is_incomplete) = (channel.pending.take(), channel.is_incomplete);
            peers = sessions.peers;
            let fanout = match sealed {
                // CHK-447: a device that has the chain and is no target any more ends it.
                Err(GroupSealError::Channel(
                    ChainSealError::RecipientLeft | ChainSealError::ChainExhausted,
                )) if is_first => {
                    is_first = false;
                    self.begin_chain(group, &mut sending, restarts, now, rng)?;
                    continue;
                }
                sealed => sealed?,
            };
            sending.note_given(&recipients, &targets);
            if let Some(pending) = pending {
                sending.keep_pending(sent.tag(), pending);
            }
            if is_incomplete {
                renew(&mut sending.record, now);
            }
            sending.put(id, transaction);
            self.put_targets(id, &recipients, now, transaction)?;
            for (account, peer) in &mut peers {
                peer.put(account, transaction);
            }
            let me = &self.me.account;
            return Ok(InGroup::new(fanout, sending, &recipients, me, peers));
        }
    }

    /// Keeps ready what a message that was sealed changed, once it is committed. Returns what is
    /// posted.
    pub(super) fn keep_sealed(
        &mut self,
        id: &GroupId,
        sealed: InGroup,
        now: Timestamp,
    ) -> Outgoing {
        self.keep_peers(sealed.peers);
        self.keep_sending(id, sealed.sending);
        self.posted_in_group(id, &sealed.fanout, sealed.without, now)
    }

    fn begin_chain(
        &self,
        group: &Group,
        sending: &mut Sending,
        restarts: u64,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), SendError<S::Error>> {
        let owner = self.identity.public();
        let begun = sending.begin(&group.id, owner, restarts, now, rng);
        begun.ok_or(SendError::NumbersUsedUp)
    }

    /// Which devices have the chain on which the next message goes on. `None` if it begins another
    /// one.
    pub(super) fn have_chain_that_goes_on(
        &self,
        group: &Group,
        recipients: &Recipients,
        now: Timestamp,
    ) -> Result<Option<Vec<bool>>, StateError<S::Error>> {
        let sending = self.take_sending(&group.id)?;
        let is_left = sending.is_left(self.counters()?.restarts(), now);
        let ends = is_left || self.is_chain_due(group, &sending, recipients, now)?;
        let Some(chain) = sending.chain.as_ref().filter(|_| !ends) else {
            return Ok(None);
        };
        let have_chain = sending.have_chain(recipients);
        let targets = have_chain.iter().filter(|has_chain| **has_chain).count();
        let is_for_all = targets == chain.recipients();
        self.keep_sending(&group.id, sending);
        // CHK-447: a device that has the chain and is no target any more ends it.
        Ok(is_for_all.then_some(have_chain))
    }

    /// Whether another chain begins by itself. While messages on this one wait for the provider,
    /// it goes on: otherwise all of them would be sealed again.
    fn is_chain_due(
        &self,
        group: &Group,
        sending: &Sending,
        recipients: &Recipients,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let (targets, now_ms) = (recipients.devices.len(), now.as_millis());
        let chain = sending.chain.as_ref();
        let is_due = chain.is_some_and(|chain| chain.is_due(targets, now_ms));
        let is_due = is_due || sending.record.renews;
        Ok(is_due && self.first_waiting(&group.id, |_| true)?.is_none())
    }
}
