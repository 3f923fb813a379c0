//! Sending to a group, and what waits for the provider.

use rand_core::CryptoRng;
use waxseal_reporting::message::Content;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::sender::{GroupFanout, SentMessage};
use waxseal_reporting::{AccountId, ConversationId, DeviceAddress, Timestamp};
use waxseal_roster::group::GroupId;

use super::waiting::{gives_chain, is_of_before};
use super::{Group, GroupStanding};
use crate::client::peers::FIRST_ORDINAL;
use crate::client::send::{Draft, Outgoing};
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{EditGroupError, SendError, StateError};
use crate::records::{ConversationRecord, IndexRecord, NUMBERS, OutboxRecord, OwnChainRecord};
use crate::store::{Store, Transaction};

/// How often a message is sealed, while others are sealed again before it.
const TRIES: usize = 4;

/// What is sent: a draft, or a message that is stored already, under its ordinal.
enum What<'a> {
    Written(&'a Draft),
    Held(u64, &'a SentMessage),
}

impl What<'_> {
    fn content(&self) -> Option<Content> {
        match self {
            Self::Written(draft) => Some(draft.content().clone()),
            Self::Held(_, sent) => sent.content(),
        }
    }
}

impl<S: Store> Client<S> {
    /// Sends a message to a group. The message that this account leaves ends its membership here.
    pub(in crate::client) fn send_to_group(
        &mut self,
        id: &GroupId,
        draft: &Draft,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        self.seal_held_in_group_first(id, now, rng)?;
        self.send_what(id, &What::Written(draft), now, rng)
    }

    /// Sends a message that was stored because it could not be sealed.
    pub(super) fn send_held(
        &mut self,
        id: &GroupId,
        (ordinal, sent): (u64, &SentMessage),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        self.send_what(id, &What::Held(ordinal, sent), now, rng)
    }

    fn send_what(
        &mut self,
        id: &GroupId,
        what: &What<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        for _ in 0..TRIES {
            self.seal_stale(id, now, rng)?;
            if let Some(outgoing) = self.run(|client| client.send_once(id, what, now, rng))? {
                return Ok(outgoing);
            }
        }
        Err(SendError::NumbersUsedUp)
    }

    /// Sends a message to a group. `None` if it began another chain while others wait on the one
    /// before: these are sealed again first, so that the keys of the chain come with the first.
    fn send_once(
        &mut self,
        id: &GroupId,
        what: &What<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Outgoing>, SendError<S::Error>> {
        let client = self;
        let before: Option<OwnChainRecord> = client.readable(&keys::own_chain(id))?;
        let before = before.map(|before| before.number);
        let mut group = client.writable_group(id, false)?;
        let leaves = client.check_farewell(&group, &what.content().ok_or(SendError::NoGroup)?)?;
        let to = &Conversation::from(id);
        let mut numbering = client.group_numbering(id)?;
        let sent = match what {
            What::Held(_, sent) => SentMessage::clone(sent),
            What::Written(draft) => {
                let content = draft.content();
                let sent_at = client.time_of_draft(to, &numbering, content, now)?;
                let payload = Draft::clone(draft).payload(&numbering, sent_at)?;
                let conversation = ConversationId::from_bytes(id.to_bytes());
                SentMessage::commit(&client.me, &conversation, &payload, rng)
            }
        };
        let tag = *sent.tag();
        let leave_out = client.left_out(&group)?;
        let mut transaction = Transaction::default();
        let sealed =
            client.seal_in_group(&group, &sent, &leave_out, (now, rng), &mut transaction)?;
        if before.is_some_and(|before| before != sealed.chain())
            && client.first_waiting(id, |_| true)?.is_some()
        {
            let mut transaction = Transaction::default();
            client.leave_chain(id, &mut transaction)?;
            client.commit(transaction)?;
            return Ok(None);
        }
        let mut counters = client.counters()?;
        let number = counters.next_outbox;
        counters.next_outbox = number.checked_add(1).ok_or(SendError::NumbersUsedUp)?;
        let ordinal = match what {
            What::Held(ordinal, _) => *ordinal,
            What::Written(_) => numbering.count_sent(now).ok_or(SendError::NumbersUsedUp)?,
        };
        numbering.last_chain = sealed.chain();
        let index = IndexRecord {
            ordinal: Some(ordinal),
            outbox: Some(number),
            ..IndexRecord::default()
        };
        let mut entry = OutboxRecord {
            ordinal: number,
            ..OutboxRecord::default()
        };
        sealed.fill(&group, &mut entry);
        match what {
            What::Held(..) => {
                transaction.delete(keys::held(to, ordinal));
                client.put_index(&mut transaction, to, tag, &index);
            }
            What::Written(draft) => {
                numbering.note_own_timer(&client.me, &sent, draft.content());
                client.put_sent(&mut transaction, to, (ordinal, &sent), index)?;
                draft.end_upload(client, &mut transaction)?;
            }
        }
        transaction.put_record(keys::counters(), &counters);
        transaction.put_record(keys::conversation(to), &numbering);
        transaction.put_record(keys::own_sent(&tag), &sealed.own_sent(&group));
        transaction.put_record(keys::envelope(number), &entry);
        if leaves {
            client.put_group_left(&mut group, u64::MAX, &mut transaction);
        }
        client.commit(transaction)?;
        Ok(Some(client.keep_sealed(id, sealed, now)))
    }

    /// Whether a message says that this account leaves the group. Checks that it may.
    pub(super) fn check_farewell(
        &self,
        group: &Group,
        content: &Content,
    ) -> Result<bool, SendError<S::Error>> {
        if !matches!(content, Content::GroupLeave) {
            return Ok(false);
        }
        let checked = self.check_group_leave(group);
        checked.map_err(|error| match error {
            EditGroupError::LastAdmin => SendError::LastAdmin,
            EditGroupError::State(error) => SendError::State(error),
            _ => SendError::NotMember,
        })?;
        Ok(true)
    }

    /// A group to which this account may write. What `waits` for the provider may be sealed again
    /// until the provider knows that this account left: that it leaves is in such a message.
    pub(in crate::client) fn writable_group(
        &self,
        id: &GroupId,
        waits: bool,
    ) -> Result<Group, SendError<S::Error>> {
        let mut group = self.take_group(id)?.ok_or(SendError::NoGroup)?;
        // CHK-445: only members write that may, and nobody after a fork.
        match group.standing() {
            GroupStanding::Member => {}
            GroupStanding::Left if waits && group.record.tells_leave => {
                group.set_standing(GroupStanding::Member); // nothing of it is written
            }
            GroupStanding::Forked => return Err(SendError::GroupForked),
            _ => return Err(SendError::NotMember),
        }
        let log = group.sendable().ok_or(SendError::NotMember)?;
        match log.state().may_write(self.me.account.as_str()) {
            true => Ok(group),
            false => Err(SendError::MayNotWrite),
        }
    }

    /// The numbering of a group's conversation, as it goes on.
    pub(in crate::client) fn group_numbering(
        &self,
        id: &GroupId,
    ) -> Result<ConversationRecord, StateError<S::Error>> {
        let mut numbering = match self.numbering(&id.into())? {
            Some(numbering) => numbering,
            None => {
                let first = match self.has_other_devices()? {
                    true => FIRST_ORDINAL,
                    false => 0,
                };
                ConversationRecord {
                    group: id.to_bytes().to_vec(),
                    first_ordinal: first,
                    next_ordinal: first,
                    ..ConversationRecord::default()
                }
            }
        };
        let least = self.counters()?.restarts().saturating_mul(NUMBERS);
        numbering.next_sequence = numbering.next_sequence.max(least);
        Ok(numbering)
    }

    /// Members that said that they leave, as far as the provider knows it: a message is not for
    /// them.
    pub(in crate::client) fn left_out(
        &self,
        group: &Group,
    ) -> Result<Vec<AccountId>, StateError<S::Error>> {
        if group.record.leavers.is_empty() {
            return Ok(Vec::new());
        }
        let record: Option<OwnChainRecord> = self.readable(&keys::own_chain(&group.id))?;
        let record = record.unwrap_or_default();
        let (known, not_left) = (&record.left, &record.not_left);
        let mut leavers: Vec<_> = group.record.leavers.iter().collect();
        leavers.sort_by_key(|leaver| leaver.left_ms);
        let others = leavers.iter().map(|leaver| &leaver.account);
        // The provider still takes this account for a member, if it is to take a message of it.
        let me = self.me.account.as_str();
        let others = others.filter(|account| {
            *account != me && !known.contains(account) && !not_left.contains(account)
        });
        let all: Vec<_> = known.iter().chain(others).cloned().collect();
        Ok(prefix_of_left(group, &all))
    }

    /// What is posted of a message to a group.
    pub(in crate::client) fn posted_in_group(
        &self,
        id: &GroupId,
        fanout: &GroupFanout,
        without: Vec<DeviceAddress>,
        now: Timestamp,
    ) -> Outgoing {
        Outgoing {
            id: *fanout.tag(),
            to: id.into(),
            envelope: fanout.post(self.delivery_key(), &self.me, now),
            again_for: None,
            without,
        }
    }

    /// Notes that the provider accepted a message of this device to a group, which has this number
    /// in the outbox. One that was sealed again counts as of when it was accepted first.
    pub(in crate::client) fn note_group_accepted(
        &self,
        conversation: &Conversation,
        evidence: &Evidence,
        (number, is_first): (Option<u64>, bool),
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let Some(id) = conversation.group() else {
            return Ok(());
        };
        if let Some(Content::GroupProfile { title, picture }) = evidence.content()
            && is_first
            && let Some(mut group) = self.take_group(id)?
            && group.note_profile(&title, &picture, evidence.accepted_at().as_millis())
        {
            group.put(transaction);
        }
        let entry: Option<OutboxRecord> = match number.filter(|_| is_first) {
            Some(number) => self.readable(&keys::envelope(number))?,
            None => None,
        };
        // CHK-448: a chain is given if the provider took the message as it is now.
        let accepted_ms = evidence.accepted_at().as_millis();
        match entry {
            Some(entry) if is_of_before(&entry, accepted_ms) && gives_chain(&entry) => {
                self.leave_chain(id, transaction)
            }
            _ => self.forget_pending_of(id, evidence.tag(), transaction),
        }
    }

    /// Gives a group another title and picture, by a message to it. Members see it when the message
    /// opens, and this device when it is confirmed.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn set_group_profile(
        &mut self,
        group: &GroupId,
        title: &str,
        picture: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        let content = Content::GroupProfile {
            title: title.to_owned(),
            picture: picture.to_vec(),
        };
        self.send(group, content, now, rng)
    }
}

/// Of the accounts that left, in their order, the first ones that all said so themselves. The
/// provider takes a message without their devices, and no other devices may be left out.
fn prefix_of_left(group: &Group, left: &[String]) -> Vec<AccountId> {
    let accounts = left.iter().map_while(|account| {
        let account = AccountId::new(account).ok()?;
        group.has_left(&account).then_some(account)
    });
    accounts.collect()
}
