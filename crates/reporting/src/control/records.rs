//! The records of control messages about groups. This crate carries them; the client judges them.

use core::fmt;

use zeroize::Zeroizing;

use crate::codec::Reader;
use crate::conversation::ConversationId;

/// The seed of a group's authority key, for the devices of an admin. 72 bytes:
/// `seed 32 || group 32 || version be64`.
///
/// # Security
/// Anyone who has the seed changes the group. Send it to devices of admins only, and take it only
/// from one: compare its public key with the authority that the group's state names.
#[derive(Clone)]
pub struct AuthorityRecord {
    /// The seed of the Ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// The group.
    pub group: ConversationId,
    /// The version of the state from which on the key is the authority.
    pub version: u64,
}

impl PartialEq for AuthorityRecord {
    /// Compares the seeds in constant time.
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        let seeds = self.seed.as_slice().ct_eq(other.seed.as_slice());
        bool::from(seeds) && (self.group, self.version) == (other.group, other.version)
    }
}

impl Eq for AuthorityRecord {}

impl fmt::Debug for AuthorityRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityRecord")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Tells a device that it is in a group now, and in which state the group is. 72 bytes:
/// `group 32 || version be64 || state hash 32`.
///
/// The record does not hold the state, which has up to 174 kB. The device fetches it from the relay
/// and compares its hash, so a relay can withhold a state, and never replace it. The entries that
/// changed the authority come from the relay too: they prove themselves from the group's id on.
///
/// # Security
/// Take it only after an acceptance, and from the account whose invitation was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WelcomeRecord {
    /// The group.
    pub group: ConversationId,
    /// The version of the group's state.
    pub version: u64,
    /// The hash of the group's state.
    pub state_hash: [u8; 32],
}

/// Asks a device for the state of a group: the sender knows this version, and lacks a newer one
/// that a message named. 40 bytes: `group 32 || version be64`.
///
/// The answer is a [`WelcomeRecord`], to a member only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateWanted {
    /// The group.
    pub group: ConversationId,
    /// The newest version that the sender knows. 0 if it knows none.
    pub version: u64,
}

impl AuthorityRecord {
    pub(super) const LEN: usize = 72;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.seed.as_slice());
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let record = Self {
            seed: Zeroizing::new(reader.array()?),
            group: ConversationId::from_bytes(reader.array()?),
            version: reader.u64()?,
        };
        reader.finish()?;
        Some(record)
    }
}

impl WelcomeRecord {
    pub(super) const LEN: usize = 72;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.state_hash);
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let record = Self {
            group: ConversationId::from_bytes(reader.array()?),
            version: reader.u64()?,
            state_hash: reader.array()?,
        };
        reader.finish()?;
        Some(record)
    }
}

impl StateWanted {
    pub(super) const LEN: usize = 40;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let record = Self {
            group: ConversationId::from_bytes(reader.array()?),
            version: reader.u64()?,
        };
        reader.finish()?;
        Some(record)
    }
}
