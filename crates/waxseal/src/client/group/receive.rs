//! Receiving in a group: who sent a message, under which state of the group, on which chain.

use waxseal_core::errors::DecryptError;
use waxseal_core::{IdentityKey, Message as SessionMessage, MessageKind};
use waxseal_reporting::message::Content;
use waxseal_reporting::recipient::{AuthenticDelivery, GroupCiphertext, Opened};
use waxseal_roster::group::GroupId;

use super::late::{NotTaken, Sealed};
use super::leave::Uninvited;
use super::{Group, GroupStanding};
use crate::channel::Preamble;
use crate::client::receive::{Arrival, Batch, InBatch, Received, Sending, Spoiled};
use crate::client::{Client, keys};
use crate::error::{ReceiveError, StateError};
use crate::records::{IndexRecord, UnopenedRecord};
use crate::store::Store;

/// What a delivery says in the clear.
pub(super) struct Outside {
    pub(super) claims: Option<Preamble>,
    pub(super) kind: Option<MessageKind>,
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
pub(super) struct InGroup {
    /// `None` if its sender's commitment to the content does not hold.
    pub(super) opened: Option<Opened>,
    pub(super) claims: Preamble,
    /// The version of the state that it was sealed for, with its hash. `None` if it was sealed
    /// again.
    pub(super) state: Option<(u64, [u8; 32])>,
}

impl<S: Store> Client<S> {
    pub(in crate::client) fn receive_in_group(
        &mut self,
        batch: &mut Batch,
        id: &GroupId,
        delivery: &AuthenticDelivery,
        arrival: &Arrival,
    ) -> Result<Received, ReceiveError<S::Error>> {
        // A device that was linked later hears of the account's groups from another one.
        if self.take_group(id)?.is_none() && self.has_other_devices()? && !self.is_manager()? {
            return Err(ReceiveError::GroupNews { group: *id });
        }
        // CHK-438: a client leaves a group that it did not accept, and starts no session for it.
        match self.leave_uninvited(id, arrival.accepted_ms, &mut batch.transaction)? {
            Uninvited::No => {}
            Uninvited::Waits => return Err(ReceiveError::GroupNews { group: *id }),
            Uninvited::Leaves => return Err(ReceiveError::NotInGroup),
        }
        let mut group = self.take_group(id)?.ok_or(ReceiveError::NotInGroup)?;
        match group.standing() {
            GroupStanding::Left | GroupStanding::Invited => return Err(ReceiveError::NotInGroup),
            // CHK-439: after a fork nothing opens.
            GroupStanding::Forked => return Err(ReceiveError::GroupDiffers),
            GroupStanding::Accepted => {
                let at_ms = arrival.accepted_ms;
                self.note_group_news_wanted(&mut group, at_ms, &mut batch.transaction);
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
        match self.check_account_key(batch, &mut group, arrival, !skips) {
            Err(error @ ReceiveError::State(_)) => return Err(error),
            Err(_) if is_known => return Ok(arrival.duplicate()),
            Err(_) if skips => return self.skip_unopened(batch, arrival),
            checked => checked?,
        }
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
            Some(noted) if outside.is_again => match noted.first_ms {
                0 => noted.accepted_ms.min(arrival.accepted_ms),
                first_ms => first_ms.min(arrival.accepted_ms),
            },
            _ => arrival.accepted_ms,
        };
        let sealed = match self.check_in_group(&group, arrival, &opened, accepted_ms) {
            Ok(sealed) => sealed,
            Err(not_taken) => {
                let (note, error) = match not_taken {
                    NotTaken::Newer => (
                        Spoiled::News(*id, arrival.accepted_ms),
                        ReceiveError::GroupNews { group: *id },
                    ),
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
        };
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
            // CHK-456: another account may send a message with this tag, whose content fits it.
            batch.transaction.put_record(withheld, &nowhere);
            return Err(ReceiveError::Withheld);
        };
        batch.received.insert(name);
        match content {
            Opened::Message(opened) if arrival.is_own || !skips => {
                self.store_in_group(batch, &group, (arrival, sealed), is_removed, *opened)
            }
            content => {
                // Who is blocked leaves nevertheless.
                if let Opened::Message(opened) = &content
                    && matches!(opened.content(), Content::GroupLeave)
                    && !batch.skips
                {
                    let sealed = (arrival, sealed);
                    self.take_content_in_group(batch, id, sealed, opened.content())?;
                    batch.ends = true;
                }
                let conversation = &arrival.conversation();
                self.put_index(&mut batch.transaction, conversation, *tag, &nowhere);
                self.put_wipe_of_references(&mut batch.transaction, (conversation, tag))?;
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

    /// Checks that the sender's account key is the one that the group names. If it may be by what
    /// is not known yet, and the delivery `waits` for that, notes what to fetch.
    fn check_account_key(
        &self,
        batch: &mut Batch,
        group: &mut Group,
        arrival: &Arrival,
        waits: bool,
    ) -> Result<(), ReceiveError<S::Error>> {
        let from = &arrival.sender.account;
        let state = group.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(from.as_str()));
        let roster = batch.peer(from).and_then(|peer| peer.roster());
        let is_suspended = group.is_suspended(from);
        // CHK-451: a member sends under the account key that the group names.
        let is_other = match member.zip(roster) {
            Some((member, roster)) => member.account_key() != roster.account_key(),
            None => false,
        };
        if !is_suspended && !is_other {
            return Ok(());
        }
        if !waits {
            return Err(ReceiveError::NotMember);
        }
        // A state that is not known yet may name the account key, or its roster may not be known.
        if !group.is_known_until(arrival.accepted_ms) {
            self.note_group_news_wanted(group, arrival.accepted_ms, &mut batch.transaction);
            return Err(ReceiveError::GroupNews { group: group.id });
        }
        if is_suspended {
            return Err(ReceiveError::NotMember);
        }
        self.note_roster_wanted(batch, from)?;
        let device = arrival.sender.clone();
        Err(ReceiveError::UnknownDevice { device })
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

    fn check_in_group(
        &self,
        group: &Group,
        arrival: &Arrival,
        opened: &InGroup,
        accepted_ms: u64,
    ) -> Result<Sealed, NotTaken> {
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
            is_again: opened.state.is_none(),
        };
        group.check_sender(&arrival.sender.account, sealed)?;
        if opened.state.is_some() {
            group.check_own(&self.me.account, sealed)?;
        }
        Ok(sealed)
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
        record.unanswered_keys = record.unanswered_keys.saturating_add(1);
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
}

impl Group {
    /// The last version at which an account was a member that is none any more. 0 if it never was.
    fn last_version_of(&self, account: &waxseal_reporting::AccountId) -> u64 {
        let mut former = self.record.former.iter().rev();
        let last = former.find(|one| one.account == account.as_str());
        last.map_or(0, |one| one.until.saturating_sub(1))
    }
}
