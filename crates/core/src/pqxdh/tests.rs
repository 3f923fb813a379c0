use super::*;
use crate::tests::support::{Device, rng};

fn agree(alice: &Device, bob: &Device, one_time: Option<usize>) -> (Handshake, Agreed, Agreed) {
    let (handshake, ours) = initiate(&alice.identity, &bob.bundle(one_time), &mut rng(9)).unwrap();
    let signed = bob.prekeys.signed(handshake.signed_prekey_id).unwrap();
    let set = handshake
        .one_time_prekey_id
        .map(|id| bob.prekeys.one_time(id).unwrap());
    let theirs = accept(&bob.identity, signed, set, &handshake).unwrap();
    (handshake, ours, theirs)
}

fn secrets(agreed: &Agreed) -> [[u8; 32]; 4] {
    let secret = &agreed.secret;
    [
        *secret.root.as_bytes(),
        *secret.initiator_header.as_bytes(),
        *secret.recipient_header.as_bytes(),
        agreed.ad.0,
    ]
}

#[test]
fn both_sides_agree_with_and_without_one_time_prekeys() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    for one_time in [None, Some(0), Some(2)] {
        let (_, ours, theirs) = agree(&alice, &bob, one_time);
        assert_eq!(secrets(&ours), secrets(&theirs));
        let mut distinct = secrets(&ours).to_vec();
        distinct.dedup();
        assert_eq!(distinct.len(), 4);
    }
}

#[test]
fn every_byte_of_the_handshake_is_in_the_digest() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (handshake, ..) = agree(&alice, &bob, Some(0));
    let digest = handshake.digest().0;
    let changed = |change: &dyn Fn(&mut Handshake)| {
        let mut copy = Handshake::from_wire(handshake.to_wire()).unwrap();
        change(&mut copy);
        copy.digest().0 != digest
    };
    assert!(!changed(&|_| {}));
    assert!(changed(&|h| h.identity = *bob.identity.public()));
    assert!(changed(&|h| h.certificate = *bob.identity.certificate()));
    assert!(changed(&|h| h.base_key = *bob.identity.public().dh()));
    assert!(changed(&|h| h.signed_prekey_id += 1));
    assert!(changed(&|h| h.one_time_prekey_id = Some(2)));
    assert!(changed(&|h| h.one_time_prekey_id = None));
    let mut ciphertext = *handshake.kem_ciphertext.as_bytes();
    ciphertext[1567] ^= 1;
    assert!(changed(
        &|h| *h.kem_ciphertext = KemCiphertext::from_bytes(&ciphertext)
    ));
}

#[test]
fn the_one_time_prekey_enters_the_secret() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (mut handshake, ours, _) = agree(&alice, &bob, Some(0));
    handshake.one_time_prekey_id = Some(2);
    let signed = bob.prekeys.signed(1).unwrap();
    let theirs = accept(&bob.identity, signed, bob.prekeys.one_time(2), &handshake).unwrap();
    assert_ne!(secrets(&ours)[0], secrets(&theirs)[0]);
    let without = accept(&bob.identity, signed, None, &handshake).unwrap();
    assert_ne!(secrets(&ours)[0], secrets(&without)[0]);
}

#[test]
fn every_key_agreement_enters_the_secrets() {
    let pair = |seed| DhKeyPair::generate(&mut rng(seed));
    let output = |seed| pair(seed).diffie_hellman(pair(99).public()).unwrap();
    let kem = |seed| {
        let kem = crate::kem::KemSeed::generate(&mut rng(seed));
        kem.public_key().encapsulate(&mut rng(seed)).1
    };
    let roots = [
        derive(&output(1), &output(2), &output(3), None, &kem(1)),
        derive(&output(9), &output(2), &output(3), None, &kem(1)),
        derive(&output(1), &output(9), &output(3), None, &kem(1)),
        derive(&output(1), &output(2), &output(9), None, &kem(1)),
        derive(&output(1), &output(2), &output(3), None, &kem(9)),
        derive(
            &output(1),
            &output(2),
            &output(3),
            Some(&output(4)),
            &kem(1),
        ),
        derive(
            &output(1),
            &output(2),
            &output(3),
            Some(&output(9)),
            &kem(1),
        ),
    ];
    let distinct: std::collections::BTreeSet<_> =
        roots.iter().map(|secret| *secret.root.as_bytes()).collect();
    assert_eq!(distinct.len(), roots.len());
}

#[test]
fn every_key_of_the_recipient_is_in_the_associated_data() {
    // An unknown-key-share attack needs equal secrets under another identity or prekey. The
    // associated data then differs.
    let (bob, carol) = (Device::new(1), Device::new(2));
    let (bob, carol) = (bob.bundle(Some(0)), carol.bundle(Some(0)));
    let (ours, theirs) = (bob.one_time.unwrap(), carol.one_time.unwrap());
    let digest = HandshakeDigest([5; 32]);
    let (identity, signed, kem) = (&bob.identity, &bob.signed.prekey, ours.kem.as_bytes());
    let one_time = Some(&ours.prekey);
    let all = [
        session_ad(&digest, identity, signed, one_time, kem),
        session_ad(&HandshakeDigest([6; 32]), identity, signed, one_time, kem),
        session_ad(&digest, &carol.identity, signed, one_time, kem),
        session_ad(&digest, identity, &carol.signed.prekey, one_time, kem),
        session_ad(&digest, identity, signed, Some(&theirs.prekey), kem),
        session_ad(&digest, identity, signed, None, kem),
        session_ad(&digest, identity, signed, one_time, theirs.kem.as_bytes()),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().map(|ad| ad.0).collect();
    assert_eq!(distinct.len(), all.len());
}

/// Derives the secrets from three or four Diffie–Hellman outputs and the secret of the KEM.
pub(crate) fn derive_from(dhs: &[[u8; 32]], kem: [u8; 32]) -> AgreedSecrets {
    let dhs: Vec<_> = dhs.iter().map(DhOutput::from_bytes).collect();
    derive(
        &dhs[0],
        &dhs[1],
        &dhs[2],
        dhs.get(3),
        &KemSecret::from_bytes(&kem),
    )
}
