//! Opening a message in a group, on the chains of its sender and the sessions with it.

use std::collections::btree_map::Entry;

use waxseal_core::errors::{ChainOpenError, DecryptError};
use waxseal_core::{IdentityKey, MessageKind, ReplayMemory};
use waxseal_reporting::recipient::{AuthenticDelivery, OpenError, open_any_in_group};
use waxseal_roster::group::GroupId;

use super::receive::{InGroup, Outside};
use crate::channel::{ChainOpener, OpenInGroupError, Preamble, RosterClaim, SessionOpener};
use crate::client::Client;
use crate::client::peers::damaged;
use crate::client::receive::{Arrival, Batch, InBatch, Spoiled, is_repeat};
use crate::error::{Damage, ReceiveError, StateError, can_be_asked, can_be_asked_in_group};
use crate::store::Store;

impl<S: Store> Client<S> {
    /// Opens a message on the chains of its sender, and the sessions with it.
    pub(super) fn open_in_group(
        &mut self,
        batch: &mut Batch,
        id: &GroupId,
        delivery: &AuthenticDelivery,
        (arrival, skips): (&Arrival, bool),
        (outside, identity): (&Outside, [u8; 64]),
    ) -> Result<InGroup, ReceiveError<S::Error>> {
        let (from, device) = (&arrival.sender.account, arrival.sender.device);
        let owner = IdentityKey::from_bytes(&identity).map_err(|_| damaged(from))?;
        let place = (*id, arrival.sender.clone());
        let in_batch = batch.chains.remove(&place);
        let in_batch = in_batch.filter(|chains| chains.are_of(&owner, &id.to_bytes()));
        let was_in_batch = in_batch.is_some();
        let mut chains = match in_batch {
            Some(chains) => chains,
            None => self.peer_chains(id, &arrival.sender, &owner)?,
        };
        let Some(InBatch { peer, .. }) = batch.peers.get_mut(from) else {
            return Err(damaged(from).into()); // it was inserted before
        };
        let known = peer.devices.get(&device);
        let has_session = known.is_some_and(|device| device.sessions.is_some());
        if outside.kind.is_some() && batch.prekeys.is_none() {
            batch.prekeys = match self.take_prekeys() {
                // A conversation goes on even if the prekeys are damaged.
                Err(StateError::Damaged(_)) if has_session => None,
                prekeys => Some(prekeys?),
            };
        }
        let mut nothing = ReplayMemory::new();
        let memory = match &outside.kind {
            None | Some(MessageKind::Ordinary | MessageKind::Refusal { .. }) => Some(&mut nothing),
            Some(MessageKind::Initial { identity }) => {
                match batch.memories.entry(identity.to_bytes()) {
                    Entry::Occupied(known) => Some(known.into_mut()),
                    Entry::Vacant(unread) => match self.replay_memory(identity) {
                        Err(StateError::Damaged(_)) if has_session => None,
                        memory => Some(unread.insert(memory?)),
                    },
                }
            }
        };
        let accepting = match outside.kind {
            Some(_) => batch.prekeys.as_mut().zip(memory),
            None => None,
        };
        let can_accept = accepting.is_some();
        let mut none = None;
        let sessions = match peer.devices.get_mut(&device) {
            Some(device) => &mut device.sessions,
            None => &mut none,
        };
        let session = match accepting {
            Some((prekeys, memory)) => {
                SessionOpener::new(&self.identity, prekeys, memory, sessions)
            }
            None => SessionOpener::without_prekeys(&self.identity, sessions),
        };
        let mut opener = ChainOpener::new(&mut chains, session);
        let opened = open_any_in_group(&mut opener, delivery);
        let (claims, is_changed) = (opener.claims, opener.is_changed);
        let opened = match opened {
            Ok(opened) => Some(opened),
            Err(OpenError::Withheld(_)) => None,
            Err(error) => {
                if was_in_batch {
                    batch.chains.insert(place, chains); // as it was
                }
                return Err(self.not_opened(
                    batch,
                    (arrival, skips),
                    error,
                    (can_accept, is_changed),
                )?);
            }
        };
        if none.is_some() {
            peer.device_mut(device).sessions = none;
        }
        batch.chains.insert(place, chains);
        let roster = claims
            .as_ref()
            .and_then(|claims| RosterClaim::from_bytes(&claims.roster));
        let in_header = Preamble {
            sender: roster,
            recipient: None,
            roster: None,
        };
        Ok(InGroup {
            opened,
            claims: outside.claims.clone().unwrap_or(in_header),
            state: claims.map(|claims| (claims.version, claims.state_hash)),
        })
    }

    /// What to do about a message that did not open.
    fn not_opened(
        &self,
        batch: &mut Batch,
        (arrival, skips): (&Arrival, bool),
        error: OpenError<OpenInGroupError>,
        (can_accept, is_changed): (bool, bool),
    ) -> Result<ReceiveError<S::Error>, StateError<S::Error>> {
        let (error, is_asked, is_repeated) = match error {
            OpenError::Channel(OpenInGroupError::Session(error)) => {
                if error == DecryptError::UnknownPreKey && !can_accept {
                    return Ok(StateError::Damaged(Damage::PreKeys).into());
                }
                let (is_asked, is_repeated) = (can_be_asked(&error), is_repeat(&error));
                (ReceiveError::Session(error), is_asked, is_repeated)
            }
            OpenError::Channel(OpenInGroupError::Chain(error)) => {
                let is_repeated = error == ChainOpenError::AlreadyReceived;
                let is_asked = can_be_asked_in_group(&error);
                (ReceiveError::Chain(error), is_asked, is_repeated)
            }
            _ => {
                let error = ReceiveError::Session(DecryptError::Unauthenticated);
                (error, false, false)
            }
        };
        let notes = is_asked && !skips && !self.is_deleted(batch, arrival, is_repeated)?;
        match (is_changed, notes) {
            (true, true) => batch.spoiled = Some(Spoiled::Unopened(arrival.clone())),
            (true, false) => batch.spoiled = Some(Spoiled::Nothing),
            (false, true) => self.note_unopened(batch, arrival)?,
            (false, false) => {}
        }
        Ok(error)
    }
}
