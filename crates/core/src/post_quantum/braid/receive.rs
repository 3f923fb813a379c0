//! Receives authenticated pieces: the transitions of the braid that the peer causes.

use core::cmp::Ordering;

use super::{Braid, Emitted, Kind, Piece, PostQuantumStop, SignedSecondPart, State, join_second};
use crate::post_quantum::erasure::{Chunk, Collector};
use crate::post_quantum::kem::{Coin, FirstPart, KEY_HEADER_LEN, KeyHeader, KeySeed, KeyVector};
use crate::post_quantum::secrets::EpochKey;

impl Braid {
    /// Processes a piece from a message of the peer, which must have been authenticated. `epoch` is
    /// the sender's epoch. Returns the epoch key if this piece completed it.
    pub(crate) fn receive(&mut self, epoch: u64, piece: &Piece) -> Option<Emitted> {
        if let State::Stopped(_) = self.state {
            return None;
        }
        match epoch.cmp(&self.epoch) {
            Ordering::Less => None,
            Ordering::Equal => self.receive_current(piece),
            Ordering::Greater => {
                // CHK-42: a peer is in the next epoch only if it has our whole ciphertext. It is
                // never further ahead.
                let is_next = Some(epoch) == self.epoch.checked_add(1);
                if is_next && matches!(self.state, State::Ct2Sampled { .. }) {
                    self.epoch = epoch;
                    self.state = State::KeysUnsampled;
                } else {
                    self.state = State::Stopped(PostQuantumStop::EpochAhead);
                }
                None
            }
        }
    }

    fn receive_current(&mut self, piece: &Piece) -> Option<Emitted> {
        let Piece { kind, index, chunk } = piece;
        let state = core::mem::replace(&mut self.state, State::KeysUnsampled);
        let (state, emitted) = match (state, kind) {
            (State::KeysSampled { seed, .. }, Kind::First) => {
                let mut first = Collector::new();
                // The part has thirty chunks, so this first chunk cannot complete it.
                first.add(*index, chunk);
                let state = State::HeaderSent {
                    seed,
                    sent: 0,
                    vector: None,
                    first,
                };
                (state, None)
            }
            (
                State::HeaderSent {
                    seed,
                    sent,
                    vector,
                    first: mut collector,
                },
                Kind::First,
            ) => {
                let state = match collector.add(*index, chunk) {
                    None => State::HeaderSent {
                        seed,
                        sent,
                        vector,
                        first: collector,
                    },
                    Some(first) => State::Ct1Received {
                        seed,
                        sent,
                        vector,
                        first,
                    },
                };
                (state, None)
            }
            (State::Ct1Received { seed, first, .. }, Kind::Second) => {
                self.collect_second(seed, first, Collector::new(), *index, chunk)
            }
            (
                State::EkSentCt1Received {
                    seed,
                    first,
                    second,
                },
                Kind::Second,
            ) => self.collect_second(seed, first, second, *index, chunk),
            (State::NoHeaderReceived { header }, Kind::Header) => {
                (self.collect_header(header, *index, chunk), None)
            }
            (
                State::Ct1Sampled {
                    header,
                    coin,
                    sent,
                    first,
                    mut vector,
                },
                Kind::Key | Kind::KeyAcknowledging,
            ) => {
                let complete = vector.add(*index, chunk);
                let state = match (complete, kind) {
                    (Some(t), _) => {
                        self.finish_ciphertext(&header, &coin, &t, |first, second| match kind {
                            Kind::KeyAcknowledging => State::Ct2Sampled { sent: 0, second },
                            _ => State::EkReceivedCt1Sampled {
                                sent,
                                first,
                                second,
                            },
                        })
                    }
                    (None, Kind::KeyAcknowledging) => State::Ct1Acknowledged {
                        header,
                        coin,
                        vector,
                    },
                    (None, _) => State::Ct1Sampled {
                        header,
                        coin,
                        sent,
                        first,
                        vector,
                    },
                };
                (state, None)
            }
            (State::EkReceivedCt1Sampled { second, .. }, Kind::KeyAcknowledging) => {
                (State::Ct2Sampled { sent: 0, second }, None)
            }
            (
                State::Ct1Acknowledged {
                    header,
                    coin,
                    mut vector,
                },
                Kind::Key | Kind::KeyAcknowledging,
            ) => {
                let state = match vector.add(*index, chunk) {
                    None => State::Ct1Acknowledged {
                        header,
                        coin,
                        vector,
                    },
                    Some(t) => self.finish_ciphertext(&header, &coin, &t, |_, second| {
                        State::Ct2Sampled { sent: 0, second }
                    }),
                };
                (state, None)
            }
            // The state does not wait for this piece, so it changes nothing.
            (state, _) => (state, None),
        };
        self.state = state;
        emitted
    }

    fn collect_header(&self, mut header: Collector<3>, index: u16, chunk: &Chunk) -> State {
        let Some(complete) = header.add(index, chunk) else {
            return State::NoHeaderReceived { header };
        };
        let [one, two, mac] = *complete;
        let mut header: KeyHeader = [0; KEY_HEADER_LEN];
        header.copy_from_slice([one, two].as_flattened());
        match self.authenticator.verify_header(self.epoch, &header, &mac) {
            Ok(()) => State::HeaderReceived { header },
            Err(_) => State::Stopped(PostQuantumStop::HeaderNotAuthentic),
        }
    }

    /// Makes the second part of the ciphertext, now that the whole key has arrived.
    fn finish_ciphertext(
        &self,
        header: &KeyHeader,
        coin: &Coin,
        vector: &KeyVector,
        next: impl FnOnce(Box<FirstPart>, Box<SignedSecondPart>) -> State,
    ) -> State {
        match coin.both(header, vector) {
            Ok((first, second)) => {
                let mac = self
                    .authenticator
                    .sign_ciphertext(self.epoch, &first, &second);
                next(first, Box::new(join_second(second, mac)))
            }
            Err(_) => State::Stopped(PostQuantumStop::KeyMismatch),
        }
    }

    fn collect_second(
        &mut self,
        seed: KeySeed,
        first: Box<FirstPart>,
        mut second: Collector<5>,
        index: u16,
        chunk: &Chunk,
    ) -> (State, Option<Emitted>) {
        let Some(complete) = second.add(index, chunk) else {
            let state = State::EkSentCt1Received {
                seed,
                first,
                second,
            };
            return (state, None);
        };
        let [a, b, c, d, mac] = *complete;
        let (epoch, second) = (self.epoch, [a, b, c, d]);
        let key = EpochKey::new(epoch, &seed.decapsulate(&first, &second));
        let authenticator = self.authenticator.update(epoch, &key);
        if authenticator
            .verify_ciphertext(epoch, &first, &second, &mac)
            .is_err()
        {
            let stopped = State::Stopped(PostQuantumStop::CiphertextNotAuthentic);
            return (stopped, None);
        }
        self.authenticator = authenticator;
        self.epoch = epoch.saturating_add(1);
        (State::no_header(), Some(Emitted { epoch, key }))
    }
}
