//! Tests of `franked.rs`.

use super::*;
use crate::parts::tests::encoded;

impl Franked {
    /// Joins a key and parts, well-formed or not.
    pub(crate) fn new(key: &FrankingKey, parts: &[u8]) -> Self {
        Self::write(key, parts.len(), |out| out.extend_from_slice(parts))
    }
}

#[test]
fn franked_bytes_survive_padding_and_show_nothing() {
    let franked = Franked::new(&FrankingKey::from_bytes([3; 32]), &encoded(&[54, 10]));
    let again = Franked::unpad(franked.padded().to_vec().into()).unwrap();
    assert_eq!(again.as_bytes(), franked.as_bytes());
    assert!(again.tag().matches(&franked.tag()));
    assert_eq!(format!("{franked:?}"), "Franked { parts: 2, .. }");
}

#[test]
fn plaintext_past_the_bound_is_refused() {
    let mut long = Zeroizing::new(vec![0; MAX_PLAINTEXT_LEN + 1]);
    long[40] = 0x80;
    assert!(Franked::unpad(long).is_none());
}
