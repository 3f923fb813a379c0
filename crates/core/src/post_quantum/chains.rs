//! The chains of the post-quantum ratchet, which derive a key for each message from the secrets of
//! the braid, the key agreement that runs in pieces through the messages.
//!
//! Each epoch has one chain per direction. Both ratchets take one step per message of a direction.
//! When a message arrives ahead of others, the Double Ratchet tells how many messages are missing
//! before it. The message's counter tells how many of these belong to the new epoch; the rest
//! belong to the end of the old one.
//!
//! So the old receiving chain can be closed exactly when the new one begins. The keys of missing
//! messages are stored together with their seeds from the Double Ratchet, and late messages open
//! any number of epochs later. (Double Ratchet, “Sparse Post-Quantum Ratchet”, keeps one old chain
//! instead.)

use thiserror::Error;

use super::secrets::{EpochKey, PqChainKey, PqMessageKey, PqRootKey, PqSeed};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::{kdf, labels};

/// Which side started the session. It decides which of an epoch's two chains is for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Initiator,
    Recipient,
}

/// The message has an epoch or counter that no honest peer would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("impossible place in the post-quantum ratchet")]
pub(crate) struct Misplaced;

/// Converts a counter to its form on the wire, where it saturates at 65,535.
///
/// Only the first message of an epoch that a recipient opens needs the exact value. That value is
/// at most 50,000, because the Double Ratchet limits how many messages may be missing.
pub(crate) fn on_wire(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// The chains of both directions.
///
/// There is always one sending and one receiving chain, at first those of epoch 0, from the
/// handshake. An epoch key adds the next chain in both directions. Each direction moves to its next
/// chain when it can, independently of the other direction. Its old chain is then destroyed.
///
/// ```text
/// epoch key of e   -> root, and chains of e in both directions, next to those of e - 1
/// sending          moves to e when the peer is known to have the key of e
/// receiving        moves to e with the first message of e, and the chain of e - 1 ends there
/// ```
pub(crate) struct Chains {
    role: Role,
    root: PqRootKey,
    sending: Chain,
    receiving: Chain,
    /// Sending chain of the next epoch, until the peer is known to have the epoch's key.
    next_sending: Option<PqChainKey>,
    /// Receiving chain of the next epoch, until its first message opens.
    next_receiving: Option<PqChainKey>,
}

/// One direction's chain in one epoch.
struct Chain {
    epoch: u64,
    key: PqChainKey,
    /// Number of the next message on this chain.
    n: u64,
}

/// The key of one received message and the chain after it, which is not committed yet.
pub(crate) struct PqChainAhead {
    pub(crate) key: PqMessageKey,
    /// Commit this once the message has opened.
    pub(crate) chain: ReceivedChain,
}

/// The receiving chain as it is after a message, to be committed once the message has opened.
pub(crate) struct ReceivedChain(Chain);

/// Splits `root || initiator's chain || recipient's chain` into root, our sending chain and our
/// receiving chain.
fn split(role: Role, output: &[u8; 96]) -> (PqRootKey, PqChainKey, PqChainKey) {
    let chain = |index| PqChainKey::from_bytes(&kdf::block32(output, index));
    let root = PqRootKey::from_bytes(&kdf::block32(output, 0));
    match role {
        Role::Initiator => (root, chain(1), chain(2)),
        Role::Recipient => (root, chain(2), chain(1)),
    }
}

/// Steps over missing messages and writes their keys to `missing`, except of those given up.
fn skip<'a>(
    mut key: PqChainKey,
    missing: impl Iterator<Item = Option<&'a mut [u8; 32]>>,
) -> PqChainKey {
    for message in missing {
        key.advance(message);
    }
    key
}

impl Chains {
    /// Derives the chains of epoch 0 from the handshake.
    pub(crate) fn new(role: Role, seed: &PqSeed) -> Self {
        // Derives the first root and both chains from the handshake's secret:
        // root || chains = HKDF(salt = zeros, ikm = seed, info)
        let output = kdf::hkdf(&[0; 32], seed.as_bytes(), labels::PQ_START);
        let (root, sending, receiving) = split(role, &output);
        let chain = |key| Chain {
            epoch: 0,
            key,
            n: 0,
        };
        Self {
            role,
            root,
            sending: chain(sending),
            receiving: chain(receiving),
            next_sending: None,
            next_receiving: None,
        }
    }

    /// Derives the chains of the next epoch and keeps them next to the current ones.
    pub(crate) fn add_epoch(&mut self, epoch: u64, key: &EpochKey) {
        // Derives the next root and both chains from the current root and the epoch's key:
        // root' || chains = HKDF(salt = root, ikm = epoch key, info = label || be64(epoch))
        let info = [labels::PQ_EPOCH_CHAINS, &epoch.to_be_bytes()].concat();
        let output = kdf::hkdf(self.root.as_bytes(), key.as_bytes(), &info);
        let (root, sending, receiving) = split(self.role, &output);
        self.root = root;
        self.next_sending = Some(sending);
        self.next_receiving = Some(receiving);
    }

    /// Moves sending to the next epoch, for good.
    pub(crate) fn advance_sending(&mut self) {
        if let Some(key) = self.next_sending.take() {
            self.sending = Chain {
                epoch: self.sending.epoch.saturating_add(1),
                key,
                n: 0,
            };
        }
    }

    /// Derives the counter and key of the next message, and the chain key after it.
    pub(crate) fn next_to_send(&self) -> (u64, PqMessageKey, PqChainKey) {
        let (message, next) = self.sending.key.step();
        (self.sending.n, message, next)
    }

    pub(crate) fn commit_sent(&mut self, next: PqChainKey) {
        self.sending.key = next;
        self.sending.n = self.sending.n.saturating_add(1);
    }

    /// Derives the key of a message that is ahead of all received messages.
    ///
    /// `gap` messages are missing before it. `missing` has one element for each, and takes their
    /// keys in the order of sending. An element is `None` if the message is given up. The Double
    /// Ratchet bounds the gap, to less than what a counter on the wire can tell.
    pub(crate) fn next_to_receive<'a>(
        &self,
        epoch: u64,
        counter: u16,
        gap: u32,
        mut missing: impl Iterator<Item = Option<&'a mut [u8; 32]>>,
    ) -> Result<PqChainAhead, Misplaced> {
        let current = &self.receiving;
        // CHK-41: the message's epoch is the receiving epoch or the next, and its counter agrees
        // with the number of missing messages.
        let (key, n) = if epoch == current.epoch {
            let n = current.n.saturating_add(gap.into());
            if counter != on_wire(n) {
                return Err(Misplaced);
            }
            (skip(current.key.duplicate(), missing), n)
        } else if Some(epoch) == current.epoch.checked_add(1)
            && let Some(next) = &self.next_receiving
            && let Some(ended) = gap.checked_sub(counter.into())
            && let Ok(ended) = usize::try_from(ended)
        {
            skip(current.key.duplicate(), missing.by_ref().take(ended));
            (skip(next.duplicate(), missing), u64::from(counter))
        } else {
            return Err(Misplaced);
        };
        let (message, next) = key.step();
        let n = n.saturating_add(1);
        Ok(PqChainAhead {
            key: message,
            chain: ReceivedChain(Chain {
                epoch,
                key: next,
                n,
            }),
        })
    }

    pub(crate) fn commit_received(&mut self, chain: ReceivedChain) {
        if chain.0.epoch != self.receiving.epoch {
            self.next_receiving = None;
        }
        self.receiving = chain.0;
    }

    /// Maximum length of what [`Chains::write`] writes, in bytes.
    pub(crate) const MAX_EXPORT_LEN: usize = 1 + 32 + 2 * (8 + 32 + 8) + 2 * (1 + 32);

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u8(match self.role {
            Role::Initiator => 0,
            Role::Recipient => 1,
        });
        writer.bytes(self.root.as_bytes());
        for chain in [&self.sending, &self.receiving] {
            writer.u64(chain.epoch);
            writer.bytes(chain.key.as_bytes());
            writer.u64(chain.n);
        }
        for next in [&self.next_sending, &self.next_receiving] {
            writer.optional(next.as_ref(), |writer, key| writer.bytes(key.as_bytes()));
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let role = match reader.u8()? {
            0 => Role::Initiator,
            1 => Role::Recipient,
            _ => return Err(DecodeError::Malformed),
        };
        let root = PqRootKey::from_bytes(reader.array()?);
        let mut chain = || {
            Ok::<_, DecodeError>(Chain {
                epoch: reader.u64()?,
                key: PqChainKey::from_bytes(reader.array()?),
                n: reader.u64()?,
            })
        };
        let (sending, receiving) = (chain()?, chain()?);
        let mut next = || reader.optional(|reader| Ok(PqChainKey::from_bytes(reader.array()?)));
        let (next_sending, next_receiving) = (next()?, next()?);
        Ok(Self {
            role,
            root,
            sending,
            receiving,
            next_sending,
            next_receiving,
        })
    }

    /// Epoch of the receiving chain.
    pub(crate) fn receiving_epoch(&self) -> u64 {
        self.receiving.epoch
    }

    /// Epoch of the sending chain.
    pub(crate) fn sending_epoch(&self) -> u64 {
        self.sending.epoch
    }
}

#[cfg(test)]
mod tests;
