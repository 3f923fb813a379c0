//! The stream of deliveries: authenticates each frame, receives what it holds, and answers it once
//! it is committed.

use std::collections::{BTreeSet, VecDeque};

use waxseal_interface::{
    Answer, AskedRequest, ContactToken, Event as Arrived, FrameMacs, decode_nonce,
};
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::DeliveryKey;

use super::verdict::Verdict;
use super::{Courier, Event};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

/// Maximum number of deliveries that wait in memory for a roster, or for news of a group. Others
/// wait at the relay, for the next connection.
const MAX_UNKNOWN: usize = 16;

/// A delivery with its number, and the contact token that came with it.
#[derive(Clone)]
struct Arriving {
    id: u64,
    delivery: Vec<u8>,
    token: Option<ContactToken>,
}

/// The connection for deliveries.
#[derive(Default)]
pub(super) struct Stream {
    macs: Option<FrameMacs>,
    frames: VecDeque<Vec<u8>>,
    is_caught_up: bool,
    /// Deliveries of devices that are not in the known roster of their account, and of a newer
    /// state of their group. They are not answered before that is known.
    unknown: Vec<(Conversation, Arriving)>,
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

    fn has_room(&self) -> bool {
        self.unknown.len() < MAX_UNKNOWN
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        // On another connection, the delivery comes again.
        if let Some(macs) = &mut self.macs {
            self.frames.push_back(macs.seal(answer.encode()));
        }
    }
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
        let (mut waiting, mut expired, mut is_caught_up) = (Vec::new(), Vec::new(), false);
        for event in arrived {
            match event {
                Arrived::Delivery {
                    id,
                    delivery,
                    contact: token,
                } => {
                    is_caught_up = false;
                    waiting.push(Arriving {
                        id,
                        delivery,
                        token,
                    });
                }
                Arrived::CaughtUp => is_caught_up = true,
                Arrived::QueueExpired { from_ms, to_ms } => {
                    let times = [from_ms, to_ms].map(Timestamp::from_millis);
                    expired.push(times);
                }
            }
        }
        self.take_deliveries(&waiting, false, now)?;
        for [from, to] in expired {
            self.take_expired(from, to, now)?;
        }
        if !waiting.is_empty() {
            self.due_at = Some(now);
            self.upkeep_at.get_or_insert(now);
            self.tell_notices()?;
        }
        if is_caught_up {
            self.stream.is_caught_up = true;
            self.reconnect.shorten();
            self.upkeep_at = Some(now);
            self.tell(Event::CaughtUp);
        }
        Ok(())
    }

    /// Receives deliveries, and answers them. Those that wait for a roster or for news of a group
    /// are not answered, unless they did wait.
    fn take_deliveries(
        &mut self,
        deliveries: &[Arriving],
        has_waited: bool,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let mut left = deliveries;
        while !left.is_empty() {
            let deliveries = left.iter().map(|one| one.delivery.as_slice());
            let received = self.client.receive_many(deliveries)?;
            let (taken, rest) = left.split_at(received.len().min(left.len()));
            let mut verdicts = Vec::with_capacity(taken.len());
            for (one, received) in taken.iter().zip(received) {
                let (id, delivery) = (&one.id, &one.delivery);
                let verdict = match self.judge(delivery, received, now)? {
                    Verdict::Unknown(of) if !has_waited && self.stream.has_room() => {
                        self.stream.unknown.push((of, one.clone()));
                        continue;
                    }
                    Verdict::Unknown(of) => {
                        self.bundles.note_unknown(of);
                        Verdict::Kept {
                            max_times: u32::MAX,
                        }
                    }
                    verdict => verdict,
                };
                if let (Verdict::Settled, Some(token)) = (&verdict, &one.token) {
                    self.take_contact_token(delivery, token)?;
                }
                verdicts.push((*id, delivery, verdict));
            }
            self.settle(verdicts, now)?;
            left = rest;
        }
        Ok(())
    }

    /// Receives again what waits for the roster of an account, or for news of a group. What does
    /// not open now waits at the relay.
    pub(super) fn receive_unknown(
        &mut self,
        of: &Conversation,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let all = std::mem::take(&mut self.stream.unknown);
        let (these, others): (Vec<_>, _) = all.into_iter().partition(|(one, _)| one == of);
        self.stream.unknown = others;
        let these: Vec<_> = these.into_iter().map(|(_, delivery)| delivery).collect();
        let taken = self.take_deliveries(&these, true, now);
        if taken.is_err() {
            self.stream.close(); // what was not answered comes again
        }
        taken
    }

    /// Leaves with the relay what waits for rosters and news that are not fetched now.
    pub(super) fn settle_unknown(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let unknown = self.stream.unknown.iter();
        let all: BTreeSet<_> = unknown.map(|(of, _)| of.clone()).collect();
        for of in all {
            let is_asking = match &of {
                Conversation::Direct(account) => self.bundles.is_asking(account, now),
                Conversation::Group(group) => self.groups.is_asking(group, now),
            };
            if !is_asking {
                self.receive_unknown(&of, now)?;
            }
        }
        Ok(())
    }
}
