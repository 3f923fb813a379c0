//! Chains of the post-quantum ratchet: one of each direction in each epoch, and the place of each message in them.
//!
//! ```text
//! epoch key of e   -> root, chains of e in both directions, beside those of e - 1
//! sending          moves to e when the peer is known to have e's key; the chain of e - 1 is destroyed
//! receiving        moves to e with the first message of e; the chain of e - 1 ends there and is destroyed
//! ```
//!
//! Both ratchets step once with each message of a direction, so whoever opens a message ahead of others knows from the Double Ratchet
//! how many are missing, and from the message's counter how many of those are in the new epoch. The rest ended the old one. So an old
//! chain is closed exactly when the new one begins, keys of missing messages are stored in one place with their seeds, and late
//! messages open however many epochs later. (Double Ratchet, “Sparse Post-Quantum Ratchet”, where one old chain is kept instead)

use thiserror::Error;

use super::secrets::{EpochKey, PqChainKey, PqMessageKey, PqRootKey, PqSeed};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::{kdf, labels};

/// Who started the session; decides which of two chains is whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Initiator,
    Recipient,
}

/// A message's epoch or counter that no honest peer's can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("impossible place in the post-quantum ratchet")]
pub(crate) struct Misplaced;

/// What a counter is on the wire: from 65,535 on it stays. Only a message that begins an epoch for its recipient needs it exactly,
/// and such a one is never that far in.
pub(crate) fn on_wire(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Chains of both directions.
pub(crate) struct Chains {
    role: Role,
    root: PqRootKey,
    sending: Chain,
    receiving: Chain,
    /// Of the epoch after `sending`'s, until the peer is known to have it.
    next_sending: Option<PqChainKey>,
    /// Of the epoch after `receiving`'s, until its first message opens.
    next_receiving: Option<PqChainKey>,
}

struct Chain {
    epoch: u64,
    key: PqChainKey,
    n: u64,
}

/// The key of one received message, beside the state.
pub(crate) struct Advanced {
    pub(crate) key: PqMessageKey,
    /// To commit once the message has opened.
    pub(crate) chain: ReceivedChain,
}

/// A receiving chain after a message.
pub(crate) struct ReceivedChain(Chain);

/// `root || initiator's chain || recipient's chain`
fn split(role: Role, output: &[u8; 96]) -> (PqRootKey, PqChainKey, PqChainKey) {
    let chain = |index| PqChainKey::from_bytes(&kdf::block32(output, index));
    let root = PqRootKey::from_bytes(&kdf::block32(output, 0));
    match role {
        Role::Initiator => (root, chain(1), chain(2)),
        Role::Recipient => (root, chain(2), chain(1)),
    }
}

/// Steps over messages, whose keys it writes.
fn skip(mut key: PqChainKey, missing: &mut [&mut [u8; 32]]) -> PqChainKey {
    for message in missing {
        key.advance(message);
    }
    key
}

impl Chains {
    /// Chains of epoch 0, which is the handshake's.
    pub(crate) fn new(role: Role, seed: &PqSeed) -> Self {
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

    /// Chains of the next epoch, beside those there are.
    pub(crate) fn add_epoch(&mut self, epoch: u64, key: &EpochKey) {
        // root' || chains = HKDF(salt = root, ikm = epoch key, info = label || be64(epoch))
        let info = [labels::PQ_EPOCH_CHAINS, &epoch.to_be_bytes()].concat();
        let output = kdf::hkdf(self.root.as_bytes(), key.as_bytes(), &info);
        let (root, sending, receiving) = split(self.role, &output);
        self.root = root;
        self.next_sending = Some(sending);
        self.next_receiving = Some(receiving);
    }

    /// Sends on the next epoch from now on. Never goes back.
    pub(crate) fn advance_sending(&mut self) {
        if let Some(key) = self.next_sending.take() {
            self.sending = Chain {
                epoch: self.sending.epoch.saturating_add(1),
                key,
                n: 0,
            };
        }
    }

    /// Counter and key of the next message, and the chain after it.
    pub(crate) fn next_to_send(&self) -> (u64, PqMessageKey, PqChainKey) {
        let (message, next) = self.sending.key.step();
        (self.sending.n, message, next)
    }

    pub(crate) fn commit_sent(&mut self, next: PqChainKey) {
        self.sending.key = next;
        self.sending.n = self.sending.n.saturating_add(1);
    }

    /// Key of a message that is ahead of all received. Before it messages are missing, at most what the Double Ratchet's limits allow:
    /// their keys are written to `missing`, in the order in which they were sent.
    pub(crate) fn next_to_receive(
        &self,
        epoch: u64,
        counter: u16,
        missing: &mut [&mut [u8; 32]],
    ) -> Result<Advanced, Misplaced> {
        let gap = u64::try_from(missing.len()).map_err(|_| Misplaced)?;
        let current = &self.receiving;
        // CHK-41: the message's epoch is the receiving one or the one after, and its counter agrees with what is missing.
        let (key, n) = if epoch == current.epoch {
            let n = current.n.saturating_add(gap);
            if counter != on_wire(n) {
                return Err(Misplaced);
            }
            (skip(current.key.duplicate(), missing), n)
        } else if Some(epoch) == current.epoch.checked_add(1)
            && let Some(next) = &self.next_receiving
            && let Some(ended) = missing.len().checked_sub(usize::from(counter))
            && let Some((ended, begun)) = missing.split_at_mut_checked(ended)
        {
            skip(current.key.duplicate(), ended);
            (skip(next.duplicate(), begun), u64::from(counter))
        } else {
            return Err(Misplaced);
        };
        let (message, next) = key.step();
        let n = n.saturating_add(1);
        Ok(Advanced {
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

    /// Most bytes that [`Chains::write`] writes.
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
