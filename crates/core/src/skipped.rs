//! `MKSKIPPED`: keys of messages that were skipped over and may still arrive.

use std::collections::BTreeMap;

use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::kdf::{HeaderKey, MessageSeed};
use crate::post_quantum::PqMessageKey;

/// Most seeds kept by one session, the oldest of which give way. Bounds the stored state (84 bytes each). One message may skip
/// 2,000 in the chain it closes and 2,000 in its own, and all of those still open.
pub const MAX_SKIPPED_KEYS: usize = 4_000;

/// Most earlier chains whose header keys are tried for a message. Bounds what a forged message costs: one small AEAD each.
pub const MAX_SKIPPED_CHAINS: usize = 10;

/// How many later messages a session opens before a skipped one is given up. Bounds how long a key of a message that was lost stays
/// on the device. (Double Ratchet, “Deletion of skipped message keys”)
pub const MAX_SKIPPED_AGE: u64 = 20_000;

/// An entry of an export: chain, number, age, seed, post-quantum key.
const ENTRY_LEN: usize = 8 + 4 + 8 + 32 + 32;
/// An earlier chain in an export: number, header key.
const CHAIN_LEN: usize = 8 + 32;
/// Most bytes that this part of an export takes.
pub(crate) const MAX_SKIPPED_EXPORT_LEN: usize =
    8 + MAX_SKIPPED_KEYS * ENTRY_LEN + MAX_SKIPPED_CHAINS * CHAIN_LEN;

/// Skipped seeds by chain and number. Chains are numbered as they are received, so that the first entry is always the oldest: it
/// was stored no later than any other.
pub(crate) struct SkippedKeys {
    seeds: BTreeMap<(u64, u32), Entry>,
    /// Earlier chains that still lack messages, oldest first.
    chains: Vec<EarlierChain>,
}

struct Entry {
    keys: SkippedKey,
    /// How many messages the session had opened when this was stored.
    stored_at: u64,
}

/// What both ratchets give one skipped message.
pub(crate) struct SkippedKey {
    pub(crate) seed: MessageSeed,
    pub(crate) post_quantum: PqMessageKey,
}

/// A chain that is no longer the receiving one.
pub(crate) struct EarlierChain {
    pub(crate) number: u64,
    pub(crate) header_key: HeaderKey,
}

impl SkippedKeys {
    pub(crate) fn new() -> Self {
        Self {
            seeds: BTreeMap::new(),
            chains: Vec::new(),
        }
    }

    /// Header keys to try, newest first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &EarlierChain> {
        self.chains.iter().rev()
    }

    pub(crate) fn get(&self, chain: u64, n: u32) -> Option<&SkippedKey> {
        self.seeds.get(&(chain, n)).map(|entry| &entry.keys)
    }

    /// Stores keys of `chain`, the newest there is, in ascending order of their numbers.
    pub(crate) fn store(
        &mut self,
        chain: u64,
        keys: impl Iterator<Item = (u32, SkippedKey)>,
        opened: u64,
    ) {
        for (n, keys) in keys {
            self.seeds.insert(
                (chain, n),
                Entry {
                    keys,
                    stored_at: opened,
                },
            );
        }
    }

    /// Keeps the header key of a chain that ends, if any of its messages is missing.
    pub(crate) fn close(&mut self, chain: EarlierChain) {
        if self.has_any(chain.number) {
            self.chains.push(chain);
        }
    }

    /// Destroys the seed of a message that was opened, and the header key of its chain when nothing is missing any more.
    pub(crate) fn remove(&mut self, chain: u64, n: u32) {
        self.seeds.remove(&(chain, n));
        if !self.has_any(chain) {
            self.chains.retain(|earlier| earlier.number != chain);
        }
    }

    /// Enforces the limits; `opened` counts the messages that the session has opened. Costs nothing while nothing is stored.
    pub(crate) fn prune(&mut self, opened: u64) {
        if self.seeds.is_empty() {
            return;
        }
        let mut dropped = false;
        // CHK-31: too many chains: the oldest goes with all its seeds.
        while self.chains.len() > MAX_SKIPPED_CHAINS {
            let oldest = self.chains.remove(0);
            self.seeds = self.seeds.split_off(&(oldest.number.saturating_add(1), 0));
        }
        // CHK-32: too many seeds, CHK-33: too old ones.
        while let Some(entry) = self.seeds.first_entry() {
            let too_old = opened.saturating_sub(entry.get().stored_at) > MAX_SKIPPED_AGE;
            if !too_old && self.seeds.len() <= MAX_SKIPPED_KEYS {
                break;
            }
            self.seeds.pop_first();
            dropped = true;
        }
        if dropped {
            let seeds = &self.seeds;
            self.chains.retain(|chain| has_any(seeds, chain.number));
        }
    }

    fn has_any(&self, chain: u64) -> bool {
        has_any(&self.seeds, chain)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.seeds.len(), self.chains.len())
    }

    /// How many bytes [`SkippedKeys::write`] writes.
    pub(crate) fn export_len(&self) -> usize {
        let seeds = self.seeds.len().saturating_mul(ENTRY_LEN);
        let chains = self.chains.len().saturating_mul(CHAIN_LEN);
        seeds.saturating_add(chains).saturating_add(8)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.count(self.chains.len());
        for chain in &self.chains {
            writer.u64(chain.number);
            writer.bytes(chain.header_key.as_bytes());
        }
        writer.count(self.seeds.len());
        for ((chain, n), entry) in &self.seeds {
            writer.u64(*chain);
            writer.u32(*n);
            writer.u64(entry.stored_at);
            writer.bytes(entry.keys.seed.as_bytes());
            writer.bytes(entry.keys.post_quantum.as_bytes());
        }
    }

    /// Reads the seeds of chains up to `current`.
    pub(crate) fn read(reader: &mut Reader<'_>, current: u64) -> Result<Self, DecodeError> {
        let mut chains: Vec<EarlierChain> = Vec::new();
        for _ in 0..reader.count(MAX_SKIPPED_CHAINS, CHAIN_LEN)? {
            let number = reader.u64()?;
            if number >= current || chains.last().is_some_and(|last| last.number >= number) {
                return Err(DecodeError::NotCanonical);
            }
            chains.push(EarlierChain {
                number,
                header_key: HeaderKey::from_bytes(reader.array()?),
            });
        }
        let mut seeds: BTreeMap<(u64, u32), Entry> = BTreeMap::new();
        for _ in 0..reader.count(MAX_SKIPPED_KEYS, ENTRY_LEN)? {
            let key = (reader.u64()?, reader.u32()?);
            if key.0 > current || seeds.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(DecodeError::NotCanonical);
            }
            let stored_at = reader.u64()?;
            seeds.insert(
                key,
                Entry {
                    stored_at,
                    keys: SkippedKey {
                        seed: MessageSeed::from_bytes(reader.array()?),
                        post_quantum: PqMessageKey::from_bytes(reader.array()?),
                    },
                },
            );
        }
        if chains.iter().any(|chain| !has_any(&seeds, chain.number)) {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self { seeds, chains })
    }
}

fn has_any(seeds: &BTreeMap<(u64, u32), Entry>, chain: u64) -> bool {
    seeds.range((chain, 0)..=(chain, u32::MAX)).next().is_some()
}

#[cfg(test)]
mod tests;
