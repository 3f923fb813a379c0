//! The signature of a published policy, which everyone can check with what the entry tells.

use core::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::values::PolicyDigest;
use crate::codec::put_medium;
use crate::labels;

/// Public fields of `policy_published`: which policy document is in force.
///
/// ```text
/// signature = Ed25519("waxseal/log/1/policy"
///     || length be16 || origin || version be32 || digest 32)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// Version of the policy. Versions only ascend.
    pub version: u32,
    /// Digest of the policy document.
    pub digest: PolicyDigest,
    /// Signature of the policy key.
    pub signature: [u8; 64],
}

impl PublishedPolicy {
    /// Checks that this policy key signed the policy for the log with this origin.
    ///
    /// # Errors
    /// [`NotThePolicyKey`] if it did not.
    pub fn verify(&self, origin: &str, key: &PolicyPublicKey) -> Result<(), NotThePolicyKey> {
        let input = input(origin, self.version, &self.digest);
        key.0
            .verify_strict(&input, &Signature::from_bytes(&self.signature))
            .map_err(|_| NotThePolicyKey)
    }
}

/// The key that signs policies. It is kept offline.
#[derive(Clone)]
pub struct PolicyKey(Box<SigningKey>);

impl PolicyKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key of a stored seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// The seed, to store it.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public key, which the vault and auditors pin.
    pub fn public_key(&self) -> PolicyPublicKey {
        PolicyPublicKey(self.0.verifying_key())
    }

    /// Signs a policy for the log with this origin.
    pub fn publish(&self, origin: &str, version: u32, digest: PolicyDigest) -> PublishedPolicy {
        let signature = self.0.sign(&input(origin, version, &digest)).to_bytes();
        PublishedPolicy {
            version,
            digest,
            signature,
        }
    }
}

impl fmt::Debug for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyKey")
            .field("public_key", &self.public_key())
            .finish_non_exhaustive()
    }
}

/// Public key of a [`PolicyKey`]. 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PolicyPublicKey(VerifyingKey);

impl PolicyPublicKey {
    /// Decodes a public key; `None` if it is no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak() && key.to_edwards().compress().as_bytes() == bytes).then_some(Self(key))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for PolicyPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyPublicKey(")?;
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// The policy was not signed by the policy key for this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the policy key did not sign this policy for this log")]
pub struct NotThePolicyKey;

/// What the policy key signs.
fn input(origin: &str, version: u32, digest: &PolicyDigest) -> Vec<u8> {
    let mut input = labels::POLICY.to_vec();
    put_medium(&mut input, origin.as_bytes());
    input.extend_from_slice(&version.to_be_bytes());
    input.extend_from_slice(digest.as_bytes());
    input
}
