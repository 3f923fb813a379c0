//! Receiving: authenticate the delivery, recognise repeats, open, persist; only then acknowledge.

mod arrival;
mod batch;
mod claims;
mod kept;
mod received;
mod sending;

use std::collections::btree_map::Entry;

use waxseal_core::errors::DecryptError;
use waxseal_core::{Message as SessionMessage, MessageKind, ReplayMemory};
use waxseal_reporting::recipient::{OpenError, Opened, open_any};
use waxseal_reporting::relay::Delivery;

pub(super) use self::arrival::Arrival;
pub(super) use self::batch::{Batch, InBatch, Noted, Spoiled};
pub use self::received::Received;
pub(super) use self::sending::Sending;
use super::Client;
use super::peers::{Peer, damaged};
use crate::channel::{Preamble, SessionOpener};
use crate::error::{Damage, ReceiveError, StateError, can_be_asked};
use crate::store::Store;

/// Maximum number of deliveries that one transaction receives.
pub const MAX_RECEIVED_AT_ONCE: usize = 64;

/// Length of the sessions, in their stored form, after which a transaction takes no further
/// deliveries. Bounds the memory that deliveries of many hostile peers take.
const MAX_BATCH_LEN: usize = 4 << 20;

/// How long after the deletion of a conversation a message may come again under a new stamp: 30
/// days. Its sender missed the receipt and posted it again.
const POSTED_AGAIN_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

impl<S: Store> Client<S> {
    /// Opens one delivery from the provider's relay, stores the message with its evidence, and
    /// returns it.
    ///
    /// Acknowledge the delivery to the provider only after this call returned `Ok`, or an error
    /// whose [advice](ReceiveError::advice) says so.
    ///
    /// The message is a peer's, or the copy of what another device of this account sent. The
    /// sending device must be in the newest known roster of its account. At first contact, the
    /// account key is pinned: users verify it by comparing the
    /// [safety number](Client::safety_number).
    ///
    /// # Errors
    /// [`ReceiveError`]. Nothing changed, with three exceptions. With [`ReceiveError::Withheld`]
    /// the message key is spent. With the advice [`AskAgain`](crate::Advice::AskAgain) the store
    /// may keep that the delivery did not open. If the commit failed, only the store knows.
    pub fn receive(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        let received = self.receive_many([delivery])?.pop();
        // There is one result for the first delivery, always.
        received.unwrap_or(Err(ReceiveError::Session(DecryptError::Unauthenticated)))
    }

    /// Opens several deliveries, in their order, and stores all their messages in one transaction.
    ///
    /// Use it for what waited while the device was offline: most of the time of a
    /// [`receive`](Self::receive) is the disk's. Returns one result for each delivery that it took:
    /// the first [`MAX_RECEIVED_AT_ONCE`], or fewer from peers with very large sessions, and none
    /// after a refusal or a receipt. Pass the others to the next call. A delivery that does not
    /// open costs only itself, and each result means what it means for `receive`. Acknowledge none
    /// before this call returned.
    ///
    /// # Errors
    /// [`StateError::Store`] if nothing was received because the store failed. After a failed
    /// commit only the store knows whether all was received or nothing.
    #[expect(
        clippy::type_complexity,
        reason = "a result for each delivery, and one for the store"
    )]
    pub fn receive_many<'d>(
        &mut self,
        deliveries: impl IntoIterator<Item = &'d [u8]>,
    ) -> Result<Vec<Result<Received, ReceiveError<S::Error>>>, StateError<S::Error>> {
        let deliveries = deliveries.into_iter().take(MAX_RECEIVED_AT_ONCE);
        self.receive_all(&deliveries.collect::<Vec<_>>(), false)
    }

    /// Opens one delivery like [`receive`](Self::receive), and drops the message: it is not stored,
    /// not shown and cannot be reported. The result is then [`Received::Skipped`].
    ///
    /// For the messages of accounts that the user blocked. The session goes on, so that later
    /// messages open after the user unblocks the account. The sender is told nothing, and nothing
    /// is sealed again for it. What its device tells of the messages that it received counts. From
    /// an account without a session, and if the message does not open, nothing changes, except that
    /// it may have been a receipt: see [`NotDelivered::Lost`](super::NotDelivered::Lost).
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub fn skip(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        let received = self.receive_all(&[delivery], true)?.pop();
        received.unwrap_or(Err(ReceiveError::Session(DecryptError::Unauthenticated)))
    }

    #[expect(
        clippy::type_complexity,
        reason = "a result for each delivery, and one for the store"
    )]
    fn receive_all(
        &mut self,
        deliveries: &[&[u8]],
        skips: bool,
    ) -> Result<Vec<Result<Received, ReceiveError<S::Error>>>, StateError<S::Error>> {
        let results = self.run(|client| {
            let (mut batch, mut results) = client.receive_batch(deliveries, skips)?;
            if let Some(spoiled) = batch.spoiled.take() {
                // The last delivery changed sessions or chains, and is not taken. So everything is
                // done again without it. What comes first opens as before.
                let last = results.pop();
                let taken = deliveries.get(..results.len()).unwrap_or_default();
                (batch, results) = client.receive_batch(taken, skips)?;
                client.note_spoiled(&mut batch, spoiled)?;
                results.extend(last);
            }
            client.commit_batch(batch)?;
            Ok::<_, StateError<S::Error>>(results)
        })?;
        let is_synced =
            |result: &Result<Received, _>| matches!(result, Ok(Received::Synced { .. }));
        if results.iter().any(is_synced) {
            // All of it is stored. What fails now is carried out by the next upkeep.
            let _ = self.apply_synced();
        }
        Ok(results)
    }

    pub(super) fn receive_into(
        &mut self,
        batch: &mut Batch,
        delivery: &[u8],
    ) -> Result<Received, ReceiveError<S::Error>> {
        // Check the length, parse, authenticate: the provider must vouch for stamp, sender and time
        // before anything is opened.
        let delivery = Delivery::decode(delivery)?;
        let delivery = delivery.authenticate_in_groups(self.delivery_key(), &self.me, |_| true)?;
        let arrival = Arrival::of(&delivery);
        if let Some(group) = arrival.group {
            return self.receive_in_group(batch, &group, &delivery, &arrival);
        }
        let (from, with, id) = (&arrival.sender.account, &arrival.with, arrival.id);
        let name = (arrival.conversation(), *id.as_bytes());
        if batch.received.contains(&name) || self.index(&name.0, &id)?.is_some() {
            return Ok(arrival.duplicate());
        }
        for account in [from, with] {
            self.load_peer(batch, account)?;
        }
        let skips = self.is_unheard(batch, &arrival)? || batch.skips;
        if self.has_no_room_for_request(batch, &arrival)? {
            return Ok(arrival.skipped());
        }
        // CHK-321: a delivery without a key is only noted, so that its author can be asked.
        if delivery.is_empty() {
            if skips {
                return self.skip_unopened(batch, &arrival);
            }
            if self.is_deleted(batch, &arrival, false)? {
                return Ok(arrival.duplicate());
            }
            self.note_unopened(batch, &arrival)?;
            return Err(ReceiveError::NotSealed);
        }

        let (claims, _, message) =
            Preamble::split(delivery.ciphertext()).ok_or(ReceiveError::Preamble)?;
        let kind =
            SessionMessage::peek(message).map_err(|error| ReceiveError::Session(error.into()))?;
        let claimed = match &kind {
            MessageKind::Initial { identity } | MessageKind::Refusal { identity } => Some(identity),
            MessageKind::Ordinary => None,
        };
        if claimed == Some(self.identity.public()) {
            return Err(ReceiveError::Session(DecryptError::OwnIdentity));
        }
        // An account that this device never wrote to has nothing to refuse. If the pinned key was
        // lost to damage, anyone could have sealed this: the peer refuses again later.
        let is_refusal = matches!(kind, MessageKind::Refusal { .. });
        let is_unpinned = batch.peer(from).is_none_or(Peer::is_unpinned);
        let is_stranger = batch.conversation(from).is_none() || is_unpinned;
        if is_refusal && is_stranger && !arrival.is_own {
            return Ok(Received::Refused {
                from: from.clone(),
                again: Vec::new(),
                not_delivered: Vec::new(),
            });
        }
        // CHK-331: only a message that begins a session counts with the roster that it carries.
        let is_first = matches!(kind, MessageKind::Initial { .. });
        let carried = claims.roster.as_deref().filter(|_| is_first);
        let by = claims.sender.as_ref();
        let (identity, removed_ms) =
            match self.sending_identity(batch, &arrival, claimed, by, carried)? {
                Sending::Known(identity) => (identity, None),
                Sending::Former(identity, removed_ms) => (identity, Some(removed_ms)),
                _ if skips => return self.skip_unopened(batch, &arrival),
                Sending::Removed => return Err(ReceiveError::RemovedDevice),
                Sending::Unknown => {
                    self.note_roster_wanted(batch, from)?;
                    let device = arrival.sender.clone();
                    return Err(ReceiveError::UnknownDevice { device });
                }
            };
        if is_refusal {
            // One that an own device sent to a peer is for the peer.
            if skips || arrival.is_own && *with != self.me.account {
                return Ok(arrival.skipped());
            }
            return self.take_refusal(batch, &delivery, &arrival);
        }
        let before = self.before_opening(batch, &arrival);
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(from) else {
            return Err(damaged(from).into()); // it was inserted above
        };
        let device = peer.devices.get(&arrival.sender.device);
        let has_session = device.is_some_and(|device| device.sessions.is_some());
        if skips && !has_session {
            return self.skip_unopened(batch, &arrival);
        }

        if batch.prekeys.is_none() {
            batch.prekeys = match self.take_prekeys() {
                // A conversation goes on even if the prekeys are damaged.
                Err(StateError::Damaged(_)) if has_session => None,
                prekeys => Some(prekeys?),
            };
        }
        // Only an initial message can start a session, and so needs what is remembered of its
        // sender.
        let mut nothing = ReplayMemory::new();
        let memory = match &kind {
            MessageKind::Ordinary | MessageKind::Refusal { .. } => Some(&mut nothing),
            MessageKind::Initial { identity } => match batch.memories.entry(identity.to_bytes()) {
                Entry::Occupied(known) => Some(known.into_mut()),
                Entry::Vacant(unread) => match self.replay_memory(identity) {
                    Err(StateError::Damaged(_)) if has_session => None,
                    memory => Some(unread.insert(memory?)),
                },
            },
        };
        let accepting = batch.prekeys.as_mut().zip(memory);
        let can_accept = accepting.is_some();
        // A device that is new here is only added when its message opens.
        let mut none = None;
        let sessions = match peer.devices.get_mut(&arrival.sender.device) {
            Some(device) => &mut device.sessions,
            None => &mut none,
        };
        let channel = match accepting {
            Some((prekeys, memory)) => {
                SessionOpener::new(&self.identity, prekeys, memory, sessions)
            }
            None => SessionOpener::without_prekeys(&self.identity, sessions),
        };
        let opened = match open_any(&mut channel.with_preamble(), &delivery) {
            Ok(opened) => Some(opened),
            // The sender's commitment to the content does not hold. The message key is spent
            // nevertheless.
            Err(OpenError::Withheld(_)) => None,
            // Prekeys, memory and sessions are unchanged.
            Err(OpenError::Channel(DecryptError::UnknownPreKey)) if !can_accept => {
                return Err(StateError::Damaged(Damage::PreKeys).into());
            }
            Err(OpenError::Channel(error)) => {
                if !can_be_asked(&error) {
                    return Err(ReceiveError::Session(error));
                }
                if skips {
                    return self.skip_unopened(batch, &arrival);
                }
                let is_repeat = is_repeat(&error);
                if self.is_deleted(batch, &arrival, is_repeat)?
                    || is_repeat && self.has_dropped(batch, &arrival)
                {
                    return Ok(arrival.duplicate());
                }
                self.note_unopened(batch, &arrival)?;
                return Err(ReceiveError::Session(error));
            }
            Err(_) => return Err(ReceiveError::Session(DecryptError::Unauthenticated)),
        };

        *is_changed = true;
        batch.received.insert(name);
        let is_pinned_now = peer.confirm_offer();
        let device = peer.device_mut(arrival.sender.device);
        if none.is_some() {
            device.sessions = none;
        }
        device.record.identity = identity.to_vec();
        device.record.removed_ms = removed_ms.unwrap_or(device.record.removed_ms);
        if device.record.unanswered_ms == 0 {
            device.record.unanswered_ms = arrival.accepted_ms.max(1);
        }
        let is_removed = device.record.removed_ms != 0;
        if removed_ms.is_some() {
            peer.keep_few_removed(from, &mut batch.transaction);
            self.upkeep_in(batch, from)?; // destroys the sessions later
        }
        let bound = match before {
            Some(before) => self.bound(batch, &arrival, before, opened.as_ref(), skips)?,
            None => Ok(true),
        };
        let skips = match bound {
            Ok(is_kept) => skips || !is_kept,
            Err(not_taken) => return Ok(not_taken),
        };
        if is_pinned_now {
            self.upkeep_in(batch, from)?.offered.clear(); // it is in the contact now
        }
        self.note_opened(batch, &arrival);
        self.forget_unopened(batch, &arrival)?;
        if !is_removed {
            self.take_claims(batch, &arrival, &claims)?;
        }
        match opened {
            Some(Opened::Message(opened)) if arrival.is_own && *with != self.me.account => {
                self.store_copy(batch, &arrival, is_removed, *opened)
            }
            Some(Opened::Message(opened)) if !skips && !arrival.is_own => {
                self.store_message(batch, &arrival, is_removed, *opened)
            }
            opened => {
                let is_control = matches!(opened, Some(Opened::Control(_)));
                self.put_nowhere(batch, &arrival, is_control)?;
                let of = (&arrival.conversation(), &arrival.id);
                self.put_wipe_of_references(&mut batch.transaction, of)?;
                match opened {
                    None => Err(ReceiveError::Withheld),
                    Some(Opened::Control(control)) => {
                        self.take_control(batch, &arrival, &control, skips)
                    }
                    Some(_) => Ok(arrival.skipped()),
                }
            }
        }
    }

    /// Whether a message that does not open may have been received and deleted with its
    /// conversation, and with it the record of where it was.
    pub(super) fn is_deleted(
        &self,
        batch: &Batch,
        arrival: &Arrival,
        is_repeat: bool,
    ) -> Result<bool, StateError<S::Error>> {
        let accepted_ms = arrival.accepted_ms;
        let before_ms = match &arrival.group {
            Some(group) => match batch.numberings.get(group) {
                Some(numbering) => numbering.deleted_before_ms,
                None => self.group_numbering(group)?.deleted_before_ms,
            },
            None => {
                let peer = batch.peer(&arrival.with);
                peer.map_or(0, |peer| peer.conversation.deleted_before_ms)
            }
        };
        Ok(match before_ms {
            0 => false,
            before if is_repeat => accepted_ms < before.saturating_add(POSTED_AGAIN_MS),
            before => {
                accepted_ms < before || self.is_recent(&arrival.conversation(), &arrival.id)?
            }
        })
    }

    /// Drops a delivery that does not open.
    pub(super) fn skip_unopened(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
    ) -> Result<Received, ReceiveError<S::Error>> {
        self.note_skipped(batch, &arrival.sender.account, arrival.accepted_ms)?;
        Ok(arrival.skipped())
    }
}

/// Whether the error itself says that the message was received before.
pub(super) fn is_repeat(error: &DecryptError) -> bool {
    matches!(
        error,
        DecryptError::AlreadyReceived | DecryptError::ReplayedInitialMessage
    )
}
