//! Slots: what each device of a message to a group gets besides the body.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_reporting::AccountId;
use waxseal_reporting::sender::SealingChannel;

use super::targets::{Recipient, Recipients};
use crate::channel::{ChainTarget, KeySlots, Preamble, RosterClaim, SessionSealer};
use crate::client::Client;
use crate::client::peers::Peer;
use crate::error::StateError;
use crate::store::Store;

/// The sessions with the devices that get the chain.
pub(super) struct Sessions<'a> {
    pub(super) recipients: &'a Recipients,
    /// Which of them have the chain.
    have_chain: Vec<bool>,
    /// The accounts of those that do not.
    pub(super) peers: BTreeMap<AccountId, Peer>,
    sender: RosterClaim,
    carried: Option<Vec<u8>>,
}

impl<'a> Sessions<'a> {
    pub(super) fn of(
        recipients: &'a Recipients,
        have_chain: Vec<bool>,
        identity: &[u8; 64],
        peers: BTreeMap<AccountId, Peer>,
    ) -> Self {
        Self {
            recipients,
            have_chain,
            peers,
            sender: RosterClaim::of(&recipients.own),
            carried: Preamble::carried(&recipients.own, identity),
        }
    }

    /// Whether a device can get the chain now.
    pub(super) fn can_give(&self, to: &Recipient) -> bool {
        let peer = self.peers.get(&to.address.account);
        let device = peer.and_then(|peer| peer.devices.get(&to.address.device));
        !to.has_conflict && device.is_some_and(|device| device.can_send())
    }

    /// Which devices get a slot that opens the body.
    pub(super) fn targets(&self) -> Vec<ChainTarget> {
        let devices = self.recipients.devices.iter().zip(&self.have_chain);
        devices
            .map(|(device, has_chain)| ChainTarget {
                identity: (*has_chain || self.can_give(device)).then_some(device.identity),
                is_blank: device.has_conflict,
            })
            .collect()
    }
}

impl KeySlots for Sessions<'_> {
    fn seal_keys(
        &mut self,
        at: usize,
        keys: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let to = &self.recipients.devices.get(at)?.address;
        let peer = self.peers.get_mut(&to.account)?;
        let preamble = Preamble {
            sender: Some(self.sender),
            recipient: peer.roster().map(RosterClaim::of),
            roster: self.carried.clone(),
        };
        let sessions = peer.device_mut(to.device).sessions_to_send()?;
        let mut channel = SessionSealer::with_preamble(sessions, &preamble);
        channel.encrypt(keys, associated_data, rng).ok()
    }
}

impl<S: Store> Client<S> {
    /// Takes the accounts of the devices that do not have the chain.
    pub(super) fn take_lacking(
        &mut self,
        recipients: &Recipients,
        have_chain: &[bool],
        peers: &mut BTreeMap<AccountId, Peer>,
    ) -> Result<(), StateError<S::Error>> {
        for (device, has_chain) in recipients.devices.iter().zip(have_chain) {
            let account = &device.address.account;
            if *has_chain || peers.contains_key(account) {
                continue;
            }
            // A damaged contact costs its member only.
            let peer = match self.take_peer(account) {
                Err(StateError::Damaged(_)) => None,
                peer => peer?,
            };
            if let Some(peer) = peer {
                peers.insert(account.clone(), peer);
            }
        }
        Ok(())
    }

    /// Caches peers that are identical to what the store holds.
    pub(in crate::client) fn keep_peers(&mut self, peers: BTreeMap<AccountId, Peer>) {
        for (account, peer) in peers.into_iter().filter(|(_, peer)| peer.is_stored()) {
            self.keep_peer(&account, peer);
        }
    }
}
