//! Franking commits to a message: from its tag, exactly this one message can be proven.
//!
//! ```text
//! k_root = HKDF-Expand(K_f, "waxseal/1/frank-root-key", 32)
//! k_i    = HKDF-Expand(K_f, "waxseal/1/frank-part-key" || i u8, 32)
//! c_i    = HMAC-SHA-256(k_i, "waxseal/1/frank-commit" || i u8 || len be32 || part_i)
//! tag    = HMAC-SHA-256(k_root, "waxseal/2/frank-tag" || len u8 || account || device be32
//!                               || conversation 32 || n u8 || c_0 || .. || c_(n-1))
//! ```
//!
//! Account and device are the sender's. Messages of format 01 are still read: their tag starts with
//! `waxseal/1/frank-tag` and has neither sender nor conversation.
//!
//! Opening part `i` shows `k_root`, every `c_j`, `k_i` and `part_i`. The franking key itself never
//! leaves the sender's and the recipient's devices, so parts that are not disclosed stay hidden
//! under their own keys.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::address::DeviceAddress;
use crate::codec::len8;
use crate::conversation::ConversationId;
use crate::format::Format;
use crate::labels;
use crate::mac;
use crate::parts::Parts;

/// The key that opens a message's commitment. 32 random bytes, chosen by the sender for each
/// message.
///
/// It travels inside the ciphertext. Sender and recipient hold it; no one else sees it.
///
/// GLR17 calls it `K_f`, Facebook `N_F`, and MIMI the salt in the content.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct FrankingKey([u8; 32]);

impl FrankingKey {
    pub(crate) const LEN: usize = 32;

    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The commitment to one message. 32 bytes, in clear on the wire and in the channel's associated
/// data.
///
/// GLR17 calls it `C_B`, Facebook `T_F`, and MIMI `franking_tag`. The tag also names the message:
/// replies, edits, reactions and "last seen" refer to a message by its tag alone, and stores may
/// key on it. That is why it is `Eq`, `Ord` and `Hash`. Verification compares tags in constant time
/// and never uses `==`.
///
/// # Security
/// A tag names one message of one device in one conversation: sender, conversation and content go
/// into it. Anyone who received a message and sends its parts as their own makes another tag. If
/// the same device sends the same tag again, it is the same message. Show it once; reports count it
/// once.
///
/// The tag of a stored message of format 01 does not name its sender. Anyone who received that
/// message could have sent it on under the same tag, before format 02 was introduced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrankingTag([u8; 32]);

impl FrankingTag {
    /// The tag with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Draws the tag of an envelope that commits to nothing: a refusal. No report can show it.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut tag = [0; 32];
        rng.fill_bytes(&mut tag);
        Self(tag)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Constant-time comparison, for every decision that authenticates.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for FrankingTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrankingTag(..)")
    }
}

/// The commitment to one part. 32 bytes; the reviewer sees it once its message is reported.
pub(crate) type PartCommitment = [u8; 32];

/// Where a message comes from, as its tag names it.
pub(crate) struct Origin<'a> {
    /// Format of the message. A tag of format 01 names neither sender nor conversation.
    pub(crate) format: Format,
    /// The sending device.
    pub(crate) sender: &'a DeviceAddress,
    /// The conversation it was sent in.
    pub(crate) conversation: ConversationId,
}

/// The root key, part keys and part commitments of one message. A report shows a selection of them.
pub(crate) struct Commitment {
    pub(crate) root_key: Zeroizing<[u8; 32]>,
    pub(crate) parts: Vec<(Zeroizing<[u8; 32]>, PartCommitment)>,
}

impl Commitment {
    /// Commits to the parts under a franking key.
    pub(crate) fn new(key: &FrankingKey, parts: &Parts<'_>) -> Self {
        let prk = mac::keyed(&key.0);
        let root_key = mac::expand(prk.clone(), &[labels::FRANKING_ROOT_KEY]);
        // The space is reserved in one piece: a vector that grows leaves keys in the memory it
        // frees.
        let mut committed = Vec::with_capacity(parts.len());
        for (index, part) in (0..=u8::MAX).zip(parts.iter()) {
            let part_key = mac::expand(prk.clone(), &[labels::FRANKING_PART_KEY, &[index]]);
            let commitment = commit_part(&part_key, index, part);
            committed.push((part_key, commitment));
        }
        Self {
            parts: committed,
            root_key,
        }
    }

    pub(crate) fn tag(&self, origin: &Origin<'_>) -> FrankingTag {
        tag(
            &self.root_key,
            origin,
            self.parts.iter().map(|(_, commitment)| commitment),
        )
    }
}

/// Commits to one part under its key: `c_i = HMAC(k_i, label || i u8 || len be32 || part_i)`
pub(crate) fn commit_part(part_key: &[u8; 32], index: u8, part: &[u8]) -> PartCommitment {
    let len = crate::codec::len32(part).to_be_bytes();
    mac::hmac(part_key, &[labels::FRANKING_PART, &[index], &len, part])
}

/// `tag = HMAC(k_root, label || len u8 || account || device be32 || conversation 32
///             || n u8 || c_0 || .. || c_(n-1))`
///
/// In format 01, `tag = HMAC(k_root, label || n u8 || c_0 || .. || c_(n-1))`.
pub(crate) fn tag<'a>(
    root_key: &[u8; 32],
    origin: &Origin<'_>,
    commitments: impl ExactSizeIterator<Item = &'a PartCommitment>,
) -> FrankingTag {
    let count = u8::try_from(commitments.len()).unwrap_or(u8::MAX);
    let mut mac = mac::keyed(root_key);
    match origin.format {
        Format::V1 => hmac::Mac::update(&mut mac, labels::FRANKING_TAG_1),
        Format::V2 => {
            let account = origin.sender.account.as_bytes();
            hmac::Mac::update(&mut mac, labels::FRANKING_TAG);
            hmac::Mac::update(&mut mac, &[len8(account)]);
            hmac::Mac::update(&mut mac, account);
            hmac::Mac::update(&mut mac, &origin.sender.device.0.to_be_bytes());
            hmac::Mac::update(&mut mac, origin.conversation.as_bytes());
        }
    }
    hmac::Mac::update(&mut mac, &[count]);
    for commitment in commitments {
        hmac::Mac::update(&mut mac, commitment);
    }
    FrankingTag(mac::finish(mac, &[]))
}

#[cfg(test)]
mod tests;
