//! Tests of `wire.rs`, also that the committed structs are those generated from the `.proto` file.

use std::path::Path;

use super::*;
use crate::envelope::MAX_CIPHERTEXT_LEN;

/// A stamp context of a message of `al` to `bo`.
const CONTEXT: &[u8] = b"\x02al\0\0\0\x01\x01\x02bo\0\0\0\0\x05\x26\x5c\x01\0\0\0\x01";

/// A message of two fields.
fn receipt() -> Vec<u8> {
    encode(&Receipt {
        franking_tag: vec![0xaa; 32],
        receipt_mac: vec![0xbb; 2],
        ..Receipt::default()
    })
}

#[test]
fn generated_structs_are_those_of_the_proto_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors = protox::compile(["reporting.proto"], [root.join("proto")]).unwrap();
    let out = std::env::temp_dir().join(format!("waxseal-reporting-wire-{}", std::process::id()));
    std::fs::create_dir_all(&out).unwrap();
    prost_build::Config::new()
        .out_dir(&out)
        .compile_fds(descriptors)
        .unwrap();
    let generated = std::fs::read_to_string(out.join("waxseal.reporting.v1.rs")).unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    let committed = root.join("src/wire/generated.rs");
    if std::env::var_os("WAXSEAL_REGENERATE").is_some() {
        std::fs::write(&committed, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(committed).unwrap();
    assert!(
        committed == generated,
        "generated.rs is out of date: run the tests with WAXSEAL_REGENERATE=1"
    );
}

#[test]
fn chk51_longer_than_its_kind_can_be_is_refused_unparsed() {
    let bytes = receipt();
    assert!(decode::<Receipt>(&bytes, bytes.len()).is_ok());
    let error = decode::<Receipt>(&bytes, bytes.len() - 1).unwrap_err();
    assert_eq!(
        error,
        DecodeError::TooLong {
            len: bytes.len(),
            max: bytes.len() - 1
        }
    );
}

#[test]
fn chk52_unknown_version_is_its_own_error() {
    let mut bytes = receipt();
    for version in [0, 1, 3, 0xff] {
        bytes[0] = version;
        assert_eq!(
            decode::<Receipt>(&bytes, 99).unwrap_err(),
            DecodeError::UnknownVersion { version }
        );
    }
    assert_eq!(
        decode::<Receipt>(&[], 99).unwrap_err(),
        DecodeError::Malformed
    );
}

#[test]
fn chk53_other_encodings_of_the_same_message_are_refused() {
    let bytes = receipt();
    let variants: [(&str, Vec<u8>); 6] = [
        ("trailing byte", [bytes.as_slice(), &[0]].concat()),
        ("unknown field", [bytes.as_slice(), &[0x7a, 0]].concat()),
        (
            "repeated field",
            [bytes.as_slice(), &[0x22, 2, 0xbb, 0xbb]].concat(),
        ),
        (
            "long varint",
            [&bytes[..36], &[0x82, 0x00, 0xbb, 0xbb]].concat(),
        ),
        (
            "fields in another order",
            [&[2], &bytes[35..], &bytes[1..35]].concat(),
        ),
        ("explicit default", vec![2, 0x22, 0]),
    ];
    for (what, variant) in variants {
        assert_eq!(
            decode::<Receipt>(&variant, 99).unwrap_err(),
            DecodeError::Malformed,
            "{what}"
        );
    }
    for len in 1..bytes.len() {
        let cut = decode::<Receipt>(&bytes[..len], 99);
        assert!(cut.is_err() || len == 1 || len == 35, "{len}");
    }
}

/// A published token truncated its 32-byte tag to 8 bytes, a deployed one to 16.
#[test]
fn chk54_broken_artefact_truncated_tag_every_prefix_is_refused() {
    let decode = |len: usize| {
        let bytes = encode(&Receipt {
            franking_tag: vec![0xaa; len],
            stamp_context: CONTEXT.to_vec(),
            stamp: vec![0; 32],
            receipt_mac: vec![0; 32],
        });
        crate::relay::Receipt::decode(&bytes).map(|_| ())
    };
    assert_eq!(decode(32), Ok(()));
    for len in (0..32).chain([33]) {
        let tag = vec![0xaa; len];
        assert_eq!(array::<32>(&tag), Err(DecodeError::Malformed), "{len}");
        assert_eq!(decode(len), Err(DecodeError::Malformed), "{len}");
    }
}

#[test]
fn chk54_fields_of_a_posted_reseal_that_are_not_whole_are_refused() {
    let whole = PostedReseal {
        franking_tag: vec![0xaa; 32],
        stamp_context: CONTEXT.to_vec(),
        stamp: vec![0; 32],
        target: b"\x02bo\0\0\0\x07".to_vec(),
        posted_at: vec![0; 8],
        reseal_mac: vec![0; 32],
        ciphertext: vec![1],
    };
    let changes: [fn(&mut PostedReseal); 14] = [
        |p| p.franking_tag.truncate(31),
        |p| p.stamp_context.clear(),
        |p| p.stamp_context.push(0),
        |p| p.stamp.clear(),
        |p| p.stamp.push(0),
        |p| p.target.clear(),
        |p| p.target.push(0),
        |p| p.target.truncate(6),
        |p| p.target[1] = 1,
        |p| p.posted_at.truncate(7),
        |p| p.posted_at.push(0),
        |p| p.reseal_mac.truncate(31),
        |p| p.ciphertext.clear(),
        |p| p.ciphertext.resize(MAX_CIPHERTEXT_LEN + 1, 0),
    ];
    let decode =
        |message: &PostedReseal| crate::relay::PostedReseal::decode(&encode(message)).map(|_| ());
    assert_eq!(decode(&whole), Ok(()));
    for (index, change) in changes.into_iter().enumerate() {
        let mut message = whole.clone();
        change(&mut message);
        assert_eq!(decode(&message), Err(DecodeError::Malformed), "{index}");
    }
}

#[test]
fn a_last_field_given_apart_is_encoded_as_in_the_message() {
    for len in [1, 127, 128, 70_000] {
        let whole = Receipt {
            franking_tag: vec![0xaa; 32],
            receipt_mac: vec![0xbb; len],
            ..Receipt::default()
        };
        let head = Receipt {
            receipt_mac: vec![],
            ..whole.clone()
        };
        let apart = encode_with_last(&head, 4, &whole.receipt_mac);
        assert_eq!(apart, encode(&whole));
        assert_eq!(apart.len(), apart.capacity());
    }
}
