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

use waxseal::core::errors::DecryptError;
use waxseal::errors::{BundleProblem, ReceiveError, StartError};
use waxseal::reporting::relay::{Envelope, PostError};
use waxseal::{Advice, DeviceAddress, DeviceId, Received};
use waxseal_world::{
    Liar, NOW, PostRefused, Provider, account, address, envelope_of, snapshot, text_of,
    without_unopened,
};

#[test]
fn an_envelope_replayed_under_another_account_does_not_open() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mallory = world.register("mallory");
    let sent = alice
        .send(&account("bob"), "from alice", NOW, &mut world.rng)
        .unwrap();
    assert_eq!(
        world.post(mallory.me(), bob.me(), &sent.envelope),
        Err(PostRefused::Post(PostError::NotAuthentic)),
        "only the sending device asks for a stamp"
    );
    // A relay that lies can make the MAC itself.
    let (as_mallory, _) = world.stamp_as(mallory.me(), bob.me(), &envelope_of(&sent.envelope));
    let (as_alice, _) = world.relay(&alice, &bob, &sent.envelope);
    world.show_roster(&mut bob, &account("mallory"));
    let before = without_unopened(snapshot(&bob));
    // Mallory's roster does not list the identity that the message names.
    assert!(matches!(
        bob.receive(&as_mallory),
        Err(ReceiveError::UnknownDevice { .. })
    ));
    assert_eq!(
        without_unopened(snapshot(&bob)),
        before,
        "no identity was pinned and no tag occupied"
    );
    assert!(bob.peer_account_key(&account("mallory")).is_err());
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
    let own = envelope_of(&own.envelope);
    let (reflected, _) = world.stamp_as(&address("alice"), bob.me(), &own);
    let error = bob.receive(&reflected).unwrap_err();
    assert!(matches!(
        error,
        ReceiveError::Session(DecryptError::OwnIdentity)
    ));
    assert_eq!(error.advice(), Advice::DeliverAgain);
    // The provider hands out his own prekeys as Carol's.
    let (mut carols, own) = (
        world.bundles(&account("carol")),
        world.bundles(&account("bob")),
    );
    carols.devices = own.devices;
    let before_start = snapshot(&bob);
    let started = bob.start(&account("carol"), &carols, NOW, &mut world.rng);
    assert_eq!(started.unwrap().unusable, [DeviceId(1)]);
    assert!(bob.has_session(&account("carol")).unwrap());
    assert_ne!(snapshot(&bob), before_start, "noted for an hour");
    let mut stranger = world.register("stranger");
    let started = stranger.start(&account("carol"), &carols, NOW, &mut world.rng);
    assert!(matches!(
        started,
        Err(StartError::Bundle(BundleProblem::OtherDevice))
    ));
}

#[test]
fn a_message_of_an_earlier_version_advises_a_new_session_and_a_newer_one_is_kept() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let sent = alice
        .send(&account("bob"), "from the future", NOW, &mut world.rng)
        .unwrap();
    let mut envelope = envelope_of(&sent.envelope).encode();
    envelope[1 + 32 + 49] = 0x7f; // the version byte of the session's message
    let envelope = Envelope::decode(&envelope).unwrap();
    let (delivery, _) = world.stamp_as(alice.me(), bob.me(), &envelope);
    let before = snapshot(&bob);
    let error = bob.receive(&delivery).unwrap_err();
    assert_eq!(error.advice(), Advice::KeepAndRetry);
    assert_eq!(snapshot(&bob), before);
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
    world.show_roster(&mut bob, &account("liar"));
    let (squatting, _) = world.stamp_as(&at_relay, bob.me(), &squatting);
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
    world.show_roster(&mut bob, &account("liar"));
    let (delivery, _) = world.stamp_as(&liar, bob.me(), &envelope);
    let error = bob.receive(&delivery).unwrap_err();
    assert!(matches!(error, ReceiveError::Withheld));
    assert_eq!(error.advice(), Advice::Drop);
    assert!(
        bob.messages(&account("liar"), None, 10)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        matches!(bob.receive(&delivery).unwrap(), Received::Duplicate { .. }),
        "the message's key is spent"
    );
    let (delivery, _) = world.stamp_as(&liar, bob.me(), &honest);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "honest again");
}

#[test]
fn a_stranger_whose_message_is_stamped_as_our_own_account_is_refused() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mut liar = Liar::new(&mut world);
    let stranger = liar.seal("sent by Bob?", usize::MAX, &mut world.rng);
    let first = alice.send(&account("bob"), "hi", NOW, &mut world.rng);
    let first = envelope_of(&first.unwrap().envelope);
    let before = snapshot(&bob);
    // Nor under the name of a device of this account that the client has never heard of.
    let other_device = DeviceAddress::new(account("bob"), DeviceId(2));
    world.register_device(&other_device);
    let me = bob.me().clone();
    for (envelope, device) in [
        (&stranger, &me),
        (&first, &me),
        (&stranger, &other_device),
        (&first, &other_device),
    ] {
        let (delivery, _) = world.stamp_as(device, &me, envelope);
        let error = bob.receive(&delivery).unwrap_err();
        if *device == me {
            assert!(matches!(error, ReceiveError::Delivery(_)));
            assert_eq!(error.advice(), Advice::Drop);
        } else {
            assert!(matches!(error, ReceiveError::UnknownDevice { .. }));
        }
    }
    assert_eq!(without_unopened(snapshot(&bob)), without_unopened(before));
    assert!(bob.peers(None, 10).unwrap().items.is_empty());
    assert!(
        bob.messages(&account("bob"), None, 10)
            .unwrap()
            .items
            .is_empty()
    );
}

/// What the client did not show was not seen, so that no report makes it look as if it was.
#[test]
fn a_withheld_message_is_not_named_as_seen() {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut peer = Liar::new(&mut world);
    let liar = address("liar");
    world.show_roster(&mut bob, &liar.account);
    let honest = peer.seal("lunch?", usize::MAX, &mut world.rng);
    let (delivery, _) = world.stamp_as(&liar, bob.me(), &honest);
    bob.receive(&delivery).unwrap();
    let spoiled = peer.seal("may I hit you?", 40, &mut world.rng);
    let (delivery, _) = world.stamp_as(&liar, bob.me(), &spoiled);
    assert!(matches!(
        bob.receive(&delivery),
        Err(ReceiveError::Withheld)
    ));
    let unopened = peer.seal("may I hit you now?", usize::MAX, &mut world.rng);
    let garbage = [&unopened.encode()[..33 + 49], b"garbage"].concat();
    let garbage = Envelope::decode(&garbage).unwrap();
    let (delivery, _) = world.stamp_as(&liar, bob.me(), &garbage);
    assert!(matches!(
        bob.receive(&delivery),
        Err(ReceiveError::Session(_))
    ));
    let id = bob
        .send(&account("liar"), "yes", NOW, &mut world.rng)
        .unwrap()
        .id;
    let yes = bob.message(&account("liar"), &id).unwrap().unwrap();
    assert_eq!(yes.header().last_seen.as_ref(), Some(honest.tag()));
}

#[test]
fn our_own_message_that_comes_back_is_refused_and_stays_as_it_is() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    let sent = bob.send(&account("alice"), "mine", NOW, &mut world.rng);
    let sent = sent.unwrap();
    let (delivery, receipt) = world.stamp_as(bob.me(), bob.me(), &envelope_of(&sent.envelope));
    let before = snapshot(&bob);
    let refused = bob.receive(&delivery);
    assert!(matches!(refused, Err(ReceiveError::Delivery(_))));
    // Nor does a receipt for another conversation confirm it.
    assert!(bob.confirm(&account("alice"), &receipt).is_err());
    assert_eq!(snapshot(&bob), before);
}
