//! Tests of `envelope.rs`.

use super::*;

#[test]
fn the_example_of_the_byte_table() {
    let envelope = Envelope::new(FrankingTag::from_bytes([0xaa; 32]), vec![0xbb; 2]);
    let bytes = [&[2][..], &[0xaa; 32], &[0xbb; 2]].concat();
    assert_eq!(envelope.encode(), bytes);
    assert!(Envelope::decode(&bytes).unwrap() == envelope);
}

#[test]
fn chk115_stored_envelope_out_of_form_is_refused() {
    let bytes = Envelope::new(FrankingTag::from_bytes([0xaa; 32]), vec![0xbb; 2]).encode();
    for cut in 0..34 {
        let refused = Envelope::decode(&bytes[..cut]).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed, "{cut}");
    }
    assert!(Envelope::decode(&bytes[..34]).is_ok());
}

/// The tag of an envelope of version 01 does not name its sender, so no recipient opens it.
#[test]
fn an_envelope_of_version_01_is_not_taken_from_an_outbox() {
    let version_1 = [&[1, 0x0a, 0x20][..], &[0xaa; 32], &[0x12, 2, 0xbb, 0xbb]].concat();
    assert_eq!(
        Envelope::decode(&version_1).unwrap_err(),
        DecodeError::UnknownVersion { version: 1 }
    );
}
