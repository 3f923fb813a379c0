//! Tests of `blob.rs`.

use super::*;

#[test]
fn only_64_lower_case_hex_digits_are_a_blob_id() {
    let id = BlobId::from_bytes([0x0a; 32]);
    let text = id.to_text();
    assert_eq!(text, "0a".repeat(32));
    assert_eq!(BlobId::from_text(&text), Some(id));
    let every = BlobId::from_bytes(core::array::from_fn(|at| u8::try_from(at * 8 + 3).unwrap()));
    assert_eq!(BlobId::from_text(&every.to_text()), Some(every));
    for other in [
        &text[1..],
        &text[2..],
        &format!("{text}0a"),
        &text.replace('a', "g"),
        &text.replace('a', "A"),
        &text.replacen('0', "+", 1),
        "",
    ] {
        assert_eq!(BlobId::from_text(other), None, "{other}");
    }
    assert_eq!(format!("{id:?}"), "BlobId(..)");
}
