//! Tests of `receipt.rs`.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

#[test]
fn chk66_receipt_with_another_mac_is_refused() {
    let mut world = World::new(5);
    let (claim, envelope, sent) = world.stamped("hi");
    let receipt = Receipt::new(&claim, &world.alice_key);
    let bytes = receipt.encode();
    assert_eq!(receipt.tag(), sent.tag());
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        let Ok(receipt) = Receipt::decode(&altered) else {
            continue;
        };
        assert_eq!(
            receipt.authenticate(&world.alice_key, &sent).unwrap_err(),
            DeliveryError::NotAuthentic
        );
    }
    // A delivery MAC is not a receipt MAC, even under the same key.
    let delivery = deliver(&claim, envelope, &world.alice_key).encode();
    let delivery: wire::Delivery = wire::decode(&delivery, MAX_DELIVERY_LEN).unwrap();
    let reflected = Receipt {
        claim,
        mac: wire::array(&delivery.delivery_mac).unwrap(),
    };
    assert_eq!(
        reflected.authenticate(&world.alice_key, &sent).unwrap_err(),
        DeliveryError::NotAuthentic
    );
    assert!(
        Receipt::decode(&bytes)
            .unwrap()
            .authenticate(&world.alice_key, &sent)
            .is_ok()
    );
}

#[test]
fn chk67_receipt_of_another_message_sender_or_conversation_is_refused() {
    let mut world = World::new(6);
    let (claim, _, sent) = world.stamped("one");
    let (other, _, _) = world.stamped("two");
    let restamp = |sender: &DeviceAddress, audience: Audience| {
        world
            .stamp_keys
            .stamp_tag(&claim.tag, sender, &audience, world.now)
            .unwrap()
    };
    let to_bob = Audience::Direct(world.bob.account.clone());
    let wrong = [
        other,
        restamp(&device("alice", 2), to_bob),
        restamp(&world.alice, Audience::Direct(account("carol"))),
        restamp(&world.alice, Audience::Group(world.conversation())),
    ];
    for (index, claim) in wrong.iter().enumerate() {
        let receipt = Receipt::new(claim, &world.alice_key);
        let result = receipt.authenticate(&world.alice_key, &sent);
        // The last claim names a group with the id of the direct conversation. It passes here,
        // since the conversation is the same. No report of it passes unless the provider has such a
        // group.
        assert_eq!(result.is_err(), index != 3, "{index}");
    }
}
