use std::cell::RefCell;

use chacha20poly1305::aead::{Aead, Payload};

use super::*;

const SEED: [u8; 32] = [1; 32];
const POST_QUANTUM: [u8; 32] = [2; 32];

fn derive<'a>(seed: &[u8; 32], post_quantum: &[u8; 32], ad: &'a BodyAd) -> MessageKey<'a> {
    let seed = MessageSeed::from_bytes(seed);
    MessageKey::derive(&seed, &PqMessageKey::from_bytes(post_quantum), ad)
}

fn seal(ad: &[u8], body: &mut Vec<u8>) -> bool {
    let ad = BodyAd::new(ad.to_vec());
    derive(&SEED, &POST_QUANTUM, &ad).seal(body).is_ok()
}

fn open(ad: &[u8], body: &mut Vec<u8>) -> bool {
    let ad = BodyAd::new(ad.to_vec());
    derive(&SEED, &POST_QUANTUM, &ad).open(body).is_ok()
}

#[test]
fn a_sealed_body_opens_only_whole_and_with_its_associated_data() {
    let mut body = b"text".to_vec();
    assert!(seal(b"ad", &mut body));
    assert_eq!(body.len(), 4 + TAG_LEN);
    for i in 0..body.len() {
        let mut altered = body.clone();
        altered[i] ^= 1;
        assert!(!open(b"ad", &mut altered));
    }
    for other in [b"da".as_slice(), b"", b"a", b"ad\0", b"ae"] {
        assert!(!open(other, &mut body.clone()));
    }
    assert!(open(b"ad", &mut body));
    assert_eq!(body, b"text");
}

#[test]
fn a_message_key_needs_both_halves() {
    let ad = BodyAd::new(b"ad".to_vec());
    let key = |seed: u8, post_quantum: u8| {
        let key = derive(&[seed; 32], &[post_quantum; 32], &ad);
        (key.key, key.nonce)
    };
    assert_eq!(key(1, 2), key(1, 2));
    for other in [key(1, 3), key(3, 2), key(2, 1)] {
        assert_ne!(key(1, 2).0, other.0);
        assert_ne!(key(1, 2).1, other.1);
    }
}

#[test]
fn chk48_other_associated_data_give_another_key_and_nonce() {
    let parts = |ad: &[u8]| {
        let ad = BodyAd::new(ad.to_vec());
        let key = derive(&SEED, &POST_QUANTUM, &ad);
        (key.key, key.nonce)
    };
    let ad = [5; 300];
    let (key, nonce) = parts(&ad);
    assert_eq!(parts(&ad), (key, nonce));
    for bit in 0..ad.len() * 8 {
        let mut other = ad;
        other[bit / 8] ^= 1 << (bit % 8);
        let other = parts(&other);
        assert!(other.0 != key && other.1 != nonce, "bit {bit}");
    }
    for len in 0..ad.len() {
        let other = parts(&ad[..len]);
        assert!(other.0 != key && other.1 != nonce, "cut at {len}");
    }
}

#[test]
fn chk48_a_body_under_the_key_of_other_associated_data_is_refused() {
    // The AEAD's own associated data are right. Only the key was derived without them, as before
    // version 2, or from others.
    let sealed = |key: &[u8; 32], nonce: &[u8; NONCE_LEN]| {
        let payload = Payload {
            msg: b"text",
            aad: b"ad",
        };
        let cipher = ChaCha20Poly1305::new(key.into());
        cipher.encrypt(nonce.into(), payload).unwrap()
    };
    let of = |ad: &[u8]| {
        let ad = BodyAd::new(ad.to_vec());
        let key = derive(&SEED, &POST_QUANTUM, &ad);
        sealed(&key.key, &key.nonce)
    };
    assert!(open(b"ad", &mut of(b"ad")), "the control");
    for other in [b"".as_slice(), b"a", b"ae", b"add"] {
        assert!(!open(b"ad", &mut of(other)));
    }
    for info in [labels::MESSAGE_KEY, b"waxseal/1/core/message-key"] {
        let unbound = hkdf::<44>(&POST_QUANTUM, &SEED, info);
        let key = block32(unbound.as_ref(), 0);
        let mut body = sealed(&key, unbound[32..].try_into().unwrap());
        assert!(!open(b"ad", &mut body));
    }
}

impl<'a> MessageKey<'a> {
    /// Takes AEAD key and nonce as they are, for Wycheproof's vectors.
    pub(crate) fn from_parts(key: &[u8; 32], nonce: &[u8; NONCE_LEN], ad: &'a BodyAd) -> Self {
        Self {
            key: *key,
            nonce: *nonce,
            ad,
        }
    }

    /// Returns AEAD key and nonce, for the vectors.
    pub(crate) fn parts(&self) -> (&[u8; 32], &[u8; NONCE_LEN]) {
        (&self.key, &self.nonce)
    }
}

/// AEAD key and nonce of a sealed body, and the hash of its associated data.
pub(crate) type Used = ([u8; 32], [u8; NONCE_LEN], [u8; 32]);

thread_local! {
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a body is sealed under a key.
pub(super) fn record(key: &MessageKey<'_>) {
    USED.with_borrow_mut(|used| used.push((key.key, key.nonce, key.ad.digest)));
}

/// Takes the keys under which this thread sealed bodies since the last call.
pub(crate) fn take_used() -> Vec<Used> {
    USED.take()
}
