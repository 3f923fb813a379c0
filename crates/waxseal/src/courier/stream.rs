//! The stream of deliveries: authenticates each frame, receives what it holds, and answers it once
//! it is committed.

use std::collections::VecDeque;

use waxseal_interface::{Answer, AskedRequest, Event as Arrived, FrameMacs, decode_nonce};
use waxseal_reporting::relay::{Delivery, DeliveryKey};
use waxseal_reporting::{AccountId, Timestamp};

use super::{Courier, Event};
use crate::client::{NotDelivered, Received};
use crate::error::{Advice, Damage, ReceiveError, StateError};
use crate::records::KeptRecord;
use crate::store::Store;

/// On how many days a delivery that does not open is left with the relay. Days on which it comes
/// are counted, so that a clock that jumps loses no message.
const KEEP_DAYS: u32 = 7;
const DAY_MS: u64 = 24 * 3_600_000;

/// How long after a delivery came last its record is forgotten: the relay has dropped it.
const FORGET_MS: u64 = 14 * DAY_MS;

/// Maximum number of deliveries of one sender that are left with the relay. A peer can make
/// messages that never open, and these must not displace the messages of others.
const MAX_KEPT_OF_ONE: usize = 64;

/// Maximum number of deliveries that are left with the relay.
const MAX_KEPT: usize = 2_048;

/// Number of times after which a delivery is dropped that looks altered.
const MAX_TIMES: u32 = 5;

/// The connection for deliveries.
#[derive(Default)]
pub(super) struct Stream {
    macs: Option<FrameMacs>,
    frames: VecDeque<Vec<u8>>,
    is_caught_up: bool,
}

impl Stream {
    pub(super) fn is_open(&self) -> bool {
        self.macs.is_some()
    }

    /// Whether everything that waited at the relay has been received on this connection.
    pub(super) fn is_caught_up(&self) -> bool {
        self.is_caught_up
    }

    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    pub(super) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Opens the stream with the nonce of the relay's answer. Returns whether there was one.
    pub(super) fn open(
        &mut self,
        key: &DeliveryKey,
        asked: &AskedRequest,
        nonce: Option<&str>,
    ) -> bool {
        self.close();
        let nonce = nonce.and_then(decode_nonce);
        self.macs = nonce.map(|nonce| FrameMacs::of_device(key, asked, &nonce));
        self.is_open()
    }

    /// Authenticates frames, up to the first that the relay did not make for this connection. That
    /// one ends the connection.
    fn read<F: AsRef<[u8]>>(&mut self, frames: &[F]) -> Vec<Arrived> {
        let mut arrived = Vec::with_capacity(frames.len());
        for frame in frames {
            let content = self
                .macs
                .as_mut()
                .and_then(|macs| macs.open(frame.as_ref()));
            match content.and_then(Arrived::decode) {
                Some(event) => arrived.push(event),
                None => {
                    self.close();
                    break;
                }
            }
        }
        arrived
    }

    fn answer(&mut self, answer: Answer) {
        // On another connection, the delivery comes again.
        if let Some(macs) = &mut self.macs {
            self.frames.push_back(macs.seal(answer.encode()));
        }
    }
}

/// What becomes of a delivery.
enum Verdict {
    /// It is in the store, or can never be: the relay deletes it.
    Settled,
    /// It may open later, and is dropped when it came this many times.
    Kept { max_times: u32 },
}

impl<S: Store> Courier<S> {
    /// Takes what arrived on the WebSocket, each binary message as it came. What it held is in the
    /// store when this returns, and [`events`](Self::events) tell of it.
    ///
    /// Pass everything that has arrived at once: most of the time of a delivery is the disk's. A
    /// frame that the relay did not make for this connection ends it, and [`next`](Self::next)
    /// connects again.
    ///
    /// # Errors
    /// [`StateError::Store`]. Nothing is acknowledged that was not committed. The connection is
    /// over, and the relay delivers again on the next one.
    pub fn deliver<F: AsRef<[u8]>>(
        &mut self,
        frames: &[F],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let arrived = self.stream.read(frames);
        let taken = self.take_arrived(arrived, now);
        if taken.is_err() {
            self.stream.close();
        }
        taken
    }

    /// The next frame to send, also while a request is on its way.
    #[cfg(feature = "transport")]
    pub(crate) fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.stream.next_frame()
    }

    /// The WebSocket is closed or broken. [`next`](Self::next) connects again.
    pub fn disconnected(&mut self) {
        self.stream.close();
    }

    fn take_arrived(
        &mut self,
        arrived: Vec<Arrived>,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (mut waiting, mut is_caught_up) = (Vec::new(), false);
        for event in arrived {
            match event {
                Arrived::Delivery { id, delivery } => {
                    is_caught_up = false;
                    waiting.push((id, delivery));
                }
                Arrived::CaughtUp => is_caught_up = true,
                // The user is told once the client knows of expired queues.
                Arrived::QueueExpired { .. } => {}
            }
        }
        let mut left = waiting.as_slice();
        while !left.is_empty() {
            let deliveries = left.iter().map(|(_, delivery)| delivery.as_slice());
            let received = self.client.receive_many(deliveries)?;
            let (taken, rest) = left.split_at(received.len().min(left.len()));
            let mut verdicts = Vec::with_capacity(taken.len());
            for ((id, delivery), received) in taken.iter().zip(received) {
                verdicts.push((*id, delivery, self.judge(delivery, received, now)?));
            }
            self.settle(verdicts, now)?;
            left = rest;
        }
        if !waiting.is_empty() {
            self.due_at = Some(now);
            self.upkeep_at.get_or_insert(now);
        }
        if is_caught_up {
            self.stream.is_caught_up = true;
            self.reconnect.shorten();
            self.upkeep_at = Some(now);
            self.tell(Event::CaughtUp);
        }
        Ok(())
    }

    /// Tells what a delivery held, and says what becomes of it.
    fn judge(
        &mut self,
        delivery: &[u8],
        received: Result<Received, ReceiveError<S::Error>>,
        now: Timestamp,
    ) -> Result<Verdict, StateError<S::Error>> {
        let error = match received {
            Ok(received) => {
                self.tell_received(received);
                return Ok(Verdict::Settled);
            }
            Err(ReceiveError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(error) => error,
        };
        let kept = Verdict::Kept {
            max_times: u32::MAX,
        };
        Ok(match error.advice() {
            Advice::AskAgain => {
                let from = self.sender_of(delivery);
                self.tell(Event::AskedAgain { from });
                self.doubt_prekeys(now);
                Verdict::Settled
            }
            Advice::WarnIdentityChange => {
                if let (ReceiveError::IdentityChanged { new }, Some(peer)) =
                    (&error, self.sender_of(delivery))
                {
                    self.identity_changed(&peer, *new, now);
                }
                kept
            }
            Advice::DeliverAgain => Verdict::Kept {
                max_times: MAX_TIMES,
            },
            Advice::KeepAndRetry => kept,
            // What is damaged keeps no one else's messages from arriving.
            Advice::ResetPeer | Advice::ResetPreKeys | Advice::DeleteMessage | Advice::Damaged => {
                self.tell(Event::Damaged(match error {
                    ReceiveError::State(StateError::Damaged(damage)) => damage,
                    _ => Damage::Account,
                }));
                kept
            }
            _ => {
                let from = self.sender_of(delivery);
                let why = error.to_string();
                self.tell(Event::Dropped { from, why });
                Verdict::Settled
            }
        })
    }

    fn tell_received(&mut self, received: Received) {
        match received {
            Received::Message {
                from,
                message,
                sent_time_agrees,
            } => self.tell(Event::Message {
                from,
                message,
                sent_time_agrees,
            }),
            Received::Receipts {
                from: to,
                delivered,
                opened,
            } => {
                if !delivered.is_empty() {
                    let (to, ids) = (to.clone(), delivered);
                    self.tell(Event::Delivered { to, ids });
                }
                if !opened.is_empty() {
                    self.tell(Event::Opened { to, ids: opened });
                }
            }
            Received::Refused {
                from,
                not_delivered,
                ..
            } => {
                for id in not_delivered {
                    let (to, reason) = (from.clone(), NotDelivered::Refused);
                    self.tell(Event::NotDelivered { to, id, reason });
                }
            }
            Received::Duplicate { .. } | Received::Skipped { .. } => {}
        }
    }

    /// The sender that the relay names. No session has confirmed it.
    fn sender_of(&self, delivery: &[u8]) -> Option<AccountId> {
        let (key, me) = (self.client.delivery_key(), self.client.me());
        let delivery = Delivery::decode(delivery).ok()?;
        let delivery = delivery.authenticate(key, me).ok()?;
        Some(delivery.claim().context().sender.account.clone())
    }

    /// Writes down which deliveries are left with the relay, and answers all of them.
    fn settle(
        &mut self,
        verdicts: Vec<(u64, &Vec<u8>, Verdict)>,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let page = self.client.kept(MAX_KEPT.saturating_mul(2))?;
        for row in &page.damaged {
            self.client.delete_damaged(row)?;
        }
        let mut kept = page.items;
        let (mut put, mut deleted) = (Vec::new(), Vec::new());
        // The relay has dropped these by itself.
        let age = |one: &KeptRecord| now.as_millis().saturating_sub(one.day_ms);
        let old = kept.iter().filter(|one| age(one) > FORGET_MS);
        deleted.extend(old.map(|one| one.number));
        kept.retain(|one| age(one) <= FORGET_MS);
        for (number, delivery, verdict) in verdicts {
            let from = self.sender_of(delivery);
            let account = from.map_or_else(String::new, |from| from.as_str().to_owned());
            // After a relay lost its database, the same number is of another delivery.
            let is_same = |one: &KeptRecord| one.number == number && one.account == account;
            let at = kept.iter().position(is_same);
            let known = at.map(|at| kept.remove(at));
            let Verdict::Kept { max_times } = verdict else {
                deleted.extend(known.map(|known| known.number));
                self.stream.answer(Answer::Acknowledged { id: number });
                continue;
            };
            let mut one = known.unwrap_or_else(|| KeptRecord {
                number,
                day_ms: now.as_millis(),
                account,
                ..KeptRecord::default()
            });
            // If the clock was ahead when the day began, it begins now.
            one.day_ms = one.day_ms.min(now.as_millis());
            if age(&one) >= DAY_MS {
                (one.day_ms, one.days) = (now.as_millis(), one.days.saturating_add(1));
            }
            one.times = one.times.saturating_add(1);
            let of_one = kept.iter().filter(|other| other.account == one.account);
            let is_full = of_one.count() >= MAX_KEPT_OF_ONE || kept.len() >= MAX_KEPT;
            if one.times >= max_times || one.days >= KEEP_DAYS || is_full {
                deleted.push(number);
                self.tell(Event::Dropped {
                    from: AccountId::new(&one.account).ok(),
                    why: "it never opened".to_owned(),
                });
                self.stream.answer(Answer::Acknowledged { id: number });
            } else {
                put.push(one.clone());
                kept.push(one);
                self.stream.answer(Answer::PutOff { id: number });
            }
        }
        if put.is_empty() && deleted.is_empty() {
            return Ok(());
        }
        self.client.change_kept(&put, &deleted)
    }
}
