//! Key derivation of the ratchets: root steps, which use HKDF, and chain steps, which use HMAC.

use hkdf::Hkdf;
use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::dh::DhOutput;
use crate::header_key::HeaderKey;
use crate::labels;
use crate::secret::{Secret, secret};

secret! {
    /// `RK`: the root key. It ties each Diffie–Hellman step to all earlier ones.
    RootKey
}
secret! {
    /// `CK`: the key of a chain, which takes one step per message.
    ChainKey
}
secret! {
    /// The Double Ratchet's half of a message's key: the output of one chain step.
    MessageSeed
}

/// Derives `N` bytes: `HKDF-SHA256(salt, ikm, info)`.
pub(crate) fn hkdf<const N: usize>(salt: &[u8; 32], ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "more than HKDF-SHA256 can derive") };
    let mut output = Zeroizing::new([0; N]);
    #[expect(
        clippy::expect_used,
        reason = "HKDF fails only if the output is too long; the assertion rules that out at compile time"
    )]
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info, output.as_mut())
        .expect("length was checked");
    output
}

/// Copies the 32-byte block at `index` out of derived bytes, where the first block has index 0.
pub(crate) fn block32(bytes: &[u8], index: usize) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([0; 32]);
    for (to, from) in block
        .iter_mut()
        .zip(bytes.iter().skip(index.saturating_mul(32)))
    {
        *to = *from;
    }
    block
}

impl RootKey {
    /// Takes a root step: `KDF_RK_HE`. (Double Ratchet, “External functions” of header encryption)
    pub(crate) fn step(&self, shared: &DhOutput) -> RootStep {
        // One HKDF gives the next root key, the new chain's key and the next header key:
        // RK', CK, NHK = HKDF(salt = RK, ikm = DH, info)
        let output = hkdf::<96>(self.as_bytes(), shared.as_bytes(), labels::ROOT_STEP);
        RootStep {
            root: RootKey::from_bytes(&block32(output.as_ref(), 0)),
            chain: ChainKey::from_bytes(&block32(output.as_ref(), 1)),
            next_header: HeaderKey::from_bytes(&block32(output.as_ref(), 2)),
        }
    }
}

/// The keys that one root step yields.
pub(crate) struct RootStep {
    pub(crate) root: RootKey,
    pub(crate) chain: ChainKey,
    pub(crate) next_header: HeaderKey,
}

impl ChainKey {
    /// Takes a chain step: returns this message's seed and the next chain key. `KDF_CK`.
    pub(crate) fn step(&self) -> (MessageSeed, Self) {
        let mut seed = MessageSeed::from_bytes(&[0; 32]);
        let mut next = Self::from_bytes(self.as_bytes());
        next.advance(Some(seed.0.as_mut_bytes()));
        (seed, next)
    }

    /// Takes a chain step in place: `self` becomes the next chain key, and the message's seed is
    /// written to `seed`. With `None` the seed is not computed.
    pub(crate) fn advance(&mut self, seed: Option<&mut [u8; 32]>) {
        chain_step(&mut self.0, seed);
    }
}

/// Advances a chain of either ratchet in place, and writes the secret of this step's message if
/// there is a place for it.
pub(crate) fn chain_step(key: &mut Secret<32>, message: Option<&mut [u8; 32]>) {
    // mk = HMAC(CK, 0x01), CK' = HMAC(CK, 0x02); both share one key schedule.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.as_bytes()) {
        *to = *from;
    }
    let mut second = Hmac::<Sha256>::new((&*block).into());
    if let Some(message) = message {
        let mut first = second.clone();
        first.update(&[0x01]);
        first.finalize_into(message.into());
    }
    second.update(&[0x02]);
    second.finalize_into(key.as_mut_bytes().into());
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
