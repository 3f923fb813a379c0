//! What one transaction receives.

use std::collections::{BTreeMap, BTreeSet};

use waxseal_core::limits::IDENTITY_KEY_LEN;
use waxseal_core::{PeerChains, PreKeys, ReplayMemory};
use waxseal_reporting::{AccountId, DeviceAddress, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::{Arrival, MAX_BATCH_LEN, Received};
use crate::client::group::put_peer_chains;
use crate::client::peers::Peer;
use crate::client::prekeys::put_prekeys;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{ReceiveError, StateError};
use crate::records::{
    ConversationRecord, MessageRecord, RequestRecord, UnopenedRecord, UpkeepRecord,
};
use crate::store::{Store, Transaction};

/// What one transaction receives: the peers, the prekeys and the replay memories that it changes,
/// and what it writes.
///
/// Nothing of it is in the cache or the store before the commit. So a batch that fails is dropped.
#[derive(Default)]
pub(in crate::client) struct Batch {
    pub(in crate::client) transaction: Transaction,
    pub(in crate::client) peers: BTreeMap<AccountId, InBatch>,
    /// The accounts to which something is still to be said, since this batch or before.
    pub(in crate::client) upkeeps: BTreeMap<AccountId, UpkeepRecord>,
    /// The deliveries of this batch that did not open.
    pub(in crate::client) unopened: BTreeMap<(AccountId, [u8; 32]), UnopenedRecord>,
    /// The sent messages of which a peer told something.
    pub(in crate::client) told: BTreeMap<(Conversation, [u8; 32]), MessageRecord>,
    /// Whether messages are opened and dropped.
    pub(in crate::client) skips: bool,
    pub(in crate::client) received: BTreeSet<(Conversation, [u8; 32])>,
    pub(in crate::client) prekeys: Option<PreKeys>,
    /// The replay memories of the senders' identities.
    pub(in crate::client) memories: BTreeMap<[u8; IDENTITY_KEY_LEN], ReplayMemory>,
    /// The numbering of the groups' conversations.
    pub(in crate::client) numberings: BTreeMap<GroupId, ConversationRecord>,
    /// The chains of devices in groups.
    pub(in crate::client) chains: BTreeMap<(GroupId, DeviceAddress), PeerChains>,
    /// What a delivery that is not taken leaves to be noted, although it changed something in this
    /// batch. The batch is then dropped, and made again without the delivery.
    pub(in crate::client) spoiled: Option<Spoiled>,
    /// Whether it ends with the present delivery, because what that changed is read from the store.
    pub(in crate::client) ends: bool,
    /// The newest time at which the provider accepted a message of this batch, in milliseconds.
    pub(in crate::client) newest_accepted_ms: u64,
    /// The newest time at which a message of this batch was sent, in milliseconds.
    pub(in crate::client) newest_sent_ms: u64,
    /// The requests of accounts that are not accepted. `None` before they are needed.
    pub(in crate::client) requests: Option<BTreeMap<AccountId, RequestRecord>>,
    /// The requests in the store.
    pub(in crate::client) stored_requests: BTreeMap<AccountId, RequestRecord>,
    /// The members of all groups that this account is in. `None` before they are needed.
    pub(in crate::client) fellows: Option<BTreeSet<AccountId>>,
    /// The accounts to which something is still to be said, in the store. `None` before they are
    /// needed.
    pub(in crate::client) noted: Option<Noted>,
    /// How many messages of strangers are dropped of which nothing is stored.
    pub(in crate::client) dropped_strangers: u64,
}

/// The accounts to which something is still to be said.
#[derive(Default)]
pub(in crate::client) struct Noted {
    /// How many there are, as far as they are counted.
    pub(in crate::client) count: usize,
    /// Those without a contact.
    pub(in crate::client) strangers: BTreeSet<String>,
}

/// What is noted of a delivery that opened and is not taken.
pub(in crate::client) enum Spoiled {
    /// Nothing.
    Nothing,
    /// That a message of this account was dropped. The account is not accepted.
    Request(AccountId),
    /// That it did not open, so that its author can be asked for it.
    Unopened(Arrival),
    /// That the group may have news, because of a message that was accepted at this time.
    News(GroupId, u64),
    /// That this member goes by another state of the group.
    Split(GroupId, AccountId),
}

pub(in crate::client) struct InBatch {
    pub(in crate::client) peer: Peer,
    pub(in crate::client) is_changed: bool,
}

impl Batch {
    pub(in crate::client) fn note_accepted(&mut self, accepted_ms: u64) {
        self.newest_accepted_ms = self.newest_accepted_ms.max(accepted_ms);
    }

    pub(in crate::client) fn note_sent(&mut self, sent_ms: u64) {
        self.newest_sent_ms = self.newest_sent_ms.max(sent_ms);
    }

    pub(in crate::client) fn len(&self) -> usize {
        let lens = self.peers.values().map(|one| one.peer.len());
        lens.fold(0, usize::saturating_add)
    }

    pub(in crate::client) fn peer(&self, account: &AccountId) -> Option<&Peer> {
        self.peers.get(account).map(|one| &one.peer)
    }

    /// The account key that is pinned for an account. Empty if it is unknown.
    pub(in crate::client) fn key_of(&self, account: &AccountId) -> Vec<u8> {
        let key = self.peer(account).and_then(Peer::account_key);
        key.map_or_else(Vec::new, |key| key.to_vec())
    }

    /// The conversation with a peer that is in the store, or whose first message opened.
    pub(in crate::client) fn conversation(
        &self,
        account: &AccountId,
    ) -> Option<&ConversationRecord> {
        let known = self.peers.get(account)?;
        (known.is_changed || known.peer.is_stored()).then_some(&known.peer.conversation)
    }

    pub(in crate::client) fn told(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Option<MessageRecord> {
        let name = (conversation.clone(), *id.as_bytes());
        self.told.get(&name).cloned()
    }

    /// Notes that a message of this device arrived, which was accepted at this time. The peer's
    /// receipt was accepted `at`.
    pub(in crate::client) fn note_arrived(
        &mut self,
        peer: &AccountId,
        accepted_ms: u64,
        at: Timestamp,
    ) {
        if let Some(InBatch { peer, is_changed }) = self.peers.get_mut(peer) {
            let first = &mut peer.conversation.first_told_ms;
            if *first == 0 || at.as_millis() < *first {
                *first = at.as_millis();
            }
            let last = &mut peer.conversation.last_delivered_ms;
            *last = (*last).max(accepted_ms);
            *is_changed = true;
        }
    }

    pub(in crate::client) fn put_told(
        &mut self,
        conversation: &Conversation,
        id: FrankingTag,
        message: MessageRecord,
    ) {
        let name = (conversation.clone(), *id.as_bytes());
        self.told.insert(name, message);
    }
}

impl<S: Store> Client<S> {
    /// Receives deliveries in their order, and commits nothing.
    #[expect(
        clippy::type_complexity,
        reason = "a result for each delivery, and one for the store"
    )]
    pub(super) fn receive_batch(
        &mut self,
        deliveries: &[&[u8]],
        skips: bool,
    ) -> Result<(Batch, Vec<Result<Received, ReceiveError<S::Error>>>), StateError<S::Error>> {
        let mut batch = Batch {
            skips,
            ..Batch::default()
        };
        let mut results = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let result = match self.receive_into(&mut batch, delivery) {
                Err(ReceiveError::State(StateError::Store(error))) => {
                    return Err(StateError::Store(error));
                }
                result => result,
            };
            let is_end = match &result {
                Ok(received) => received.ends_batch() || batch.ends,
                Err(error) => matches!(error, ReceiveError::GroupNews { .. }),
            };
            results.push(result);
            if is_end || batch.spoiled.is_some() || batch.len() > MAX_BATCH_LEN {
                break;
            }
        }
        Ok((batch, results))
    }

    /// Takes an account into the batch, if it is not there.
    pub(in crate::client) fn load_peer(
        &mut self,
        batch: &mut Batch,
        account: &AccountId,
    ) -> Result<(), StateError<S::Error>> {
        if !batch.peers.contains_key(account) {
            let peer = match self.take_peer(account)? {
                Some(peer) => peer,
                None => self.new_peer(account)?,
            };
            let is_changed = false;
            let known = InBatch { peer, is_changed };
            batch.peers.insert(account.clone(), known);
        }
        Ok(())
    }

    /// Persists before a message is shown and its delivery acknowledged.
    pub(in crate::client) fn commit_batch(
        &mut self,
        mut batch: Batch,
    ) -> Result<(), StateError<S::Error>> {
        self.put_times(&mut batch)?;
        self.put_requests(&mut batch);
        for (account, one) in &mut batch.peers {
            if one.is_changed {
                one.peer.put(account, &mut batch.transaction);
            }
        }
        if let Some(prekeys) = &mut batch.prekeys {
            put_prekeys(prekeys, &mut batch.transaction);
        }
        for (account, record) in &batch.upkeeps {
            batch.transaction.put_record(keys::upkeep(account), record);
        }
        for (group, numbering) in &batch.numberings {
            let key = keys::conversation(&group.into());
            batch.transaction.put_record(key, numbering);
        }
        for ((group, device), chains) in &batch.chains {
            put_peer_chains(group, device, chains, &mut batch.transaction);
        }
        for ((conversation, _), message) in &batch.told {
            batch.transaction.put_message(conversation, message);
        }
        for memory in batch.memories.values().filter(|memory| memory.is_changed()) {
            if let Some(sender) = memory.sender() {
                let key = keys::replay_memory(sender);
                batch.transaction.put(key, memory.export());
            }
        }
        if !batch.transaction.changes().is_empty() {
            self.commit(batch.transaction)?;
        }
        // Deliveries that came again did not need the prekeys, which then stay cached.
        if batch.prekeys.is_some() {
            self.prekeys = batch.prekeys;
        }
        for (account, one) in batch.peers {
            // An unknown sender whose message did not open is not added to the peers.
            if one.peer.is_stored() {
                self.keep_peer(&account, one.peer);
            }
        }
        Ok(())
    }
}
