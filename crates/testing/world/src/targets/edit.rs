//! Edits genuine bytes as a fuzz target's input says. An edit takes five bytes of the input.

/// Maximum number of edits in one input. With more edits, nothing genuine would be left.
const MAX_EDITS: usize = 8;

/// Returns `bytes` after the edits, at most [`MAX_EDITS`]. An edit is a kind (one byte), a place
/// (two bytes) and two bytes whose meaning depends on the kind.
pub(super) fn edit(bytes: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits.as_chunks::<5>().0.iter().take(MAX_EDITS) {
        edit_once(&mut bytes, *edit);
    }
    bytes
}

/// Makes one edit. Empty bytes stay empty.
pub(super) fn edit_once(bytes: &mut Vec<u8>, [kind, high, low, a, b]: [u8; 5]) {
    if bytes.is_empty() {
        return;
    }
    let place = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
    match kind % 8 {
        0..3 => bytes[place] ^= 1 << (a % 8),
        3 => bytes[place] = a,
        4 => bytes.truncate(place),
        5 => bytes.insert(place, a),
        6 => drop(bytes.drain(place..bytes.len().min(place + 1 + usize::from(a)))),
        _ => {
            // Copies up to 32 bytes to another place.
            let from = usize::from(u16::from_be_bytes([a, b])) % bytes.len();
            let len = 32.min(bytes.len() - from).min(bytes.len() - place);
            bytes.copy_within(from..from + len, place);
        }
    }
}
