//! Attacks on a recipient by senders with a modified client, and by a relay that sends messages
//! back to their sender or under another sender's name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::core::errors::{DecryptError, HandshakeError};
use waxseal::errors::{ReceiveError, StartError};
use waxseal::reporting::relay::Envelope;
use waxseal::{Advice, Received};
use waxseal_world::{Liar, NOW, Provider, account, address, find, snapshot, text_of};

#[test]
fn an_envelope_replayed_under_another_account_does_not_open() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mallory = world.register("mallory");
    let sent = alice
        .send(&account("bob"), "from alice", NOW, &mut world.rng)
        .unwrap();
    let (as_mallory, _) = world.relay(&mallory, &bob, &sent.envelope);
    let (as_alice, _) = world.relay(&alice, &bob, &sent.envelope);
    let before = snapshot(&bob);
    assert!(matches!(
        bob.receive(&as_mallory),
        Err(ReceiveError::Session(_))
    ));
    assert_eq!(
        snapshot(&bob),
        before,
        "no identity was pinned and no tag occupied"
    );
    assert!(bob.peer_identity(&account("mallory")).is_err());
    assert_eq!(text_of(bob.receive(&as_alice).unwrap()), "from alice");
}

#[test]
fn a_message_that_claims_our_own_identity_is_not_an_identity_change() {
    let (mut world, _, mut bob) = Provider::of_two();
    world.register("carol");
    world.start(&mut bob, &account("carol"));
    let own = bob
        .send(&account("carol"), "mine", NOW, &mut world.rng)
        .unwrap();
    let (reflected, _) = world.relay_as(&address("alice"), bob.me(), &own.envelope);
    let before = snapshot(&bob);
    let error = bob.receive(&reflected).unwrap_err();
    assert!(matches!(
        error,
        ReceiveError::Session(DecryptError::OwnIdentity)
    ));
    assert_eq!(error.advice(), Advice::DeliverAgain);
    let (base, one_time) = world.bundle(&account("bob"));
    let error = bob
        .start(
            &account("carol"),
            &base,
            one_time.as_deref(),
            &mut world.rng,
        )
        .unwrap_err();
    assert!(matches!(
        error,
        StartError::Handshake(HandshakeError::OwnIdentity)
    ));
    assert_eq!(snapshot(&bob), before);
}

#[test]
fn a_message_of_an_earlier_version_advises_a_new_session_and_a_newer_one_is_kept() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let sent = alice
        .send(&account("bob"), "from the future", NOW, &mut world.rng)
        .unwrap();
    let ciphertext = Envelope::decode(&sent.envelope)
        .unwrap()
        .ciphertext()
        .to_vec();
    let mut envelope = sent.envelope;
    let place = find(&envelope, &ciphertext);
    let advice = [
        (0x01, Advice::FetchBundle),
        (0x03, Advice::KeepAndRetry),
        (0x7f, Advice::KeepAndRetry),
    ];
    for (version, advice) in advice {
        envelope[place] = version; // the first byte of the channel's message
        let (delivery, _) = world.relay(&alice, &bob, &envelope);
        let before = snapshot(&bob);
        let error = bob.receive(&delivery).unwrap_err();
        assert_eq!(error.advice(), advice, "version {version}");
        assert_eq!(snapshot(&bob), before);
    }
}

#[test]
fn a_third_party_cannot_occupy_another_senders_tag() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mut liar = Liar::new(&mut world);
    let sent = alice
        .send(&account("bob"), "the real one", NOW, &mut world.rng)
        .unwrap();
    // The liar seals a message on its own session, under the tag of Alice's message that is still
    // on its way. Bob must withhold the liar's message and still open Alice's.
    let squatting = liar.seal_under(&sent.id, &mut world.rng);
    let at_relay = world.register_only("liar");
    let (squatting, _) = world.relay_as(&at_relay, bob.me(), &squatting);
    assert!(matches!(
        bob.receive(&squatting),
        Err(ReceiveError::Withheld)
    ));
    assert!(matches!(
        bob.receive(&squatting),
        Ok(Received::Duplicate { .. })
    ));
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "the real one");
}

#[test]
fn a_message_that_lies_about_its_commitment_is_withheld_and_recognised_again() {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut liar = Liar::new(&mut world);
    let envelope = liar.seal("looks harmless", 40, &mut world.rng);
    let honest = liar.seal("honest again", usize::MAX, &mut world.rng);
    let liar = world.register_only("liar");
    let (delivery, _) = world.relay_as(&liar, bob.me(), &envelope);
    let error = bob.receive(&delivery).unwrap_err();
    assert!(matches!(error, ReceiveError::Withheld));
    assert_eq!(error.advice(), Advice::Drop);
    assert!(bob.messages(&account("liar"), None, 10).unwrap().is_empty());
    assert!(
        matches!(bob.receive(&delivery).unwrap(), Received::Duplicate { .. }),
        "the message's key is spent"
    );
    let (delivery, _) = world.relay_as(&liar, bob.me(), &honest);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "honest again");
}
