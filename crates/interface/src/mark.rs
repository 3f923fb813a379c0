//! The mark against set-back: a header of what a device posts, and a field of its session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The header with the mark of the device that posts a message.
pub const MARK_HEADER: &str = "waxseal-mark";

/// Length of a mark in bytes: its counter be64, and a MAC that only the device can verify.
pub const MARK_LEN: usize = 40;

/// A mark as the value of [`MARK_HEADER`].
pub fn encode_mark(mark: &[u8; MARK_LEN]) -> String {
    STANDARD.encode(mark)
}

/// The mark that a header's value states. `None` if it is not the base64 of 40 bytes.
pub fn decode_mark(value: &str) -> Option<[u8; MARK_LEN]> {
    // The length comes first, so that a long header is not decoded.
    let is_whole = value.len() == MARK_LEN.div_ceil(3).saturating_mul(4);
    let bytes = STANDARD.decode(value).ok().filter(|_| is_whole)?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::restriction, reason = "tests")]

    use super::*;

    #[test]
    fn a_mark_is_read_back_and_nothing_else_is_a_mark() {
        let mark = std::array::from_fn(|at| at as u8);
        let value = encode_mark(&mark);
        assert_eq!(decode_mark(&value), Some(mark));
        for bad in [
            "",
            &value[1..],
            &format!("{value}A"),
            &format!("{value} "),
            &value.replace("==", ""),
            &"A".repeat(56),
            &STANDARD.encode([0; 39]),
            &STANDARD.encode([0; 41]),
            "-",
        ] {
            assert_eq!(decode_mark(bad), None, "{bad}");
        }
    }
}
