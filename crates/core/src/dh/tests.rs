use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

#[test]
fn chk05_non_canonical_keys_are_rejected() {
    let mut above = PRIME;
    assert_eq!(DhPublicKey::from_bytes(&above), Err(KeyError::NotCanonical));
    above[0] = 0xff;
    assert_eq!(DhPublicKey::from_bytes(&above), Err(KeyError::NotCanonical));
    // This is the base point with its top bit set. RFC 7748 would accept it as the base point.
    let mut masked = [0; 32];
    masked[0] = 9;
    assert!(DhPublicKey::from_bytes(&masked).is_ok());
    masked[31] = 0x80;
    assert_eq!(
        DhPublicKey::from_bytes(&masked),
        Err(KeyError::NotCanonical)
    );
    // The second largest canonical value passes. The largest has small order.
    let mut largest = PRIME;
    largest[0] -= 2;
    assert!(DhPublicKey::from_bytes(&largest).is_ok());
}

#[test]
fn chk06_small_order_keys_are_rejected() {
    for bytes in SMALL_ORDER {
        assert_eq!(DhPublicKey::from_bytes(&bytes), Err(KeyError::SmallOrder));
        // The shared secret with each of these points would be all zero.
        let secret = StaticSecret::from([7; 32]);
        assert!(
            !secret
                .diffie_hellman(&PublicKey::from(bytes))
                .was_contributory()
        );
    }
}

#[test]
fn chk07_all_zero_output_is_rejected() {
    let pair = DhKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(1));
    for bytes in SMALL_ORDER {
        // Bypass the check of the decoder.
        let result = pair.diffie_hellman(&DhPublicKey(bytes)).map(|_| ());
        assert_eq!(result, Err(NonContributory));
    }
}

#[test]
fn chk29_torsioned_and_twisted_keys_are_not_of_prime_order() {
    let pair = DhKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(2));
    assert_eq!(pair.public().check_prime_order(), Ok(()));
    let torsioned = torsioned(pair.public());
    assert_eq!(
        torsioned.check_prime_order(),
        Err(KeyError::NotInPrimeOrderGroup)
    );
    // The altered key has other bytes but gives the same secret. This is why the check exists.
    let other = DhKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(3));
    let (Ok(a), Ok(b)) = (
        other.diffie_hellman(pair.public()),
        other.diffie_hellman(&torsioned),
    ) else {
        panic!("both keys contribute")
    };
    assert_eq!(a.as_bytes(), b.as_bytes());
    // The point with u = 2 is on the twist.
    let mut twist = [0; 32];
    twist[0] = 2;
    assert_eq!(
        DhPublicKey(twist).check_prime_order(),
        Err(KeyError::NotOnCurve)
    );
}

/// Adds a point of order eight to the key.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "addition of points, which cannot overflow"
)]
pub(crate) fn torsioned(key: &DhPublicKey) -> DhPublicKey {
    let point = MontgomeryPoint(key.0).to_edwards(0).expect("on the curve");
    let torsion = curve25519_dalek::constants::EIGHT_TORSION[1];
    DhPublicKey((point + torsion).to_montgomery().to_bytes())
}

#[test]
fn a_key_pair_survives_writing() {
    let pair = DhKeyPair::from_secret_bytes(&[0x42; 32]);
    let mut writer = Writer::new(crate::codec::KEYS_VERSION, 64);
    pair.write(&mut writer);
    let bytes = writer.finish();
    let mut reader = Reader::new(crate::codec::KEYS_VERSION, &bytes, 65).unwrap();
    let read = DhKeyPair::read(&mut reader).unwrap();
    reader.finish().unwrap();
    assert_eq!(read.public(), pair.public());
    assert_eq!(read.secret_bytes(), pair.secret_bytes());
}

impl DhOutput {
    /// Builds a shared secret from given bytes, for the vectors.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }
}
