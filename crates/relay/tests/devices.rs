//! Messages between accounts with several devices: to exactly their devices, stamped once.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::{ErrorCode, Event, QUEUE_EXPIRED_ID};
use waxseal_relay::ClientError;
use waxseal_reporting::DeviceId;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{Delivery, Receipt};
use waxseal_reporting::sender::RosterStamp;
use waxseal_roster::SignedRoster;
use world::family::{Family, post, sealed, send, texts, to_all};
use world::{Device, NoChannel, SOON, World, code, database, now};

fn count(world: &World, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    database(world)
        .query_row(&query, [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_message_reaches_every_device_of_both_accounts_under_one_stamp() {
    let world = World::new();
    let (alice, bob) = (
        Family::new(&world, "alice", 3),
        Family::new(&world, "bob", 2),
    );
    let phone = &alice.devices[0];
    let (sent, envelope) = sealed(phone, &bob, "hello");
    let receipt = post(phone, &to_all(&envelope, phone, &alice, &bob), &bob).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let receipt = receipt.authenticate(&phone.delivery_key, &sent).unwrap();
    assert!(phone.receive().is_empty(), "no copy for the sender");
    let others = alice.devices[1..].iter().chain(&bob.devices);
    let mut evidence: Vec<Evidence> = Vec::new();
    for device in others {
        let mut received = device.receive();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].0, "hello");
        evidence.push(received.remove(0).1);
    }
    for evidence in &evidence {
        assert_eq!(evidence.tag(), receipt.tag());
        assert_eq!(evidence.accepted_at(), receipt.accepted_at());
    }
    // Either account reports it, from whatever device, and once.
    let key = phone.client.card().unwrap().moderation_key().unwrap();
    let report = |device: &Device, evidence: &Evidence| {
        let report = device.report(&key, &[evidence]);
        let taken = device.client.report(device.session(), &report);
        taken.unwrap().duplicate
    };
    assert!(!report(&bob.devices[1], &evidence[3]));
    assert!(report(&bob.devices[0], &evidence[2]));
    assert!(!report(&alice.devices[2], &evidence[1]));
    assert!(report(phone, &receipt));
}

#[test]
fn a_note_to_oneself_reaches_the_other_devices_alone() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 3);
    let laptop = &alice.devices[1];
    send(laptop, &alice, &alice, "note").unwrap();
    assert!(laptop.receive().is_empty());
    assert_eq!(texts(&alice.devices[0]), ["note"]);
    assert_eq!(texts(&alice.devices[2]), ["note"]);
    // A note that leaves out a device is refused as a message is.
    let (_, envelope) = sealed(laptop, &alice, "for one");
    let mut fanout = to_all(&envelope, laptop, &alice, &alice);
    fanout.retain(|slot| slot.device == DeviceId(1));
    let refused = post(laptop, &fanout, &alice).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Mismatch));
    assert!(texts(&alice.devices[0]).is_empty());
}

#[test]
fn an_empty_slot_covers_its_device_and_is_sealed_again() {
    let world = World::new();
    let (alice, bob) = (
        Family::new(&world, "alice", 1),
        Family::new(&world, "bob", 2),
    );
    let phone = &alice.devices[0];
    let (sent, envelope) = sealed(phone, &bob, "hello");
    let mut fanout = to_all(&envelope, phone, &alice, &bob);
    fanout.insert(false, DeviceId(2), None).unwrap();
    let receipt = post(phone, &fanout, &bob).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let receipt = receipt.authenticate(&phone.delivery_key, &sent).unwrap();
    assert_eq!(texts(&bob.devices[0]), ["hello"]);
    let laptop = &bob.devices[1];
    let mut deliveries = laptop.connect();
    let Some(Event::Delivery { id, delivery, .. }) = deliveries.next(SOON).unwrap() else {
        panic!("the delivery without a ciphertext")
    };
    let delivery = Delivery::decode(&delivery).unwrap();
    let delivery = delivery.authenticate(&laptop.delivery_key, &laptop.me);
    assert!(delivery.unwrap().is_empty());
    deliveries.acknowledge(id).unwrap();
    deliveries.close();

    let envelope = sent.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let again = envelope.post_again(
        receipt.claim(),
        &phone.delivery_key,
        &phone.me,
        &laptop.me,
        now(),
    );
    let session = phone.session();
    phone
        .client
        .send_again(session, &laptop.me.account, &again)
        .unwrap();
    assert_eq!(texts(laptop), ["hello"]);
}

#[test]
fn chk308_a_message_is_sealed_again_for_a_listed_device_of_either_account() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 2);
    let mut bob = Family::new(&world, "bob", 2);
    let (phone, laptop) = (&alice.devices[0], &alice.devices[1]);
    let (sent, envelope) = sealed(phone, &bob, "hello");
    let receipt = post(phone, &to_all(&envelope, phone, &alice, &bob), &bob).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let first = receipt.authenticate(&phone.delivery_key, &sent).unwrap();
    let again = |target: &Device| {
        let envelope = sent.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
        let (key, me) = (&phone.delivery_key, &phone.me);
        let posted = envelope.post_again(first.claim(), key, me, &target.me, now());
        let account = &target.me.account;
        phone.client.send_again(phone.session(), account, &posted)
    };
    again(laptop).unwrap();
    again(&bob.devices[1]).unwrap();
    assert_eq!(texts(laptop), ["hello", "hello"]);
    assert_eq!(texts(&bob.devices[1]), ["hello", "hello"]);
    let gone = bob.remove(2);
    assert_eq!(code(again(&gone)), ErrorCode::OtherTarget);
    again(&bob.devices[0]).unwrap();
    assert_eq!(texts(&bob.devices[0]), ["hello", "hello"]);
}

/// Names of accounts, each with a number.
type Numbers = Vec<(String, u32)>;

/// Checks that a message was refused because it is for other devices, and returns what the sender
/// lacks: the versions of rosters by account, and the accounts and numbers of devices with prekeys.
fn lacks(refused: Result<Vec<u8>, ClientError>) -> (Numbers, Numbers) {
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Mismatch));
    assert!(!refused.is_transient());
    let mismatch = refused.mismatch().unwrap();
    let rosters = mismatch.rosters.iter().map(|signed| {
        let signed = SignedRoster::decode(signed).unwrap();
        let of = ["alice", "bob"].map(|name| signed.clone().verify(name).ok());
        let roster = of.into_iter().flatten().next().unwrap();
        (roster.account().to_owned(), roster.version())
    });
    let bundles = mismatch.bundles.iter();
    let bundles = bundles.map(|target| (target.name.clone(), target.bundle.device));
    (rosters.collect(), bundles.collect())
}

fn publish_prekeys(family: &Family) {
    for device in &family.devices {
        let parts = [(); 3].map(|()| rand::random::<[u8; 32]>().to_vec());
        let base = device.base(b"keys");
        device
            .client
            .put_prekeys(device.session(), &base, &parts)
            .unwrap();
    }
}

#[test]
fn chk307_a_message_for_other_devices_is_refused_with_all_that_the_sender_lacks() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 2);
    let mut bob = Family::new(&world, "bob", 3);
    publish_prekeys(&alice);
    publish_prekeys(&bob);
    let own = |name: &str, number: u32| (name.to_owned(), number);
    let phone = &alice.devices[0];
    let (_, envelope) = sealed(phone, &bob, "hello");
    let right = to_all(&envelope, phone, &alice, &bob);

    // Versions of before, and versions that the relay has not seen.
    for (alices, bobs, rosters) in [
        (1, 3, vec![own("alice", 2)]),
        (2, 2, vec![own("bob", 3)]),
        (2, 9, vec![own("bob", 3)]),
        (1, 1, vec![own("bob", 3), own("alice", 2)]),
    ] {
        let mut fanout = right.clone();
        fanout.name_rosters(RosterStamp::new(1, alices), RosterStamp::new(1, bobs));
        assert_eq!(lacks(post(phone, &fanout, &bob)), (rosters, vec![]));
    }
    // The right versions, but a device of either side left out.
    let mut fanout = right.clone();
    fanout.retain(|slot| slot.own || slot.device == DeviceId(2));
    let missing = vec![own("bob", 1), own("bob", 3)];
    assert_eq!(lacks(post(phone, &fanout, &bob)), (vec![], missing));
    let mut fanout = right.clone();
    fanout.retain(|slot| !slot.own);
    let missing = vec![own("alice", 2)];
    assert_eq!(lacks(post(phone, &fanout, &bob)), (vec![], missing));
    // A device too many.
    let mut fanout = right.clone();
    fanout
        .insert(false, DeviceId(7), Some(envelope.clone()))
        .unwrap();
    assert_eq!(lacks(post(phone, &fanout, &bob)), (vec![], vec![]));
    // Nothing was stamped, queued or kept.
    assert_eq!(count(&world, "queue"), 0);
    let stamped = "device WHERE accepted_at_ms IS NOT NULL";
    assert_eq!(count(&world, stamped), 0);

    // All at once: both accounts have a new device, and Bob has one less.
    let tablet = alice.unregistered(world.client());
    bob.remove(3);
    bob.link(world.client());
    publish_prekeys(&bob);
    let phone = &alice.devices[0];
    let refused = post(phone, &right, &bob).unwrap_err();
    let mismatch = refused.mismatch().unwrap().clone();
    // The tablet has published no prekeys: the roster alone names it.
    let expected = (vec![own("bob", 5), own("alice", 3)], vec![own("bob", 4)]);
    assert_eq!(lacks(Err(refused)), expected);
    let laptop = bob.devices.last().unwrap();
    assert_eq!(mismatch.bundles[0].bundle.base, laptop.base(b"keys"));
    assert!(mismatch.bundles[0].bundle.one_time.is_some());
    assert_eq!(laptop.client.prekeys_left(laptop.session()).unwrap(), 2);

    // Sealed for exactly the devices that there are now, the same message is stamped.
    post(phone, &to_all(&envelope, phone, &alice, &bob), &bob).unwrap();
    for device in alice.devices[1..].iter().chain(&bob.devices) {
        assert_eq!(texts(device), ["hello"]);
    }
    // What came before the tablet registered waits for it.
    let mut tablet = tablet;
    tablet.register().unwrap();
    assert_eq!(texts(&tablet), ["hello"]);
}

#[test]
fn a_stolen_token_gets_no_prekeys_by_a_message_for_other_devices() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 1);
    let bob = Family::new(&world, "bob", 2);
    publish_prekeys(&bob);
    let mallory = world.device("mallory");
    let phone = &alice.devices[0];
    let (_, envelope) = sealed(phone, &bob, "hello");
    let mut fanout = to_all(&envelope, phone, &alice, &bob);
    fanout.retain(|slot| slot.device == DeviceId(1));
    let to = &bob.devices[0].me.account;
    let audience = waxseal_reporting::Audience::Direct(to.clone());
    let posted = fanout.post(&mallory.delivery_key, &phone.me, &audience, now());
    let refused = phone.client.send(phone.session(), to, &posted);
    assert_eq!(code(refused), ErrorCode::NotFromDevice);
    for device in &bob.devices {
        assert_eq!(device.client.prekeys_left(device.session()).unwrap(), 3);
    }
}

#[test]
fn prekeys_are_handed_out_for_the_devices_asked_for_and_never_for_the_caller() {
    let world = World::new();
    let (alice, bob) = (
        Family::new(&world, "alice", 3),
        Family::new(&world, "bob", 2),
    );
    let (phone, account) = (&alice.devices[0], &bob.devices[0].me.account);
    let ask = |by: &Device, of: &Family, numbers: &[u32]| {
        let account = &of.devices[0].me.account;
        let bundles = by.client.bundles(by.session(), account, numbers)?;
        assert_eq!(bundles.roster, of.roster.signed().encode());
        let devices = bundles.devices.iter().map(|bundle| bundle.device);
        Ok::<Vec<u32>, ClientError>(devices.collect())
    };
    // Bob's devices have published none yet.
    assert_eq!(code(ask(phone, &bob, &[])), ErrorCode::NoPreKeys);
    publish_prekeys(&alice);
    let laptop = &bob.devices[1];
    let base = laptop.base(b"keys");
    laptop
        .client
        .put_prekeys(laptop.session(), &base, &[])
        .unwrap();
    assert_eq!(ask(phone, &bob, &[]).unwrap(), [2]);
    assert_eq!(code(ask(phone, &bob, &[1])), ErrorCode::NoPreKeys);
    publish_prekeys(&bob);
    assert_eq!(ask(phone, &bob, &[]).unwrap(), [1, 2]);
    assert_eq!(ask(phone, &bob, &[2, 7]).unwrap(), [2]);
    assert_eq!(ask(phone, &bob, &[7]).unwrap(), [0_u32; 0]);
    assert_eq!(ask(phone, &alice, &[]).unwrap(), [2, 3]);
    assert_eq!(ask(phone, &alice, &[1, 3]).unwrap(), [3]);
    assert_eq!(ask(&bob.devices[1], &bob, &[]).unwrap(), [1]);
    // Each device has its own prekeys, and its own count of them.
    let left = |device: &Device| device.client.prekeys_left(device.session()).unwrap();
    assert_eq!((left(phone), left(&alice.devices[2])), (3, 1));
    let other = laptop
        .client
        .put_prekeys(laptop.session(), &bob.devices[0].base(b"keys"), &[]);
    assert_eq!(code(other), ErrorCode::OtherIdentity);
    assert_eq!(account, &laptop.me.account);
}

#[test]
fn a_device_whose_queue_is_full_is_told_and_the_others_get_the_message() {
    let world = World::new();
    let (alice, bob) = (
        Family::new(&world, "alice", 1),
        Family::new(&world, "bob", 2),
    );
    let phone = &alice.devices[0];
    send(phone, &alice, &bob, "first").unwrap();
    let row = |number: u32| -> i64 {
        let query = "SELECT d.id FROM device d JOIN account a ON a.id = d.account
             WHERE name = 'bob' AND number = ?";
        database(&world)
            .query_row(query, [number], |row| row.get(0))
            .unwrap()
    };
    let fill = |number: u32, messages: i64| {
        let fill = "INSERT INTO share VALUES (?2, 0, ?1, 0)
             ON CONFLICT DO UPDATE SET messages = messages + ?1";
        let filled = database(&world).execute(fill, (messages, row(number)));
        assert_eq!(filled.unwrap(), 1);
    };
    fill(2, 40_000);
    let before = now().as_millis();
    send(phone, &alice, &bob, "second").unwrap();
    send(phone, &alice, &bob, "third").unwrap();
    assert_eq!(texts(&bob.devices[0]), ["first", "second", "third"]);
    // When no device has room, nothing is stamped, and no one is told of it.
    fill(1, 40_000);
    let full = send(phone, &alice, &bob, "fourth").unwrap_err();
    assert_eq!(full.code(), Some(ErrorCode::QueueFull));
    assert!(full.is_transient());
    fill(2, -40_000);

    let laptop = &bob.devices[1];
    let told = |deliveries: &mut waxseal_relay::Deliveries| {
        let event = deliveries.next(SOON).unwrap().unwrap();
        let Event::QueueExpired { from_ms, to_ms } = event else {
            panic!("{event:?}")
        };
        assert!(before <= from_ms && from_ms < to_ms);
        assert!(to_ms <= now().as_millis() + 1_000);
        (from_ms, to_ms)
    };
    // It is told on each connection, until it says that it knows.
    let mut deliveries = laptop.connect();
    let first = told(&mut deliveries);
    let Some(Event::Delivery { .. }) = deliveries.next(SOON).unwrap() else {
        panic!("the first message")
    };
    deliveries.close();
    let mut deliveries = laptop.connect();
    assert_eq!(told(&mut deliveries), first);
    deliveries.acknowledge(QUEUE_EXPIRED_ID).unwrap();
    deliveries.close();
    assert_eq!(texts(laptop), ["first"]);
    // A device that was told nothing has nothing to acknowledge.
    let mut deliveries = laptop.connect();
    deliveries.acknowledge(QUEUE_EXPIRED_ID).unwrap();
    let end = (0..3).find_map(|_| deliveries.next(SOON).err());
    assert!(end.is_some());
}
