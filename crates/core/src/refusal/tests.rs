use super::*;
use crate::dh::DhKeyPair;
use crate::error::DecodeError;
use crate::identity::IdentityCertificate;
use crate::tests::support::{established, rng};
use crate::{Message, MessageKind, wire};

fn devices() -> [IdentityKeyPair; 3] {
    [1, 2, 3].map(|seed| IdentityKeyPair::generate(&mut rng(seed)))
}

/// A refusal of Bob for Alice with the associated data `ad`.
fn sealed(alice: &IdentityKeyPair, bob: &IdentityKeyPair) -> Vec<u8> {
    let sealed = bob.seal_refusal(alice.public(), b"tags", b"ad", &mut rng(4));
    sealed.unwrap()
}

/// Decodes a refusal, changes it and encodes it again.
fn edit(bytes: &[u8], change: impl FnOnce(&mut SealedRefusal)) -> Vec<u8> {
    let mut refusal = SealedRefusal::decode(bytes).unwrap();
    change(&mut refusal);
    refusal.encode()
}

fn error(device: &IdentityKeyPair, bytes: &[u8], ad: &[u8]) -> DecryptError {
    device.open_refusal(bytes, ad).unwrap_err()
}

#[test]
fn a_refusal_tells_its_sender_and_its_content() {
    let [alice, bob, _] = devices();
    for len in [0, 1, 2_133, MAX_REFUSAL_LEN] {
        let content = vec![7; len];
        let sealed = bob.seal_refusal(alice.public(), &content, b"ad", &mut rng(4));
        let sealed = sealed.unwrap();
        let identity = *bob.public();
        assert_eq!(
            Message::peek(&sealed),
            Ok(MessageKind::Refusal { identity })
        );
        let opened = alice.open_refusal(&sealed, b"ad").unwrap();
        assert_eq!((opened.from, &*opened.content), (identity, &content));
        // A refusal is no secret that opens once: its recipient must expect repeats.
        assert!(alice.open_refusal(&sealed, b"ad").is_ok());
    }
}

#[test]
fn each_refusal_has_its_own_key() {
    let [alice, bob, _] = devices();
    let mut rng = rng(4);
    let mut content = || {
        let sealed = bob.seal_refusal(alice.public(), &[0; 64], b"ad", &mut rng);
        SealedRefusal::decode(&sealed.unwrap()).unwrap().content
    };
    assert_ne!(content(), content());
}

#[test]
fn no_session_opens_a_refusal() {
    let (alice, bob, mut to_bob, mut to_alice) = established();
    let refusal = sealed(&alice.identity, &bob.identity);
    let before = to_bob.export();
    let unknown = DecodeError::UnknownVersion { version: 3 };
    assert_eq!(
        to_bob.decrypt(&refusal, b"ad"),
        Err(DecryptError::Malformed(unknown))
    );
    assert_eq!(to_bob.export(), before);
    let message = to_alice.encrypt(b"text", b"ad", &mut rng(5)).unwrap();
    assert_eq!(
        error(&alice.identity, &message, b"ad"),
        DecryptError::Malformed(DecodeError::UnknownVersion { version: 2 })
    );
}

#[test]
fn chk10_uncertified_identity_in_a_refusal_is_rejected() {
    let [alice, bob, carol] = devices();
    let other = edit(&sealed(&alice, &bob), |refusal| {
        refusal.certificate = *carol.certificate();
    });
    assert_eq!(
        error(&alice, &other, b"ad"),
        DecryptError::InvalidCertificate
    );
    // Bob's signing key with an X25519 key of someone else, who could otherwise speak in Bob's
    // name.
    let dh = DhKeyPair::generate(&mut rng(9));
    let mixed = [&bob.public().to_bytes()[..32], dh.public().as_bytes()].concat();
    let mixed = edit(&sealed(&alice, &bob), |refusal| {
        refusal.identity = IdentityKey::from_bytes(&mixed).unwrap();
    });
    assert_eq!(
        error(&alice, &mixed, b"ad"),
        DecryptError::InvalidCertificate
    );
}

#[test]
fn chk14_content_of_a_refusal_outside_its_limits_is_rejected() {
    let [alice, bob, _] = devices();
    let decode = |len| {
        let refusal = edit(&sealed(&alice, &bob), |refusal| {
            refusal.content = vec![2; len];
        });
        SealedRefusal::decode(&refusal).map(|refusal| refusal.content.len())
    };
    assert_eq!(decode(16), Ok(16));
    assert_eq!(decode(15), Err(DecodeError::Malformed));
    assert_eq!(decode(4_112), Ok(4_112));
    // The whole refusal is one byte longer than any, so it is not looked at.
    let too_long = |len, max| Err(DecodeError::TooLong { len, max });
    assert_eq!(decode(4_113), too_long(4_283, 4_282));
    // Without its identity, it is looked at.
    let shorter = wire::encode(&wire::Refusal {
        content: vec![2; 4_113],
        ..Default::default()
    });
    let decoded = SealedRefusal::decode(&shorter).map(|refusal| refusal.content.len());
    assert_eq!(decoded, too_long(4_113, 4_112));
}

#[test]
fn chk15_content_and_associated_data_of_a_refusal_have_limits() {
    let [alice, bob, _] = devices();
    let seal = |content: usize, ad: usize| {
        let (content, ad) = (vec![1; content], vec![2; ad]);
        let sealed = bob.seal_refusal(alice.public(), &content, &ad, &mut rng(4))?;
        assert!(alice.open_refusal(&sealed, &ad).is_ok());
        Ok(())
    };
    assert_eq!(seal(MAX_REFUSAL_LEN, MAX_ASSOCIATED_DATA_LEN), Ok(()));
    let (len, max) = (MAX_REFUSAL_LEN + 1, MAX_REFUSAL_LEN);
    assert_eq!(seal(len, 0), Err(RefusalError::ContentTooLong { len, max }));
    let (len, max) = (MAX_ASSOCIATED_DATA_LEN + 1, MAX_ASSOCIATED_DATA_LEN);
    assert_eq!(
        seal(0, len),
        Err(RefusalError::AssociatedDataTooLong { len, max })
    );
    assert_eq!(
        error(&alice, &sealed(&alice, &bob), &vec![0; len]),
        DecryptError::AssociatedDataTooLong { len, max }
    );
}

#[test]
fn chk17_a_refusal_to_or_of_oneself_is_refused() {
    let [alice, bob, _] = devices();
    let own = bob.seal_refusal(bob.public(), b"tags", b"ad", &mut rng(4));
    assert_eq!(own, Err(RefusalError::OwnIdentity));
    let reflected = sealed(&alice, &bob);
    assert_eq!(error(&bob, &reflected, b"ad"), DecryptError::OwnIdentity);
}

#[test]
fn chk100_every_altered_bit_of_a_refusal_is_refused() {
    let [alice, bob, _] = devices();
    let genuine = sealed(&alice, &bob);
    for index in 0..genuine.len() {
        for bit in 0..8 {
            let mut altered = genuine.clone();
            altered[index] ^= 1 << bit;
            assert!(alice.open_refusal(&altered, b"ad").is_err(), "byte {index}");
        }
        assert!(alice.open_refusal(&genuine[..index], b"ad").is_err());
    }
    for change in [
        |refusal: &mut SealedRefusal| refusal.salt[31] ^= 1,
        |refusal: &mut SealedRefusal| refusal.content[0] ^= 1,
        |refusal: &mut SealedRefusal| refusal.content[19] ^= 1,
        |refusal: &mut SealedRefusal| refusal.content.push(0),
    ] {
        let altered = edit(&genuine, change);
        assert_eq!(
            error(&alice, &altered, b"ad"),
            DecryptError::Unauthenticated
        );
    }
}

#[test]
fn chk100_a_refusal_is_bound_to_both_devices_and_to_its_associated_data() {
    let [alice, bob, carol] = devices();
    let genuine = sealed(&alice, &bob);
    assert_eq!(
        error(&alice, &genuine, b"ae"),
        DecryptError::Unauthenticated
    );
    assert_eq!(
        error(&carol, &genuine, b"ad"),
        DecryptError::Unauthenticated
    );
    // The same two devices the other way round.
    let turned = edit(&genuine, |refusal| {
        refusal.identity = *alice.public();
        refusal.certificate = *alice.certificate();
    });
    assert_eq!(error(&bob, &turned, b"ad"), DecryptError::Unauthenticated);
    // Someone signs Bob's X25519 key as their own, but cannot compute the secret.
    let mixed = [
        &carol.public().to_bytes()[..32],
        bob.public().dh().as_bytes(),
    ]
    .concat();
    let input = [labels::IDENTITY_CERTIFICATE, bob.public().dh().as_bytes()].concat();
    let claimed = edit(&genuine, |refusal| {
        refusal.identity = IdentityKey::from_bytes(&mixed).unwrap();
        refusal.certificate = IdentityCertificate::from_bytes(&carol.sign(&input));
    });
    assert_eq!(
        error(&alice, &claimed, b"ad"),
        DecryptError::Unauthenticated
    );
}

#[test]
fn debug_prints_no_content() {
    let [alice, bob, _] = devices();
    let opened = alice.open_refusal(&sealed(&alice, &bob), b"ad").unwrap();
    let expected = format!("OpenedRefusal {{ from: {:?}, .. }}", bob.public());
    assert_eq!(format!("{opened:?}"), expected);
}
