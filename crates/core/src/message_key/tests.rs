use super::*;

#[test]
fn a_sealed_body_opens_only_whole_and_with_its_associated_data() {
    let seed = MessageSeed::from_bytes(&[1; 32]);
    let post_quantum = PqMessageKey::from_bytes(&[2; 32]);
    let mut body = b"text".to_vec();
    assert!(
        MessageKey::derive(&seed, &post_quantum)
            .seal(b"ad", &mut body)
            .is_ok()
    );
    assert_eq!(body.len(), 4 + TAG_LEN);
    for i in 0..body.len() {
        let mut altered = body.clone();
        altered[i] ^= 1;
        assert!(
            MessageKey::derive(&seed, &post_quantum)
                .open(b"ad", &mut altered)
                .is_err()
        );
    }
    assert!(
        MessageKey::derive(&seed, &post_quantum)
            .open(b"da", &mut body.clone())
            .is_err()
    );
    assert!(
        MessageKey::derive(&seed, &post_quantum)
            .open(b"ad", &mut body)
            .is_ok()
    );
    assert_eq!(body, b"text");
}

#[test]
fn a_message_key_needs_both_halves() {
    let key = |seed: u8, post_quantum: u8| {
        let key = MessageKey::derive(
            &MessageSeed::from_bytes(&[seed; 32]),
            &PqMessageKey::from_bytes(&[post_quantum; 32]),
        );
        (key.key, key.nonce)
    };
    assert_eq!(key(1, 2), key(1, 2));
    for other in [key(1, 3), key(3, 2), key(2, 1)] {
        assert_ne!(key(1, 2).0, other.0);
        assert_ne!(key(1, 2).1, other.1);
    }
}

impl MessageKey {
    /// Takes AEAD key and nonce as they are, for Wycheproof's vectors.
    pub(crate) fn from_parts(key: &[u8; 32], nonce: &[u8; NONCE_LEN]) -> Self {
        Self {
            key: *key,
            nonce: *nonce,
        }
    }

    /// Returns AEAD key and nonce, for the vectors.
    pub(crate) fn parts(&self) -> (&[u8; 32], &[u8; NONCE_LEN]) {
        (&self.key, &self.nonce)
    }
}
