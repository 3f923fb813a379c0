//! Tests of authority keys and their seeds.

use super::{AuthorityKey, AuthoritySeed};

#[test]
fn a_seed_reads_back_and_has_one_key() {
    let seed = AuthoritySeed::generate(&mut rand::rng());
    let again = AuthoritySeed::from_bytes(&seed.to_bytes());
    assert_eq!(again.public(), seed.public());
    let key = seed.public().to_bytes();
    assert_eq!(AuthorityKey::from_bytes(&key), Ok(seed.public()));
    assert!(AuthorityKey::from_bytes(&[0; 32]).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let seed = AuthoritySeed::from_bytes(&[0x5a; 32]);
    let text = format!("{seed:?}");
    assert!(
        text.starts_with("AuthoritySeed { public: AuthorityKey("),
        "{text}"
    );
    assert!(
        text.ends_with(", .. }") && !text.contains("5a5a5a"),
        "{text}"
    );
}
