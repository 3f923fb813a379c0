//! The outbox: posted in order, each conversation for itself.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_core::limits::MARK_LEN;
use waxseal_interface::{ContactHeaders, ErrorBody, ErrorCode, Request as Call};
use waxseal_reporting::relay::Receipt;
use waxseal_reporting::{ConversationId, FrankingTag, Timestamp};

use super::next::Aim;
use super::pause::later;
use super::{Courier, Event, Trouble};
use crate::client::{NotDelivered, Outgoing, Status};
use crate::conversation::Conversation;
use crate::error::{ConfirmError, SendError, StateError};
use crate::store::Store;

/// How long messages wait whose recipient's queue is full: a minute.
const FULL_MS: u64 = 60_000;

/// How long messages wait that the relay refuses for a reason that this version does not know: an
/// hour.
pub(super) const UNKNOWN_MS: u64 = 3_600_000;

/// How long after a message was accepted the upkeep is called at the latest: an hour.
const AWAITED_MS: u64 = 3_600_000;

/// Maximum number of messages of an earlier version that are sealed again at once.
const MAX_WAITING: usize = 1_000;

/// How far the outbox is posted.
pub(super) struct Outbox {
    /// Whether there may be something to post.
    is_open: bool,
    /// Everything up to this number is posted or waits.
    after: Option<u64>,
    /// Conversations whose messages wait until a time. If one waits, so do all later ones.
    blocked: BTreeMap<Conversation, Timestamp>,
    /// A message that the client did not know when its receipt came.
    unknown: Option<FrankingTag>,
    has_sealed_earlier: bool,
    has_told_damage: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            is_open: true,
            after: None,
            blocked: BTreeMap::new(),
            unknown: None,
            has_sealed_earlier: false,
            has_told_damage: false,
        }
    }
}

impl Outbox {
    pub(super) fn look_again(&mut self) {
        self.is_open = true;
    }

    pub(super) fn block(&mut self, conversation: &Conversation, now: Timestamp, for_ms: u64) {
        self.blocked
            .insert(conversation.clone(), later(now, for_ms));
    }

    /// Lets a conversation post again, because what kept it back may be over.
    pub(super) fn release(&mut self, conversation: &Conversation) {
        if self.blocked.remove(conversation).is_some() {
            (self.is_open, self.after) = (true, None);
        }
    }

    /// Lets those post again whose time has come, or is so far ahead that the clock was wrong.
    fn unblock(&mut self, now: Timestamp) {
        let before = self.blocked.len();
        self.blocked.retain(|_, until| {
            let left = until.as_millis().checked_sub(now.as_millis());
            left.is_some_and(|left| left > 0 && left <= UNKNOWN_MS)
        });
        if self.blocked.len() != before {
            (self.is_open, self.after) = (true, None);
        }
    }

    /// When the next conversation may be tried again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let first = self.blocked.values().min().copied();
        match self.is_open {
            true => Some(Timestamp::from_millis(0)),
            false => first,
        }
    }
}

impl<S: Store> Courier<S> {
    pub(super) fn choose_envelope(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        self.outbox.unblock(now);
        while self.outbox.is_open {
            let (after, relay_now) = (self.outbox.after, self.relay_time(now));
            let page = self.client.outbox(after, 1, relay_now)?;
            if !page.damaged.is_empty() && !self.outbox.has_told_damage {
                self.outbox.has_told_damage = true;
                self.tell(Event::DamagedRows(page.damaged));
            }
            let first = page.items.into_iter().next();
            let first = first.filter(|one| !self.outbox.blocked.contains_key(&one.to));
            match (first, page.next) {
                (Some(outgoing), _) => {
                    if let Some(asked) = self.complete(&outgoing, now)? {
                        return Ok(Some(asked));
                    }
                    if !self.completed(&outgoing, now, rng)? {
                        let contact = self.contact_headers(&outgoing)?;
                        return Ok(Some(post(outgoing, self.client.mark()?, contact)));
                    }
                }
                (None, Some(next)) => self.outbox.after = Some(next),
                (None, None) => (self.outbox.is_open, self.outbox.after) = (false, None),
            }
        }
        if self.outbox.blocked.is_empty() {
            self.pause.forget(&Trouble::QueueFull);
        }
        Ok(None)
    }

    /// Seals messages again that an earlier version of the library left in the outbox.
    pub(super) fn seal_earlier(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        if self.outbox.has_sealed_earlier {
            return Ok(());
        }
        for waiting in self.client.waiting(None, MAX_WAITING)?.items {
            let sealed = match self.client.has_session(&waiting.recipient) {
                Ok(true) => self.client.seal_waiting(&waiting.recipient, now, rng).err(),
                Ok(false) => {
                    self.bundles.want_all(&waiting.recipient);
                    None
                }
                Err(error) => Some(SendError::State(error)),
            };
            // What cannot be sealed goes on waiting, and keeps no other back.
            if let Some(SendError::State(StateError::Store(error))) = sealed {
                return Err(StateError::Store(error));
            }
        }
        self.outbox.has_sealed_earlier = true;
        Ok(())
    }

    /// Takes the receipt of an envelope. Returns whether it is one.
    pub(super) fn take_receipt(
        &mut self,
        to: &Conversation,
        id: FrankingTag,
        is_again: bool,
        receipt: &[u8],
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        self.outbox.look_again();
        // A receipt of another message is no answer to this request.
        if !Receipt::decode(receipt).is_ok_and(|receipt| *receipt.tag() == id) {
            return Ok(false);
        }
        match self.client.confirm(to, receipt) {
            // The receipt of an earlier posting. What was sealed again would go out forever.
            Ok(_) if self.client.waits_in_outbox(to, &id)? => return Ok(false),
            Ok(_) => {
                self.stranger_accepted(to);
                let to = to.clone();
                // Refusals and receipts are no messages.
                let is_message = self.client.message(&to, &id)?.is_some();
                match is_message {
                    true if !is_again => self.tell(Event::Accepted { to: to.clone(), id }),
                    true => {}
                    // An entry may have waited until the admins were told.
                    false => self.groups.look_again(),
                }
                // The relay is told that this account left. And what several devices asked for is
                // sealed for one after the other.
                if is_again || to.group().is_some() && self.has_left(&to)? {
                    self.upkeep_at = Some(now);
                }
                self.due_at = Some(now);
                // The upkeep looks some day at what is awaited from now on.
                self.upkeep_at.get_or_insert(later(now, AWAITED_MS));
            }
            Err(ConfirmError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(ConfirmError::State(StateError::Damaged(damage))) => {
                self.tell(Event::Damaged(damage));
                self.outbox.block(to, now, UNKNOWN_MS);
            }
            // It was deleted while it was on its way. If it is still there, it would go out for
            // ever.
            Err(ConfirmError::NotSent) => {
                if self.outbox.unknown.replace(id) == Some(id) {
                    self.outbox.block(to, now, UNKNOWN_MS);
                }
            }
            Err(_) => return Ok(false),
        }
        Ok(true)
    }

    /// The relay refused an envelope.
    pub(super) fn post_refused(
        &mut self,
        to: &Conversation,
        id: &FrankingTag,
        is_again: bool,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        match body.error {
            ErrorCode::QueueFull => {
                let asked_ms = body
                    .retry_after_secs
                    .unwrap_or_default()
                    .saturating_mul(1_000);
                self.outbox
                    .block(to, now, asked_ms.clamp(FULL_MS, UNKNOWN_MS));
                self.tell_trouble(Trouble::QueueFull);
            }
            ErrorCode::StrangerBudget if !is_again => self.budget_spent(to, body, now),
            ErrorCode::ClockDiffers => {
                self.clock_differs(body, now, rng)?;
            }
            ErrorCode::Mismatch if !is_again && body.mismatch.is_some() => {
                let mismatch = body.mismatch.as_deref().cloned().unwrap_or_default();
                self.retarget(to, id, mismatch, now, rng)?;
            }
            ErrorCode::GroupMismatch if !is_again => {
                match (to.group(), body.group_mismatch.as_deref()) {
                    (Some(group), Some(mismatch)) => {
                        self.take_mismatch(group, id, mismatch.clone(), now)?;
                    }
                    _ => self.outbox.block(to, now, UNKNOWN_MS),
                }
            }
            ErrorCode::NotMember | ErrorCode::MayNotWrite | ErrorCode::NoGroup if !is_again => {
                match to.group() {
                    Some(group) => self.writing_refused(group, id, now)?,
                    None => self.outbox.block(to, now, UNKNOWN_MS),
                }
            }
            // It concerns one device of one member. The others have the message, or ask for it.
            code if is_again && is_final(code) && to.group().is_some() => {
                self.client.take_out(to, id)?;
                self.upkeep_at = Some(now);
            }
            code if is_again && is_final(code) => {
                let reason = match code {
                    ErrorCode::TooOldToReseal => NotDelivered::TooOld,
                    _ => NotDelivered::Refused,
                };
                // The message was accepted before, so it stays in the history with its evidence.
                self.client.give_up(to, id, reason)?;
                self.client.take_out(to, id)?; // also if it has arrived in the meantime
                let message = self.client.message(to, id);
                let status = message.ok().flatten().and_then(|message| message.status());
                if matches!(status, Some(Status::NotDelivered(_))) {
                    let (to, id) = (to.clone(), *id);
                    self.tell(Event::NotDelivered { to, id, reason });
                }
            }
            // The relay says these only of what this device sent: a proxy cannot cause them.
            code @ (ErrorCode::NoSuchAccount | ErrorCode::Malformed | ErrorCode::BadName) => {
                self.give_up(to, id, code)?;
            }
            _ => self.outbox.block(to, now, UNKNOWN_MS),
        }
        self.outbox.look_again();
        Ok(())
    }

    /// Gives up a message that the relay never accepted.
    pub(super) fn give_up(
        &mut self,
        to: &Conversation,
        id: &FrankingTag,
        code: ErrorCode,
    ) -> Result<(), StateError<S::Error>> {
        let message = match self.client.message(to, id) {
            Err(StateError::Damaged(_)) => Some(None),
            message => message?.map(Some),
        };
        self.client.delete_message(to, id)?;
        self.client.take_out(to, id)?; // refusals and receipts are no messages
        if let Some(message) = message {
            self.tell(Event::GivenUp {
                to: to.clone(),
                message: message.map(Box::new),
                code,
            });
        }
        Ok(())
    }
}

/// The request that posts an envelope.
fn post(outgoing: Outgoing, mark: [u8; MARK_LEN], contact: ContactHeaders) -> (Aim, Call) {
    let Outgoing {
        id,
        to,
        envelope: posted,
        again_for,
        ..
    } = outgoing;
    let aim = Aim::Post {
        to: to.clone(),
        id,
        is_again: again_for.is_some(),
    };
    let mark = Some(mark);
    let call = match (again_for, to) {
        // It may be another device of the own account.
        (Some(device), _) => Call::Reseal {
            recipient: device.account,
            posted,
            mark,
        },
        (None, Conversation::Direct(recipient)) => Call::Post {
            recipient,
            posted,
            mark,
            contact,
        },
        (None, Conversation::Group(group)) => Call::PostGroup {
            group: ConversationId::from_bytes(group.to_bytes()),
            posted,
            mark,
        },
    };
    (aim, call)
}

/// Whether the relay never takes a message again that it refuses with this code.
fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TooOldToReseal
            | ErrorCode::NotStamped
            | ErrorCode::OtherTarget
            | ErrorCode::NoSuchAccount
            | ErrorCode::BadName
            | ErrorCode::Malformed
    )
}
