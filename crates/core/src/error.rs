//! Errors that several operations share. Every other error is next to its operation.

use thiserror::Error;

/// Bytes could not be decoded. Nothing was changed.
///
/// The input came from outside or from storage and is unusable: drop it. No variant depends on a
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than any valid input of its kind.
    #[error("input of {len} bytes is longer than the {max} allowed")]
    TooLong {
        /// Length of the input in bytes.
        len: usize,
        /// Maximum length allowed, in bytes.
        max: usize,
    },
    /// The version byte names a format that this release does not read. A newer release wrote it,
    /// or an earlier one whose format is given up, on this device or on a peer's device.
    #[error("format version {version} is not known")]
    UnknownVersion {
        /// The version byte found.
        version: u8,
    },
    /// The input is truncated, a field is absent or has a wrong length or value, or the input is
    /// something else.
    #[error("input is malformed")]
    Malformed,
    /// The input decodes, but it is not the canonical encoding of its content.
    #[error("input is not canonically encoded")]
    NotCanonical,
    /// A public key in the input was refused.
    #[error("a public key is not acceptable: {0}")]
    InvalidKey(#[from] KeyError),
}

/// A public key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are not the canonical encoding of their point.
    #[error("not canonically encoded")]
    NotCanonical,
    /// The point has small order: every shared secret with it would be the same constant.
    #[error("point of small order")]
    SmallOrder,
    /// The point is outside the prime-order group, which the protocol requires here.
    #[error("point outside the prime-order group")]
    NotInPrimeOrderGroup,
    /// The point is not on the curve.
    #[error("not a point of the curve")]
    NotOnCurve,
    /// The ML-KEM-1024 public key has a coefficient that is out of range.
    #[error("not a valid ML-KEM public key")]
    InvalidKemKey,
}

/// A Diffie–Hellman result is all zero, so the peer's key contributed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the Diffie-Hellman result is all zero")]
pub struct NonContributory;
