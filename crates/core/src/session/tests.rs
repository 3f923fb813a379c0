use super::*;
use crate::error::{DecodeError, KeyError};
use crate::tests::support::{Device, edit, established, rng};
use crate::wire;

fn first_message(alice: &Device, bob: &Device, one_time: Option<usize>) -> (Session, Vec<u8>) {
    let mut rng = rng(u64::from(alice.identity.public().to_bytes()[0]));
    let mut session = Session::initiate(&alice.identity, bob.bundle(one_time), &mut rng).unwrap();
    let message = session.encrypt(b"hello", b"ad", &mut rng).unwrap();
    (session, message)
}

/// Whether a copy of Bob's device accepts `message`.
fn accept(bob: &Device, message: &[u8]) -> Result<(), DecryptError> {
    bob.restarted().accept(message, b"ad").map(|_| ())
}

fn edit_handshake(message: &[u8], change: impl FnOnce(&mut wire::Handshake)) -> Vec<u8> {
    edit(message, |message| {
        change(message.handshake.as_mut().unwrap())
    })
}

fn refused(session: &mut Session, message: &[u8], ad: &[u8]) -> DecryptError {
    let before = session.export();
    let error = session.decrypt(message, ad).unwrap_err();
    assert_eq!(session.export(), before, "the state has changed");
    error
}

#[test]
fn conversation_works_and_overhead_is_as_documented() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let (mut to_bob, first) = first_message(&alice, &bob, Some(0));
    assert_eq!(first.len() - 5, 1_864, "first message");
    let (mut to_alice, plaintext) = bob.accept(&first, b"ad").unwrap();
    assert_eq!(*plaintext, b"hello");
    assert_eq!(bob.prekeys.one_time_left(), 2);
    assert_eq!(
        (to_bob.peer(), to_alice.peer()),
        (bob.identity.public(), alice.identity.public())
    );
    let mut rng = rng(5);
    for round in 0..5_u8 {
        let reply = to_alice.encrypt(&[round; 64], b"", &mut rng).unwrap();
        assert_eq!(reply.len() - 64, 120, "later message");
        assert_eq!(*to_bob.decrypt(&reply, b"").unwrap(), [round; 64]);
        let message = to_bob.encrypt(&[round; 64], b"", &mut rng).unwrap();
        assert_eq!(*to_alice.decrypt(&message, b"").unwrap(), [round; 64]);
    }
    assert_eq!(
        (to_bob.dh_ratchet_steps(), to_alice.dh_ratchet_steps()),
        (11, 11)
    );
    assert_eq!(to_bob.export().len(), 901, "early in an epoch");
}

#[test]
fn chk17_session_with_oneself_is_refused() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let result = Session::initiate(&bob.identity, bob.bundle(None), &mut rng(1)).map(|_| ());
    assert_eq!(result, Err(HandshakeError::OwnIdentity));
    let (_, message) = first_message(&alice, &bob, None);
    let own = bob.identity.public().to_bytes().to_vec();
    assert_eq!(
        accept(&bob, &edit_handshake(&message, |h| h.identity = own)),
        Err(DecryptError::OwnIdentity)
    );
}

#[test]
fn chk25_signed_set_that_was_rotated_away_is_unknown_but_a_late_message_opens() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let (_, message) = first_message(&alice, &bob, None);
    bob.prekeys.rotate(&bob.identity, &mut rng(1)).unwrap();
    assert_eq!(
        accept(&bob, &message),
        Ok(()),
        "a message late by one rotation"
    );
    bob.prekeys.rotate(&bob.identity, &mut rng(2)).unwrap();
    assert_eq!(accept(&bob, &message), Err(DecryptError::UnknownPreKey));
}

#[test]
fn chk26_reused_one_time_prekey_is_rejected() {
    let (alice, carol, mut bob) = (Device::new(1), Device::new(3), Device::new(2));
    let (_, first) = first_message(&alice, &bob, Some(0));
    let (_, second) = first_message(&carol, &bob, Some(0));
    bob.accept(&first, b"ad").unwrap();
    assert_eq!(
        accept(&bob, &first),
        Err(DecryptError::UnknownPreKey),
        "replayed"
    );
    assert_eq!(
        accept(&bob, &second),
        Err(DecryptError::UnknownPreKey),
        "handed out twice"
    );
}

#[test]
fn chk27_replayed_last_resort_message_is_rejected() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let (mut to_bob, first) = first_message(&alice, &bob, None);
    bob.accept(&first, b"ad").unwrap();
    assert_eq!(
        accept(&bob, &first),
        Err(DecryptError::ReplayedInitialMessage)
    );
    let second = to_bob.encrypt(b"again", b"ad", &mut rng(1)).unwrap();
    assert_eq!(
        accept(&bob, &second),
        Err(DecryptError::ReplayedInitialMessage),
        "another message with the same base key"
    );
    assert_eq!(
        accept(&bob.restarted(), &first),
        Err(DecryptError::ReplayedInitialMessage),
        "after a restart"
    );
}

#[test]
fn chk10_uncertified_identity_in_an_initial_message_is_rejected() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (_, message) = first_message(&alice, &bob, Some(0));
    let altered = edit_handshake(&message, |h| h.certificate[40] ^= 1);
    assert_eq!(
        accept(&bob, &altered),
        Err(DecryptError::InvalidCertificate)
    );
}

#[test]
fn chk29_torsioned_base_key_is_rejected() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (_, message) = first_message(&alice, &bob, Some(0));
    let altered = edit_handshake(&message, |h| {
        let key = DhPublicKey::from_bytes(h.base_key.as_slice().try_into().unwrap()).unwrap();
        h.base_key = crate::dh::tests::torsioned(&key).as_bytes().to_vec();
    });
    assert_eq!(
        accept(&bob, &altered),
        Err(DecryptError::InvalidPeerKey(KeyError::NotInPrimeOrderGroup))
    );
    let low = edit_handshake(&message, |h| h.base_key = vec![0; 32]);
    let error = DecryptError::Malformed(DecodeError::InvalidKey(KeyError::SmallOrder));
    assert_eq!(accept(&bob, &low), Err(error));
}

#[test]
fn every_part_of_an_initial_message_is_authenticated() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (_, message) = first_message(&alice, &bob, Some(0));
    assert_eq!(accept(&bob, &message), Ok(()));
    let unauthenticated = Err(DecryptError::Unauthenticated);
    assert_eq!(
        accept(
            &bob,
            &edit_handshake(&message, |h| h.kem_ciphertext[9] ^= 1)
        ),
        unauthenticated
    );
    assert_eq!(
        accept(
            &bob,
            &edit_handshake(&message, |h| h.one_time_prekey_id = Some(2))
        ),
        unauthenticated
    );
    assert_eq!(
        accept(
            &bob,
            &edit_handshake(&message, |h| h.one_time_prekey_id = None)
        ),
        unauthenticated
    );
    assert_eq!(
        accept(&bob, &edit(&message, |m| m.header[3] ^= 1)),
        unauthenticated
    );
    assert_eq!(
        accept(&bob, &edit(&message, |m| m.body[3] ^= 1)),
        unauthenticated
    );
    let unknown = edit_handshake(&message, |h| h.signed_prekey_id = 7);
    assert_eq!(accept(&bob, &unknown), Err(DecryptError::UnknownPreKey));
    let other_ad = bob.restarted().accept(&message, b"da").map(|_| ());
    assert_eq!(other_ad, unauthenticated);
    assert_eq!(
        accept(&bob, &edit(&message, |m| m.handshake = None)),
        Err(DecryptError::NoHandshake)
    );
    for len in (0..message.len()).step_by(3) {
        assert!(
            matches!(
                accept(&bob, &message[..len]),
                Err(DecryptError::Malformed(_))
            ),
            "cut at {len}"
        );
    }
}

#[test]
fn chk18_every_altered_bit_and_every_truncation_is_refused_and_changes_nothing() {
    let (.., mut to_bob, mut to_alice) = established();
    let message = to_bob.encrypt(b"text", b"ad", &mut rng(1)).unwrap();
    for bit in 0..message.len() * 8 {
        let mut altered = message.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&mut to_alice, &altered, b"ad");
        assert!(
            matches!(
                error,
                DecryptError::Malformed(_) | DecryptError::Unauthenticated
            ),
            "bit {bit}: {error}"
        );
    }
    for len in 0..message.len() {
        assert!(matches!(
            refused(&mut to_alice, &message[..len], b"ad"),
            DecryptError::Malformed(_)
        ));
    }
    let longer = [message.as_slice(), &[0]].concat();
    assert!(matches!(
        refused(&mut to_alice, &longer, b"ad"),
        DecryptError::Malformed(_)
    ));
    assert_eq!(*to_alice.decrypt(&message, b"ad").unwrap(), b"text");
}

#[test]
fn chk24_body_of_another_message_or_associated_data_is_refused() {
    let (.., mut to_bob, mut to_alice) = established();
    let mut rng = rng(1);
    let one = to_bob.encrypt(b"one", b"ad", &mut rng).unwrap();
    let two = to_bob.encrypt(b"two", b"ad", &mut rng).unwrap();
    let two: wire::Message = wire::decode(&two, 1_000).unwrap();
    let mixed = edit(&one, |message| message.body = two.body);
    assert_eq!(
        refused(&mut to_alice, &mixed, b"ad"),
        DecryptError::Unauthenticated
    );
    assert_eq!(
        refused(&mut to_alice, &one, b"other"),
        DecryptError::Unauthenticated
    );
    // The tag is kept, so the header opens, but the body does not.
    let altered = edit(&one, |message| message.body[0] ^= 1);
    assert_eq!(
        refused(&mut to_alice, &altered, b"ad"),
        DecryptError::Unauthenticated
    );
}

#[test]
fn chk21_duplicates_are_refused() {
    let (.., mut to_bob, mut to_alice) = established();
    let message = to_bob.encrypt(b"text", b"", &mut rng(1)).unwrap();
    to_alice.decrypt(&message, b"").unwrap();
    assert_eq!(
        refused(&mut to_alice, &message, b""),
        DecryptError::AlreadyReceived
    );
}

#[test]
fn chk30_altered_repeat_of_the_handshake_is_refused() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (mut to_bob, first) = first_message(&alice, &bob, Some(0));
    let (mut to_alice, _) = bob.restarted().accept(&first, b"ad").unwrap();
    let second = to_bob.encrypt(b"second", b"", &mut rng(1)).unwrap();
    let altered = edit_handshake(&second, |h| h.kem_ciphertext[0] ^= 1);
    assert_eq!(
        refused(&mut to_alice, &altered, b""),
        DecryptError::Unauthenticated
    );
    let certificate = bob.identity.certificate().to_bytes().to_vec();
    let altered = edit_handshake(&second, |h| h.certificate = certificate);
    assert_eq!(
        refused(&mut to_alice, &altered, b""),
        DecryptError::Unauthenticated
    );
    assert_eq!(*to_alice.decrypt(&second, b"").unwrap(), b"second");
}

#[test]
fn a_message_of_another_handshake_is_told_apart() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (mut to_bob, first) = first_message(&alice, &bob, Some(0));
    let (mut to_alice, _) = bob.restarted().accept(&first, b"ad").unwrap();
    let (_, other) = first_message(&Device::new(4), &bob, Some(1));
    assert_eq!(
        refused(&mut to_alice, &other, b"ad"),
        DecryptError::OtherHandshake
    );
    // A reflected message does not belong to the session that sent it.
    assert_eq!(
        refused(&mut to_bob, &first, b"ad"),
        DecryptError::OtherHandshake
    );
    let reply = to_alice.encrypt(b"reply", b"", &mut rng(1)).unwrap();
    assert_eq!(
        refused(&mut to_alice, &reply, b""),
        DecryptError::Unauthenticated
    );
}

#[test]
fn export_round_trips_and_refuses_everything_else() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (unanswered, _) = first_message(&alice, &bob, Some(0));
    let (.., mut to_bob, mut to_alice) = established();
    let mut rng = rng(1);
    let _lost = to_bob.encrypt(b"lost", b"", &mut rng).unwrap();
    let next = to_bob.encrypt(b"next", b"", &mut rng).unwrap();
    to_alice.decrypt(&next, b"").unwrap();
    for session in [&unanswered, &to_bob, &to_alice] {
        let export = session.export();
        assert_eq!(Session::import(&export).unwrap().export(), export);
        for len in 0..export.len() {
            assert!(Session::import(&export[..len]).is_err(), "cut at {len}");
        }
        assert!(Session::import(&[export.as_slice(), &[0]].concat()).is_err());
        let mut newer = export.to_vec();
        newer[0] = 9;
        assert_eq!(
            Session::import(&newer).unwrap_err(),
            DecodeError::UnknownVersion { version: 9 }
        );
    }
}

#[test]
fn debug_shows_public_parts_only() {
    let (_, bob, to_bob, _) = established();
    let expected = format!(
        "Session {{ peer: {:?}, is_established: true, dh_ratchet_steps: 2, .. }}",
        bob.identity.public()
    );
    assert_eq!(format!("{to_bob:?}"), expected);
}

#[test]
fn sessions_may_move_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Session>();
    check::<crate::SessionSet>();
    check::<PreKeys>();
    check::<IdentityKeyPair>();
}

impl Session {
    pub(crate) fn ratchet_mut(&mut self) -> &mut Ratchet {
        &mut self.ratchet
    }

    pub(crate) fn ad(&self) -> &SessionAd {
        &self.ad
    }
}
