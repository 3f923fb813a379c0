//! Tests of `answer.rs`.

use super::*;

fn key() -> DeliveryKey {
    DeliveryKey::from_bytes([4; 32])
}

fn request(method: &str, path: &str, body: &[u8], nonce: u8) -> AnsweredRequest {
    let nonce = RequestNonce::from_bytes([nonce; 16]);
    AnsweredRequest::new(method, path, body, &nonce).unwrap()
}

#[test]
fn chk112_answer_to_another_request_or_with_another_status_or_body_is_refused() {
    let asked = request("POST", "/a/b", b"request", 1);
    let mac = AnswerMac::new(&key(), &asked, 200, b"answer");
    assert_eq!(mac.verify(&key(), &asked, 200, b"answer"), Ok(()));
    let others = [
        request("PUT", "/a/b", b"request", 1),
        request("POST", "/a/c", b"request", 1),
        request("POST/", "a/b", b"request", 1),
        request("POST", "/a/b", b"Request", 1),
        request("POST", "/a/b", b"", 1),
        request("POST", "/a/b", b"request", 2),
    ];
    for other in others {
        let refused = mac.verify(&key(), &other, 200, b"answer");
        assert_eq!(refused, Err(AnswerError));
    }
    for (status, body) in [
        (201, &b"answer"[..]),
        (0, b"answer"),
        (200, b"answeR"),
        (200, b""),
    ] {
        assert_eq!(mac.verify(&key(), &asked, status, body), Err(AnswerError));
    }
    let other = DeliveryKey::from_bytes([5; 32]);
    assert_eq!(mac.verify(&other, &asked, 200, b"answer"), Err(AnswerError));
    for bit in 0..256 {
        let mut bytes = *mac.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let altered = AnswerMac::from_bytes(bytes);
        assert_eq!(
            altered.verify(&key(), &asked, 200, b"answer"),
            Err(AnswerError)
        );
    }
}

#[test]
fn methods_and_paths_end_at_their_limits() {
    let nonce = RequestNonce::from_bytes([1; 16]);
    let request = |method: usize, path: usize| {
        AnsweredRequest::new(&"m".repeat(method), &"p".repeat(path), b"", &nonce)
    };
    assert!(request(0, 0).is_some());
    assert!(request(MAX_METHOD_LEN, MAX_PATH_LEN).is_some());
    assert!(request(MAX_METHOD_LEN + 1, 1).is_none());
    assert!(request(1, MAX_PATH_LEN + 1).is_none());
}

#[test]
fn debug_shows_no_mac() {
    let asked = request("GET", "/secret", b"", 1);
    let mac = AnswerMac::new(&key(), &asked, 200, b"");
    assert_eq!(
        format!("{asked:?} {mac:?}"),
        "AnsweredRequest { .. } AnswerMac(..)"
    );
}

#[test]
fn a_request_is_the_same_from_its_body_and_from_the_digest_of_its_body() {
    let nonce = RequestNonce::from_bytes([1; 16]);
    let digest: [u8; 32] = Sha256::digest(b"request").into();
    let by_digest = AnsweredRequest::with_digest("POST", "/a/b", &digest, &nonce);
    assert_eq!(by_digest, Some(request("POST", "/a/b", b"request", 1)));
    let other = AnsweredRequest::with_digest("POST", "/a/b", &[1; 32], &nonce);
    assert_ne!(other, by_digest);
    let long = "m".repeat(MAX_METHOD_LEN + 1);
    assert!(AnsweredRequest::with_digest(&long, "/", &digest, &nonce).is_none());
}
