//! Messages between accounts with several devices, from sealing to the verified report.

use super::all::*;
use super::world::*;

mod accounts;

use accounts::Devices;

#[test]
fn one_message_has_one_stamp_and_opens_at_every_device() {
    let mut devices = Devices::new();
    let alice = device("alice", 1);
    let sent = devices.says(&alice, "bob");
    let names: Vec<_> = sent.queues.keys().cloned().collect();
    assert_eq!(
        names,
        [device("alice", 2), device("bob", 7), device("bob", 8)]
    );
    for to in names {
        let delivery = devices.delivered(&sent.queues[&to], &to).unwrap();
        assert!(!delivery.is_empty());
        assert_eq!(delivery.is_own_copy(), to.account == alice.account);
        assert_eq!(delivery.claim().encode(), sent.receipt.claim().encode());
        let opened = devices.open_delivery(&delivery, &to).unwrap();
        assert_eq!(opened.tag(), sent.message.tag());
        assert_eq!(opened.content(), &Content::Text("hi".into()));
        let own = sent.receipt.clone();
        assert_eq!(
            opened.evidence().encode(),
            own.encode(),
            "the same evidence"
        );
    }
}

#[test]
fn a_note_to_the_own_account_reaches_the_other_devices() {
    let mut devices = Devices::new();
    let sent = devices.says(&device("bob", 8), "bob");
    assert_eq!(sent.queues.len(), 1);
    let opened = devices.open(&sent, &device("bob", 7)).unwrap();
    assert_eq!(opened.sender(), &device("bob", 8));
}

#[test]
fn chk294_delivery_without_a_ciphertext_is_authentic_and_does_not_open() {
    let mut devices = Devices::new();
    let (alice, bob) = (device("alice", 1), device("bob", 8));
    let sent = devices.says_without(&alice, "bob", Some(&bob));
    assert!(sent.queues[&bob].ciphertext().is_empty());
    let delivery = devices.delivered(&sent.queues[&bob], &bob).unwrap();
    assert!(delivery.is_empty());
    let before = devices.channels[&(alice.clone(), bob.clone())].1.next;
    let refused = devices.open_delivery(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::MissingKey)));
    let channel = devices.channels.get_mut(&(alice, bob.clone())).unwrap();
    let refused = open_any(&mut channel.1, &delivery);
    assert!(matches!(refused, Err(OpenError::MissingKey)));
    assert_eq!(channel.1.next, before, "the channel is unchanged");
    // The others open it.
    assert!(devices.open(&sent, &device("bob", 7)).is_ok());
}

/// Sealed again for the device that had an empty slot, of either account, the message opens there.
#[test]
fn a_message_is_sealed_again_for_a_device_of_either_account() {
    for target in [device("bob", 8), device("alice", 2)] {
        let mut devices = Devices::new();
        let alice = device("alice", 1);
        let sent = devices.says_without(&alice, "bob", Some(&target));
        let channel = devices
            .channels
            .get_mut(&(alice.clone(), target.clone()))
            .unwrap();
        let envelope = sent
            .message
            .seal_for(&mut channel.0, &mut devices.world.rng)
            .unwrap();
        let (now, key) = (devices.pass(), devices.key(&alice));
        let first = sent.receipt.claim();
        let posted = envelope.post_again(first, &key, &alice, &target, now);
        let posted = PostedReseal::decode(&posted).unwrap();
        let stamps = &devices.world.stamp_keys;
        let reseal = posted.authenticate(&key, &alice, stamps, now).unwrap();
        let claim = stamps.stamp_again(&reseal, now).unwrap();
        let stamped = StampedEnvelope::resealed(claim, reseal).unwrap();
        let delivery = devices.delivered(&stamped, &target).unwrap();
        let opened = devices.open_delivery(&delivery, &target).unwrap();
        assert_eq!(opened.tag(), sent.message.tag());
    }
}

#[test]
fn chk290_message_of_this_very_device_is_refused() {
    let mut devices = Devices::new();
    let alice = device("alice", 1);
    let sent = devices.says(&alice, "bob");
    let stamped = &sent.queues[&device("alice", 2)];
    assert!(devices.delivered(stamped, &device("alice", 2)).is_ok());
    // The relay delivers Alice's message to the device that sent it.
    let refused = devices.delivered(stamped, &alice).unwrap_err();
    assert_eq!(refused, DeliveryError::OtherRecipient);
    // A note to the own account is for the other devices too.
    let note = devices.says(&alice, "alice");
    let stamped = &note.queues[&device("alice", 2)];
    assert!(devices.delivered(stamped, &device("alice", 2)).is_ok());
    let refused = devices.delivered(stamped, &alice).unwrap_err();
    assert_eq!(refused, DeliveryError::OtherRecipient);
}

/// The relay delivers the copy for a device of Alice's with a stamp that names another sender.
#[test]
fn row_9_copy_under_a_stamp_that_names_another_device_does_not_open() {
    let mut devices = Devices::new();
    let (one, two, bob) = (device("alice", 1), device("alice", 2), device("bob", 7));
    let sent = devices.says(&one, "bob");
    let ciphertext = sent.queues[&bob].ciphertext().to_vec();
    let (now, to_bob) = (devices.world.now, Audience::Direct(bob.account.clone()));
    let tag = sent.message.tag();
    let claim = devices
        .world
        .stamp_keys
        .stamp_tag(tag, &two, &to_bob, now)
        .unwrap();
    let key = devices.key(&bob);
    let delivery = Delivery::new(&claim, &ciphertext, &key);
    let delivery = delivery.authenticate(&key, &bob).unwrap();
    // Not through the channel with the device that the stamp names.
    let refused = devices.open_delivery(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Channel(_))));
    // Nor through the channel that it was sealed for: the associated data name its sender.
    let channel = devices.channels.get_mut(&(one, bob.clone())).unwrap();
    let before = channel.1.next;
    let refused = open(&mut channel.1, &delivery);
    assert!(matches!(refused, Err(OpenError::Channel(_))));
    assert_eq!(channel.1.next, before, "the channel is unchanged");
    assert!(devices.open(&sent, &bob).is_ok(), "the genuine copy opens");
}

/// The relay delivers the copy for an own device to the peer, and the peer's to the own device.
#[test]
fn row_10_copy_for_another_device_does_not_open() {
    let mut devices = Devices::new();
    let (alice, own, bob) = (device("alice", 1), device("alice", 2), device("bob", 7));
    let sent = devices.says(&alice, "bob");
    let mut swapped = [&bob, &own, &device("bob", 8)].map(|one| sent.queues[one].clone());
    swapped.rotate_left(1);
    for (to, stamped) in [&bob, &own, &device("bob", 8)].into_iter().zip(&swapped) {
        let delivery = devices.delivered(stamped, to).unwrap();
        let refused = devices.open_delivery(&delivery, to);
        assert!(matches!(refused, Err(OpenError::Channel(_))));
    }
    for to in [bob, own] {
        assert!(devices.open(&sent, &to).is_ok(), "the genuine copy opens");
    }
}

/// The relay delivers to Alice a message between others, as if it were a copy of hers.
#[test]
fn row_11_own_copy_whose_sender_is_another_account_is_refused() {
    let devices = Devices::new();
    let alice = device("alice", 2);
    let (now, tag) = (devices.world.now, FrankingTag::from_bytes([3; 32]));
    let key = devices.key(&alice);
    let delivered = |from: &DeviceAddress, to: &str| {
        let to = Audience::Direct(account(to));
        let claim = devices
            .world
            .stamp_keys
            .stamp_tag(&tag, from, &to, now)
            .unwrap();
        Delivery::new(&claim, b"ciphertext", &key)
            .authenticate(&key, &alice)
            .map(|delivery| delivery.is_own_copy())
    };
    assert_eq!(delivered(&device("alice", 1), "carol"), Ok(true));
    assert_eq!(delivered(&device("carol", 1), "alice"), Ok(false));
    for from in [device("carol", 1), device("alicf", 1), device("alic", 1)] {
        let refused = delivered(&from, "bob");
        assert_eq!(refused, Err(DeliveryError::OtherRecipient));
    }
}

#[test]
fn a_claim_for_another_message_is_not_fanned_out() {
    let mut devices = Devices::new();
    let alice = device("alice", 1);
    let (posted, _) = devices.posted(&alice, "bob", None);
    let (key, now) = (devices.key(&alice), devices.world.now);
    let to_bob = Audience::Direct(account("bob"));
    let fanout = PostedFanout::decode(&posted).unwrap();
    let fanout = fanout.authenticate(&key, &alice, &to_bob, now).unwrap();
    let stamp_keys = &devices.world.stamp_keys;
    let stamp = |tag: &FrankingTag, sender, to| stamp_keys.stamp_tag(tag, sender, to, now).unwrap();
    for claim in [
        stamp(&FrankingTag::from_bytes([1; 32]), &alice, &to_bob),
        stamp(fanout.tag(), &device("alice", 2), &to_bob),
        stamp(fanout.tag(), &alice, &Audience::Direct(account("carol"))),
    ] {
        let refused = StampedEnvelope::fan_out(claim, fanout.clone()).map(|_| ());
        assert_eq!(refused, Err(DeliveryError::OtherMessage));
    }
    let claim = stamp_keys.stamp(&fanout, now).unwrap();
    assert_eq!(StampedEnvelope::fan_out(claim, fanout).unwrap().len(), 3);
}

#[test]
fn a_second_device_reports_a_message_to_its_account_and_one_of_its_own_account() {
    let mut devices = Devices::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let to_bob = devices.says(&alice, "bob");
    let from_bob = devices.says(&bob, "alice");
    // Bob's second device has a message to Bob, and the copy of a message that his first one sent.
    let second = device("bob", 8);
    let received = devices.open(&to_bob, &second).unwrap();
    let copy = devices.open(&from_bob, &second).unwrap();
    let messages = [received.evidence(), copy.evidence()];
    let (nullifiers, verified) = devices.report(&second, &messages);
    assert_eq!(verified.reporter(), &second);
    let senders: Vec<_> = verified
        .messages()
        .iter()
        .map(VerifiedMessage::sender)
        .collect();
    assert_eq!(senders, [&alice, &bob]);
    let text = Content::Text("hi".into());
    let contents = verified.messages().iter().map(VerifiedMessage::content);
    assert!(contents.into_iter().all(|content| content == Some(&text)));
    // To the intake, a report by Bob's first device is of the same messages.
    let received = devices.open(&to_bob, &bob).unwrap();
    let messages = [received.evidence(), &from_bob.receipt];
    assert_eq!(devices.report(&bob, &messages).0, nullifiers);
}

#[test]
fn a_report_of_own_copies_alone_is_accepted() {
    let mut devices = Devices::new();
    let sent = devices.says(&device("bob", 7), "alice");
    let second = device("bob", 8);
    let copy = devices.open(&sent, &second).unwrap();
    let (_, verified) = devices.report(&second, &[copy.evidence()]);
    assert_eq!(verified.messages()[0].sender(), &device("bob", 7));
}
