//! Sender chains: one encrypted body for many devices. The main types are [`OwnChain`], on which a
//! device sends, and [`PeerChains`], on which it receives from one other device.
//!
//! A message on a chain has one *body* for all recipients, and one *slot* for each of them. A *key
//! slot* gives a recipient the chain, inside the session of the two devices. A *MAC slot* shows a
//! recipient that has the chain that the sender made this body. It is a MAC and no signature, so
//! anyone who can check it could have made it: messages stay deniable.
//!
//! A chain knows nothing of groups. The caller says who is to have a message, what the chain is for
//! (32 bytes of context), and which state of the group it claims to know ([`ChainClaims`]).
//!
//! ```text
//! sender      OwnChain::start ── seal(targets) ──> body, a slot per target
//!                                                    new target: ChainKeys, in the session
//!                                                    others:     MAC of 16 bytes
//! recipient   PeerChains ── open_with_keys(body, keys) or open(body, MAC) ──> plaintext
//! ```

use sha2::{Digest, Sha256};

use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};
use crate::kdf::{ChainKey, block32, hkdf};
use crate::labels;
use crate::message::MAX_PLAINTEXT_LEN;
use crate::message_key::{BodyAd, TAG_LEN};
use crate::secret::{Secret, secret, with_wiped_stack};

mod error;
mod export;
mod header;
mod receive;
mod send;
mod slot;

pub use self::error::{ChainOpenError, ChainSealError};
pub use self::export::OwnChainParts;
pub use self::receive::{
    MAX_CHAIN_AGE_MS, MAX_CHAIN_GAP, MAX_CHAIN_SKIPPED_KEYS, MAX_PEER_CHAINS, OpenedChainMessage,
    PeerChains,
};
pub use self::send::{
    ChainMessage, MAX_CHAIN_MESSAGES, MAX_CHAIN_TARGETS, OwnChain, RENEWAL_AGE_MS,
};
pub use self::slot::{CHAIN_KEYS_LEN, CHAIN_MAC_LEN, ChainKeys, ChainSlot, PendingKeys};

use self::header::{CHAIN_HEADER_LEN, SEALED_HEADER_LEN};
use crate::header_key::HeaderKey;

/// Length of the context of a chain in bytes.
pub const CHAIN_CONTEXT_LEN: usize = 32;

/// Maximum length of the body of a message on a chain: version, header, plaintext, tag.
///
/// Bounds the memory that one body claims before it is authenticated.
pub const MAX_CHAIN_BODY_LEN: usize = 1 + SEALED_HEADER_LEN + MAX_PLAINTEXT_LEN + TAG_LEN;

/// Version byte of a body, by which it differs from a message and a refusal.
const BODY_VERSION: u8 = 0x04;

/// What a sender claims to know when it seals a message on a chain. It travels in the encrypted
/// header, and every recipient of the chain can read it. This crate only carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainClaims {
    /// Version of the group's state.
    pub version: u64,
    /// Hash of the group's state.
    pub state_hash: [u8; 32],
    /// Epoch, version and short hash of the roster of the sender's own account.
    pub roster: [u8; 24],
}

secret! {
    /// The root from which the keys for all recipients of a chain are derived. Only the sender has
    /// it.
    AuthRoot
}
secret! {
    /// `K_i`: the key that the sender of a chain shares with one recipient of it.
    AuthKey
}

/// What a chain is for, whose it is and which one of its owner's it is. Public.
#[derive(Clone, Copy)]
struct ChainName {
    context: [u8; CHAIN_CONTEXT_LEN],
    owner: [u8; IDENTITY_KEY_LEN],
    number: u32,
}

/// The hash of a chain's name, which is in the associated data of each header and body.
struct ChainAd([u8; 32]);

impl ChainName {
    fn new(context: &[u8; CHAIN_CONTEXT_LEN], owner: &IdentityKey, number: u32) -> Self {
        Self {
            context: *context,
            owner: owner.to_bytes(),
            number,
        }
    }

    fn ad(&self) -> ChainAd {
        // AD = SHA-256(label || context || owner's identity || number)
        let mut hash = Sha256::new();
        hash.update(labels::CHAIN_AD);
        hash.update(self.context);
        hash.update(self.owner);
        hash.update(self.number.to_be_bytes());
        ChainAd(hash.finalize().into())
    }
}

/// The keys with which a chain starts.
struct ChainStart {
    header_key: HeaderKey,
    key: ChainKey,
    root: AuthRoot,
}

impl ChainStart {
    fn derive(ad: &ChainAd, seed: &Secret<32>) -> Self {
        // HK || CK || R = HKDF(salt = AD, ikm = seed, info = label)
        with_wiped_stack(|| {
            let output = hkdf::<96>(&ad.0, seed.as_bytes(), labels::CHAIN_START);
            Self {
                header_key: HeaderKey::from_bytes(&block32(output.as_ref(), 0)),
                key: ChainKey::from_bytes(&block32(output.as_ref(), 1)),
                root: AuthRoot::from_bytes(&block32(output.as_ref(), 2)),
            }
        })
    }
}

/// Associated data of a body: `chain's associated data || header || caller's associated data`. The
/// first two have fixed lengths.
fn body_ad(ad: &ChainAd, header: &[u8; CHAIN_HEADER_LEN], caller_ad: &[u8]) -> BodyAd {
    BodyAd::new([ad.0.as_slice(), header, caller_ad].concat())
}

#[cfg(test)]
pub(crate) mod tests;
