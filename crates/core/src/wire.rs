//! The wire format: one version byte, then canonical protobuf.
//!
//! All bytes from the wire are decoded here, so every generated struct has passed the checks below.
//! Decoders elsewhere turn these structs into typed values at once.
//!
//! `waxseal-reporting` has a twin of this file, because neither crate depends on the other.

use crate::error::DecodeError;

/// A wire message and its version byte, the one that is written and the only one that is read.
pub(crate) trait WireMessage: prost::Message + Default {
    const VERSION: u8;
}

impl WireMessage for Message {
    /// 02 since message keys depend on associated data, and headers are encrypted, then MACed.
    const VERSION: u8 = 0x02;
}

impl WireMessage for Refusal {
    /// 03 because 02 is a message's: the first byte tells the two apart.
    const VERSION: u8 = 0x03;
}

impl WireMessage for SignedPreKeys {
    const VERSION: u8 = 0x01;
}

impl WireMessage for OneTimePreKeys {
    const VERSION: u8 = 0x01;
}

#[expect(
    unreachable_pub,
    reason = "written by prost-build from proto/core.proto; a test checks that it is up to date"
)]
mod generated {
    include!("wire/generated.rs");
}

pub(crate) use generated::{Handshake, Message, OneTimePreKeys, Refusal, SignedPreKeys};

/// Decodes `bytes`, which must be the one canonical encoding of the message.
pub(crate) fn decode<M: WireMessage>(bytes: &[u8], max: usize) -> Result<M, DecodeError> {
    // CHK-01: input longer than its kind allows is refused unread. This bounds what is allocated
    // below.
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    // CHK-02: the version comes first and must be known.
    let encoded = match bytes.split_first() {
        None => return Err(DecodeError::Malformed),
        Some((&version, encoded)) if version == M::VERSION => encoded,
        Some((&version, _)) => return Err(DecodeError::UnknownVersion { version }),
    };
    // CHK-03: the protobuf is well-formed.
    let message = M::decode(encoded).map_err(|_| DecodeError::Malformed)?;
    // CHK-04: there is no unknown, repeated or misplaced field, no overlong varint, no default
    // value written out, and nothing after the end.
    if message.encoded_len() != encoded.len() || message.encode_to_vec() != encoded {
        return Err(DecodeError::NotCanonical);
    }
    Ok(message)
}

/// Encodes a message: the version byte, then its protobuf.
pub(crate) fn encode<M: WireMessage>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.encoded_len().saturating_add(1));
    bytes.push(M::VERSION);
    message.encode_raw(&mut bytes);
    bytes
}

/// Checks that a field has exactly `N` bytes.
pub(crate) fn array<const N: usize>(field: &[u8]) -> Result<&[u8; N], DecodeError> {
    field.try_into().map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
