//! Bounds: what is kept of a message whose sender the user has not accepted.
//!
//! Everything is looked at before anything is written: the sessions with the account's devices, the
//! rows that say nothing, and the messages, of one account and of all.

use std::collections::{BTreeMap, BTreeSet};

use waxseal_core::{SessionId, SessionSet};
use waxseal_reporting::AccountId;
use waxseal_reporting::recipient::Opened;

use super::limits::{
    MAX_ALL_REQUESTS_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES, MAX_REQUESTS, MAX_ROWS,
    MAX_SESSIONS_LEN, REQUEST_MS,
};
use crate::client::peers::{Peer, damaged};
use crate::client::receive::{Arrival, Batch, InBatch, Received, Spoiled};
use crate::client::unopened::is_accepted;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{IndexRecord, RequestRecord};
use crate::store::Store;

/// What the store had of an account that is not accepted before its message opened.
#[derive(Clone)]
pub(in crate::client) struct Before {
    /// Whether the account had a contact.
    is_stored: bool,
    /// Length of the sessions with its devices.
    session_bytes: u64,
    /// The sessions with the sending device.
    sessions: BTreeSet<SessionId>,
}

/// What a message that opened made of it.
struct Now {
    session_bytes: u64,
    rows: u32,
    /// Whether it began a session.
    has_begun: bool,
}

impl<S: Store> Client<S> {
    /// Whether the user does not hear an account now: it is blocked, or was declined within 30
    /// days.
    pub(in crate::client) fn is_unheard(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
    ) -> Result<bool, StateError<S::Error>> {
        if arrival.is_own {
            return Ok(false);
        }
        let from = &arrival.with;
        let conversation = batch.conversation(from);
        if conversation.is_some_and(|conversation| conversation.is_blocked) {
            return Ok(true);
        }
        if self.is_accepted_in(batch, from) {
            return Ok(false);
        }
        // CHK-586: what a declined account sends is dropped for 30 days.
        Ok(match self.decision(from)? {
            None => false,
            Some((false, at)) => {
                let until_ms = at.as_millis().saturating_add(REQUEST_MS);
                arrival.accepted_ms < until_ms
            }
            // Another device told it before the account wrote to this one.
            Some((true, _)) => {
                if let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(from) {
                    peer.conversation.is_accepted = true;
                    *is_changed |= peer.is_stored();
                }
                false
            }
        })
    }

    /// Whether there is no room for a stranger, of which nothing is stored. Then its message is
    /// dropped unopened, and counted.
    pub(in crate::client) fn has_no_room_for_request(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
    ) -> Result<bool, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let is_stranger = batch.conversation(from).is_none() && !self.is_accepted_in(batch, from);
        if arrival.is_own || !is_stranger {
            return Ok(false);
        }
        let count = self.requests_in(batch)?.len();
        // CHK-581: beyond 128 requests nothing of another stranger is stored, no session either. A
        // member of a group may have something to say about it.
        if count < MAX_REQUESTS || self.is_fellow_in(batch, from)? {
            return Ok(false);
        }
        batch.dropped_strangers = batch.dropped_strangers.saturating_add(1);
        Ok(true)
    }

    /// What the store has of an account that is not accepted. `None` for any other one.
    pub(in crate::client) fn before_opening(
        &self,
        batch: &Batch,
        arrival: &Arrival,
    ) -> Option<Before> {
        let from = &arrival.sender.account;
        if arrival.is_own || self.is_accepted_in(batch, from) {
            return None;
        }
        let is_stored = batch.conversation(from).is_some();
        let peer = batch.peer(from);
        let device = peer.and_then(|peer| peer.devices.get(&arrival.sender.device));
        let sessions = device.and_then(|device| device.sessions.as_ref());
        Some(Before {
            is_stored,
            session_bytes: peer.map_or(0, Peer::session_bytes),
            sessions: sessions.into_iter().flat_map(SessionSet::ids).collect(),
        })
    }

    /// Holds what opened against the bounds of an account that is not accepted. Returns whether its
    /// content is kept. If not, the sessions go on nevertheless.
    ///
    /// # Errors
    /// The inner one is what the delivery counts as, if nothing of it may be kept, not even that
    /// its key was used. The batch is then made again without it.
    pub(in crate::client) fn bound(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        before: Before,
        opened: Option<&Opened>,
        skips: bool,
    ) -> Result<Result<bool, Received>, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let is_control = matches!(opened, Some(Opened::Control(_)));
        // The user accepted to be in a group with the account, so its devices can say what they
        // have to say about the group.
        let is_of_fellow = is_control && self.is_fellow_in(batch, from)?;
        // CHK-582: a first message that is a control message stores nothing.
        if is_control && !before.is_stored && !is_of_fellow {
            batch.spoiled = Some(Spoiled::Nothing);
            return Ok(Err(arrival.skipped()));
        }
        let Some(now) = now_of(batch, arrival, &before) else {
            return Err(damaged(from)); // it was inserted before
        };
        let (session_bytes, rows, is_new) = (now.session_bytes, now.rows, now.has_begun);
        // CHK-584: sessions that the account begins, and tags that say nothing, are few.
        if is_new && rows >= MAX_ROWS && !is_of_fellow {
            batch.spoiled = Some(Spoiled::Request(from.clone()));
            return Ok(Err(arrival.skipped()));
        }
        let all = self.requests_in(batch)?;
        let total = all.values().map(RequestRecord::bytes);
        let total = total.fold(0, u64::saturating_add);
        let (count, known) = (all.len(), all.get(from).cloned());
        let mut request = known.clone().unwrap_or_default();
        let others = total.saturating_sub(request.bytes());
        let room = MAX_REQUEST_BYTES.min(MAX_ALL_REQUESTS_BYTES.saturating_sub(others));
        // CHK-583: the sessions stay within their bound, whatever keys a message makes this device
        // skip.
        let is_growing = session_bytes > before.session_bytes;
        let is_too_long = session_bytes > MAX_SESSIONS_LEN
            || !is_of_fellow && session_bytes.saturating_add(request.message_bytes) > room;
        if is_growing && is_too_long {
            batch.spoiled = Some(Spoiled::Request(from.clone()));
            return Ok(Err(arrival.skipped()));
        }
        let counts = is_new && !is_of_fellow;
        if let (true, Some(InBatch { peer, .. })) = (counts, batch.peers.get_mut(from)) {
            peer.conversation.stranger_rows = rows.saturating_add(1);
        }
        let has_room = known.is_some() || count < MAX_REQUESTS;
        if is_control || skips || !has_room {
            if known.is_some() && request.session_bytes != session_bytes {
                request.session_bytes = session_bytes;
                batch.requests_mut().insert(from.clone(), request);
            }
            if !is_control && !skips {
                batch.dropped_strangers = batch.dropped_strangers.saturating_add(1);
            }
            return Ok(Ok(is_control));
        }
        if known.is_none() {
            from.as_str().clone_into(&mut request.account);
            request.first_ms = arrival.accepted_ms;
            request.is_kept = before.is_stored && self.has_messages(&from.into())?;
        }
        request.session_bytes = session_bytes;
        request.last_ms = request.last_ms.max(arrival.accepted_ms);
        let message_bytes = match opened {
            Some(Opened::Message(message)) => Some(message_len(message.evidence())),
            _ => None,
        };
        // CHK-580: a request has at most 32 messages and 256 KiB, and all together have 8 MiB.
        let after = message_bytes.map(|len| request.bytes().saturating_add(len));
        let fits = after.is_some_and(|after| after <= room);
        let is_kept = match message_bytes {
            Some(len) if fits && request.messages < MAX_REQUEST_MESSAGES => {
                request.messages = request.messages.saturating_add(1);
                request.message_bytes = request.message_bytes.saturating_add(len);
                true
            }
            _ => {
                request.dropped = request.dropped.saturating_add(1);
                false
            }
        };
        batch.requests_mut().insert(from.clone(), request);
        Ok(Ok(is_kept))
    }

    /// Writes that a message was received and says nothing to the user. Of an account that is not
    /// heard, or that has had its rows, nothing is written: then what comes again does not open.
    /// What a fellow member of a group says about the group has a row in any case.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub(in crate::client) fn put_nowhere(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        is_control: bool,
    ) -> Result<(), StateError<S::Error>> {
        let (from, with) = (&arrival.sender.account, &arrival.with);
        let conversation = batch.conversation(with);
        if !arrival.is_own && conversation.is_some_and(|one| one.is_blocked) {
            return Ok(());
        }
        let is_stranger = !arrival.is_own && !self.is_accepted_in(batch, from);
        if is_stranger && !(is_control && self.is_fellow_in(batch, from)?) {
            let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(from) else {
                return Ok(()); // it was inserted before
            };
            let rows = &mut peer.conversation.stranger_rows;
            if *rows >= MAX_ROWS {
                return Ok(());
            }
            *rows = rows.saturating_add(1);
            *is_changed = true;
        }
        let nowhere = IndexRecord::default();
        self.put_index(&mut batch.transaction, &with.into(), arrival.id, &nowhere);
        Ok(())
    }

    /// Whether messages of an account may have been received of which no record says so.
    pub(in crate::client) fn has_dropped(&self, batch: &Batch, arrival: &Arrival) -> bool {
        let from = &arrival.sender.account;
        let conversation = batch.conversation(from);
        let rows = conversation.map_or(0, |conversation| conversation.stranger_rows);
        !arrival.is_own && rows >= MAX_ROWS && !self.is_accepted_in(batch, from)
    }

    /// Counts a message of which nothing is kept.
    pub(in crate::client) fn count_dropped(
        &self,
        batch: &mut Batch,
        from: &AccountId,
    ) -> Result<(), StateError<S::Error>> {
        self.requests_in(batch)?;
        match batch.requests_mut().get_mut(from) {
            Some(request) => request.dropped = request.dropped.saturating_add(1),
            None => batch.dropped_strangers = batch.dropped_strangers.saturating_add(1),
        }
        Ok(())
    }

    /// All requests, as the batch will write them. One that cannot be read does not count.
    fn requests_in<'b>(
        &self,
        batch: &'b mut Batch,
    ) -> Result<&'b BTreeMap<AccountId, RequestRecord>, StateError<S::Error>> {
        if batch.requests.is_none() {
            let all = self.read_requests()?;
            batch.stored_requests = all.clone();
            batch.requests = Some(all);
        }
        Ok(batch.requests_mut())
    }

    pub(in crate::client) fn read_requests(
        &self,
    ) -> Result<BTreeMap<AccountId, RequestRecord>, StateError<S::Error>> {
        // There may be more: those that came with a history, or that a later version allowed.
        let page = self.page(&keys::requests(), None, MAX_REQUESTS, |_, bytes| {
            let record: RequestRecord = crate::records::decode(bytes)?;
            Some((AccountId::new(&record.account).ok()?, record))
        })?;
        Ok(page.items.into_iter().collect())
    }

    /// Whether the account is a member of a group that this account is in.
    pub(in crate::client) fn is_fellow(
        &self,
        account: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        Ok(self.fellow_members()?.contains(account))
    }

    /// Whether the account is a member of a group that this account is in. All groups are read
    /// once for a batch.
    pub(in crate::client) fn is_fellow_in(
        &self,
        batch: &mut Batch,
        account: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        if batch.fellows.is_none() {
            batch.fellows = Some(self.fellow_members()?);
        }
        let fellows = batch.fellows.as_ref();
        Ok(fellows.is_some_and(|fellows| fellows.contains(account)))
    }

    /// Whether a message of the conversation is stored.
    pub(in crate::client) fn has_messages(
        &self,
        conversation: &Conversation,
    ) -> Result<bool, StateError<S::Error>> {
        Ok(!self
            .first_rows(&keys::messages(conversation), 1)?
            .is_empty())
    }

    /// Writes the requests that the batch changed, unless their accounts are accepted now.
    pub(in crate::client) fn put_requests(&self, batch: &mut Batch) {
        let Some(requests) = batch.requests.take() else {
            return;
        };
        for (account, request) in &requests {
            let is_changed = batch.stored_requests.get(account) != Some(request);
            if is_changed && !batch.conversation(account).is_some_and(is_accepted) {
                batch
                    .transaction
                    .put_record(keys::request(account), request);
            }
        }
    }
}

impl Batch {
    fn requests_mut(&mut self) -> &mut BTreeMap<AccountId, RequestRecord> {
        self.requests.get_or_insert_default()
    }
}

impl Peer {
    /// Length of the sessions with all devices, with their skipped keys.
    fn session_bytes(&self) -> u64 {
        let sessions = self
            .devices
            .values()
            .filter_map(|one| one.sessions.as_ref());
        let lens = sessions.map(|sessions| sessions.export().len());
        let len = lens.fold(0, usize::saturating_add);
        u64::try_from(len).unwrap_or(u64::MAX)
    }
}

fn now_of(batch: &Batch, arrival: &Arrival, before: &Before) -> Option<Now> {
    let peer = batch.peer(&arrival.sender.account)?;
    let device = peer.devices.get(&arrival.sender.device);
    let sessions = device.and_then(|device| device.sessions.as_ref());
    let mut ids = sessions.into_iter().flat_map(SessionSet::ids);
    Some(Now {
        session_bytes: peer.session_bytes(),
        rows: peer.conversation.stranger_rows,
        has_begun: ids.any(|id| !before.sessions.contains(&id)),
    })
}

/// Length of the record of a message.
pub(super) fn message_len(evidence: &waxseal_reporting::recipient::Evidence) -> u64 {
    u64::try_from(evidence.encode().len()).unwrap_or(u64::MAX)
}
