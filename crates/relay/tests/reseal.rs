//! Messages that their sender seals again for a device that could not open them.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::ErrorCode;
use waxseal_relay::ClientError;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{Claim, DeliveryKey, Envelope, PostedFanout, Receipt, StampKeys};
use waxseal_reporting::{Audience, DeviceAddress, DeviceId, Timestamp};
use world::{Device, NoChannel, World, code, database, now};

const TEN_MINUTES_MS: u64 = 600_000;

/// Sends a message. Returns what its sender keeps.
fn sent(from: &mut Device, to: &Device, text: &str) -> Evidence {
    let sent = from.send(&to.me, text).unwrap();
    let receipt = Receipt::decode(&sent.receipt).unwrap();
    receipt
        .authenticate(&from.delivery_key, &sent.message)
        .unwrap()
}

/// Seals the same message again.
fn sealed_again(sent: &Evidence) -> Envelope {
    let message = sent.sent().unwrap();
    message.seal_for(&mut NoChannel, &mut rand::rng()).unwrap()
}

/// Posts a message again as this device, under its own key and name.
fn post(
    by: &Device,
    sent: &Evidence,
    first: &Claim,
    target: &DeviceAddress,
    at: Timestamp,
) -> Result<Vec<u8>, ClientError> {
    let envelope = sealed_again(sent);
    let posted = envelope.post_again(first, &by.delivery_key, &by.me, target, at);
    by.client.send_again(by.session(), &target.account, &posted)
}

fn accepted_at(world: &World, name: &str) -> Option<u64> {
    let query =
        "SELECT accepted_at_ms FROM device d JOIN account a ON a.id = d.account WHERE name = ?";
    let accepted_at = database(world).query_row(query, [name], |row| row.get(0));
    accepted_at.unwrap()
}

#[test]
fn a_message_that_is_sealed_again_opens_under_the_same_tag_with_a_new_stamp() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let first = sent(&mut alice, &bob, "hello");
    let lost = bob.receive(); // Bob's device cannot open it, and says so.
    assert_eq!(lost.len(), 1);
    alice.send(&bob.me, "in between").unwrap();

    let receipt = post(&alice, &first, first.claim(), &bob.me, now()).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let again = receipt.authenticate(&alice.delivery_key, &first.sent().unwrap());
    let again = again.unwrap();
    let received = bob.receive();
    let texts: Vec<_> = received.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["in between", "hello"]);
    let [(_, between), (_, opened)] = &received[..] else {
        panic!("two messages")
    };
    assert!(opened.tag() == first.tag() && again.tag() == first.tag());
    let stamped_at = |evidence: &Evidence| evidence.claim().context().accepted_at;
    assert!(stamped_at(opened) > stamped_at(between));
    assert!(stamped_at(between) > stamped_at(&first));
    assert_eq!(stamped_at(opened), stamped_at(&again));
    assert_eq!(
        accepted_at(&world, "alice"),
        Some(stamped_at(&again).as_millis())
    );

    // Either stamp is the relay's: the message can be reported, and sealed again with the later
    // one.
    let key = bob.client.card().unwrap().moderation_key().unwrap();
    let report = bob.report(&key, &[opened]);
    bob.client.report(bob.session(), &report).unwrap();
    post(&alice, &first, again.claim(), &bob.me, now()).unwrap();
    assert_eq!(bob.receive().len(), 1);
}

#[test]
fn a_stolen_token_seals_nothing_again() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let first = sent(&mut alice, &bob, "hello");
    assert_eq!(bob.receive().len(), 1);
    let before = accepted_at(&world, "alice");
    // The thief has Alice's token and this message, but no delivery key.
    let (envelope, to) = (sealed_again(&first), &bob.me.account);
    for key in [
        DeliveryKey::generate(&mut rand::rng()),
        bob.delivery_key.clone(),
    ] {
        let posted = envelope.post_again(first.claim(), &key, &alice.me, &bob.me, now());
        let refused = alice.client.send_again(alice.session(), to, &posted);
        assert_eq!(code(refused), ErrorCode::NotFromDevice);
    }
    // What Alice posted is a request for this ciphertext, and by her device alone.
    let key = &alice.delivery_key;
    let posted = envelope.post_again(first.claim(), key, &alice.me, &bob.me, now());
    for at in 0..posted.len() {
        let mut altered = posted.clone();
        altered[at] ^= 1;
        let refused = alice.client.send_again(alice.session(), to, &altered);
        let refused = code(refused);
        let expected = [ErrorCode::NotFromDevice, ErrorCode::Malformed];
        assert!(expected.contains(&refused), "byte {at}: {refused:?}");
        if at == posted.len() - 1 {
            assert_eq!(refused, ErrorCode::NotFromDevice);
        }
    }
    let carol = world.device("carol");
    let by_carol = carol.client.send_again(carol.session(), to, &posted);
    assert_eq!(code(by_carol), ErrorCode::NotFromDevice);
    // A message is no reseal, and a reseal is no message.
    let as_message = alice.client.send(alice.session(), to, &posted);
    let as_message = code(as_message);
    let expected = [ErrorCode::NotFromDevice, ErrorCode::Malformed];
    assert!(expected.contains(&as_message), "{as_message:?}");
    assert!(bob.receive().is_empty(), "nothing was stamped");
    assert_eq!(accepted_at(&world, "alice"), before);

    alice
        .client
        .send_again(alice.session(), to, &posted)
        .unwrap();
    assert_eq!(bob.receive().len(), 1);
}

#[test]
fn a_claim_of_another_device_or_another_relay_is_refused() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mut carol = world.device("carol");
    let first = sent(&mut alice, &bob, "by Alice");
    let by_carol = sent(&mut carol, &bob, "by Carol");
    assert_eq!(bob.receive().len(), 2);

    // Carol posts Alice's message as her own, with Alice's genuine claim.
    let refused = post(&carol, &first, first.claim(), &bob.me, now());
    assert_eq!(code(refused), ErrorCode::NotStamped);
    // Another relay stamped the same message, for the same devices and the same region.
    let to_bob = Audience::Direct(bob.me.account.clone());
    let posted = alice.post(&sealed_again(&first), &bob.me.account);
    let posted = PostedFanout::decode(&posted).unwrap();
    let posted = posted.authenticate(&alice.delivery_key, &alice.me, &to_bob, now());
    let region = bob.client.card().unwrap().region;
    let keys = StampKeys::generate(&region, now(), &mut rand::rng()).unwrap();
    let elsewhere = keys.stamp(&posted.unwrap(), now()).unwrap();
    let refused = post(&alice, &first, &elsewhere, &bob.me, now());
    assert_eq!(code(refused), ErrorCode::NotStamped);
    assert!(bob.receive().is_empty());

    post(&alice, &first, first.claim(), &bob.me, now()).unwrap();
    post(&carol, &by_carol, by_carol.claim(), &bob.me, now()).unwrap();
    assert_eq!(bob.receive().len(), 2);
}

#[test]
fn a_message_is_sealed_again_for_none_but_the_devices_that_its_recipient_has() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let carol = world.device("carol");
    let first = sent(&mut alice, &bob, "for Bob");
    assert_eq!(bob.receive().len(), 1);
    let later_device = DeviceAddress::new(bob.me.account.clone(), DeviceId(2));
    for target in [&carol.me, &alice.me, &later_device] {
        let refused = post(&alice, &first, first.claim(), target, now());
        assert_eq!(code(refused), ErrorCode::OtherTarget, "{target:?}");
    }
    // The account in the path must be that of the device in the reseal.
    let (envelope, key) = (sealed_again(&first), &alice.delivery_key);
    let posted = envelope.post_again(first.claim(), key, &alice.me, &bob.me, now());
    let to_carol = alice
        .client
        .send_again(alice.session(), &carol.me.account, &posted);
    assert_eq!(code(to_carol), ErrorCode::OtherTarget);
    for device in [&alice, &bob, &carol] {
        assert!(device.receive().is_empty());
    }
}

#[test]
fn a_message_that_was_posted_again_long_ago_is_refused_with_the_relays_time() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let first = sent(&mut alice, &bob, "hello");
    assert_eq!(bob.receive().len(), 1);
    let post_at = |at_ms: u64| {
        let at = Timestamp::from_millis(at_ms);
        post(&alice, &first, first.claim(), &bob.me, at)
    };
    let present = now().as_millis();
    let minute = 60_000;
    for off in [
        present - TEN_MINUTES_MS - 1_000,
        present + TEN_MINUTES_MS + minute,
        0,
        u64::MAX,
    ] {
        let refused = post_at(off).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ClockDiffers));
        assert!(refused.relay_time_ms().unwrap().abs_diff(present) < minute);
    }
    assert!(bob.receive().is_empty());
    let relay_time = post_at(0).unwrap_err().relay_time_ms().unwrap();
    post_at(relay_time).unwrap();
    assert_eq!(bob.receive().len(), 1);
}

#[test]
fn a_full_queue_takes_no_message_that_is_sealed_again() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let first = sent(&mut alice, &bob, "hello");
    let before = accepted_at(&world, "alice");
    let fill = |sender: i64, messages: i64| {
        let changed = database(&world).execute(
            "UPDATE share SET messages = messages + ?1 WHERE sender = CASE ?2
                 WHEN 0 THEN 0 ELSE (SELECT id FROM account WHERE name = 'alice') END
                 AND recipient = (SELECT d.id FROM device d JOIN account a ON a.id = d.account
                     WHERE name = 'bob')",
            [messages, sender],
        );
        assert_eq!(changed.unwrap(), 1);
    };
    // The queue of Bob is full, or holds as much of Alice as it may.
    for (sender, messages) in [(0, 40_000), (1, 10_000)] {
        fill(sender, messages);
        let refused = post(&alice, &first, first.claim(), &bob.me, now()).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::QueueFull));
        assert!(refused.is_transient() && refused.retry_after_secs().is_some());
        assert_eq!(accepted_at(&world, "alice"), before, "nothing was stamped");
        fill(sender, -messages);
    }
    post(&alice, &first, first.claim(), &bob.me, now()).unwrap();
    assert_eq!(bob.receive().len(), 2);
}
