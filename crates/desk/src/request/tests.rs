use sha2::{Digest as _, Sha256};

use super::*;

const ORIGIN: &str = "desk.example/log";

fn terms<'a>(path: &'a str, body: &[u8]) -> RequestTerms<'a> {
    RequestTerms {
        origin: ORIGIN,
        method: "POST",
        path,
        at: Timestamp::from_millis(1_800_000_000_000),
        nonce: [7; 16],
        body: BodyDigest::of(body),
    }
}

#[test]
fn a_signature_is_for_one_key_and_one_request() {
    let key = OfficerKey::from_seed(&[1; 32]);
    let other = OfficerKey::from_seed(&[2; 32]);
    let request = terms("/v1/acts", b"body");
    let signature = request.sign(&key);
    assert!(request.is_signed_by(key.id().as_bytes(), &signature));
    assert!(!request.is_signed_by(other.id().as_bytes(), &signature));
    let others = [
        RequestTerms {
            origin: "desk.example/lo",
            ..request
        },
        RequestTerms {
            method: "GET",
            ..request
        },
        RequestTerms {
            path: "/v1/acts?",
            ..request
        },
        RequestTerms {
            at: Timestamp::from_millis(1_800_000_000_001),
            ..request
        },
        RequestTerms {
            nonce: [8; 16],
            ..request
        },
        RequestTerms {
            body: BodyDigest::of(b"bodx"),
            ..request
        },
        RequestTerms {
            body: BodyDigest::of(b""),
            ..request
        },
    ];
    for (number, other) in others.iter().enumerate() {
        assert!(
            !other.is_signed_by(key.id().as_bytes(), &signature),
            "{number}"
        );
    }
}

#[test]
fn no_two_requests_have_the_same_bytes() {
    // Fields have lengths, so bytes cannot move from one field to the next.
    let one = RequestTerms {
        method: "GET",
        path: "/a",
        ..terms("", b"")
    };
    let two = RequestTerms {
        method: "GET/",
        path: "a",
        ..terms("", b"")
    };
    let three = RequestTerms {
        origin: "desk.example/logGET",
        method: "",
        ..one
    };
    assert_ne!(one.message(), two.message());
    assert_ne!(one.message(), three.message());
}

#[test]
fn the_message_has_the_documented_bytes() {
    let request = terms("/v1/acts", b"body");
    let mut expected = labels::REQUEST.to_vec();
    expected.extend_from_slice(&[0, 16]);
    expected.extend_from_slice(ORIGIN.as_bytes());
    expected.extend_from_slice(&[4]);
    expected.extend_from_slice(b"POST");
    expected.extend_from_slice(&[0, 8]);
    expected.extend_from_slice(b"/v1/acts");
    expected.extend_from_slice(&1_800_000_000_000u64.to_be_bytes());
    expected.extend_from_slice(&[7; 16]);
    expected.extend_from_slice(&Sha256::digest(b"body"));
    assert_eq!(request.message(), expected);
}
