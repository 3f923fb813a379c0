//! Tests of `parts.rs`.

use super::*;
use crate::codec::put_long;

/// Encodes any parts, well-formed or not.
pub(crate) fn encode_parts<'a>(parts: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = vec![u8::try_from(parts.len()).unwrap()];
    parts.for_each(|part| put_long(&mut out, part));
    out
}

pub(crate) fn encoded(lens: &[usize]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
    encode_parts(parts.iter().map(Vec::as_slice))
}

#[test]
fn chk57_number_and_lengths_of_parts_are_checked() {
    assert!(Parts::parse(&encoded(&[0, 0])).is_some());
    assert!(Parts::parse(&encoded(&[0; 32])).is_some());
    assert!(Parts::parse(&encoded(&[MAX_PAYLOAD_LEN - 9, 0])).is_some());
    let bad = [
        encoded(&[0]),
        encoded(&[0; 33]),
        encoded(&[MAX_PAYLOAD_LEN - 8, 0]),
        vec![],
        [encoded(&[1, 1]).as_slice(), &[0]].concat(),
        encoded(&[1, 1])[..10].to_vec(),
        vec![2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ];
    for bytes in bad {
        assert!(Parts::parse(&bytes).is_none());
    }
}
