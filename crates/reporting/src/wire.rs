//! The wire: one version byte, then protobuf in its one canonical encoding.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

#[expect(
    unreachable_pub,
    reason = "generated from proto/reporting.proto, which holds the documentation"
)]
#[rustfmt::skip]
mod generated;

pub(crate) use generated::{Delivery, Envelope, Receipt, Report};

/// The version byte of every encoding of this crate.
pub const VERSION: u8 = 0x01;

/// Why bytes are not an encoding of the expected kind. The peer, or the store they came from, erred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than its kind can be; nothing was parsed.
    #[error("{len} bytes, at most {max} are possible")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Most that are possible.
        max: usize,
    },
    /// Written by a version of the format this one does not know.
    #[error("unknown format version {version}")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// Not the one canonical encoding of its kind, or a field is out of its bounds.
    #[error("malformed")]
    Malformed,
    /// A delivery or receipt without a stamp: somebody stripped it, or the relay never stamped.
    ///
    /// Not shown as a message unless the application chose a channel without stamps
    /// ([`open_unstamped`](crate::open_unstamped)).
    #[error("the relay's stamp is missing")]
    MissingStamp,
}

/// Bounds, then version; gives what is behind the version byte.
pub(crate) fn versioned(bytes: &[u8], max: usize) -> Result<&[u8], DecodeError> {
    // CHK-51: no longer than its kind can be, before anything is parsed.
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len(),
            max,
        });
    }
    // CHK-52: the version byte is known.
    match bytes.split_first() {
        Some((&VERSION, body)) => Ok(body),
        Some((&version, _)) => Err(DecodeError::UnknownVersion { version }),
        None => Err(DecodeError::Malformed),
    }
}

/// Decodes a wire message of at most `max` bytes.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8], max: usize) -> Result<M, DecodeError> {
    let body = versioned(bytes, max)?;
    let message = M::decode(body).map_err(|_| DecodeError::Malformed)?;
    // CHK-53: only the canonical encoding: no unknown, repeated, reordered or explicit-default field, no
    // long varint, nothing behind the last field.
    if message.encoded_len() != body.len() || message.encode_to_vec() != body {
        return Err(DecodeError::Malformed);
    }
    Ok(message)
}

/// Encodes a wire message.
pub(crate) fn encode(message: &impl Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.encoded_len().saturating_add(1));
    out.push(VERSION);
    message.encode_raw(&mut out);
    out
}

/// Encodes a wire message whose last field, `number`, is given apart: one that is long and not empty is copied once.
pub(crate) fn encode_with_last(message: &impl Message, number: u32, last: &[u8]) -> Vec<u8> {
    let len = u64::try_from(last.len()).unwrap_or(u64::MAX);
    let room = [
        1,
        message.encoded_len(),
        key_len(number),
        encoded_len_varint(len),
        last.len(),
    ];
    let mut out = Vec::with_capacity(room.into_iter().fold(0, usize::saturating_add));
    out.push(VERSION);
    message.encode_raw(&mut out);
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(len, &mut out);
    out.extend_from_slice(last);
    out
}

/// A field of exactly 32 bytes.
pub(crate) fn array(field: &[u8]) -> Result<[u8; 32], DecodeError> {
    // CHK-54: tags, stamps and MACs are whole: exactly 32 bytes, never a prefix.
    field.try_into().map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
