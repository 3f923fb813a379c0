use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Verifier;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sha2::Digest;

use super::*;

fn identity(seed: u64) -> IdentityKeyPair {
    IdentityKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

#[test]
fn identity_round_trips_through_its_export() {
    let identity = identity(1);
    let export = identity.export();
    assert_eq!(export.len(), 65);
    let read = IdentityKeyPair::import(&export).unwrap();
    assert_eq!(read.public(), identity.public());
    assert_eq!(read.certificate(), identity.certificate());
    for len in 0..export.len() {
        assert!(IdentityKeyPair::import(&export[..len]).is_err());
    }
    let longer = [export.as_slice(), &[0]].concat();
    assert_eq!(
        IdentityKeyPair::import(&longer).unwrap_err(),
        DecodeError::TooLong { len: 66, max: 65 }
    );
    let mut newer = export.to_vec();
    newer[0] = 2;
    assert_eq!(
        IdentityKeyPair::import(&newer).unwrap_err(),
        DecodeError::UnknownVersion { version: 2 }
    );
}

#[test]
fn public_identity_round_trips_through_its_bytes() {
    let key = *identity(2).public();
    assert_eq!(IdentityKey::from_bytes(&key.to_bytes()), Ok(key));
    assert_eq!(
        IdentityKey::from_bytes(&key.to_bytes()[..63]),
        Err(DecodeError::Malformed)
    );
}

#[test]
fn chk09_bad_signing_keys_are_rejected() {
    let good = identity(3).public().to_bytes();
    let with = |signing: [u8; 32]| {
        let mut bytes = good;
        bytes[..32].copy_from_slice(&signing);
        IdentityKey::from_bytes(&bytes)
    };
    // The key with y = 1 is the neutral point.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(with(neutral), Err(KeyError::SmallOrder.into()));
    // The key with y = p + 1 is another encoding of the neutral point.
    let mut non_canonical = [0xff; 32];
    non_canonical[0] = 0xee;
    non_canonical[31] = 0x7f;
    assert_eq!(with(non_canonical), Err(KeyError::NotCanonical.into()));
    // The key with y = 2 is not on the curve.
    let mut off = [0; 32];
    off[0] = 2;
    assert_eq!(with(off), Err(KeyError::NotOnCurve.into()));
    // The identity's X25519 key is checked too: here it is zero, which has small order.
    let mut low = good;
    low[32..].fill(0);
    assert_eq!(
        IdentityKey::from_bytes(&low),
        Err(KeyError::SmallOrder.into())
    );
}

#[test]
fn chk10_certificate_of_another_identity_does_not_verify() {
    let (a, b) = (identity(4), identity(5));
    assert_eq!(a.certificate().verify(a.public()), Ok(()));
    assert_eq!(b.certificate().verify(a.public()), Err(InvalidSignature));
}

#[test]
fn chk46_account_proof_of_another_identity_or_context_does_not_verify() {
    let (a, b) = (identity(4), identity(5));
    let proof = a.prove_account(b"register");
    assert_eq!(a.public().verify_account_proof(b"register", &proof), Ok(()));
    assert_eq!(
        a.prove_account(b"register"),
        proof,
        "a proof is deterministic"
    );
    for (key, context) in [
        (b.public(), b"register".as_slice()),
        (a.public(), b"registe"),
        (a.public(), b"register\0"),
        (a.public(), b""),
    ] {
        assert_eq!(
            key.verify_account_proof(context, &proof),
            Err(InvalidSignature)
        );
    }
    for byte in 0..ACCOUNT_PROOF_LEN {
        let mut altered = proof;
        altered[byte] ^= 1;
        let verdict = a.public().verify_account_proof(b"register", &altered);
        assert_eq!(verdict, Err(InvalidSignature));
    }
}

#[test]
fn account_proof_cannot_serve_as_another_signature_of_the_identity() {
    // A provider cannot choose a context for which the proof is a certificate. In turn, the
    // certificate is refused as a proof in any context.
    let identity = identity(4);
    let input = certificate_input(identity.dh().public());
    let proof = identity.prove_account(&input);
    let certificate = IdentityCertificate::from_bytes(&proof);
    assert_eq!(certificate.verify(identity.public()), Err(InvalidSignature));
    let certificate = identity.certificate().to_bytes();
    for context in [input.as_slice(), identity.dh().public().as_bytes()] {
        let proof = identity
            .public()
            .verify_account_proof(context, &certificate);
        assert_eq!(proof, Err(InvalidSignature));
    }
}

#[test]
fn device_proof_and_roster_signature_are_over_their_label_and_nothing_else() {
    let identity = identity(4);
    let (proof, roster) = (
        identity.prove_device(b"same"),
        identity.sign_roster(b"same"),
    );
    let verify = |label: &[u8], signature: &[u8; 64]| {
        let message = [label, b"same"].concat();
        identity.public().verify(&message, signature).is_ok()
    };
    assert!(verify(b"waxseal/2/core/device-proof", &proof));
    assert!(verify(b"waxseal/2/core/roster", &roster));
    // Neither serves as the other, nor as a proof for a provider.
    for other in [roster, identity.prove_account(b"same")] {
        assert!(!verify(labels::DEVICE_PROOF, &other));
    }
    for other in [proof, identity.prove_account(b"same")] {
        assert!(!verify(labels::ROSTER, &other));
    }
    for signature in [proof, roster] {
        let verdict = identity.public().verify_account_proof(b"same", &signature);
        assert_eq!(verdict, Err(InvalidSignature));
    }
}

#[test]
fn malleable_signature_is_rejected() {
    // S is the signature's scalar and L the group's order, so S + L is the same scalar modulo L. A
    // verifier that does not check the range accepts it.
    let identity = identity(6);
    let mut signature = identity.certificate().to_bytes();
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (s, l) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        *s = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let certificate = IdentityCertificate::from_bytes(&signature);
    assert_eq!(certificate.verify(identity.public()), Err(InvalidSignature));
}

#[test]
fn signature_with_a_point_of_small_order_is_rejected() {
    // The signature's point R is the neutral point, and its scalar is hash * secret. A verifier
    // that checks only the equation accepts such a signature.
    let identity = identity(8);
    let message = certificate_input(identity.dh().public());
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let hash = sha2::Sha512::new()
        .chain_update(neutral)
        .chain_update(identity.signing.verifying_key().as_bytes())
        .chain_update(&message)
        .finalize();
    let hash = Scalar::from_bytes_mod_order_wide(&hash.into());
    let scalar = hash * identity.signing.to_scalar();
    let signature = [neutral, scalar.to_bytes()].concat();
    let signature: [u8; 64] = signature.try_into().unwrap();
    let lax = identity
        .signing
        .verifying_key()
        .verify(&message, &Signature::from_bytes(&signature));
    assert!(lax.is_ok(), "the equation holds");
    let certificate = IdentityCertificate::from_bytes(&signature);
    assert_eq!(certificate.verify(identity.public()), Err(InvalidSignature));
}

#[test]
fn debug_shows_public_parts_only() {
    let identity = identity(7);
    let public = format!("{:?}", identity.public());
    assert_eq!(public.len(), "IdentityKey()".len() + 128);
    assert_eq!(
        format!("{identity:?}"),
        format!("IdentityKeyPair {{ public: {public}, .. }}")
    );
    assert_eq!(
        format!("{:?}", identity.certificate()),
        "IdentityCertificate { .. }"
    );
}
