//! Errors that several operations share. The others stand beside their operation.

use thiserror::Error;

/// Why bytes could not be decoded. Nothing was changed.
///
/// The input came from outside or from storage and is unusable: drop it. None of the variants depends on a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than any valid one of its kind.
    #[error("input of {len} bytes is longer than the {max} allowed")]
    TooLong {
        /// Length of the input in bytes.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// The version byte names a format that this release does not know. A newer peer or a newer release wrote it.
    #[error("format version {version} is not known")]
    UnknownVersion {
        /// The version byte found.
        version: u8,
    },
    /// The input is cut short, a field is absent or has the wrong length, or it is not of this kind at all.
    #[error("input is malformed")]
    Malformed,
    /// The input decodes, but is not the one canonical encoding of what it holds.
    #[error("input is not canonically encoded")]
    NotCanonical,
    /// A public key in the input is not acceptable.
    #[error("a public key is not acceptable: {0}")]
    InvalidKey(#[from] KeyError),
}

/// Why a public key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An encoding that is not the canonical one of its point.
    #[error("not canonically encoded")]
    NotCanonical,
    /// A point of small order: a shared secret with it would be a constant.
    #[error("point of small order")]
    SmallOrder,
    /// A point outside the prime-order group, where the protocol asks for one inside.
    #[error("point outside the prime-order group")]
    NotInPrimeOrderGroup,
    /// A point that is not on the curve.
    #[error("not a point of the curve")]
    NotOnCurve,
    /// An ML-KEM-1024 public key with a coefficient outside its range.
    #[error("not a valid ML-KEM public key")]
    InvalidKemKey,
}

/// A Diffie–Hellman result that is all zero, so that the peer's key contributed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the Diffie-Hellman result is all zero")]
pub struct NonContributory;
