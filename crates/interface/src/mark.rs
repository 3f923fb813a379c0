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

/// Whether a mark has a higher counter than another one. Does not verify either: the relay cannot.
pub fn is_higher_mark(mark: &[u8; MARK_LEN], than: &[u8; MARK_LEN]) -> bool {
    mark.first_chunk::<8>() > than.first_chunk::<8>()
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

    #[test]
    fn only_the_counter_makes_a_mark_higher() {
        let mark = |counter: u64, rest: u8| {
            let mut mark = [rest; MARK_LEN];
            mark[..8].copy_from_slice(&counter.to_be_bytes());
            mark
        };
        assert!(is_higher_mark(&mark(256, 0), &mark(255, 9)));
        assert!(!is_higher_mark(&mark(7, 9), &mark(7, 0)));
        assert!(!is_higher_mark(&mark(6, 9), &mark(7, 0)));
    }
}
