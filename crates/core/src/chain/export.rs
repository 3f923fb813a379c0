//! Exports of chains, as fields of fixed width.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::receive::{MAX_CHAIN_SKIPPED_KEYS, MAX_PEER_CHAINS, PeerChain, PeerChains};
use super::send::{MAX_CHAIN_TARGETS, OwnChain};
use super::{AuthKey, AuthRoot, CHAIN_CONTEXT_LEN, ChainName};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::header_key::HeaderKey;
use crate::identity::IDENTITY_KEY_LEN;
use crate::kdf::{ChainKey, MessageSeed};

/// Version byte of exported chains and of the recipients of one.
const CHAIN_VERSION: u8 = 0x01;
/// Length of an [`OwnChain`] without its recipients, after the version: context, owner, number,
/// start, three keys, number of the next message, number of recipients.
const OWN_LEN: usize = CHAIN_CONTEXT_LEN + IDENTITY_KEY_LEN + 4 + 8 + 3 * 32 + 4 + 4;
/// Length of one recipient: identity, number of a message.
const RECIPIENT_LEN: usize = IDENTITY_KEY_LEN + 4;
/// Maximum length of the recipients.
const MAX_RECIPIENTS_LEN: usize = 1 + 4 + 4 + MAX_CHAIN_TARGETS * RECIPIENT_LEN;
/// Length of a skipped key: number, seed.
const SKIPPED_LEN: usize = 4 + 32;
/// Length of a peer's chain without its skipped keys: number, three keys, number of the next
/// message, time, count.
const PEER_CHAIN_LEN: usize = 4 + 3 * 32 + 4 + 8 + 4;
/// Length of [`PeerChains`] without chains, after the version.
const PEER_LEN: usize = CHAIN_CONTEXT_LEN + IDENTITY_KEY_LEN + 4;
/// Maximum length of [`PeerChains`].
const MAX_PEER_LEN: usize =
    1 + PEER_LEN + MAX_PEER_CHAINS * (PEER_CHAIN_LEN + MAX_CHAIN_SKIPPED_KEYS * SKIPPED_LEN);

/// An exported [`OwnChain`]. Every message changes the state; only key slots change the recipients.
///
/// Store both parts in one transaction, or neither. If storing fails, import the stored chain again
/// before the next export.
pub struct OwnChainParts {
    /// The secret state. 213 bytes.
    pub state: Zeroizing<Vec<u8>>,
    /// The recipients, which replace the stored ones. `None` if these have not changed since the
    /// last export or the import. 9 bytes, and 68 per recipient.
    pub recipients: Option<Vec<u8>>,
}

impl OwnChain {
    /// Exports the chain. The state holds secrets in the clear: encrypt it at rest.
    pub fn export(&mut self) -> OwnChainParts {
        let mut writer = Writer::new(CHAIN_VERSION, OWN_LEN);
        writer.bytes(&self.name.context);
        writer.bytes(&self.name.owner);
        writer.u32(self.name.number);
        writer.u64(self.started_at_ms);
        writer.bytes(self.key.as_bytes());
        writer.bytes(self.header_key.as_bytes());
        writer.bytes(self.root.as_bytes());
        writer.u32(self.n);
        writer.count(self.recipients.len());
        let state = writer.finish();
        let is_changed = core::mem::replace(&mut self.is_changed, false);
        let recipients = is_changed.then(|| {
            let len = self.recipients.len().saturating_mul(RECIPIENT_LEN);
            let mut writer = Writer::new(CHAIN_VERSION, len.saturating_add(8));
            writer.u32(self.name.number);
            writer.count(self.recipients.len());
            for (device, given_at) in &self.recipients {
                writer.bytes(device);
                writer.u32(*given_at);
            }
            writer.finish().to_vec()
        });
        OwnChainParts { state, recipients }
    }

    /// Reads an exported chain: its newest state and its newest recipients.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no export, or the two do not belong together.
    pub fn import(state: &[u8], recipients: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(CHAIN_VERSION, state, 1 + OWN_LEN)?;
        let name = ChainName {
            context: *reader.array()?,
            owner: *reader.array()?,
            number: reader.u32()?,
        };
        let mut chain = Self {
            name,
            started_at_ms: reader.u64()?,
            key: ChainKey::from_bytes(reader.array()?),
            header_key: HeaderKey::from_bytes(reader.array()?),
            root: AuthRoot::from_bytes(reader.array()?),
            n: reader.u32()?,
            recipients: BTreeMap::new(),
            macs: None,
            is_changed: false,
        };
        let count = reader.count(MAX_CHAIN_TARGETS, 0)?;
        reader.finish()?;
        let mut reader = Reader::new(CHAIN_VERSION, recipients, MAX_RECIPIENTS_LEN)?;
        // CHK-386: these are the recipients of this chain, as many as its state counts.
        let is_same = reader.u32()? == name.number;
        if reader.count(MAX_CHAIN_TARGETS, RECIPIENT_LEN)? != count || !is_same {
            return Err(DecodeError::Malformed);
        }
        for _ in 0..count {
            let device: [u8; IDENTITY_KEY_LEN] = *reader.array()?;
            let given_at = reader.u32()?;
            let last = chain.recipients.last_key_value();
            // CHK-386: recipients ascend, are not the owner, and got the chain with a message that
            // was sealed.
            let ascends = last.is_none_or(|(last, _)| *last < device);
            if !ascends || device == name.owner || given_at >= chain.n {
                return Err(DecodeError::NotCanonical);
            }
            chain.recipients.insert(device, given_at);
        }
        reader.finish()?;
        Ok(chain)
    }
}

impl PeerChains {
    /// Exports the chains. The bytes hold secrets in the clear: encrypt them at rest.
    ///
    /// # Size
    /// 101 bytes, 116 per chain, and 36 per skipped key.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let lens = self.chains.iter().map(|chain| {
            let skipped = chain.skipped.len().saturating_mul(SKIPPED_LEN);
            skipped.saturating_add(PEER_CHAIN_LEN)
        });
        let len = lens.fold(PEER_LEN, usize::saturating_add);
        let mut writer = Writer::new(CHAIN_VERSION, len);
        writer.bytes(&self.context);
        writer.bytes(&self.owner);
        writer.count(self.chains.len());
        for chain in &self.chains {
            writer.u32(chain.number);
            writer.bytes(chain.key.as_bytes());
            writer.bytes(chain.header_key.as_bytes());
            writer.bytes(chain.auth_key.as_bytes());
            writer.u32(chain.n);
            writer.u64(chain.first_accepted_at_ms);
            writer.count(chain.skipped.len());
            for (n, seed) in &chain.skipped {
                writer.u32(*n);
                writer.bytes(seed.as_bytes());
            }
        }
        writer.finish()
    }

    /// Reads what [`PeerChains::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no export.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(CHAIN_VERSION, bytes, MAX_PEER_LEN)?;
        let (context, owner) = (*reader.array()?, *reader.array()?);
        let mut chains: Vec<PeerChain> = Vec::new();
        for _ in 0..reader.count(MAX_PEER_CHAINS, PEER_CHAIN_LEN)? {
            let chain = PeerChain::read(&mut reader)?;
            // CHK-386: chains ascend.
            if chains
                .last()
                .is_some_and(|last| last.number >= chain.number)
            {
                return Err(DecodeError::NotCanonical);
            }
            chains.push(chain);
        }
        reader.finish()?;
        Ok(Self {
            context,
            owner,
            chains,
        })
    }
}

impl PeerChain {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut chain = Self {
            number: reader.u32()?,
            key: ChainKey::from_bytes(reader.array()?),
            header_key: HeaderKey::from_bytes(reader.array()?),
            auth_key: AuthKey::from_bytes(reader.array()?),
            n: reader.u32()?,
            first_accepted_at_ms: reader.u64()?,
            skipped: BTreeMap::new(),
        };
        // CHK-386: a message has opened on the chain.
        if chain.n == 0 {
            return Err(DecodeError::NotCanonical);
        }
        for _ in 0..reader.count(MAX_CHAIN_SKIPPED_KEYS, SKIPPED_LEN)? {
            let n = reader.u32()?;
            let seed = MessageSeed::from_bytes(reader.array()?);
            let last = chain.skipped.last_key_value();
            // CHK-386: skipped keys ascend, and belong to messages before the next one.
            if last.is_some_and(|(last, _)| *last >= n) || n >= chain.n {
                return Err(DecodeError::NotCanonical);
            }
            chain.skipped.insert(n, seed);
        }
        Ok(chain)
    }
}
