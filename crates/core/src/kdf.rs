//! Key derivation of the ratchets: root steps, chain steps and message keys.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hkdf::Hkdf;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::dh::DhOutput;
use crate::labels;
use crate::post_quantum::PqMessageKey;
use crate::secret::{Secret, secret};

/// Length of an authentication tag in bytes.
pub(crate) const TAG_LEN: usize = 16;
/// Length of an AEAD nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;

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
pub(crate) fn part(bytes: &[u8], index: usize) -> Zeroizing<[u8; 32]> {
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
            root: RootKey::from_bytes(&part(output.as_ref(), 0)),
            chain: ChainKey::from_bytes(&part(output.as_ref(), 1)),
            next_header: HeaderKey::from_bytes(&part(output.as_ref(), 2)),
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

/// AEAD key and nonce of one message's body, used once and consumed by its use.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MessageKey {
    key: [u8; 32],
    nonce: [u8; NONCE_LEN],
}

/// The body did not authenticate, or is longer than the AEAD can take.
pub(crate) struct AeadFailed;

impl MessageKey {
    /// Key and nonce from the keys that both ratchets give this message: secret as long as either is. This is the one place where
    /// the two join. (Double Ratchet, “The Triple Ratchet”)
    pub(crate) fn derive(seed: &MessageSeed, post_quantum: &PqMessageKey) -> Self {
        // key || nonce = HKDF(salt = post-quantum key, ikm = seed, info)
        let output = hkdf::<44>(
            post_quantum.as_bytes(),
            seed.as_bytes(),
            labels::MESSAGE_KEY,
        );
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(output.iter().skip(32)) {
            *to = *from;
        }
        Self {
            key: *part(output.as_ref(), 0),
            nonce,
        }
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(
        self,
        associated_data: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .encrypt_in_place((&self.nonce).into(), associated_data, buffer)
            .map_err(|_| AeadFailed)
    }

    /// Decrypts `buffer` in place and removes the tag; after a failure it still holds the ciphertext.
    pub(crate) fn open(
        self,
        associated_data: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .decrypt_in_place((&self.nonce).into(), associated_data, buffer)
            .map_err(|_| AeadFailed)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
