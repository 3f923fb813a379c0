//! Tests of `moderation.rs`.

use super::*;
use crate::test_world::rng;

#[test]
fn a_key_pair_survives_export_and_opens_what_is_sealed_to_it() {
    let pair = ModerationKeyPair::generate(&mut rng(1));
    let again = ModerationKeyPair::import(&pair.export()).unwrap();
    let public = ModerationPublicKey::decode(&pair.public_key().encode()).unwrap();
    assert_eq!(again.public_key().id(), public.id());
    let (encapsulated, sealed) = public.seal(b"openings", b"claims", &mut rng(2)).unwrap();
    assert_eq!(encapsulated.len(), ENCAPSULATED_LEN);
    assert_eq!(
        **again.open(&encapsulated, &sealed, b"claims").unwrap(),
        *b"openings"
    );
    assert!(
        again
            .open(&encapsulated, &sealed, b"other claims")
            .is_none()
    );
    let stranger = ModerationKeyPair::generate(&mut rng(3));
    assert!(stranger.open(&encapsulated, &sealed, b"claims").is_none());
    assert_eq!(format!("{pair:?}"), "ModerationKeyPair { .. }");
}

#[test]
fn chk91_moderation_key_out_of_form_is_refused() {
    let bytes = ModerationKeyPair::generate(&mut rng(1))
        .public_key()
        .encode();
    assert_eq!(bytes.len(), 1_217);
    for cut in [0, 1, 33, 1_216] {
        assert!(ModerationPublicKey::decode(&bytes[..cut]).is_err());
    }
    assert!(ModerationPublicKey::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    let mut unreduced = bytes;
    unreduced[1..4].fill(0xff);
    assert!(
        ModerationPublicKey::decode(&unreduced).is_err(),
        "an ML-KEM coefficient past q"
    );
}

/// Published asymmetric franking accepted identity elements: an outsider's forgery passed verify and judge.
#[test]
fn broken_artefact_identity_group_elements_chk91_small_order_points_are_refused() {
    let pair = ModerationKeyPair::generate(&mut rng(1));
    let public = pair.public_key();
    let (encapsulated, sealed) = public.seal(b"openings", b"", &mut rng(2)).unwrap();
    for point in SMALL_ORDER {
        // What the list claims: any secret times this point is zero.
        assert_eq!(x25519_dalek::x25519([0x42; 32], point), [0; 32]);
        for top_bit in [0, 0x80] {
            let mut point = point;
            point[31] |= top_bit;
            let mut key = public.encode();
            key[1_185..].copy_from_slice(&point);
            assert_eq!(
                ModerationPublicKey::decode(&key).unwrap_err(),
                DecodeError::Malformed
            );
            let mut encapsulated = encapsulated.clone();
            encapsulated[1_088..].copy_from_slice(&point);
            assert!(pair.open(&encapsulated, &sealed, b"").is_none());
        }
    }
}
