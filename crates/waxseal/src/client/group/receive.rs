//! Receiving in a group: who sent a message, under which state of the group, on which chain.

use std::collections::btree_map::Entry;

use waxseal_core::errors::DecryptError;
use waxseal_core::{IdentityKey, Message as SessionMessage, MessageKind, ReplayMemory};
use waxseal_reporting::message::Content;
use waxseal_reporting::recipient::{
    AuthenticDelivery, GroupCiphertext, OpenError, Opened, OpenedMessage, open_any_in_group,
};
use waxseal_roster::group::GroupId;

use super::late::{NotTaken, Sealed};
use super::{Group, GroupStanding};
use crate::channel::{ChainOpener, OpenInGroupError, Preamble, RosterClaim, SessionOpener};
use crate::client::history::Message;
use crate::client::notices::Kind;
use crate::client::peers::damaged;
use crate::client::receive::{Arrival, Batch, InBatch, Received, Sending, Spoiled, is_repeat};
use crate::client::{Client, keys};
use crate::error::{Damage, ReceiveError, StateError, can_be_asked, can_be_asked_in_group};
use crate::records::{
    IndexRecord, MessageRecord, MessageState, OwnSentRecord, UnopenedRecord, take_secret_bytes,
};
use crate::store::Store;

/// What a delivery says in the clear.
struct Outside {
    claims: Option<Preamble>,
    kind: Option<MessageKind>,
    /// Whether the message was sealed again for this device alone.
    is_again: bool,
}

impl Outside {
    fn of<E: std::error::Error>(
        ciphertext: Option<GroupCiphertext<'_>>,
    ) -> Result<Self, ReceiveError<E>> {
        let unauthenticated = ReceiveError::Session(DecryptError::Unauthenticated);
        let (bytes, is_again) = match ciphertext.ok_or(unauthenticated)? {
            GroupCiphertext::Mac { .. } => {
                return Ok(Self {
                    claims: None,
                    kind: None,
                    is_again: false,
                });
            }
            GroupCiphertext::Key { keys, .. } => (keys, false),
            GroupCiphertext::Pairwise(bytes) => (bytes, true),
        };
        let (claims, _, message) = Preamble::split(bytes).ok_or(ReceiveError::Preamble)?;
        let kind = SessionMessage::peek(message);
        let kind = kind.map_err(|error| ReceiveError::Session(error.into()))?;
        match kind {
            MessageKind::Refusal { .. } => Err(ReceiveError::Refusal),
            kind => Ok(Self {
                claims: Some(claims),
                kind: Some(kind),
                is_again,
            }),
        }
    }

    fn claimed(&self) -> Option<&IdentityKey> {
        match &self.kind {
            Some(MessageKind::Initial { identity }) => Some(identity),
            _ => None,
        }
    }
}

/// What a message holds that opened in a group.
struct InGroup {
    /// `None` if its sender's commitment to the content does not hold.
    opened: Option<Opened>,
    claims: Preamble,
    /// The version of the state that it was sealed for, with its hash. `None` if it was sealed
    /// again.
    state: Option<(u64, [u8; 32])>,
}

impl<S: Store> Client<S> {
    pub(in crate::client) fn receive_in_group(
        &mut self,
        batch: &mut Batch,
        id: &GroupId,
        delivery: &AuthenticDelivery,
        arrival: &Arrival,
    ) -> Result<Received, ReceiveError<S::Error>> {
        // CHK-438: a client leaves a group that it did not accept, and starts no session for it.
        if self.leave_uninvited(id, &mut batch.transaction)? {
            return Err(ReceiveError::NotInGroup);
        }
        let mut group = self.take_group(id)?.ok_or(ReceiveError::NotInGroup)?;
        match group.standing() {
            GroupStanding::Left | GroupStanding::Invited => return Err(ReceiveError::NotInGroup),
            GroupStanding::Accepted => {
                self.note_group_news_wanted(&mut group, &mut batch.transaction);
                return Err(ReceiveError::GroupNews { group: *id });
            }
            _ => {}
        }
        let (from, tag) = (&arrival.sender.account, &arrival.id);
        let name = (arrival.conversation(), *tag.as_bytes());
        let withheld = keys::withheld(id, tag, from);
        let is_known = batch.received.contains(&name)
            || self.index(&name.0, tag)?.is_some()
            || self.get(&withheld)?.is_some();
        let ciphertext = delivery.group_ciphertext();
        // CHK-455: a message has one tag of one account. What comes again only brings the chain:
        // its author may have sealed it again for all, without knowing that the provider has it.
        if is_known && !matches!(ciphertext, Some(GroupCiphertext::Key { .. })) {
            return Ok(arrival.duplicate());
        }
        self.load_peer(batch, from)?;
        let is_blocked = {
            let conversation = batch.conversation(from);
            conversation.is_some_and(|conversation| conversation.is_blocked)
        };
        let skips = is_known || batch.skips || is_blocked && !arrival.is_own;
        if delivery.is_empty() {
            if skips {
                return self.skip_unopened(batch, arrival);
            }
            if self.is_deleted(batch, arrival, false)? {
                return Ok(arrival.duplicate());
            }
            self.note_unopened(batch, arrival)?;
            return Err(ReceiveError::NotSealed);
        }
        let outside = Outside::of(ciphertext)?;
        if outside.claimed() == Some(self.identity.public()) {
            return Err(ReceiveError::Session(DecryptError::OwnIdentity));
        }
        let noted = self.noted_unopened(batch, arrival)?;
        // CHK-459: a message is sealed again only for a device that asked for it.
        if outside.is_again && noted.is_none() {
            return Err(ReceiveError::NotAsked);
        }
        self.check_account_key(batch, &group, arrival)?;
        let (identity, removed_ms) = match self.sender_in_group(batch, arrival, &outside)? {
            Sending::Known(identity) => (identity, None),
            Sending::Former(identity, removed_ms) => (identity, Some(removed_ms)),
            _ if is_known => return Ok(arrival.duplicate()),
            _ if skips => return self.skip_unopened(batch, arrival),
            Sending::Removed => return Err(ReceiveError::RemovedDevice),
            Sending::Unknown => {
                self.note_roster_wanted(batch, from)?;
                let device = arrival.sender.clone();
                return Err(ReceiveError::UnknownDevice { device });
            }
        };
        let opened =
            self.open_in_group(batch, id, delivery, (arrival, skips), (&outside, identity));
        let opened = match opened {
            Err(_) if is_known => return Ok(arrival.duplicate()),
            opened => opened?,
        };
        let accepted_ms = match &noted {
            Some(noted) if outside.is_again => noted.accepted_ms.min(arrival.accepted_ms),
            _ => arrival.accepted_ms,
        };
        if let Err(not_taken) = self.check_in_group(&group, arrival, &opened, accepted_ms) {
            let (note, error) = match not_taken {
                NotTaken::Newer => (Spoiled::News(*id), ReceiveError::GroupNews { group: *id }),
                NotTaken::Differs => (
                    Spoiled::Split(*id, from.clone()),
                    ReceiveError::GroupDiffers,
                ),
                NotTaken::NotMember => (Spoiled::Nothing, ReceiveError::NotMember),
                NotTaken::NotForUs => (Spoiled::Nothing, ReceiveError::NotInGroup),
            };
            batch.spoiled = Some(note);
            return match is_known {
                true => Ok(arrival.duplicate()),
                false => Err(error),
            };
        }
        let is_removed = self.note_sender(batch, arrival, &outside, (identity, removed_ms))?;
        if is_known {
            return Ok(arrival.duplicate());
        }
        self.forget_unopened(batch, arrival)?;
        if !is_removed {
            self.take_claims(batch, arrival, &opened.claims)?;
        }
        let nowhere = IndexRecord::default();
        let Some(content) = opened.opened else {
            // Another account may have sent a message with this tag, whose content fits it.
            batch.transaction.put_record(withheld, &nowhere);
            return Err(ReceiveError::Withheld);
        };
        batch.received.insert(name);
        match content {
            Opened::Message(opened) if arrival.is_own || !skips => {
                self.store_in_group(batch, &group, arrival, is_removed, *opened)
            }
            _ => {
                let conversation = &arrival.conversation();
                self.put_index(&mut batch.transaction, conversation, *tag, &nowhere);
                Ok(arrival.skipped())
            }
        }
    }

    /// The delivery that was noted because it did not open, of the same message.
    fn noted_unopened(
        &self,
        batch: &Batch,
        arrival: &Arrival,
    ) -> Result<Option<UnopenedRecord>, StateError<S::Error>> {
        let (from, id) = (&arrival.sender.account, &arrival.id);
        let noted = match batch.unopened.get(&(from.clone(), *id.as_bytes())) {
            Some(noted) => Some(noted.clone()),
            None => self.readable(&keys::unopened(from, id))?,
        };
        let group = arrival.conversation().to_record().1;
        Ok(noted.filter(|noted: &UnopenedRecord| noted.group == group))
    }

    /// Checks that the sender's account key is the one that the group names.
    fn check_account_key(
        &self,
        batch: &Batch,
        group: &Group,
        arrival: &Arrival,
    ) -> Result<(), ReceiveError<S::Error>> {
        let from = &arrival.sender.account;
        let state = group.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(from.as_str()));
        let roster = batch.peer(from).and_then(|peer| peer.roster());
        // CHK-451: a member sends under the account key that the group names.
        match member.zip(roster) {
            Some((member, roster)) if member.account_key() != roster.account_key() => {
                Err(ReceiveError::NotMember)
            }
            _ if group.is_suspended(from) => Err(ReceiveError::NotMember),
            _ => Ok(()),
        }
    }

    /// The identity of the sending device, by the rosters that are known.
    fn sender_in_group(
        &self,
        batch: &Batch,
        arrival: &Arrival,
        outside: &Outside,
    ) -> Result<Sending, StateError<S::Error>> {
        let claims = outside.claims.as_ref();
        let is_first = matches!(outside.kind, Some(MessageKind::Initial { .. }));
        let carried = claims.and_then(|claims| claims.roster.as_deref());
        let carried = carried.filter(|_| is_first);
        let by = claims.and_then(|claims| claims.sender.as_ref());
        self.sending_identity(batch, arrival, outside.claimed(), by, carried)
    }

    /// Opens a message on the chains of its sender, and the sessions with it.
    fn open_in_group(
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
                let is_repeated = error == waxseal_core::errors::ChainOpenError::AlreadyReceived;
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

    fn check_in_group(
        &self,
        group: &Group,
        arrival: &Arrival,
        opened: &InGroup,
        accepted_ms: u64,
    ) -> Result<(), NotTaken> {
        let version = match &opened.state {
            Some((version, hash)) => {
                group.check_state(*version, hash)?;
                *version
            }
            // It was sealed again for a state that is not named any more.
            None => {
                let log = group.log.as_ref().ok_or(NotTaken::Newer)?;
                let from = arrival.sender.account.as_str();
                let is_member = log.state().is_member(from);
                match is_member {
                    true => log.state().version(),
                    false => group.last_version_of(&arrival.sender.account),
                }
            }
        };
        let sealed = Sealed {
            version,
            accepted_ms,
        };
        group.check_sender(&arrival.sender.account, sealed)?;
        match opened.state {
            Some(_) => group.check_own(&self.me.account, sealed),
            None => Ok(()),
        }
    }

    /// Notes what a message that opened says of its sender's device. Returns whether the device was
    /// removed from its account.
    fn note_sender(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        outside: &Outside,
        (identity, removed_ms): ([u8; 64], Option<u64>),
    ) -> Result<bool, StateError<S::Error>> {
        let (from, device) = (&arrival.sender.account, arrival.sender.device);
        batch.note_accepted(arrival.accepted_ms);
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(from) else {
            return Ok(false); // it was inserted before
        };
        if outside.kind.is_none() {
            let known = peer.devices.get(&device);
            return Ok(known.is_some_and(|device| device.record.removed_ms != 0));
        }
        *is_changed = true;
        let is_pinned_now = peer.confirm_offer();
        let record = &mut peer.device_mut(device).record;
        record.identity = identity.to_vec();
        record.removed_ms = removed_ms.unwrap_or(record.removed_ms);
        if record.unanswered_ms == 0 {
            record.unanswered_ms = arrival.accepted_ms.max(1);
        }
        let is_removed = record.removed_ms != 0;
        if removed_ms.is_some() {
            peer.keep_few_removed(from, &mut batch.transaction);
        }
        // So that it is answered after a while, and what is left of a removed device destroyed.
        let upkeep = self.upkeep_in(batch, from)?;
        if is_pinned_now {
            upkeep.offered.clear(); // it is in the contact now
        }
        Ok(is_removed)
    }

    fn store_in_group(
        &mut self,
        batch: &mut Batch,
        group: &Group,
        arrival: &Arrival,
        from_removed_device: bool,
        opened: OpenedMessage,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let (conversation, id) = (&arrival.conversation(), &arrival.id);
        let sent_time_agrees = opened.sent_time_agrees();
        batch.note_sent(opened.header().sent_at.as_millis().min(arrival.accepted_ms));
        let due = self.put_due(
            &mut batch.transaction,
            &mut batch.due,
            conversation,
            opened.evidence(),
        )?;
        let numbering = match batch.numberings.entry(group.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unread) => unread.insert(self.group_numbering(&group.id)?),
        };
        let ordinal = numbering.next_ordinal;
        numbering.next_ordinal = ordinal.saturating_add(1);
        let last = match arrival.is_own {
            true => &mut numbering.last_copied_ms,
            false => {
                numbering.last_seen = id.as_bytes().to_vec();
                numbering.unanswered_since_ms = 0;
                &mut numbering.last_accepted_ms
            }
        };
        *last = (*last).max(arrival.accepted_ms);
        let index = IndexRecord {
            ordinal: Some(ordinal),
            due,
            ..IndexRecord::default()
        };
        self.put_index(&mut batch.transaction, conversation, *id, &index);
        if arrival.is_own {
            let record = OwnSentRecord::new(conversation, Vec::new());
            batch.transaction.put_record(keys::own_sent(id), &record);
        }
        let (content, attachments, evidence) = opened.into_parts();
        let state = MessageState::Stamped(take_secret_bytes(evidence.encode()));
        let record = MessageRecord {
            ordinal,
            state: Some(state),
            from_removed_device,
            ..MessageRecord::default()
        };
        batch.transaction.put_message(conversation, &record);
        let message = Message::stamped(ordinal, content, attachments, evidence, &self.me);
        let message = Box::new(message.with_removed_device(from_removed_device));
        if !from_removed_device {
            self.take_content_in_group(batch, &group.id, arrival, message.content())?;
        }
        Ok(match arrival.is_own {
            true => Received::Sent {
                to: conversation.clone(),
                message,
            },
            false => Received::Message {
                conversation: conversation.clone(),
                from: arrival.sender.account.clone(),
                message,
                sent_time_agrees,
                from_removed_device,
            },
        })
    }

    /// Takes what a message in a group says about the group.
    fn take_content_in_group(
        &self,
        batch: &mut Batch,
        id: &GroupId,
        arrival: &Arrival,
        content: &Content,
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut group) = self.take_group(id)? else {
            return Ok(());
        };
        let is_changed = match content {
            Content::GroupLeave if arrival.is_own => {
                self.put_group_left(&mut group, &mut batch.transaction);
                return Ok(());
            }
            Content::GroupLeave => group.note_left(&arrival.sender.account, arrival.accepted_ms),
            Content::GroupProfile { title, picture } => {
                group.note_profile(title, picture, arrival.accepted_ms)
            }
            _ => false,
        };
        if is_changed {
            group.put(&mut batch.transaction);
        }
        Ok(())
    }

    /// Notes what is left of a delivery that was not taken.
    pub(in crate::client) fn note_spoiled(
        &self,
        batch: &mut Batch,
        spoiled: Spoiled,
    ) -> Result<(), StateError<S::Error>> {
        match spoiled {
            Spoiled::Nothing => Ok(()),
            Spoiled::Unopened(arrival) => self.note_unopened(batch, &arrival),
            Spoiled::News(id) => {
                if let Some(mut group) = self.take_group(&id)? {
                    self.note_group_news_wanted(&mut group, &mut batch.transaction);
                }
                Ok(())
            }
            Spoiled::Split(id, account) => {
                let of = (Kind::GroupSplitView, &id);
                let transaction = &mut batch.transaction;
                self.put_group_notice(transaction, of, Some(&account), (&[], &[]));
                if let Some(mut group) = self.take_group(&id)? {
                    self.note_group_news_wanted(&mut group, transaction);
                }
                Ok(())
            }
        }
    }
}

impl Group {
    /// The last version at which an account was a member that is none any more. 0 if it never was.
    fn last_version_of(&self, account: &waxseal_reporting::AccountId) -> u64 {
        let mut former = self.record.former.iter().rev();
        let last = former.find(|one| one.account == account.as_str());
        last.map_or(0, |one| one.until.saturating_sub(1))
    }
}
