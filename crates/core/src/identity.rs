//! The identity of a device: an Ed25519 key that signs, and an X25519 key for key agreement, which
//! the Ed25519 key certifies.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::codec::{KEYS_VERSION, Reader, Writer};
use crate::dh::{DhKeyPair, DhPublicKey};
use crate::error::{DecodeError, KeyError};
use crate::labels;

/// Length of an [`IdentityKey`] in bytes: two public keys of 32 bytes.
pub const IDENTITY_KEY_LEN: usize = 64;
/// Length of an [`IdentityCertificate`] in bytes: an Ed25519 signature.
pub const IDENTITY_CERTIFICATE_LEN: usize = 64;
/// Length of an account proof in bytes: an Ed25519 signature.
pub const ACCOUNT_PROOF_LEN: usize = 64;
/// Length of a device proof and of a roster's signature in bytes: an Ed25519 signature.
pub const ROSTER_SIGNATURE_LEN: usize = 64;

/// The public identity of a device. Applications pin it, and safety numbers are computed from it.
///
/// Anyone may see it. A hash over the identities of both devices, with both keys each, is in the
/// associated data of every message. (PQXDH, “Keys”: `IK`)
///
/// # Size
/// 64 bytes: Ed25519 public key (32), then X25519 public key (32).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityKey {
    signing: [u8; 32],
    dh: DhPublicKey,
}

impl IdentityKey {
    /// The 64 bytes: Ed25519 public key, then X25519 public key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; IDENTITY_KEY_LEN] {
        let mut bytes = [0; IDENTITY_KEY_LEN];
        for (to, from) in bytes
            .iter_mut()
            .zip(self.signing.iter().chain(self.dh.as_bytes()))
        {
            *to = *from;
        }
        bytes
    }

    /// Decodes an identity and checks both keys.
    ///
    /// This does not check a certificate. The decoders of bundles and initial messages do.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if the length is not 64 bytes. [`DecodeError::InvalidKey`] if a
    /// key is not canonical, not on its curve, or of small order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes: &[u8; IDENTITY_KEY_LEN] =
            bytes.try_into().map_err(|_| DecodeError::Malformed)?;
        let (signing, dh) = bytes
            .split_first_chunk::<32>()
            .ok_or(DecodeError::Malformed)?;
        let dh = dh.first_chunk::<32>().ok_or(DecodeError::Malformed)?;
        // CHK-09: the Ed25519 key is canonical, on the curve and not of small order.
        let key = VerifyingKey::from_bytes(signing).map_err(|_| KeyError::NotOnCurve)?;
        if key.to_edwards().compress().as_bytes() != signing {
            return Err(KeyError::NotCanonical.into());
        }
        if key.is_weak() {
            return Err(KeyError::SmallOrder.into());
        }
        Ok(Self {
            signing: *signing,
            dh: DhPublicKey::from_bytes(dh)?,
        })
    }

    /// Checks a proof that [`IdentityKeyPair::prove_account`] made for the same context.
    ///
    /// # Errors
    /// [`InvalidSignature`] if the proof was made by another identity or for another context, or is
    /// not a proof.
    pub fn verify_account_proof(
        &self,
        context: &[u8],
        proof: &[u8; ACCOUNT_PROOF_LEN],
    ) -> Result<(), InvalidSignature> {
        // CHK-46: the identity's key signed this context.
        self.verify(&account_proof_input(context), proof)
    }

    pub(crate) fn dh(&self) -> &DhPublicKey {
        &self.dh
    }

    /// Checks a signature of this identity strictly: it must be canonical and without points of
    /// small order. `message` begins with a label.
    pub(crate) fn verify(
        &self,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_bytes(&self.signing).map_err(|_| InvalidSignature)?;
        key.verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| InvalidSignature)
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(")?;
        for byte in self.signing.iter().chain(self.dh.as_bytes()) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// A signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct InvalidSignature;

/// Proves that the holder of an identity's Ed25519 key chose its X25519 key.
///
/// The certificate is an Ed25519 signature over `waxseal/1/core/identity-certificate || X25519
/// public key`. It is public, and accompanies the identity in prekey bundles and initial messages.
///
/// # Size
/// 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityCertificate([u8; IDENTITY_CERTIFICATE_LEN]);

impl IdentityCertificate {
    /// The 64 bytes of the signature.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; IDENTITY_CERTIFICATE_LEN] {
        self.0
    }

    /// Takes the 64 bytes without checking them. [`IdentityCertificate::verify`] checks them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; IDENTITY_CERTIFICATE_LEN]) -> Self {
        Self(*bytes)
    }

    /// Checks the certificate of `identity`.
    ///
    /// # Errors
    /// [`InvalidSignature`] if the identity's Ed25519 key did not sign its X25519 key.
    pub fn verify(&self, identity: &IdentityKey) -> Result<(), InvalidSignature> {
        identity.verify(&certificate_input(&identity.dh), &self.0)
    }
}

impl fmt::Debug for IdentityCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityCertificate")
            .finish_non_exhaustive()
    }
}

/// What the signature of a certificate covers: `label || X25519 public key`.
fn certificate_input(dh: &DhPublicKey) -> Vec<u8> {
    [labels::IDENTITY_CERTIFICATE, dh.as_bytes()].concat()
}

/// What the signature of an account proof covers: `label || context`.
fn account_proof_input(context: &[u8]) -> Vec<u8> {
    [labels::ACCOUNT_PROOF, context].concat()
}

/// The secret identity of a device. It stays on the device.
///
/// # Size
/// An export has 65 bytes: version, Ed25519 seed (32), X25519 private key (32).
///
/// # Security
/// Anyone who holds this identity can start and accept sessions as this device. The identity alone
/// does not open messages of existing sessions.
pub struct IdentityKeyPair {
    /// Boxed, like all secrets. [`Secret`](crate::secret::Secret) says why.
    signing: Box<SigningKey>,
    dh: DhKeyPair,
    public: IdentityKey,
    certificate: IdentityCertificate,
}

impl IdentityKeyPair {
    /// Generates a new identity.
    ///
    /// # Security
    /// Pass the system's generator as `rng`. A generator in memory is copied by a fork, and both
    /// processes would then make the same identity.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_keys(SigningKey::from_bytes(&seed), DhKeyPair::generate(rng))
    }

    fn from_keys(signing: SigningKey, dh: DhKeyPair) -> Self {
        let public = IdentityKey {
            signing: signing.verifying_key().to_bytes(),
            dh: *dh.public(),
        };
        let certificate =
            IdentityCertificate(signing.sign(&certificate_input(dh.public())).to_bytes());
        Self {
            signing: Box::new(signing),
            dh,
            public,
            certificate,
        }
    }

    /// The public identity.
    #[must_use]
    pub fn public(&self) -> &IdentityKey {
        &self.public
    }

    /// The certificate that goes with the public identity.
    #[must_use]
    pub fn certificate(&self) -> &IdentityCertificate {
        &self.certificate
    }

    /// Proves to a provider that this device holds the identity, to register an account or to log
    /// in without a password.
    ///
    /// The proof is an Ed25519 signature over `waxseal/1/core/account-proof || context`, 64 bytes.
    /// It is public. (SPEC, “Account proof”)
    ///
    /// # Security
    /// The application chooses the context. It must name the provider, the account, the purpose,
    /// and a fresh challenge that the provider uses once. Each must be preceded by its length.
    /// Otherwise a proof made for one use could be accepted for another.
    ///
    /// Never put message content into the context. A signature over content would convince anyone,
    /// forever, and would destroy the deniability that reports preserve.
    #[must_use]
    pub fn prove_account(&self, context: &[u8]) -> [u8; ACCOUNT_PROOF_LEN] {
        self.sign(&account_proof_input(context))
    }

    /// Consents to be a device of an account. The proof goes into the account's roster.
    ///
    /// The proof is an Ed25519 signature over `waxseal/2/core/device-proof || context`, 64 bytes.
    /// It is public. The crate `waxseal-roster` makes the context, which names account, account key
    /// and device number, and checks the proof. (SPEC, “Device proof and roster”)
    ///
    /// # Security
    /// Only sign a context of the account that this device is to belong to, with an account key
    /// that its user confirmed. Anyone who has the proof can list this device in that account.
    #[must_use]
    pub fn prove_device(&self, context: &[u8]) -> [u8; ROSTER_SIGNATURE_LEN] {
        self.sign(&[labels::DEVICE_PROOF, context].concat())
    }

    /// Signs a roster, the list of an account's devices, as one of the account's managers.
    ///
    /// The signature is an Ed25519 signature over `waxseal/2/core/roster || roster`, 64 bytes. It
    /// is public. The crate `waxseal-roster` makes the roster and checks the signature. (SPEC,
    /// “Device proof and roster”)
    ///
    /// # Security
    /// Only sign a roster that this device made or checked: peers send to every device in it.
    #[must_use]
    pub fn sign_roster(&self, roster: &[u8]) -> [u8; ROSTER_SIGNATURE_LEN] {
        self.sign(&[labels::ROSTER, roster].concat())
    }

    pub(crate) fn dh(&self) -> &DhKeyPair {
        &self.dh
    }

    /// Ed25519 seed (32), X25519 private key (32).
    pub(crate) fn secret_bytes(&self) -> Zeroizing<[u8; 64]> {
        let mut secrets = Zeroizing::new([0; 64]);
        let bytes = self.signing.as_bytes().iter().chain(self.dh.secret_bytes());
        for (to, from) in secrets.iter_mut().zip(bytes) {
            *to = *from;
        }
        secrets
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Exports the identity as 65 secret bytes for this device's storage. They are wiped on drop.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(KEYS_VERSION, 64);
        writer.bytes(self.signing.as_bytes());
        writer.bytes(self.dh.secret_bytes());
        writer.finish()
    }

    /// Reads what [`IdentityKeyPair::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(KEYS_VERSION, bytes, 65)?;
        let signing = SigningKey::from_bytes(reader.array()?);
        let dh = DhKeyPair::from_secret_bytes(reader.array()?);
        reader.finish()?;
        Ok(Self::from_keys(signing, dh))
    }
}

impl fmt::Debug for IdentityKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
