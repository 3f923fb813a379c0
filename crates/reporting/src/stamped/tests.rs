//! Tests of `stamped.rs`, and of the stored claim.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

/// A posted message of Alice to Bob, and its claim.
fn stamped(world: &mut World) -> (Claim, AuthenticFanout) {
    let (_, envelope, _) = world.stamped("hi");
    let (key, alice, bob) = (&world.alice_key, &world.alice, &world.bob);
    let authentic = authentic(envelope, key, alice, bob, world.now);
    (
        world.stamp_keys.stamp(&authentic, world.now).unwrap(),
        authentic,
    )
}

/// The delivery MAC is made when a message is handed out, so a device that registered again, under
/// another key, authenticates what waited for it.
#[test]
fn a_message_that_waited_is_delivered_under_the_devices_present_key() {
    let mut world = World::new(1);
    let (claim, fanout) = stamped(&mut world);
    let queued = queued(claim, fanout).encode();
    let before = world.bob_key.clone();
    world.bob_key = DeliveryKey::generate(&mut world.rng);
    let delivery = StampedEnvelope::decode(&queued)
        .unwrap()
        .deliver(&world.bob_key);
    let me = &world.bob;
    let refused = delivery.clone().authenticate(&before, me).unwrap_err();
    assert_eq!(refused, DeliveryError::NotAuthentic);
    let delivery = delivery.authenticate(&world.bob_key, me).unwrap();
    assert!(open(&mut world.to_bob.1, &delivery).is_ok());
}

#[test]
fn a_claim_for_another_message_sender_or_audience_is_not_joined_with_a_fanout() {
    let mut world = World::new(2);
    let (claim, fanout) = stamped(&mut world);
    let (other, _) = stamped(&mut world);
    let mut wrong = [other, claim.clone(), claim.clone()];
    wrong[1].context.sender = device("alice", 2);
    wrong[2].context.audience = Audience::Direct(account("carol"));
    for claim in wrong {
        let refused = StampedEnvelope::fan_out(claim, fanout.clone()).unwrap_err();
        assert_eq!(refused, DeliveryError::OtherMessage);
    }
    assert!(StampedEnvelope::fan_out(claim, fanout).is_ok());
}

#[test]
fn chk115_stored_stamped_envelope_and_claim_out_of_form_are_refused() {
    let mut world = World::new(3);
    let (claim, fanout) = stamped(&mut world);
    let claim_bytes = claim.encode();
    let bytes = queued(claim, fanout).encode();
    for cut in 0..claim_bytes.len() {
        assert!(StampedEnvelope::decode(&bytes[..cut]).is_err(), "{cut}");
    }
    // Without a ciphertext, the message was not sealed for the device.
    for cut in [claim_bytes.len(), claim_bytes.len() + 1] {
        assert!(StampedEnvelope::decode(&bytes[..cut]).is_ok());
    }
    for cut in 0..claim_bytes.len() {
        assert!(Claim::decode(&claim_bytes[..cut]).is_err(), "{cut}");
    }
    assert!(Claim::decode(&[claim_bytes.as_slice(), &[0]].concat()).is_err());
    let claim = Claim::decode(&claim_bytes).unwrap();
    assert_eq!(world.stamp_keys.verify(&claim, world.now), Ok(()));
}
