use super::*;

#[test]
fn chain_steps_are_hmacs_of_the_chain_key() {
    let key = [0x55; 32];
    let (seed, next) = ChainKey::from_bytes(&key).step();
    let hmac = |input: u8| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
        mac.update(&[input]);
        mac.finalize().into_bytes()
    };
    assert_eq!(seed.as_bytes(), hmac(0x01).as_slice());
    assert_eq!(next.as_bytes(), hmac(0x02).as_slice());
}

#[test]
fn a_sealed_body_opens_only_whole_and_with_its_associated_data() {
    let seed = MessageSeed::from_bytes(&[1; 32]);
    let mut body = b"text".to_vec();
    assert!(MessageKey::derive(&seed).seal(b"ad", &mut body).is_ok());
    assert_eq!(body.len(), 4 + TAG_LEN);
    for i in 0..body.len() {
        let mut altered = body.clone();
        altered[i] ^= 1;
        assert!(MessageKey::derive(&seed).open(b"ad", &mut altered).is_err());
    }
    assert!(
        MessageKey::derive(&seed)
            .open(b"da", &mut body.clone())
            .is_err()
    );
    assert!(MessageKey::derive(&seed).open(b"ad", &mut body).is_ok());
    assert_eq!(body, b"text");
}
