//! Deliveries: numbered, sent on a connection, and kept until they are acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waxseal::DeviceAddress;
use waxseal::reporting::relay::{Claim, DeliveryKey, RequestNonce, StampedEnvelope};
use waxseal::reporting::{Audience, ConversationId};
use waxseal_interface::{
    Answer, ErrorCode, Event, FrameMacs, HttpAnswer, HttpRequest, NONCE_HEADER, QUEUE_EXPIRED_ID,
    READS_TOKENS_HEADER,
};

use super::{IntoBody, Relay, asked};
use crate::provider::QueuedGroup;

/// Maximum number of deliveries that are sent and not answered.
const WINDOW: usize = 64;

/// A message that waits for one device.
pub(super) enum Queued {
    /// To an account, and whether the recipient gets a token with it.
    Direct(StampedEnvelope, bool),
    Group(Box<QueuedGroup>),
}

impl Queued {
    fn claim(&self) -> &Claim {
        match self {
            Self::Direct(stamped, _) => stamped.claim(),
            Self::Group(queued) => queued.stamped.claim(),
        }
    }

    fn deliver(&self, key: &DeliveryKey) -> Vec<u8> {
        match self {
            Self::Direct(stamped, _) => stamped.deliver(key).encode(),
            Self::Group(queued) => queued.stamped.deliver(&queued.slot, key).encode(),
        }
    }

    /// The group that it is for.
    pub(super) fn group(&self) -> Option<ConversationId> {
        match &self.claim().context().audience {
            Audience::Group(group) => Some(*group),
            Audience::Direct(_) => None,
        }
    }
}

/// What waits for one device.
#[derive(Default)]
pub(super) struct Queue {
    last: u64,
    pub(super) waiting: BTreeMap<u64, Queued>,
    /// When the first and the last message were accepted that were dropped, until the device knows.
    dropped: Option<(u64, u64)>,
}

impl Queue {
    pub(super) fn push(&mut self, stamped: Queued) {
        self.last += 1;
        self.waiting.insert(self.last, stamped);
    }

    /// Notes that a message was dropped.
    pub(super) fn note_dropped(&mut self, stamped: &Queued) {
        let at_ms = stamped.claim().context().accepted_at.as_millis();
        let (from_ms, to_ms) = self.dropped.unwrap_or((at_ms, at_ms));
        self.dropped = Some((from_ms.min(at_ms), to_ms.max(at_ms)));
    }

    /// Drops the messages that were stamped before this epoch.
    pub(super) fn drop_before(&mut self, oldest: u32) {
        let is_old = |stamped: &Queued| stamped.claim().context().epoch < oldest;
        let old: Vec<_> = self.waiting.iter().filter(|(_, one)| is_old(one)).collect();
        let old: Vec<_> = old.into_iter().map(|(number, _)| *number).collect();
        for number in old {
            if let Some(stamped) = self.waiting.remove(&number) {
                self.note_dropped(&stamped);
            }
        }
    }
}

/// A connection for deliveries.
pub(super) struct Connection {
    pub(super) me: DeviceAddress,
    token_expires_ms: u64,
    macs: FrameMacs,
    /// Whether the device reads deliveries with tokens.
    reads_tokens: bool,
    sent_up_to: u64,
    in_window: BTreeSet<u64>,
    put_off: BTreeSet<u64>,
    is_caught_up: bool,
    /// What was last told of dropped messages.
    told_dropped: Option<(u64, u64)>,
}

impl Relay {
    /// Answers a request for a WebSocket, and opens the connection. The device's earlier one ends.
    pub fn connect(&mut self, request: &HttpRequest) -> (HttpAnswer, Option<u64>) {
        let device = self.device_of(request);
        let me = match &device {
            Ok(me) if request.path == "/v1/deliveries" && request.method == "GET" => me.clone(),
            Ok(me) => {
                let answered = Err(ErrorCode::NotFound.into_body());
                return (self.authentic(request, Some(me), answered), None);
            }
            Err(code) => return (self.authentic(request, None, Err(code.into_body())), None),
        };
        let nonce = RequestNonce::from_bytes(self.random());
        let headers = vec![(NONCE_HEADER.to_owned(), STANDARD.encode(nonce.as_bytes()))];
        let answer = self.authentic(request, Some(&me), Ok((101, Vec::new(), headers)));
        self.connections.retain(|_, one| one.me != me);
        let mut headers = request.headers.iter();
        let connection = Connection {
            reads_tokens: headers.any(|header| *header == (READS_TOKENS_HEADER, "1".to_owned())),
            token_expires_ms: self.expiry_of(request),
            macs: FrameMacs::of_relay(&self.provider.keys[&me], &asked(request), &nonce),
            me,
            sent_up_to: 0,
            in_window: BTreeSet::new(),
            put_off: BTreeSet::new(),
            is_caught_up: false,
            told_dropped: None,
        };
        let id = u64::from_be_bytes(self.random());
        self.connections.insert(id, connection);
        (answer, Some(id))
    }

    /// Whether the relay keeps this connection open.
    #[must_use]
    pub fn is_connected(&self, id: u64) -> bool {
        let connection = self.connections.get(&id);
        connection.is_some_and(|one| self.provider.now.as_millis() < one.token_expires_ms)
    }

    /// Ends a connection, as a broken network does.
    pub fn disconnect(&mut self, id: u64) {
        self.connections.remove(&id);
    }

    /// What the relay sends on a connection now: deliveries until 64 are unanswered, and after the
    /// last one that it is caught up.
    pub fn frames(&mut self, id: u64) -> Vec<Vec<u8>> {
        if !self.is_connected(id) {
            return Vec::new();
        }
        let day = self.day();
        let Some(connection) = self.connections.get_mut(&id) else {
            return Vec::new();
        };
        let key = &self.provider.keys[&connection.me];
        let queue = self.queues.entry(connection.me.clone()).or_default();
        let mut frames = Vec::new();
        if connection.told_dropped != queue.dropped {
            connection.told_dropped = queue.dropped;
            if let Some((from_ms, to_ms)) = queue.dropped {
                let event = Event::QueueExpired { from_ms, to_ms };
                frames.push(connection.macs.seal(event.encode()));
            }
        }
        let after = connection.sent_up_to + 1;
        for (number, stamped) in queue.waiting.range(after..) {
            if connection.in_window.len() >= WINDOW {
                return frames;
            }
            let delivery = stamped.deliver(key);
            let me = &connection.me.account;
            let contact = match stamped {
                Queued::Direct(stamped, true) if connection.reads_tokens => {
                    Self::token_for(&self.contacts, day, me, stamped)
                }
                _ => None,
            };
            let event = Event::Delivery {
                id: *number,
                contact,
                delivery,
            };
            frames.push(connection.macs.seal(event.encode()));
            connection.sent_up_to = *number;
            connection.in_window.insert(*number);
            connection.is_caught_up = false;
        }
        if !connection.is_caught_up {
            connection.is_caught_up = true;
            frames.push(connection.macs.seal(Event::CaughtUp.encode()));
        }
        frames
    }

    /// Sends any content on a connection, under the right MAC.
    pub fn frame(&mut self, id: u64, event: &Event) -> Option<Vec<u8>> {
        let connection = self.connections.get_mut(&id)?;
        Some(connection.macs.seal(event.encode()))
    }

    /// Takes a device's frame. A frame that it may not send ends the connection. Returns whether
    /// the frame was taken.
    pub fn take(&mut self, id: u64, frame: &[u8]) -> bool {
        let taken = self.take_answer(id, frame).is_some();
        if !taken {
            self.disconnect(id);
        }
        taken
    }

    fn take_answer(&mut self, id: u64, frame: &[u8]) -> Option<()> {
        let connection = self.connections.get_mut(&id)?;
        match Answer::decode(connection.macs.open(frame)?)? {
            Answer::Acknowledged {
                id: QUEUE_EXPIRED_ID,
            } => {
                let told = connection.told_dropped?;
                if let Some(queue) = self.queues.get_mut(&connection.me) {
                    queue.dropped = queue.dropped.filter(|dropped| *dropped != told);
                }
                connection.told_dropped = None;
                Some(())
            }
            Answer::Acknowledged { id } => {
                let was_sent = connection.in_window.remove(&id) || connection.put_off.remove(&id);
                let queue = self.queues.get_mut(&connection.me);
                if let Some(queue) = queue.filter(|_| was_sent) {
                    queue.waiting.remove(&id);
                }
                was_sent.then_some(())
            }
            Answer::PutOff { id } => {
                let was_sent = connection.in_window.remove(&id);
                connection.put_off.insert(id);
                was_sent.then_some(())
            }
        }
    }
}
