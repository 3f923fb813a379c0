//! What the relay stamps: only what the device asks for itself, now, and under rising times.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::ErrorCode;
use waxseal_relay::DeviceSession;
use waxseal_reporting::relay::{DeliveryKey, PostedFanout, Receipt};
use waxseal_reporting::{Audience, DecodeError, Timestamp};
use world::{World, code, database, now};

const TEN_MINUTES_MS: u64 = 600_000;

#[test]
fn a_stolen_token_stamps_nothing() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let carol = world.device("carol");
    let (_, envelope) = alice.seal_only(&bob.me, "kept by a thief");
    let to_bob = Audience::Direct(bob.me.account.clone());
    // The thief has Alice's token, but no delivery key. It cannot check the relay's answers either,
    // so the test looks at them with Alice's key.
    let send = |posted: &[u8]| code(alice.client.send(alice.session(), &bob.me.account, posted));
    for key in [
        DeliveryKey::generate(&mut rand::rng()),
        bob.delivery_key.clone(),
    ] {
        let posted = world::fanout(&envelope).post(&key, &alice.me, &to_bob, now());
        assert_eq!(send(&posted), ErrorCode::NotFromDevice);
    }
    // What Alice posted to someone else, or altered, is no request for this stamp.
    let to_carol = alice.post(&envelope, &carol.me.account);
    assert_eq!(send(&to_carol), ErrorCode::NotFromDevice);
    let posted = alice.post(&envelope, &bob.me.account);
    for at in [3, 37, 50, posted.len() - 1] {
        let mut altered = posted.clone();
        altered[at] ^= 1;
        assert_eq!(send(&altered), ErrorCode::NotFromDevice, "byte {at}");
    }
    // Another device's request is not this device's.
    let by_carol = carol.client.send(carol.session(), &bob.me.account, &posted);
    assert_eq!(code(by_carol), ErrorCode::NotFromDevice);
    assert!(bob.receive().is_empty(), "nothing was stamped");
    assert_eq!(accepted_at(&world, "alice"), None);

    alice
        .client
        .send(alice.session(), &bob.me.account, &posted)
        .unwrap();
    assert_eq!(bob.receive()[0].0, "kept by a thief");
}

#[test]
fn a_stolen_token_gives_new_contacts_no_other_identity() {
    let world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let eve = world.device("eve");
    let put = |base: &[u8]| bob.client.put_prekeys(bob.session(), base, &[]);
    put(&bob.base(b"Bobs")).unwrap();
    // A thief with Bob's token would read what new contacts send to Bob.
    let [mut other_dh, mut elsewhere, mut cut] = [(); 3].map(|()| bob.base(b"Bobs"));
    other_dh[66] ^= 1;
    elsewhere.insert(1, 0x0a);
    cut.truncate(66);
    let eve_after_bob = [&bob.base(b"")[..67], &eve.base(b"Eves")[1..]].concat();
    for base in [eve.base(b"Eves"), other_dh, elsewhere, cut, vec![1]] {
        assert_eq!(code(put(&base)), ErrorCode::OtherIdentity);
    }
    let bundle = world::bundle(&alice.client, alice.session(), &bob.me.account);
    assert_eq!(bundle.unwrap().base, bob.base(b"Bobs"));
    // Devices refuse a base that is not canonical, such as one with two identities, so the relay
    // need not read on.
    put(&eve_after_bob).unwrap();
}

#[test]
fn an_envelope_that_was_posted_long_ago_is_refused_with_the_relays_time() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let (message, envelope) = alice.seal_only(&bob.me, "hello");
    let to_bob = Audience::Direct(bob.me.account.clone());
    let post = |at: u64| {
        let at = Timestamp::from_millis(at);
        let posted = world::fanout(&envelope).post(&alice.delivery_key, &alice.me, &to_bob, at);
        alice.client.send(alice.session(), &bob.me.account, &posted)
    };
    let present = now().as_millis();
    let second = 1_000;
    for off in [
        present - TEN_MINUTES_MS - second,
        present + TEN_MINUTES_MS + 20 * second,
        0,
        u64::MAX,
    ] {
        let refused = post(off).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ClockDiffers));
        assert!(!refused.is_transient());
        let relay_time = refused.relay_time_ms().unwrap();
        assert!(relay_time.abs_diff(present) < 60 * second);
    }
    assert!(bob.receive().is_empty());
    // A device whose clock is off posts again with the relay's time.
    let relay_time = post(0).unwrap_err().relay_time_ms().unwrap();
    let receipt = post(relay_time).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    receipt.authenticate(&alice.delivery_key, &message).unwrap();
    assert_eq!(bob.receive().len(), 1);
}

/// Devices of earlier releases post a message for one device: of version 01 tag and ciphertext
/// alone, of version 02 with a time and a MAC.
#[test]
fn a_message_of_an_earlier_version_is_refused_and_nothing_is_stamped() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let (_, envelope) = alice.seal_only(&bob.me, "from an earlier release");
    // The fields of the present version under the earlier version byte: the MAC does not cover it.
    for version in [1, 2] {
        let mut posted = alice.post(&envelope, &bob.me.account);
        posted[0] = version;
        let refused = PostedFanout::decode(&posted).unwrap_err();
        assert_eq!(refused, DecodeError::UnknownVersion { version });
        let refused = code(alice.client.send(alice.session(), &bob.me.account, &posted));
        assert_eq!(refused, ErrorCode::Malformed);
    }
    assert!(bob.receive().is_empty());
    assert_eq!(accepted_at(&world, "alice"), None);
}

#[test]
fn eight_messages_at_once_are_stamped_in_the_order_in_which_they_are_delivered() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    // The device's last message was accepted a minute ahead of the clock, so the clock gives none
    // of the eight its time: all fall into one millisecond.
    let last = now().as_millis() + 60_000;
    set_accepted_at(&world, "alice", last);
    let sealed: Vec<_> = (0..8)
        .map(|n| alice.seal(&bob.me, &n.to_string()))
        .collect();
    std::thread::scope(|scope| {
        for (_, posted) in &sealed {
            scope.spawn(|| {
                alice
                    .client
                    .send(alice.session(), &bob.me.account, posted)
                    .unwrap()
            });
        }
    });
    let received = bob.receive();
    let times: Vec<u64> = received
        .iter()
        .map(|(_, evidence)| evidence.claim().context().accepted_at.as_millis())
        .collect();
    let expected: Vec<u64> = (last + 1..=last + 8).collect();
    assert_eq!(times, expected);
    assert_eq!(accepted_at(&world, "alice"), Some(last + 8));

    // More than five minutes ahead, the clock was wrong before: the device starts over with it.
    set_accepted_at(&world, "alice", now().as_millis() + 600_000);
    alice.send(&bob.me, "later").unwrap();
    let ahead = accepted_at(&world, "alice")
        .unwrap()
        .abs_diff(now().as_millis());
    assert!(ahead < 60_000);
}

#[test]
fn a_message_is_delivered_under_the_key_that_the_device_has_when_it_fetches_it() {
    let mut world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "waits").unwrap();
    // What waits holds no MAC: the queue's entry is the stamped envelope.
    let db = database(&world);
    let stamped: Vec<u8> = db
        .query_row("SELECT stamped FROM queue", [], |row| row.get(0))
        .unwrap();
    let stamped = waxseal_reporting::relay::StampedEnvelope::decode(&stamped).unwrap();
    assert_eq!(stamped.claim().context().sender, alice.me);
    drop(db);
    world.relay.take().unwrap().kill();
    world.start();
    let client = world.client();
    let session = DeviceSession::new(
        bob.session().session().clone(),
        client.card().unwrap().relay_key,
        bob.delivery_key.clone(),
    );
    let mut deliveries = client.deliveries(&session).unwrap();
    let event = deliveries.next(world::SOON).unwrap().unwrap();
    let waxseal_interface::Event::Delivery { delivery, .. } = event else {
        panic!("the message waits")
    };
    assert_eq!(bob.open(&delivery).0, "waits");
}

fn accepted_at(world: &World, name: &str) -> Option<u64> {
    database(world)
        .query_row(
            "SELECT accepted_at_ms FROM device d JOIN account a ON a.id = d.account WHERE name = ?",
            [name],
            |row| row.get(0),
        )
        .unwrap()
}

fn set_accepted_at(world: &World, name: &str, at_ms: u64) {
    let changed = database(world).execute(
        "UPDATE device SET accepted_at_ms = ?
         WHERE account = (SELECT id FROM account WHERE name = ?)",
        (at_ms, name),
    );
    assert_eq!(changed.unwrap(), 1);
}
