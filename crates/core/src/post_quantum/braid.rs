//! The braid: an endless sequence of ML-KEM key agreements, one per epoch, in chunks that ordinary
//! messages carry. (ML-KEM Braid, “State machine”)
//!
//! In each epoch, one side sends an encapsulation key and the other side answers with a ciphertext.
//! Then the roles swap. The initiator of the session sends the first key.
//!
//! The state of a side says which part of the agreement it is sending and which part it is still
//! collecting. Two events move it: an authenticated chunk from the peer arrives, or the side sends
//! its next message, for which it may first have to generate a key pair or a coin (the randomness
//! of an encapsulation). The side repeats chunks of a part until the peer's chunks show that the
//! peer has all of it.
//!
//! The drawing gives each state, what it sends, and the event that leads to the next state.
//! `header` and `t` are the two parts of the key, `ct1` and `ct2` those of the ciphertext.
//!
//! ```text
//! sender of the key
//!   KeysUnsampled      -- next send: key pair --------------------------> KeysSampled
//!   KeysSampled        sends header || MAC       -- chunk of ct1 -------> HeaderSent
//!   HeaderSent         sends t                   -- ct1 complete -------> Ct1Received
//!   Ct1Received        sends t, acknowledges ct1 -- chunk of ct2 -------> EkSentCt1Received
//!   EkSentCt1Received  acknowledges ct1
//!                      -- ct2 || MAC complete, right: EPOCH KEY --> NoHeaderReceived, next epoch
//! sender of the ciphertext
//!   NoHeaderReceived   -- header || MAC complete, MAC right ------------> HeaderReceived
//!   HeaderReceived     -- next send: coin, EPOCH KEY -------------------> Ct1Sampled
//!   Ct1Sampled         sends ct1                 -- t complete, right --> EkReceivedCt1Sampled
//!                                                -- acknowledgement ----> Ct1Acknowledged
//!   EkReceivedCt1Sampled  sends ct1              -- acknowledgement ----> Ct2Sampled
//!   Ct1Acknowledged                              -- t complete, right --> Ct2Sampled
//!   Ct2Sampled         sends ct2 || MAC
//!                      -- message of the next epoch ------------> KeysUnsampled, next epoch
//! either
//!   any state          -- something that no honest peer sends ---------> Stopped, for good
//! ```
//!
//! Every chunk that arrives here has been authenticated with its message. Three kinds of chunks are
//! ignored: chunks of older epochs, chunks of parts that the state does not wait for, and chunks
//! that have already arrived. So loss, repetition and order do not matter.
//!
//! Only the peer, or someone with a copy of its or our state, can bring a braid to `Stopped`. Then
//! no further epoch is agreed on, and messages continue on the chains that exist.

use rand_core::CryptoRng;
use thiserror::Error;

use super::authenticator::{Authenticator, MAC_LEN};
use super::erasure::{self, CHUNK_LEN, Chunk, Collector};
use super::kem::{Coin, FirstPart, KeyHeader, KeySeed, KeyVector, SecondPart};
use super::secrets::{EpochKey, PqSeed};

mod export;
mod receive;

pub(crate) use export::MAX_BRAID_EXPORT_LEN;

/// The chunks of a key header and its MAC: `header || MAC`.
type SignedHeader = [Chunk; 3];
/// The chunks of a ciphertext's second part and the MAC of both parts: `ct2 || MAC`.
type SignedSecondPart = [Chunk; 5];

/// The post-quantum ratchet of a session has stopped for good. Start a new session.
///
/// Messages of the session still open. They are still protected by all completed epochs and by the
/// Diffie–Hellman ratchet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PostQuantumStop {
    /// The peer's key header does not authenticate.
    #[error("key header does not authenticate")]
    HeaderNotAuthentic,
    /// The peer's key vector does not match the key header sent before, or is out of range.
    #[error("encapsulation key does not match its header")]
    KeyMismatch,
    /// The peer's ciphertext does not authenticate.
    #[error("ciphertext does not authenticate")]
    CiphertextNotAuthentic,
    /// The peer claims an epoch that it cannot have reached.
    #[error("epoch that cannot have been reached")]
    EpochAhead,
}

/// The part to which a message's chunk belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The chunk belongs to no part.
    Nothing = 0,
    /// The key header and its MAC.
    Header = 1,
    /// The key vector, which is the public key without what the key header holds.
    Key = 2,
    /// A chunk of the key vector. Its sender has received the whole first part of the ciphertext.
    KeyAcknowledging = 3,
    /// The chunk belongs to no part. Its sender has received the whole first part of the
    /// ciphertext.
    Acknowledgement = 4,
    /// The first part of the ciphertext.
    First = 5,
    /// The second part of the ciphertext, and the MAC of both parts.
    Second = 6,
}

/// The chunk that one message carries for the braid. The epoch is sent separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) index: u16,
    pub(crate) chunk: Chunk,
}

/// One side of the braid. The module's documentation shows its states.
pub(crate) struct Braid {
    /// The epoch that is being agreed on, from 1. All earlier epochs are complete.
    epoch: u64,
    authenticator: Authenticator,
    state: State,
}

/// The step of the key agreement that a side is in. `sent` is the index of the next chunk to send.
///
/// `Option` fields cache public values. They are derived from the secret on first use and never
/// exported.
enum State {
    KeysUnsampled,
    KeysSampled {
        seed: KeySeed,
        sent: u16,
        header: Option<Box<SignedHeader>>,
    },
    HeaderSent {
        seed: KeySeed,
        sent: u16,
        vector: Option<Box<KeyVector>>,
        first: Collector<30>,
    },
    Ct1Received {
        seed: KeySeed,
        sent: u16,
        vector: Option<Box<KeyVector>>,
        first: Box<FirstPart>,
    },
    EkSentCt1Received {
        seed: KeySeed,
        first: Box<FirstPart>,
        second: Collector<5>,
    },
    NoHeaderReceived {
        header: Collector<3>,
    },
    HeaderReceived {
        header: KeyHeader,
    },
    Ct1Sampled {
        header: KeyHeader,
        coin: Coin,
        sent: u16,
        first: Option<Box<FirstPart>>,
        vector: Collector<36>,
    },
    /// Both parts of the ciphertext have been made. The coin, from which they were made, has been
    /// wiped.
    EkReceivedCt1Sampled {
        sent: u16,
        first: Box<FirstPart>,
        second: Box<SignedSecondPart>,
    },
    Ct1Acknowledged {
        header: KeyHeader,
        coin: Coin,
        vector: Collector<36>,
    },
    Ct2Sampled {
        sent: u16,
        second: Box<SignedSecondPart>,
    },
    Stopped(PostQuantumStop),
}

/// The piece for the next message, and the change to commit once it is sent.
pub(crate) struct Outgoing {
    pub(crate) piece: Piece,
    sampled: Option<Sampled>,
}

/// What a step made from fresh randomness: a key pair, or a ciphertext's first part.
enum Sampled {
    Keys {
        seed: KeySeed,
        header: Box<SignedHeader>,
    },
    Ciphertext {
        coin: Coin,
        first: Box<FirstPart>,
        key: EpochKey,
        authenticator: Authenticator,
    },
}

/// The number of an epoch and the key that both sides agreed on in it.
pub(crate) struct Emitted {
    pub(crate) epoch: u64,
    pub(crate) key: EpochKey,
}

const NOTHING: Piece = Piece {
    kind: Kind::Nothing,
    index: 0,
    chunk: [0; CHUNK_LEN],
};

fn piece<const N: usize>(kind: Kind, message: &[Chunk; N], index: u16) -> Piece {
    Piece {
        kind,
        index,
        chunk: erasure::encode(message, index),
    }
}

/// Cuts `header || MAC` into chunks.
fn join_header(header: &KeyHeader, mac: [u8; MAC_LEN]) -> SignedHeader {
    let [one, two] = halves(header);
    [one, two, mac]
}

fn halves(header: &KeyHeader) -> [Chunk; 2] {
    let mut halves = [[0; CHUNK_LEN]; 2];
    halves.as_flattened_mut().copy_from_slice(header);
    halves
}

/// Cuts `ct2 || MAC` into chunks.
fn join_second([a, b, c, d]: SecondPart, mac: [u8; MAC_LEN]) -> SignedSecondPart {
    [a, b, c, d, mac]
}

impl Braid {
    /// Starts the braid in epoch 1, in which the initiator sends the key.
    pub(crate) fn new(seed: &PqSeed, is_initiator: bool) -> Self {
        Self {
            epoch: 1,
            authenticator: Authenticator::new(seed),
            state: if is_initiator {
                State::KeysUnsampled
            } else {
                State::no_header()
            },
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn stopped(&self) -> Option<PostQuantumStop> {
        match self.state {
            State::Stopped(reason) => Some(reason),
            _ => None,
        }
    }

    /// Makes the piece for the next message. Nothing that an export contains changes.
    pub(crate) fn next_to_send(&mut self, rng: &mut impl CryptoRng) -> Outgoing {
        let (epoch, authenticator) = (self.epoch, &self.authenticator);
        let sign = |header: KeyHeader| {
            Box::new(join_header(
                &header,
                authenticator.sign_header(epoch, &header),
            ))
        };
        let mut sampled = None;
        let piece = match &mut self.state {
            State::KeysUnsampled => {
                let seed = KeySeed::generate(rng);
                let header = sign(seed.public().0);
                let piece = piece(Kind::Header, &header, 0);
                sampled = Some(Sampled::Keys { seed, header });
                piece
            }
            State::KeysSampled { seed, sent, header } => {
                let header = header.get_or_insert_with(|| sign(seed.public().0));
                piece(Kind::Header, header, *sent)
            }
            State::HeaderSent {
                seed, sent, vector, ..
            } => {
                let vector = vector.get_or_insert_with(|| seed.public().1);
                piece(Kind::Key, vector, *sent)
            }
            State::Ct1Received {
                seed, sent, vector, ..
            } => {
                let vector = vector.get_or_insert_with(|| seed.public().1);
                piece(Kind::KeyAcknowledging, vector, *sent)
            }
            State::EkSentCt1Received { .. } => Piece {
                kind: Kind::Acknowledgement,
                ..NOTHING
            },
            State::HeaderReceived { header } => {
                let coin = Coin::generate(rng);
                let (first, secret) = coin.first(header);
                let key = EpochKey::new(epoch, &secret);
                let piece = piece(Kind::First, &first, 0);
                sampled = Some(Sampled::Ciphertext {
                    coin,
                    first,
                    authenticator: authenticator.update(epoch, &key),
                    key,
                });
                piece
            }
            State::Ct1Sampled {
                header,
                coin,
                sent,
                first,
                ..
            } => {
                let first = first.get_or_insert_with(|| coin.first(header).0);
                piece(Kind::First, first, *sent)
            }
            State::EkReceivedCt1Sampled { sent, first, .. } => piece(Kind::First, first, *sent),
            State::Ct2Sampled { sent, second } => piece(Kind::Second, second, *sent),
            State::NoHeaderReceived { .. } | State::Ct1Acknowledged { .. } | State::Stopped(_) => {
                NOTHING
            }
        };
        Outgoing { piece, sampled }
    }

    /// Commits a piece whose message has been sealed. Returns the epoch key if this step derived
    /// it.
    pub(crate) fn commit_sent(&mut self, outgoing: Outgoing) -> Option<Emitted> {
        match (outgoing.sampled, &mut self.state) {
            (None, state) => {
                // After 65,536 chunks the indices start again at 0. A peer that still lacks chunks
                // can use these as well as any others.
                if let State::KeysSampled { sent, .. }
                | State::HeaderSent { sent, .. }
                | State::Ct1Received { sent, .. }
                | State::Ct1Sampled { sent, .. }
                | State::EkReceivedCt1Sampled { sent, .. }
                | State::Ct2Sampled { sent, .. } = state
                {
                    *sent = sent.wrapping_add(1);
                }
                None
            }
            (Some(Sampled::Keys { seed, header }), state) => {
                *state = State::KeysSampled {
                    seed,
                    sent: 1,
                    header: Some(header),
                };
                None
            }
            (
                Some(Sampled::Ciphertext {
                    coin,
                    first,
                    key,
                    authenticator,
                }),
                State::HeaderReceived { header },
            ) => {
                self.state = State::Ct1Sampled {
                    header: *header,
                    coin,
                    sent: 1,
                    first: Some(first),
                    vector: Collector::new(),
                };
                self.authenticator = authenticator;
                Some(Emitted {
                    epoch: self.epoch,
                    key,
                })
            }
            (Some(Sampled::Ciphertext { .. }), _) => None,
        }
    }
}

impl State {
    fn no_header() -> Self {
        Self::NoHeaderReceived {
            header: Collector::new(),
        }
    }
}

#[cfg(test)]
mod tests;
