//! Key derivation of the ratchets: root steps, chain steps and message keys.

use hkdf::Hkdf;
use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::dh::DhOutput;
use crate::labels;
use crate::secret::{Secret, secret};

secret! {
    /// `RK`: ties each Diffie–Hellman step to all before it.
    RootKey
}
secret! {
    /// `CK`: one step per message.
    ChainKey
}
secret! {
    /// `HK`: encrypts the headers of one chain.
    HeaderKey
}
secret! {
    /// What a chain step yields for one message: the Double Ratchet's half of its key.
    MessageSeed
}

impl HeaderKey {
    /// A second copy, for a state that is still a candidate.
    pub(crate) fn duplicate(&self) -> Self {
        Self::from_bytes(self.as_bytes())
    }
}

/// `HKDF-SHA256(salt, ikm, info)` to `N` bytes.
pub(crate) fn hkdf<const N: usize>(salt: &[u8; 32], ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "more than HKDF-SHA256 can give") };
    let mut output = Zeroizing::new([0; N]);
    #[expect(
        clippy::expect_used,
        reason = "the only error is an output too long, which the assertion above excludes at compile time"
    )]
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info, output.as_mut())
        .expect("length was checked");
    output
}

/// Splits `N` derived bytes into 32-byte parts, the last ones of which may be left over.
pub(crate) fn block32(bytes: &[u8], index: usize) -> Zeroizing<[u8; 32]> {
    let mut part = Zeroizing::new([0; 32]);
    for (to, from) in part
        .iter_mut()
        .zip(bytes.iter().skip(index.saturating_mul(32)))
    {
        *to = *from;
    }
    part
}

impl RootKey {
    /// `KDF_RK_HE`. (Double Ratchet, “External functions” of header encryption)
    pub(crate) fn step(&self, shared: &DhOutput) -> RootStep {
        // RK', CK, NHK = HKDF(salt = RK, ikm = DH, info)
        let output = hkdf::<96>(self.as_bytes(), shared.as_bytes(), labels::ROOT_STEP);
        RootStep {
            root: RootKey::from_bytes(&block32(output.as_ref(), 0)),
            chain: ChainKey::from_bytes(&block32(output.as_ref(), 1)),
            next_header: HeaderKey::from_bytes(&block32(output.as_ref(), 2)),
        }
    }
}

/// What one root step yields.
pub(crate) struct RootStep {
    pub(crate) root: RootKey,
    pub(crate) chain: ChainKey,
    pub(crate) next_header: HeaderKey,
}

impl ChainKey {
    /// `KDF_CK`: the seed of this step's message and the next chain key.
    pub(crate) fn step(&self) -> (MessageSeed, Self) {
        let mut seed = MessageSeed::from_bytes(&[0; 32]);
        let mut next = Self::from_bytes(self.as_bytes());
        next.advance(seed.0.as_mut_bytes());
        (seed, next)
    }

    /// The same, in place: becomes the next chain key, and writes the seed to where it is kept.
    pub(crate) fn advance(&mut self, seed: &mut [u8; 32]) {
        chain_step(&mut self.0, seed);
    }
}

/// One step of a chain of either ratchet, in place: writes what is for this step's message.
pub(crate) fn chain_step(key: &mut Secret<32>, message: &mut [u8; 32]) {
    // mk = HMAC(CK, 0x01), CK' = HMAC(CK, 0x02); the key's schedule is shared.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.as_bytes()) {
        *to = *from;
    }
    let mut first = Hmac::<Sha256>::new((&*block).into());
    let mut second = first.clone();
    first.update(&[0x01]);
    first.finalize_into(message.into());
    second.update(&[0x02]);
    second.finalize_into(key.as_mut_bytes().into());
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
