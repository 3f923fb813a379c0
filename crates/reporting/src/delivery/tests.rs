//! Tests of `delivery.rs`.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

/// MIMI weakness 1: an intermediate relay delivers message A with the frank and time of message B
/// from the same sender in the same room. Every check of the recipient passes, and a later report
/// fails.
#[test]
fn mimi_weakness_1_transplant_chk64_stamp_of_another_message_is_refused() {
    let mut world = World::new(1);
    let (claim_a, envelope_a, _) = world.stamped("a");
    let (claim_b, envelope_b, _) = world.stamped("b");
    let a = deliver(&claim_a, envelope_a.clone(), &world.bob_key);
    let b = deliver(&claim_b, envelope_b, &world.bob_key);
    // This delivery has the tag and ciphertext of A, and the stamp and context of B, under either
    // MAC.
    for mac in [a.mac, b.mac] {
        let mut claim = claim_b.clone();
        claim.tag = claim_a.tag;
        let transplant = Delivery {
            claim,
            mac,
            ciphertext: a.ciphertext.clone(),
        };
        let refused = transplant
            .authenticate(&world.bob_key, &world.bob)
            .unwrap_err();
        assert_eq!(refused, DeliveryError::NotAuthentic);
    }
    // This delivery has the complete claim and the MAC of B, and the ciphertext of A.
    let swapped = Delivery {
        claim: claim_b.clone(),
        mac: b.mac,
        ciphertext: a.ciphertext.clone(),
    };
    let refused = swapped
        .authenticate(&world.bob_key, &world.bob)
        .unwrap_err();
    assert_eq!(refused, DeliveryError::NotAuthentic);
    // Even if the relay itself makes the MAC, the channel does not open the message.
    let envelope = Envelope::new(claim_b.tag, a.ciphertext);
    let swapped = deliver(&claim_b, envelope, &world.bob_key)
        .authenticate(&world.bob_key, &world.bob)
        .unwrap();
    let before = world.to_bob.1.next;
    assert!(matches!(
        open(&mut world.to_bob.1, &swapped),
        Err(OpenError::Channel(_))
    ));
    assert_eq!(world.to_bob.1.next, before);
}

#[test]
fn chk64_altered_ciphertext_is_refused_before_any_session_is_tried() {
    let mut world = World::new(6);
    let (claim, envelope, _) = world.stamped("a");
    let delivery = deliver(&claim, envelope, &world.bob_key);
    for place in 0..delivery.ciphertext.len() {
        let mut altered = delivery.clone();
        altered.ciphertext[place] ^= 1;
        let refused = altered
            .authenticate(&world.bob_key, &world.bob)
            .unwrap_err();
        assert_eq!(refused, DeliveryError::NotAuthentic);
    }
    delivery.authenticate(&world.bob_key, &world.bob).unwrap();
}

/// MIMI weakness 2: the frank is optional, so stripping it goes unnoticed.
#[test]
fn mimi_weakness_2_chk63_stripped_stamp_is_an_error_of_its_own() {
    let mut world = World::new(2);
    let (claim, envelope, _) = world.stamped("hi");
    let full = wire::Delivery {
        franking_tag: claim.tag.as_bytes().to_vec(),
        stamp_context: claim.context.encode(),
        stamp: claim.stamp.as_bytes().to_vec(),
        delivery_mac: vec![0; 32],
        ciphertext: envelope.ciphertext().to_vec(),
    };
    assert!(Delivery::decode(&wire::encode(&full)).is_ok());
    let no_stamp = wire::Delivery {
        stamp: vec![],
        ..full.clone()
    };
    let no_mac = wire::Delivery {
        delivery_mac: vec![],
        ..full.clone()
    };
    let neither = wire::Delivery {
        delivery_mac: vec![],
        ..no_stamp.clone()
    };
    for stripped in [no_stamp, no_mac, neither] {
        assert_eq!(
            Delivery::decode(&wire::encode(&stripped)).unwrap_err(),
            DecodeError::MissingStamp
        );
    }
    for len in 1..32 {
        let short = wire::Delivery {
            stamp: vec![1; len],
            ..full.clone()
        };
        assert_eq!(
            Delivery::decode(&wire::encode(&short)).unwrap_err(),
            DecodeError::Malformed
        );
        let short = wire::Delivery {
            delivery_mac: vec![1; len],
            ..full.clone()
        };
        assert_eq!(
            Delivery::decode(&wire::encode(&short)).unwrap_err(),
            DecodeError::Malformed
        );
    }
}

#[test]
fn chk64_every_altered_byte_of_a_delivery_is_refused_before_the_channel() {
    let mut world = World::new(3);
    let (claim, envelope, _) = world.stamped("hello");
    let bytes = deliver(&claim, envelope, &world.bob_key).encode();
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        let Ok(delivery) = Delivery::decode(&altered) else {
            continue;
        };
        let refused = delivery.authenticate(&world.bob_key, &world.bob);
        assert_eq!(refused.unwrap_err(), DeliveryError::NotAuthentic, "{index}");
    }
    for cut in 0..bytes.len() {
        // Without its ciphertext it is a delivery without a key, for which it has not the MAC.
        let Ok(stripped) = Delivery::decode(&bytes[..cut]) else {
            continue;
        };
        assert!(stripped.ciphertext.is_empty());
        let refused = stripped.authenticate(&world.bob_key, &world.bob);
        assert_eq!(refused.unwrap_err(), DeliveryError::NotAuthentic);
    }
    let delivery = Delivery::decode(&bytes)
        .unwrap()
        .authenticate(&world.bob_key, &world.bob)
        .unwrap();
    open(&mut world.to_bob.1, &delivery).unwrap();
    assert!(
        matches!(
            open(&mut world.to_bob.1, &delivery),
            Err(OpenError::Channel(_))
        ),
        "a message that is delivered again does not open again"
    );
}

#[test]
fn chk65_message_addressed_to_another_account_is_refused() {
    let mut world = World::new(4);
    let (claim, envelope, _) = world.stamped("hi");
    let delivery = deliver(&claim, envelope, &world.bob_key);
    let refused = delivery
        .clone()
        .authenticate(&world.bob_key, &device("carol", 1))
        .unwrap_err();
    assert_eq!(refused, DeliveryError::OtherRecipient);
    let refused = delivery
        .authenticate(&world.alice_key, &world.bob)
        .unwrap_err();
    assert_eq!(refused, DeliveryError::NotAuthentic, "another device's key");
}

#[test]
fn keys_are_the_same_if_all_their_bytes_are() {
    let key = DeliveryKey::from_bytes([1; 32]);
    assert!(key.is_same(&key.clone()));
    for at in 0..32 {
        let mut other = [1; 32];
        other[at] = 2;
        assert!(!key.is_same(&DeliveryKey::from_bytes(other)), "byte {at}");
    }
}

#[test]
fn debug_shows_no_keys() {
    assert_eq!(
        format!("{:?}", DeliveryKey::from_bytes([1; 32])),
        "DeliveryKey { .. }"
    );
}

/// A report of a message to a group is refused if the reporter is not a member. So the message must
/// not be shown.
#[test]
fn chk65_message_to_a_group_the_account_is_not_in_is_refused() {
    let mut world = World::new(7);
    let header = world.header(true);
    let (envelope, _) = world.seal(true, &Payload::text(header, "hi").unwrap());
    let stamped_for = |group: ConversationId| {
        let audience = Audience::Group(group);
        let claim = world
            .stamp_keys
            .stamp_tag(envelope.tag(), &world.alice, &audience, world.now)
            .unwrap();
        deliver(&claim, envelope.clone(), &world.bob_key)
    };
    let (key, me) = (&world.bob_key, &world.bob);
    let (group, other) = (ConversationId::group(b"g"), ConversationId::group(b"h"));
    let in_group = |id: &ConversationId| *id == group;
    let with_self = |one: &DeviceAddress| ConversationId::direct(&one.account, &one.account);
    let refused = [
        stamped_for(group).authenticate(key, me),
        stamped_for(other).authenticate_in_groups(key, me, in_group),
        // A group with the id of the direct conversation would be shown in that conversation.
        stamped_for(world.conversation()).authenticate_in_groups(key, me, |_| true),
        // The intake refuses a group with the id of someone's conversation with themselves, so its
        // messages must not be shown: they could not be reported.
        stamped_for(with_self(&world.alice)).authenticate_in_groups(key, me, |_| true),
        stamped_for(with_self(&world.bob)).authenticate_in_groups(key, me, |_| true),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err(), DeliveryError::OtherRecipient);
    }
    assert!(
        stamped_for(group)
            .authenticate_in_groups(key, me, in_group)
            .is_ok()
    );
}
