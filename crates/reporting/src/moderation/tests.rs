//! Tests of `moderation.rs`.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use hkdf::Hkdf;
use sha2::Sha256;

use super::*;
use crate::tests::world::rng;

const INFO: &[u8] = labels::REPORT_OPENINGS;

/// Does HPKE `SealBase` by hand (RFC 9180, "Encryption Context"), with the shared secret that the
/// holder of the key will derive from `encapsulated`. A sender who chose `encapsulated` knows that
/// secret.
fn seal_by_hand(pair: &ModerationKeyPair, encapsulated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";
    let encapsulated = Deserializable::from_bytes(encapsulated).unwrap();
    let shared = XWing::decap(&pair.secret, None, &encapsulated).unwrap();
    let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
        let ikm = [b"HPKE-v1", SUITE, label, ikm].concat();
        Hkdf::<Sha256>::extract(Some(salt), &ikm)
    };
    let (psk_id_hash, _) = extract(b"", b"psk_id_hash", b"");
    let (info_hash, _) = extract(b"", b"info_hash", labels::REPORT_OPENINGS);
    let context = [&[0][..], &psk_id_hash, &info_hash].concat();
    let (_, secret) = extract(&shared.0, b"secret", b"");
    let expand = |label: &[u8], out: &mut [u8]| {
        let len = u16::try_from(out.len()).unwrap().to_be_bytes();
        let info = [&len, &b"HPKE-v1"[..], SUITE, label, &context].concat();
        secret.expand(&info, out).unwrap();
    };
    let (mut key, mut nonce) = ([0; 32], [0; 12]);
    expand(b"key", &mut key);
    expand(b"base_nonce", &mut nonce);
    let plaintext = Payload {
        msg: plaintext,
        aad: b"claims",
    };
    chacha20poly1305::ChaCha20Poly1305::new(&key.into())
        .encrypt(&nonce.into(), plaintext)
        .unwrap()
}

#[test]
fn a_key_pair_survives_export_and_opens_what_is_sealed_to_it() {
    let pair = ModerationKeyPair::generate(&mut rng(1));
    let again = ModerationKeyPair::import(&pair.export()).unwrap();
    let public = ModerationPublicKey::decode(&pair.public_key().encode()).unwrap();
    assert_eq!(again.public_key().id(), public.id());
    let (encapsulated, sealed) = public
        .seal(INFO, b"openings", b"claims", &mut rng(2))
        .unwrap();
    assert_eq!(encapsulated.len(), ENCAPSULATED_LEN);
    assert_eq!(
        **again.open(INFO, &encapsulated, &sealed, b"claims").unwrap(),
        *b"openings"
    );
    assert!(
        again
            .open(INFO, &encapsulated, &sealed, b"other claims")
            .is_none()
    );
    let stranger = ModerationKeyPair::generate(&mut rng(3));
    assert!(
        stranger
            .open(INFO, &encapsulated, &sealed, b"claims")
            .is_none()
    );
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
        "an ML-KEM coefficient greater than q"
    );
}

/// A published asymmetric franking scheme accepted identity elements: a forgery by an outsider
/// passed its `verify` and `judge`.
#[test]
fn broken_artefact_identity_group_elements_chk91_small_order_points_are_refused() {
    let pair = ModerationKeyPair::generate(&mut rng(1));
    let public = pair.public_key();
    let (encapsulated, _) = public.seal(INFO, b"openings", b"", &mut rng(2)).unwrap();
    // A report sealed by hand opens. So the reports below are refused only because of their points.
    let sealed = seal_by_hand(&pair, &encapsulated, b"openings");
    let opened = pair.open(INFO, &encapsulated, &sealed, b"claims").unwrap();
    assert_eq!(**opened, *b"openings");
    for point in SMALL_ORDER {
        // Any secret times this point is zero, as the documentation of `SMALL_ORDER` claims.
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
            let sealed = seal_by_hand(&pair, &encapsulated, b"openings");
            assert!(pair.open(INFO, &encapsulated, &sealed, b"claims").is_none());
        }
    }
}
