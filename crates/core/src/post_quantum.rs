//! The sparse post-quantum ratchet, which runs alongside the Double Ratchet. (Double Ratchet,
//! revision 4, “Sparse Post-Quantum Ratchet”; ML-KEM Braid)
//!
//! It has two parts. The braid agrees on a new secret about every 90 messages, through pieces that
//! ordinary messages carry. The chains derive a key for each message from these secrets.
//!
//! The key of a message never depends on the piece that the message itself carries. So a message
//! opens first, and its piece is used only once the whole message has authenticated.

use rand_core::CryptoRng;

use crate::codec::{Reader, Writer, put};
use crate::error::DecodeError;

mod authenticator;
mod braid;
mod chains;
mod erasure;
mod kem;
mod secrets;

pub use braid::PostQuantumStop;
use braid::{Braid, Kind, MAX_BRAID_EXPORT_LEN, Outgoing, Piece};
pub(crate) use chains::Misplaced;
use chains::{Chains, PqChainAhead, ReceivedChain, Role, on_wire};
use erasure::CHUNK_LEN;
use secrets::PqChainKey;
pub(crate) use secrets::{PqMessageKey, PqSeed};

/// Length of a [`HeaderPart`] in bytes. It is the same for every message.
pub(crate) const PART_LEN: usize = 2 + 2 + 1 + 2 + CHUNK_LEN;
/// Maximum length of this ratchet in an export, in bytes.
pub(crate) const MAX_POST_QUANTUM_EXPORT_LEN: usize = Chains::MAX_EXPORT_LEN + MAX_BRAID_EXPORT_LEN;

/// The part of a message's header that belongs to this ratchet.
///
/// Integers are big-endian.
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 2 | `epoch`: low bits of the sender's epoch; the message's key is from the epoch before |
/// | 2 | 2 | `counter` of the message in its epoch and direction, from 0; saturates at 65,535 |
/// | 4 | 1 | `kind`: what the chunk belongs to |
/// | 5 | 2 | `index` of the chunk |
/// | 7 | 32 | `chunk`: part of what the sender is sending, a key or ciphertext; else zeros |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderPart {
    epoch: u16,
    counter: u16,
    piece: Piece,
}

impl HeaderPart {
    pub(crate) fn to_bytes(self) -> [u8; PART_LEN] {
        let mut bytes = [0; PART_LEN];
        let rest = put(&mut bytes, &self.epoch.to_be_bytes());
        let rest = put(rest, &self.counter.to_be_bytes());
        let rest = put(rest, &[self.piece.kind as u8]);
        let rest = put(rest, &self.piece.index.to_be_bytes());
        put(rest, &self.piece.chunk);
        bytes
    }

    /// Decodes a part, or returns `None` if its kind does not exist.
    pub(crate) fn from_bytes(bytes: &[u8; PART_LEN]) -> Option<Self> {
        let (epoch, rest) = bytes.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let ([kind], rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let kind = match kind {
            1 => Kind::Header,
            2 => Kind::Key,
            3 => Kind::KeyAcknowledging,
            4 => Kind::Acknowledgement,
            5 => Kind::First,
            6 => Kind::Second,
            0 => Kind::Nothing,
            _ => return None,
        };
        Some(Self {
            epoch: u16::from_be_bytes(*epoch),
            counter: u16::from_be_bytes(*counter),
            piece: Piece {
                kind,
                index: u16::from_be_bytes(*index),
                chunk: *rest.first_chunk()?,
            },
        })
    }
}

/// The state of one session's post-quantum ratchet.
///
/// While messages are sent on the chain of one epoch, the braid (the key agreement that runs in
/// pieces through these messages) agrees on the key of the next. When the braid yields that key,
/// new chains are made from it and kept next to the current ones. This side starts to send on its
/// new chain when the braid enters the next epoch, because the peer then has the epoch key too. It
/// starts to receive on the new chain when the first message on that chain opens.
///
/// Sending moves the state in two steps, [`PostQuantum::next_to_send`] and
/// [`PostQuantum::commit_sent`]. Receiving a message ahead of all others takes three:
/// [`PostQuantum::next_to_receive`] gives its key, and [`PostQuantum::commit_received`] and
/// [`PostQuantum::take_in`] follow once it has opened. A late message has its key already and only
/// needs [`PostQuantum::take_in`].
pub(crate) struct PostQuantum {
    braid: Braid,
    chains: Chains,
}

/// The header part and key of the next message, and the changes to make once it is sent.
pub(crate) struct Next {
    pub(crate) part: HeaderPart,
    pub(crate) key: PqMessageKey,
    outgoing: Outgoing,
    chain: PqChainKey,
}

impl PostQuantum {
    pub(crate) fn new_initiator(seed: &PqSeed) -> Self {
        Self {
            braid: Braid::new(seed, true),
            chains: Chains::new(Role::Initiator, seed),
        }
    }

    pub(crate) fn new_recipient(seed: &PqSeed) -> Self {
        Self {
            braid: Braid::new(seed, false),
            chains: Chains::new(Role::Recipient, seed),
        }
    }

    /// Number of completed epochs.
    pub(crate) fn epochs(&self) -> u64 {
        self.chains.sending_epoch()
    }

    pub(crate) fn stopped(&self) -> Option<PostQuantumStop> {
        self.braid.stopped()
    }

    /// Makes the header part and key of the next message. Nothing that an export contains changes.
    pub(crate) fn next_to_send(&mut self, rng: &mut impl CryptoRng) -> Next {
        let outgoing = self.braid.next_to_send(rng);
        let (counter, key, chain) = self.chains.next_to_send();
        let [.., high, low] = self.braid.epoch().to_be_bytes();
        let part = HeaderPart {
            epoch: u16::from_be_bytes([high, low]),
            counter: on_wire(counter),
            piece: outgoing.piece,
        };
        Next {
            part,
            key,
            outgoing,
            chain,
        }
    }

    /// Commits a message that has been sealed.
    pub(crate) fn commit_sent(&mut self, outgoing: Outgoing, chain: PqChainKey) {
        self.chains.commit_sent(chain);
        if let Some(emitted) = self.braid.commit_sent(outgoing) {
            self.chains.add_epoch(emitted.epoch, &emitted.key);
        }
    }

    /// The full epoch number of a part: of all numbers with the part's low bits, the one nearest to
    /// our epoch.
    fn epoch_of(&self, part: &HeaderPart) -> Option<u64> {
        let ours = self.braid.epoch();
        let [.., high, low] = ours.to_be_bytes();
        let ahead = part.epoch.wrapping_sub(u16::from_be_bytes([high, low]));
        let behind = ahead.wrapping_neg();
        if ahead <= behind {
            ours.checked_add(ahead.into())
        } else {
            ours.checked_sub(behind.into())
        }
    }

    /// Derives the key of a message that is ahead of all received messages. Writes the keys of the
    /// missing messages before it to `missing`, where there is a place for them.
    /// `gap` is the number of elements of `missing`.
    pub(crate) fn next_to_receive<'a>(
        &self,
        part: &HeaderPart,
        gap: u32,
        missing: impl Iterator<Item = Option<&'a mut [u8; 32]>>,
    ) -> Result<PqChainAhead, Misplaced> {
        let epoch = self.epoch_of(part).ok_or(Misplaced)?;
        let key_epoch = epoch.checked_sub(1).ok_or(Misplaced)?;
        self.chains
            .next_to_receive(key_epoch, part.counter, gap, missing)
    }

    /// Commits a message that was ahead of all received messages and has opened.
    pub(crate) fn commit_received(&mut self, chain: ReceivedChain) {
        self.chains.commit_received(chain);
    }

    /// Processes the header part of a message that has opened, whether it was ahead or late.
    pub(crate) fn take_in(&mut self, part: &HeaderPart) {
        let Some(epoch) = self.epoch_of(part) else {
            return;
        };
        // The key of a late message was derived before the message arrived, whatever epoch it
        // claims. If it claims an epoch that no earlier message has begun, the claim is false.
        if epoch.saturating_sub(1) > self.chains.receiving_epoch() {
            return;
        }
        let before = self.braid.epoch();
        if let Some(emitted) = self.braid.receive(epoch, &part.piece) {
            self.chains.add_epoch(emitted.epoch, &emitted.key);
        }
        if self.braid.epoch() != before {
            self.chains.advance_sending();
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        self.chains.write(writer);
        self.braid.write(writer);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let chains = Chains::read(reader)?;
        let braid = Braid::read(reader)?;
        // Messages are sent on the epoch before the one that the braid is agreeing on.
        if Some(braid.epoch()) != chains.sending_epoch().checked_add(1) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { braid, chains })
    }
}

impl Next {
    /// Splits into the header part, the key, and the two values to commit.
    pub(crate) fn into_parts(self) -> (HeaderPart, PqMessageKey, Outgoing, PqChainKey) {
        (self.part, self.key, self.outgoing, self.chain)
    }
}

#[cfg(test)]
pub(crate) mod tests;
