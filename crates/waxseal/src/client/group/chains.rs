//! Chains in the store: the one on which this device sends to a group, and those of other devices.

use waxseal_core::{IdentityKey, OwnChain, PeerChains, PendingKeys};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::targets::Recipients;
use crate::channel::ChainTarget;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, OwnChainRecord, PeerChainsRecord, take_secret_bytes};
use crate::store::{Cursor, Store, Transaction};

/// How many numbers of chains a set-back skips: more than a device begins in between.
const NUMBERS_A_RESTART: u64 = 1 << 22;

/// Age from which on nothing more is posted on a chain: that at which it is renewed. Recipients
/// take a message for a day longer.
const MAX_AGE_MS: u64 = waxseal_core::limits::RENEWAL_AGE_MS;

/// How long after a device said that it lacks the chain another device that says so begins none:
/// one hour. So nobody makes this device renew its chain with each message.
const RENEWAL_PAUSE_MS: u64 = 3_600_000;

/// Rows that are deleted at once.
const ROWS_AT_ONCE: usize = 64;

/// The chain on which this device sends to a group, ready for use.
pub(in crate::client) struct Sending {
    pub(in crate::client) record: OwnChainRecord,
    /// `None` before the first message, and after the chain was deleted.
    pub(in crate::client) chain: Option<OwnChain>,
    /// Which of these recipients have the chain, by the digest that names them all. `None` if it is
    /// not known.
    pub(super) given: Option<([u8; 32], Vec<bool>)>,
}

impl Sending {
    /// Whether nothing more is sealed or posted on the chain.
    pub(in crate::client) fn is_left(&self, restarts: u64, now: Timestamp) -> bool {
        self.chain.is_none() || is_left(&self.record, restarts, now)
    }

    /// Begins the next chain.
    pub(in crate::client) fn begin(
        &mut self,
        id: &GroupId,
        owner: &IdentityKey,
        restarts: u64,
        now: Timestamp,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Option<()> {
        // After a set-back, the number is above all that an earlier line of the store may have
        // used.
        let least = restarts.checked_mul(NUMBERS_A_RESTART)?;
        let next = match (&self.chain, self.record.number) {
            (None, 0) => 1,
            (_, number) => u64::from(number).checked_add(1)?,
        };
        let number = u32::try_from(next.max(least)).ok()?;
        let chain = OwnChain::start(owner, &id.to_bytes(), number, now.as_millis(), rng);
        self.chain = Some(chain);
        self.given = None;
        let record = &mut self.record;
        record.number = number;
        record.started_ms = now.as_millis();
        record.restarts = restarts;
        (record.is_left, record.renews) = (false, false);
        self.forget_pending();
        Some(())
    }

    /// Which recipients have the chain, in their order.
    pub(super) fn have_chain(&self, recipients: &Recipients) -> Vec<bool> {
        let known = self.given.as_ref();
        if let Some((_, given)) = known.filter(|(digest, _)| *digest == recipients.digest) {
            return given.clone();
        }
        let chain = self.chain.as_ref();
        let have = |device: &IdentityKey| chain.is_some_and(|one| one.given_at(device).is_some());
        let devices = recipients.devices.iter();
        devices.map(|device| have(&device.identity)).collect()
    }

    /// Notes which recipients have the chain, after a message was sealed on it.
    pub(super) fn note_given(&mut self, recipients: &Recipients, targets: &[ChainTarget]) {
        let given = targets.iter().map(|target| target.identity.is_some());
        self.given = Some((recipients.digest, given.collect()));
    }

    /// Keeps what makes further key slots for the newest message.
    pub(in crate::client) fn keep_pending(
        &mut self,
        id: &FrankingTag,
        (pending, keys_ad): (PendingKeys, Vec<u8>),
    ) {
        self.forget_pending();
        self.record.pending = take_secret_bytes(pending.export());
        self.record.pending_id = id.as_bytes().to_vec();
        self.record.pending_ad = keys_ad;
    }

    /// What makes further key slots for this message, and their associated data, if it is the
    /// newest one.
    pub(in crate::client) fn pending_of(&self, id: &FrankingTag) -> Option<(PendingKeys, Vec<u8>)> {
        let is_newest = self.record.pending_id == id.as_bytes();
        let pending = PendingKeys::import(&self.record.pending).ok();
        let pending = pending.filter(|_| is_newest);
        pending.map(|pending| (pending, self.record.pending_ad.clone()))
    }

    pub(in crate::client) fn forget_pending(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.record.pending);
        self.record.pending_id.clear();
    }

    /// Writes the chain, and its recipients if they changed.
    pub(in crate::client) fn put(&mut self, id: &GroupId, transaction: &mut Transaction) {
        if let Some(chain) = &mut self.chain {
            let parts = chain.export();
            self.record.state = take_secret_bytes(parts.state);
            if let Some(recipients) = parts.recipients {
                transaction.put(keys::chain_recipients(id), recipients.into());
            }
        }
        transaction.put_record(keys::own_chain(id), &self.record);
    }
}

/// Has the next message begin another chain, once an hour. Returns whether it does.
pub(in crate::client) fn renew(record: &mut OwnChainRecord, at: Timestamp) -> bool {
    let age = since(record.renewed_ms, at).filter(|_| record.renewed_ms != 0);
    let is_new = age.is_none_or(|age| age >= RENEWAL_PAUSE_MS);
    if is_new {
        record.renewed_ms = at.as_millis().max(1);
        record.renews = true;
    }
    is_new
}

/// Whether nothing more is sealed or posted on a chain.
fn is_left(record: &OwnChainRecord, restarts: u64, now: Timestamp) -> bool {
    // A chain that began in the future of this clock counts as new.
    let is_old = since(record.started_ms, now).is_some_and(|age| age >= MAX_AGE_MS);
    record.is_left || record.restarts != restarts || is_old
}

impl<S: Store> Client<S> {
    /// Reads the chain on which this device sends to a group.
    ///
    /// One that cannot be read is replaced by another one. Its number is in its record, and in that
    /// of the conversation.
    pub(in crate::client) fn take_sending(
        &self,
        id: &GroupId,
    ) -> Result<Sending, StateError<S::Error>> {
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(id))?;
        let mut record = record.unwrap_or_default();
        let numbering = self.numbering(&id.into())?.unwrap_or_default();
        record.number = record.number.max(numbering.last_chain);
        let ready = self.ready_groups();
        if let Some(kept) = ready.and_then(|ready| ready.take_sending(id, &record.state)) {
            let (given, chain) = (kept.given, kept.chain);
            let chain = chain.filter(|chain| chain.number() == record.number);
            return Ok(Sending {
                record,
                chain,
                given,
            });
        }
        let recipients = match record.state.is_empty() {
            true => None,
            false => match self.get(&keys::chain_recipients(id)) {
                Err(StateError::Damaged(_)) => None,
                recipients => recipients?,
            },
        };
        let chain = recipients.and_then(|list| OwnChain::import(&record.state, &list).ok());
        let chain = chain.filter(|chain| chain.number() == record.number);
        Ok(Sending {
            record,
            chain,
            given: None,
        })
    }

    /// Keeps the chain ready as the store has it.
    pub(in crate::client) fn keep_sending(&self, id: &GroupId, mut sending: Sending) {
        // The store says when these keys are over.
        sending.forget_pending();
        if let (Some(ready), true) = (self.ready_groups(), sending.chain.is_some()) {
            ready.keep_sending(id, sending);
        }
    }

    /// Whether a message that was sealed on the chain with this number may be posted.
    pub(in crate::client) fn is_on_chain(
        &self,
        id: &GroupId,
        number: u32,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(id))?;
        let restarts = self.counters()?.restarts();
        // CHK-449: nothing is posted on a chain that was left.
        Ok(record.is_some_and(|record| {
            !record.state.is_empty() && record.number == number && !is_left(&record, restarts, now)
        }))
    }

    /// Leaves the chain on which this device sends to a group: the next message begins another one.
    pub(in crate::client) fn leave_chain(
        &self,
        id: &GroupId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut sending = self.take_sending(id)?;
        sending.record.is_left = true;
        sending.forget_pending();
        sending.put(id, transaction);
        Ok(())
    }

    /// Notes that a device does not have the chain: the next message begins another one.
    pub(in crate::client) fn renew_chain(
        &self,
        id: &GroupId,
        at: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(id))?;
        if let Some(mut record) = record
            && renew(&mut record, at)
        {
            transaction.put_record(keys::own_chain(id), &record);
        }
        Ok(())
    }

    /// Forgets what makes further key slots for a message, because the provider accepted it.
    pub(in crate::client) fn forget_pending_of(
        &self,
        group: &GroupId,
        id: &FrankingTag,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(group))?;
        if let Some(mut record) = record.filter(|one| one.pending_id == id.as_bytes()) {
            zeroize::Zeroize::zeroize(&mut record.pending);
            record.pending_id.clear();
            transaction.put_record(keys::own_chain(group), &record);
        }
        Ok(())
    }

    /// Reads the chains of another device in a group. A device with another identity begins anew.
    pub(in crate::client) fn peer_chains(
        &self,
        id: &GroupId,
        device: &DeviceAddress,
        identity: &IdentityKey,
    ) -> Result<PeerChains, StateError<S::Error>> {
        let stored: Option<PeerChainsRecord> = self.readable(&keys::peer_chains(id, device))?;
        let context = id.to_bytes();
        let chains = stored.and_then(|stored| PeerChains::import(&stored.chains).ok());
        let chains = chains.filter(|chains| chains.are_of(identity, &context));
        Ok(chains.unwrap_or_else(|| PeerChains::new(identity, &context)))
    }

    /// Destroys the chain on which this device sends to a group, because it is no member any more.
    /// Its number stays.
    pub(in crate::client) fn delete_own_chain(
        &self,
        id: &GroupId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let sending = self.take_sending(id)?;
        let mut record = OwnChainRecord::default();
        record.number = sending.record.number;
        record.is_left = true;
        transaction.put_record(keys::own_chain(id), &record);
        transaction.delete(keys::chain_recipients(id));
        Ok(())
    }

    /// Deletes the chains of other devices in a group for which `is_over` says so, a page of them.
    /// Returns where the next page begins.
    pub(in crate::client) fn delete_peer_chains(
        &self,
        id: &GroupId,
        after: Option<&Cursor>,
        transaction: &mut Transaction,
        is_over: impl Fn(&DeviceAddress) -> bool,
    ) -> Result<Option<Cursor>, StateError<S::Error>> {
        let table = keys::all_peer_chains(id);
        let page = self.page(&table, after, ROWS_AT_ONCE, |_, bytes| {
            let record: PeerChainsRecord = records::decode(bytes)?;
            let account = AccountId::new(&record.account).ok()?;
            Some(DeviceAddress::new(account, DeviceId(record.device)))
        })?;
        for row in &page.damaged {
            row.delete_in(transaction);
        }
        for device in page.items.iter().filter(|device| is_over(device)) {
            transaction.delete(keys::peer_chains(id, device));
        }
        Ok(page.next)
    }
}

/// Writes the chains of another device.
pub(in crate::client) fn put_peer_chains(
    id: &GroupId,
    device: &DeviceAddress,
    chains: &PeerChains,
    transaction: &mut Transaction,
) {
    let mut record = PeerChainsRecord::default();
    device.account.as_str().clone_into(&mut record.account);
    record.device = device.device.0;
    record.chains = take_secret_bytes(chains.export());
    transaction.put_record(keys::peer_chains(id, device), &record);
}
