//! The frames that pass on a connection for deliveries, in both directions, and their MACs.
//!
//! | frame | bytes before the MAC |
//! |---|---|
//! | [`Event::Delivery`] | `01`, id be64, delivery |
//! | [`Event::CaughtUp`] | `02` |
//! | [`Event::QueueExpired`] | `03`, from be64, to be64 |
//! | [`Event::Delivery`] with a contact token | `04`, id be64, token 36, delivery |
//! | [`Answer::Acknowledged`] | `01`, id be64 |
//! | [`Answer::PutOff`] | `02`, id be64 |
//!
//! Each frame ends with a MAC under the device's delivery key:
//!
//! ```text
//! HMAC-SHA-256(K_delivery, label || nonce of the request 16 || nonce of the answer 16
//!     || number be64 || the frame before the MAC)
//! ```
//!
//! The device draws the first nonce and the relay the second, both in the header `waxseal-nonce`.
//! So neither side accepts a frame of another connection. Each side numbers its frames from 0, so
//! none can be dropped, repeated or moved unnoticed. The labels of the two directions differ.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use waxseal_reporting::limits::MAX_DELIVERY_LEN;
use waxseal_reporting::relay::{DeliveryKey, RequestNonce};

use crate::answer::AskedRequest;
use crate::contact::{CONTACT_TOKEN_LEN, ContactToken};

const BY_RELAY: &[u8] = b"waxseal/2/relay/frame-by-relay";
const BY_DEVICE: &[u8] = b"waxseal/2/relay/frame-by-device";

/// Length in bytes of the MAC that ends each frame.
const MAC_LEN: usize = 32;

/// Maximum length in bytes of a frame from the relay.
pub const MAX_FRAME_LEN: usize = 1 + 8 + CONTACT_TOKEN_LEN + MAX_DELIVERY_LEN + MAC_LEN;

const DELIVERY: u8 = 1;
const CAUGHT_UP: u8 = 2;
const QUEUE_EXPIRED: u8 = 3;
const DELIVERY_WITH_TOKEN: u8 = 4;
const ACKNOWLEDGED: u8 = 1;
const PUT_OFF: u8 = 2;

/// Something that the relay sends to a connected device.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A message. The relay sends it again on the next connection, until it is acknowledged.
    Delivery {
        /// The delivery's number, which the device's [`Answer`] repeats. The relay numbers the
        /// deliveries of each device from 1, in the order in which it committed them. A delivery
        /// has the same number on every connection.
        id: u64,
        /// The token with which this device's account can write to that of the sender. Keep it if
        /// the delivery is committed, in place of an earlier one.
        contact: Option<ContactToken>,
        /// An encoded `Delivery`. Pass it to `Client::receive`.
        delivery: Vec<u8>,
    },
    /// All messages that were queued for this device have been sent on this connection, whether or
    /// not they are acknowledged. When more messages are queued later, this event comes again after
    /// them.
    CaughtUp,
    /// The relay dropped messages for this device, because they waited for too long, or because the
    /// device's queue was full. The user is told that messages may be missing.
    ///
    /// The device answers [`Answer::Acknowledged`] with [`QUEUE_EXPIRED_ID`] once it has committed
    /// this. Otherwise the event comes again on the next connection.
    QueueExpired {
        /// No dropped message was accepted before this time, in milliseconds since the Unix epoch.
        from_ms: u64,
        /// No dropped message was accepted after this time.
        to_ms: u64,
    },
}

/// The number with which a device acknowledges [`Event::QueueExpired`]. No delivery has it.
pub const QUEUE_EXPIRED_ID: u64 = 0;

impl Event {
    /// The relay's step: the frame before its MAC.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Delivery {
                id,
                contact: None,
                delivery,
            } => with_id(DELIVERY, *id, &[delivery]),
            Self::Delivery {
                id,
                contact: Some(token),
                delivery,
            } => with_id(DELIVERY_WITH_TOKEN, *id, &[token.as_bytes(), delivery]),
            Self::CaughtUp => vec![CAUGHT_UP],
            Self::QueueExpired { from_ms, to_ms } => {
                with_id(QUEUE_EXPIRED, *from_ms, &[&to_ms.to_be_bytes()])
            }
        }
    }

    /// Reads what the relay sent, on the device. The frame's MAC is verified already. `None` if it
    /// is no event.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        match frame {
            [DELIVERY, rest @ ..] => {
                let (id, delivery) = rest.split_first_chunk()?;
                Some(Self::Delivery {
                    id: u64::from_be_bytes(*id),
                    contact: None,
                    delivery: delivery.to_vec(),
                })
            }
            [DELIVERY_WITH_TOKEN, rest @ ..] => {
                let (id, rest) = rest.split_first_chunk()?;
                let (token, delivery) = rest.split_first_chunk()?;
                Some(Self::Delivery {
                    id: u64::from_be_bytes(*id),
                    contact: Some(ContactToken::from_bytes(*token)),
                    delivery: delivery.to_vec(),
                })
            }
            [CAUGHT_UP] => Some(Self::CaughtUp),
            [QUEUE_EXPIRED, rest @ ..] => {
                let (from_ms, to_ms) = rest.split_first_chunk()?;
                Some(Self::QueueExpired {
                    from_ms: u64::from_be_bytes(*from_ms),
                    to_ms: u64::from_be_bytes(to_ms.try_into().ok()?),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery {
                id,
                contact,
                delivery,
            } => {
                let token = contact.map_or("", |_| ", with a contact token");
                let len = delivery.len();
                write!(f, "Delivery {{ id: {id}, {len} bytes{token} }}")
            }
            Self::CaughtUp => f.write_str("CaughtUp"),
            Self::QueueExpired { from_ms, to_ms } => f
                .debug_struct("QueueExpired")
                .field("from_ms", from_ms)
                .field("to_ms", to_ms)
                .finish(),
        }
    }
}

/// What a device answers to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The device has committed the delivery or drops it. The relay deletes it. With
    /// [`QUEUE_EXPIRED_ID`], the device has committed what [`Event::QueueExpired`] said.
    Acknowledged {
        /// The delivery's number.
        id: u64,
    },
    /// The device cannot decide about the delivery yet. It comes again on the next connection.
    PutOff {
        /// The delivery's number.
        id: u64,
    },
}

impl Answer {
    /// The device's step: the frame before its MAC.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Acknowledged { id } => with_id(ACKNOWLEDGED, id, &[]),
            Self::PutOff { id } => with_id(PUT_OFF, id, &[]),
        }
    }

    /// Reads what a device sent, on the relay. The frame's MAC is verified already. `None` if it is
    /// no answer to a delivery.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let (kind, id) = frame.split_first()?;
        let id = u64::from_be_bytes(id.try_into().ok()?);
        match *kind {
            ACKNOWLEDGED => Some(Self::Acknowledged { id }),
            PUT_OFF => Some(Self::PutOff { id }),
            _ => None,
        }
    }
}

fn with_id(kind: u8, id: u64, rest: &[&[u8]]) -> Vec<u8> {
    let len = rest
        .iter()
        .fold(0, |len: usize, part| len.saturating_add(part.len()));
    let mut frame = Vec::with_capacity(len.saturating_add(1 + 8 + MAC_LEN));
    frame.push(kind);
    frame.extend_from_slice(&id.to_be_bytes());
    for part in rest {
        frame.extend_from_slice(part);
    }
    frame
}

/// The MACs of one side of a connection for deliveries: it adds them to the frames that it sends,
/// and checks them on those that it receives.
pub struct FrameMacs {
    key: DeliveryKey,
    nonces: [[u8; 16]; 2],
    sending: Direction,
    receiving: Direction,
}

/// One direction of a connection.
struct Direction {
    label: &'static [u8],
    /// The number of the next frame.
    next: u64,
}

impl FrameMacs {
    /// The relay's side, for the device with this key. `asked` is the device's request, and `nonce`
    /// is that of the relay's answer.
    pub fn of_relay(key: &DeliveryKey, asked: &AskedRequest, nonce: &RequestNonce) -> Self {
        Self::new(key, asked, nonce, [BY_RELAY, BY_DEVICE])
    }

    /// The device's side.
    pub fn of_device(key: &DeliveryKey, asked: &AskedRequest, nonce: &RequestNonce) -> Self {
        Self::new(key, asked, nonce, [BY_DEVICE, BY_RELAY])
    }

    fn new(
        key: &DeliveryKey,
        asked: &AskedRequest,
        nonce: &RequestNonce,
        labels: [&'static [u8]; 2],
    ) -> Self {
        let [sending, receiving] = labels.map(|label| Direction { label, next: 0 });
        Self {
            key: key.clone(),
            nonces: [*asked.nonce().as_bytes(), *nonce.as_bytes()],
            sending,
            receiving,
        }
    }

    /// Adds the MAC to the next frame to send.
    pub fn seal(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        let mac = self.mac(&self.sending, &frame).finalize();
        frame.extend_from_slice(&mac.into_bytes());
        self.sending.next = self.sending.next.saturating_add(1);
        frame
    }

    /// Checks the MAC of a received frame, and returns the frame without it. `None` if this is not
    /// the other side's next frame on this connection: end the connection.
    pub fn open<'a>(&mut self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let (frame, mac) = frame.split_last_chunk::<MAC_LEN>()?;
        // CHK-120 on the device, CHK-121 on the relay: the frame's MAC is right.
        let expected = self.mac(&self.receiving, frame);
        expected.verify_slice(mac).ok()?;
        self.receiving.next = self.receiving.next.saturating_add(1);
        Some(frame)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, direction: &Direction, frame: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key.to_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(direction.label);
        for nonce in &self.nonces {
            mac.update(nonce);
        }
        mac.update(&direction.next.to_be_bytes());
        mac.update(frame);
        mac
    }
}

impl fmt::Debug for FrameMacs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameMacs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
