//! Tests of `wire.rs`, also that the committed structs are those generated from the `.proto` file.

use std::path::Path;

use super::*;

fn envelope() -> Vec<u8> {
    encode(&Envelope {
        franking_tag: vec![0xaa; 32],
        ciphertext: vec![0xbb; 2],
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
    let bytes = envelope();
    assert!(decode::<Envelope>(&bytes, bytes.len()).is_ok());
    let error = decode::<Envelope>(&bytes, bytes.len() - 1).unwrap_err();
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
    let mut bytes = envelope();
    for version in [0, 2, 0xff] {
        bytes[0] = version;
        assert_eq!(
            decode::<Envelope>(&bytes, 99).unwrap_err(),
            DecodeError::UnknownVersion { version }
        );
    }
    assert_eq!(
        decode::<Envelope>(&[], 99).unwrap_err(),
        DecodeError::Malformed
    );
}

#[test]
fn chk53_other_encodings_of_the_same_message_are_refused() {
    let bytes = envelope();
    let variants: [(&str, Vec<u8>); 6] = [
        ("trailing byte", [bytes.as_slice(), &[0]].concat()),
        ("unknown field", [bytes.as_slice(), &[0x7a, 0]].concat()),
        (
            "repeated field",
            [bytes.as_slice(), &[0x12, 2, 0xbb, 0xbb]].concat(),
        ),
        (
            "long varint",
            [&bytes[..36], &[0x82, 0x00, 0xbb, 0xbb]].concat(),
        ),
        (
            "fields in another order",
            [&[1], &bytes[35..], &bytes[1..35]].concat(),
        ),
        ("explicit default", vec![1, 0x12, 0]),
    ];
    for (what, variant) in variants {
        assert_eq!(
            decode::<Envelope>(&variant, 99).unwrap_err(),
            DecodeError::Malformed,
            "{what}"
        );
    }
    for len in 1..bytes.len() {
        let cut = decode::<Envelope>(&bytes[..len], 99);
        assert!(cut.is_err() || len == 1 || len == 35, "{len}");
    }
}

/// A published token truncated its 32-byte tag to 8 bytes, a deployed one to 16.
#[test]
fn chk54_broken_artefact_truncated_tag_every_prefix_is_refused() {
    for len in (0..32).chain([33]) {
        let tag = vec![0xaa; len];
        assert_eq!(array(&tag), Err(DecodeError::Malformed), "{len}");
        let bytes = encode(&Envelope {
            franking_tag: tag,
            ciphertext: vec![1],
        });
        assert_eq!(
            crate::relay::Envelope::decode(&bytes).unwrap_err(),
            DecodeError::Malformed
        );
    }
}

#[test]
fn a_last_field_given_apart_is_encoded_as_in_the_message() {
    for len in [1, 127, 128, 70_000] {
        let whole = Envelope {
            franking_tag: vec![0xaa; 32],
            ciphertext: vec![0xbb; len],
        };
        let head = Envelope {
            ciphertext: vec![],
            ..whole.clone()
        };
        let apart = encode_with_last(&head, 2, &whole.ciphertext);
        assert_eq!(apart, encode(&whole));
        assert_eq!(apart.len(), apart.capacity());
    }
}
