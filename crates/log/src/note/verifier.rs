//! Public keys of notes, and their text form.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::signature::{NoteSignature, is_name};
use crate::labels;

/// What a key signs. The byte is part of the key's id, so it also tells keys of later algorithms
/// apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// 01: an Ed25519 signature over the text.
    Note,
    /// 04: an Ed25519 cosignature with a time. (C2SP tlog-cosignature, `cosignature/v1`)
    Cosignature,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Note),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// A public key with its name, to check signatures of notes.
///
/// Its text form is a `vkey`: `name+id in hex+base64(algorithm u8 || key 32)`.
/// [`Display`](fmt::Display) writes it, and [`FromStr`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    algorithm: Algorithm,
    key: VerifyingKey,
    id: [u8; 4],
}

impl Verifier {
    /// Joins a name and a key.
    ///
    /// # Errors
    /// [`VerifierError`] if the name or the key cannot be used.
    pub fn new(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> Result<Self, VerifierError> {
        if !is_name(name) {
            return Err(VerifierError::Name);
        }
        let key = VerifyingKey::from_bytes(key)
            .ok()
            .filter(|point| !point.is_weak() && point.to_edwards().compress().as_bytes() == key)
            .ok_or(VerifierError::Key)?;
        Ok(Self::of_key(name, algorithm, key))
    }

    /// Joins a usable name and a usable key.
    pub(super) fn of_key(name: &str, algorithm: Algorithm, key: VerifyingKey) -> Self {
        // key id = SHA-256(name || 0A || algorithm || key)[..4]
        let mut hash = Sha256::new_with_prefix(name);
        hash.update([b'\n', algorithm.byte()]);
        hash.update(key.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        Self {
            name: name.to_owned(),
            algorithm,
            key,
            id: [a, b, c, d],
        }
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes of the public key.
    pub fn key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Id of the key.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether a signature says that this key made it.
    pub(super) fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    /// Checks a signature over a text; returns its time, or 0 for a signature without time.
    pub(super) fn check(&self, text: &str, signature: &NoteSignature) -> Option<u64> {
        let (time, input, signature) = match self.algorithm {
            Algorithm::Note => (0, text.as_bytes().to_vec(), signature.bytes.as_slice()),
            Algorithm::Cosignature => {
                let (time, signature) = signature.bytes.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                // C2SP limits times to 2^63 - 1.
                i64::try_from(time).ok()?;
                (time, cosigned(text, time), signature)
            }
        };
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        self.key.verify_strict(&input, &signature).ok()?;
        Some(time)
    }
}

/// The `vkey`.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend_from_slice(self.key());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

/// Reads a `vkey`.
impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(vkey: &str) -> Result<Self, VerifierError> {
        // CHK-146: name, id and key in their one form, of a known algorithm.
        // The name has no plus, but base64 may have one.
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierError::Malformed);
        };
        let key = STANDARD.decode(key).map_err(|_| VerifierError::Malformed)?;
        let (&byte, key) = key.split_first().ok_or(VerifierError::Malformed)?;
        let algorithm =
            Algorithm::from_byte(byte).ok_or(VerifierError::UnknownAlgorithm { byte })?;
        let key = key.try_into().map_err(|_| VerifierError::Malformed)?;
        let verifier = Self::new(name, algorithm, key)?;
        // The id is that of this name and key, and nothing is written in another way.
        if verifier.to_string() != vkey {
            return Err(VerifierError::Malformed);
        }
        Ok(verifier)
    }
}

/// What a cosigner signs: two lines, then the text.
pub(super) fn cosigned(text: &str, time: u64) -> Vec<u8> {
    let mut input = labels::COSIGNATURE.to_vec();
    input.extend_from_slice(format!("time {time}\n").as_bytes());
    input.extend_from_slice(text.as_bytes());
    input
}

/// The name or the key cannot be used, or the text is not a `vkey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// The name is empty, longer than 255 bytes, or has a space, a control character or a plus.
    #[error("the name of the key is empty, too long, or has a space or a plus; choose another")]
    Name,
    /// The key is no point of the curve, or one of small order.
    #[error("the public key is invalid")]
    Key,
    /// The key is for an algorithm that this version does not know.
    #[error("the key's algorithm {byte} is unknown; update, and read it again")]
    UnknownAlgorithm {
        /// The algorithm's byte.
        byte: u8,
    },
    /// The text is not a `vkey`, or its id is not that of its name and key.
    #[error("the text is not a vkey")]
    Malformed,
}
