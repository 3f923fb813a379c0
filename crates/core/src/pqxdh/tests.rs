use super::*;
use crate::test_support::{Device, rng};

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
