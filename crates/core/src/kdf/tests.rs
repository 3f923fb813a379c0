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
    // A message that is given up leaves the same chain after it.
    let mut passed = ChainKey::from_bytes(&key);
    passed.advance(None);
    assert_eq!(passed.as_bytes(), next.as_bytes());
}
