use std::path::Path;
use std::{env, fs};

use super::*;

/// Compares the committed structs with those generated from `core.proto`. `WAXSEAL_REGENERATE=1`
/// writes them.
#[test]
fn generated_structs_match_the_proto_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile(["core.proto"], [root.join("proto")]).expect("core.proto compiles");
    let out = env::temp_dir().join(format!("waxseal-core-proto-{}", std::process::id()));
    fs::create_dir_all(&out).expect("create the temporary folder");
    prost_build::Config::new()
        .out_dir(&out)
        .compile_fds(descriptors)
        .expect("prost-build generates the structs");
    let generated =
        fs::read_to_string(out.join("waxseal.core.v1.rs")).expect("read the generated file");
    fs::remove_dir_all(&out).expect("remove the temporary folder");
    let committed = root.join("src/wire/generated.rs");
    if env::var_os("WAXSEAL_REGENERATE").is_some() {
        fs::write(&committed, &generated).expect("write the committed file");
    }
    assert_eq!(
        fs::read_to_string(committed).expect("read the committed file"),
        generated
    );
}

fn ordinary() -> Vec<u8> {
    encode(&Message {
        handshake: None,
        header: vec![1; 99],
        body: vec![2; 20],
    })
}

fn decode_message(bytes: &[u8]) -> Result<Message, DecodeError> {
    decode(bytes, 1_000)
}

#[test]
fn chk01_input_over_its_limit_is_rejected() {
    let bytes = ordinary();
    assert!(decode::<Message>(&bytes, bytes.len()).is_ok());
    let (len, max) = (bytes.len(), bytes.len() - 1);
    assert_eq!(
        decode::<Message>(&bytes, max),
        Err(DecodeError::TooLong { len, max })
    );
}

#[test]
fn chk02_unknown_version_is_rejected() {
    for version in (0..=255).filter(|version| *version != 0x02) {
        let mut bytes = ordinary();
        bytes[0] = version;
        assert_eq!(
            decode_message(&bytes),
            Err(DecodeError::UnknownVersion { version })
        );
    }
    assert_eq!(decode_message(&[]), Err(DecodeError::Malformed));
}

#[test]
fn chk02_each_kind_of_message_has_one_version() {
    fn reads<M: WireMessage>(written: &M) -> Vec<u8> {
        let mut bytes = encode(written);
        let reads = |version: &u8| {
            bytes[0] = *version;
            decode::<M>(&bytes, 1_000).is_ok()
        };
        (0..=255).filter(reads).collect()
    }
    assert_eq!(reads(&Message::default()), [2]);
    assert_eq!(reads(&Refusal::default()), [3]);
    assert_eq!(reads(&SignedPreKeys::default()), [1]);
    assert_eq!(reads(&OneTimePreKeys::default()), [1]);
}

#[test]
fn chk03_truncated_input_is_rejected() {
    let bytes = ordinary();
    let header_end = 1 + 2 + 99;
    for len in 0..bytes.len() {
        // A message that is cut between two fields is still valid protobuf. The message decoder
        // then finds no body.
        let whole_fields = len == 1 || len == header_end;
        assert_eq!(
            decode_message(&bytes[..len]).is_ok(),
            whole_fields,
            "cut at {len}"
        );
        assert!(
            crate::message::Message::decode(&bytes[..len]).is_err(),
            "cut at {len}"
        );
    }
}

#[test]
fn chk04_other_encodings_of_the_same_message_are_rejected() {
    let bytes = ordinary();
    let (header, body) = bytes[1..].split_at(101);
    let with = |parts: &[&[u8]]| {
        decode_message(&[&[Message::VERSION], parts.concat().as_slice()].concat())
    };
    assert!(with(&[header, body]).is_ok());
    assert_eq!(
        with(&[body, header]),
        Err(DecodeError::NotCanonical),
        "order"
    );
    assert_eq!(
        with(&[header, header, body]),
        Err(DecodeError::NotCanonical),
        "repeated field"
    );
    assert_eq!(
        with(&[header, body, &[0x50, 0x01]]),
        Err(DecodeError::NotCanonical),
        "unknown field"
    );
    let long_varint = [&[0x12, 0xe3, 0x00], &header[2..]].concat();
    assert_eq!(
        with(&[&long_varint, body]),
        Err(DecodeError::NotCanonical),
        "long varint"
    );
    assert!(with(&[header, body, &[0x00]]).is_err(), "trailing byte");
    let mut default = encode(&OneTimePreKeys {
        id: 0,
        one_time_prekey: vec![1],
        kem_prekey: vec![],
        signature: vec![],
    });
    default.splice(1..1, [0x08, 0x00]);
    assert_eq!(
        decode::<OneTimePreKeys>(&default, 100),
        Err(DecodeError::NotCanonical),
        "explicit default"
    );
}

#[test]
fn chk14_body_outside_its_limits_is_rejected() {
    let message = |len| {
        encode(&Message {
            handshake: None,
            header: vec![1; 99],
            body: vec![2; len],
        })
    };
    let max = crate::limits::MAX_PLAINTEXT_LEN + 16;
    let decode = |len| crate::message::Message::decode(&message(len)).map(|_| ());
    assert_eq!(decode(16), Ok(()));
    assert_eq!(decode(15), Err(DecodeError::Malformed));
    assert_eq!(decode(max), Ok(()));
    assert_eq!(
        decode(max + 1),
        Err(DecodeError::TooLong { len: max + 1, max })
    );
}

#[test]
fn every_field_of_a_message_has_exactly_its_length() {
    for len in [0, 59, 61] {
        let bytes = encode(&Message {
            handshake: None,
            header: vec![1; len],
            body: vec![2; 20],
        });
        assert!(matches!(
            crate::message::Message::decode(&bytes),
            Err(DecodeError::Malformed)
        ));
    }
}
