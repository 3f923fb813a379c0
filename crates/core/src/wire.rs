//! The wire format: one version byte, then canonical protobuf. Nothing outside this module sees the generated structs' bytes
//! unchecked; decoders elsewhere turn them into typed values at once.

use crate::error::DecodeError;

/// Version byte of every wire message.
pub(crate) const WIRE_VERSION: u8 = 0x01;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "written by prost-build from proto/core.proto; a test compares the two"
)]
mod generated {
    include!("wire/generated.rs");
}

pub(crate) use generated::{Handshake, Message, OneTimePreKeys, SignedPreKeys};

/// Decodes `bytes`, which must be the one encoding of what they hold.
pub(crate) fn decode<M: prost::Message + Default>(
    bytes: &[u8],
    max: usize,
) -> Result<M, DecodeError> {
    // CHK-01: no input longer than its kind allows is looked at; so what is allocated below is bounded too.
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    // CHK-02: the version comes first and must be known.
    let encoded = match bytes.split_first() {
        None => return Err(DecodeError::Malformed),
        Some((&WIRE_VERSION, encoded)) => encoded,
        Some((&version, _)) => return Err(DecodeError::UnknownVersion { version }),
    };
    // CHK-03: well-formed protobuf.
    let message = M::decode(encoded).map_err(|_| DecodeError::Malformed)?;
    // CHK-04: no unknown, repeated or misplaced field, no long varint, no default written out, nothing after the end.
    if message.encoded_len() != encoded.len() || message.encode_to_vec() != encoded {
        return Err(DecodeError::NotCanonical);
    }
    Ok(message)
}

/// Version byte and encoding.
pub(crate) fn encode(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.encoded_len().saturating_add(1));
    bytes.push(WIRE_VERSION);
    message.encode_raw(&mut bytes);
    bytes
}

/// A field of exactly `N` bytes.
pub(crate) fn array<const N: usize>(field: &[u8]) -> Result<&[u8; N], DecodeError> {
    field.try_into().map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
