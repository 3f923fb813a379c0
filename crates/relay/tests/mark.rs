//! Marks against set-back: the relay keeps the highest one that a device posted.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use rusqlite::Connection;
use waxseal_interface::ErrorCode;
use waxseal_reporting::relay::{DeliveryKey, Receipt};
use world::{Device, NoChannel, World, code, now, raw};

/// A mark with this counter, which the relay cannot verify.
fn mark(counter: u64) -> [u8; 40] {
    let mut mark = [7; 40];
    mark[..8].copy_from_slice(&counter.to_be_bytes());
    mark
}

/// Posts a message with a mark. Returns the receipt.
fn post(from: &mut Device, to: &Device, mark: [u8; 40]) -> Vec<u8> {
    let (_, posted) = from.seal(&to.me, "hello");
    let session = from.session().with_mark(mark);
    let sent = from.client.send(&session, &to.me.account, &posted);
    sent.unwrap()
}

/// The mark that the relay returns when the device registers again.
fn returned(device: &mut Device) -> Option<[u8; 40]> {
    device.register().unwrap();
    device.session().session().mark
}

#[test]
fn the_highest_mark_comes_back_in_each_session_and_survives_a_restart() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    assert_eq!(alice.session().session().mark, None);
    alice.send(&bob.me, "without a mark").unwrap();
    assert_eq!(returned(&mut alice), None);

    post(&mut alice, &bob, mark(255));
    assert_eq!(returned(&mut alice), Some(mark(255)));
    let mut other = mark(255);
    other[39] = 8;
    for lower in [mark(254), mark(0), other] {
        post(&mut alice, &bob, lower);
        assert_eq!(returned(&mut alice), Some(mark(255)));
    }
    post(&mut alice, &bob, mark(1 << 32));
    post(&mut alice, &bob, mark(256));
    assert_eq!(returned(&mut alice), Some(mark(1 << 32)));
    let card = alice.client.card().unwrap();
    let key = alice.delivery_key.clone();
    let prove = |context: &[u8]| alice.prove(context);
    let session = alice
        .client
        .sign_in(&card.relay_key, &alice.me, &key, prove)
        .unwrap();
    assert_eq!(session.session().mark, Some(mark(1 << 32)));
    assert_eq!(returned(&mut bob), None);

    world.relay.take().unwrap().kill();
    world.start();
    alice.use_relay_of(&world);
    assert_eq!(returned(&mut alice), Some(mark(1 << 32)));
    // Another delivery key, under the same identity.
    alice.delivery_key = DeliveryKey::generate(&mut rand::rng());
    assert_eq!(returned(&mut alice), Some(mark(1 << 32)));
}

#[test]
fn the_same_message_posted_again_and_a_reseal_raise_the_mark() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let (message, posted) = alice.seal(&bob.me, "hello");
    let mut receipts = Vec::new();
    for counter in [1, 2] {
        let session = alice.session().with_mark(mark(counter));
        let sent = alice.client.send(&session, &bob.me.account, &posted);
        receipts.push(sent.unwrap());
        assert_eq!(returned(&mut alice), Some(mark(counter)));
    }
    let receipt = Receipt::decode(&receipts[1]).unwrap();
    let evidence = receipt.authenticate(&alice.delivery_key, &message).unwrap();
    let envelope = message.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let posted = envelope.post_again(
        evidence.claim(),
        &alice.delivery_key,
        &alice.me,
        &bob.me,
        now(),
    );
    let session = alice.session().with_mark(mark(3));
    let again = alice.client.send_again(&session, &bob.me.account, &posted);
    again.unwrap();
    assert_eq!(returned(&mut alice), Some(mark(3)));
}

#[test]
fn a_stolen_token_stores_no_mark_and_neither_does_a_message_that_is_refused() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    post(&mut alice, &bob, mark(1));
    let (_, posted) = alice.seal(&bob.me, "hello");
    let session = alice.session().with_mark(mark(9));
    let mut altered = posted.clone();
    *altered.last_mut().unwrap() ^= 1;
    let refused = alice.client.send(&session, &bob.me.account, &altered);
    assert_eq!(code(refused), ErrorCode::NotFromDevice);
    // To another account than the device said.
    let refused = alice.client.send(&session, &alice.me.account, &posted);
    assert_eq!(code(refused), ErrorCode::NotFromDevice);
    // To an account that does not exist.
    let nobody = Device::new("nobody", world.client());
    let (_, posted) = alice.seal(&nobody.me, "hello");
    let refused = alice.client.send(&session, &nobody.me.account, &posted);
    assert_eq!(code(refused), ErrorCode::NoSuchAccount);
    assert_eq!(returned(&mut alice), Some(mark(1)));

    // To a full queue.
    let database = Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    let fill = "UPDATE share SET messages = 1000000 WHERE sender != 0";
    database.execute(fill, []).unwrap();
    let (_, posted) = alice.seal(&bob.me, "hello");
    let refused = alice.client.send(&session, &bob.me.account, &posted);
    assert_eq!(code(refused), ErrorCode::QueueFull);
    assert_eq!(returned(&mut alice), Some(mark(1)));
}

#[test]
fn a_header_that_is_not_the_base64_of_40_bytes_costs_no_message_and_stores_no_mark() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let whole = waxseal_interface::encode_mark(&mark(1));
    let bad = [
        whole[4..].to_owned(),
        "A".repeat(4_000),
        "\u{e9}".to_owned(),
        String::new(),
    ];
    let post = |alice: &mut Device, value: &str| {
        let (_, posted) = alice.seal(&bob.me, "hello");
        let head = format!(
            "POST /v1/messages/bob HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\
             content-length: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/octet-stream\r\nwaxseal-mark: {value}\r\n\r\n",
            posted.len(),
            alice.token(),
        );
        let (answered, code) = raw(world.address(), &[head.as_bytes(), &posted].concat());
        assert_eq!(answered, 200, "{value}: {code}");
    };
    for value in &bad {
        post(&mut alice, value);
        assert_eq!(returned(&mut alice), None);
    }
    post(&mut alice, &whole);
    assert_eq!(returned(&mut alice), Some(mark(1)));
    assert_eq!(bob.receive().len(), bad.len() + 1);
}
