//! Encodes wire messages as one version byte followed by canonical protobuf.
//!
//! `waxseal-core` has a `wire` module that works alike: neither crate depends on the other, so both
//! define it.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

#[expect(
    unreachable_pub,
    reason = "generated from proto/reporting.proto, which holds the documentation"
)]
#[rustfmt::skip]
mod generated;

pub(crate) use generated::{
    Delivery, PostedFanout, PostedGroup, PostedReseal, Receipt, Report, ReportWithBlobs,
};

/// The version byte of formats that are as they were first: stored keys, and reports and accepted
/// reports that wait from before.
pub const VERSION: u8 = 0x01;

/// The version byte of every wire message, and of what is stored in a form that changed.
pub const VERSION_2: u8 = 0x02;

/// The version byte of a message for several devices, posted or stored, and of a report that names
/// blobs.
pub const VERSION_3: u8 = 0x03;

/// The version byte of a message to a group, posted or stored.
pub const VERSION_4: u8 = 0x04;

/// Why bytes could not be decoded. The peer that sent them, or the store that kept them, is at
/// fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than its kind can be; nothing was parsed. Drop it.
    #[error("{len} bytes are too long, the maximum is {max}")]
    TooLong {
        /// Length of the input.
        len: usize,
        /// Maximum length of its kind.
        max: usize,
    },
    /// The input has a format version that this release does not know. Update to read it.
    #[error("unknown format version {version}")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The input is not a canonical encoding of its kind, or a field is out of bounds. Drop it.
    #[error("malformed")]
    Malformed,
    /// A delivery or receipt lacks its stamp or the MAC over it: stripped on the way, or never made
    /// by the relay.
    ///
    /// Do not show it as a message, unless the application chose a channel without stamps
    /// ([`open_unstamped`](crate::recipient::open_unstamped)).
    #[error("the relay's stamp is missing")]
    MissingStamp,
}

/// Checks the length, then that the version is 01; returns the bytes after the version byte.
pub(crate) fn versioned(bytes: &[u8], max: usize) -> Result<&[u8], DecodeError> {
    versioned_as(bytes, max, &[VERSION]).map(|(_, body)| body)
}

/// Checks the length, then that the version is one of `known`; returns it with the bytes after it.
pub(crate) fn versioned_as<'a>(
    bytes: &'a [u8],
    max: usize,
    known: &[u8],
) -> Result<(u8, &'a [u8]), DecodeError> {
    // CHK-51: the input is within the length limit of its kind. This precedes all parsing.
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    // CHK-52: the version byte is known.
    match bytes.split_first() {
        Some((version, body)) if known.contains(version) => Ok((*version, body)),
        Some((&version, _)) => Err(DecodeError::UnknownVersion { version }),
        None => Err(DecodeError::Malformed),
    }
}

/// Decodes a wire message of version 02 and at most `max` bytes.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8], max: usize) -> Result<M, DecodeError> {
    decode_as(bytes, max, &[VERSION_2]).map(|(_, message)| message)
}

/// Decodes a wire message of one of the `known` versions, which all have the same fields.
pub(crate) fn decode_as<M: Message + Default>(
    bytes: &[u8],
    max: usize,
    known: &[u8],
) -> Result<(u8, M), DecodeError> {
    let (version, body) = versioned_as(bytes, max, known)?;
    let message = M::decode(body).map_err(|_| DecodeError::Malformed)?;
    // CHK-53: the encoding is canonical: no unknown, repeated, reordered or explicit-default field,
    // no long varint, nothing after the last field.
    if message.encoded_len() != body.len() || message.encode_to_vec() != body {
        return Err(DecodeError::Malformed);
    }
    Ok((version, message))
}

/// Encodes a wire message of version 02, preceded by the version byte.
pub(crate) fn encode(message: &impl Message) -> Vec<u8> {
    encode_as(VERSION_2, message)
}

/// Encodes a wire message of this version.
pub(crate) fn encode_as(version: u8, message: &impl Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.encoded_len().saturating_add(1));
    out.push(version);
    message.encode_raw(&mut out);
    out
}

/// Encodes a wire message of version 02 whose last field, `number`, is given separately. An empty
/// field is left out.
///
/// A long field is then copied once instead of twice.
pub(crate) fn encode_with_last(message: &impl Message, number: u32, last: &[u8]) -> Vec<u8> {
    encode_with_last_as(VERSION_2, message, number, last)
}

/// Encodes a wire message of this version, like [`encode_with_last`].
pub(crate) fn encode_with_last_as(
    version: u8,
    message: &impl Message,
    number: u32,
    last: &[u8],
) -> Vec<u8> {
    if last.is_empty() {
        return encode_as(version, message);
    }
    let len = u64::try_from(last.len()).unwrap_or(u64::MAX);
    let room = [
        1,
        message.encoded_len(),
        key_len(number),
        encoded_len_varint(len),
        last.len(),
    ];
    let mut out = Vec::with_capacity(room.into_iter().fold(0, usize::saturating_add));
    out.push(version);
    message.encode_raw(&mut out);
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(len, &mut out);
    out.extend_from_slice(last);
    out
}

/// Reads a field of exactly `N` bytes.
pub(crate) fn array<const N: usize>(field: &[u8]) -> Result<[u8; N], DecodeError> {
    // CHK-54: tags, stamps and MACs are complete: exactly their length, never a prefix.
    field.try_into().map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
