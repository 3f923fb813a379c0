//! Writes and reads bytes in JSON as standard base64: `#[serde(with = "waxseal_interface::b64")]`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes bytes as text.
///
/// # Errors
/// What the serializer returns.
pub fn serialize<S: Serializer>(
    bytes: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// Reads bytes from text.
///
/// # Errors
/// If the text is not base64, or not of as many bytes as `T` has.
pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
    deserializer: D,
) -> Result<T, D::Error> {
    decode(&String::deserialize(deserializer)?)
}

pub(crate) fn decode<T: TryFrom<Vec<u8>>, E: Error>(text: &str) -> Result<T, E> {
    let bytes = STANDARD.decode(text).map_err(|_| E::custom("not base64"))?;
    T::try_from(bytes).map_err(|_| E::custom("wrong length"))
}
