//! A device leaves its account by itself: the relay stops it at once, and a manager signs the
//! roster later.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::{ErrorCode, Event, session_context};
use waxseal_relay::ClientError;
use waxseal_reporting::DeviceId;
use waxseal_reporting::relay::Receipt;
use world::family::{Family, post, sealed, send, texts, to_all};
use world::{Device, NoChannel, SOON, World, code, now};

fn leave_as(device: &Device, prove: impl FnOnce(&[u8]) -> [u8; 64]) -> Result<(), ClientError> {
    let card = device.client.card().unwrap();
    device.client.leave(&card.relay_key, &device.me, prove)
}

fn leave(device: &Device) -> Result<(), ClientError> {
    leave_as(device, |context| device.prove(context))
}

fn sign_in(device: &Device) -> Result<(), ClientError> {
    let card = device.client.card().unwrap();
    let (key, me) = (&device.delivery_key, &device.me);
    let prove = |context: &[u8]| device.prove(context);
    let signed_in = device.client.sign_in(&card.relay_key, me, key, prove);
    signed_in.map(|_| ())
}

fn rows(world: &World, query: &str) -> i64 {
    let path = world.dir.path().join("data/relay.sqlite");
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn chk363_a_device_leaves_under_its_own_proof_alone_and_is_refused_at_once() {
    let mut world = World::new();
    let mut alice = Family::new(&world, "alice", 3);
    let bob = Family::new(&world, "bob", 1);
    send(&bob.devices[0], &bob, &alice, "for all").unwrap();
    let laptop = &alice.devices[1];
    let base = laptop.base(b"");
    let client = &laptop.client;
    client
        .put_prekeys(laptop.session(), &base, &[vec![1; 40]])
        .unwrap();
    // A token is of no use, nor is the proof of another device, or one for signing in.
    let other = leave_as(laptop, |context| alice.devices[2].prove(context));
    assert_eq!(code(other), ErrorCode::ProofRefused);
    let signs_in = leave_as(laptop, |context| {
        let at = 4 + b"waxseal/1/relay/leave".len() + 4 + 32 + 4;
        let (relay_key, challenge) = (&context[at - 36..at - 4], &context[at..at + 64]);
        let relay_key = relay_key.try_into().unwrap();
        laptop.prove(&session_context(relay_key, challenge, &laptop.me))
    });
    assert_eq!(code(signs_in), ErrorCode::ProofRefused);
    sign_in(laptop).unwrap();

    let mut connected = laptop.connect();
    let first = connected.next(SOON).unwrap();
    assert!(matches!(first, Some(Event::Delivery { .. })));
    leave(laptop).unwrap();
    // Its connection ends, and no route takes its token.
    assert!((0..4).any(|_| connected.next(SOON).is_err()));
    let mut laptop = alice.devices.remove(1);
    for restarted in [false, true] {
        if restarted {
            world.relay.take().unwrap().kill();
            world.start();
            laptop.use_relay_of(&world);
        }
        let (client, session) = (&laptop.client, laptop.session());
        assert_eq!(code(client.prekeys_left(session)), ErrorCode::Removed);
        let put = client.put_prekeys(session, &base, &[]);
        assert_eq!(code(put), ErrorCode::Removed);
        assert_eq!(code(client.deliveries(session)), ErrorCode::Removed);
        let posted = send(&laptop, &alice, &bob, "by a thief");
        assert_eq!(code(posted), ErrorCode::Removed);
        assert_eq!(code(sign_in(&laptop)), ErrorCode::Removed);
        // The answer may have been lost: it is told that it left.
        assert_eq!(code(leave(&laptop)), ErrorCode::Removed);
        assert_eq!(code(laptop.register()), ErrorCode::Removed);
    }
    // Its queue and prekeys are gone, and those of the others are not.
    assert_eq!(rows(&world, "SELECT count(*) FROM queue"), 2);
    assert_eq!(rows(&world, "SELECT count(*) FROM inbox"), 2);
    assert_eq!(rows(&world, "SELECT count(*) FROM one_time"), 0);
    let queued = "SELECT messages FROM share WHERE (recipient, sender) = (0, 0)";
    assert_eq!(rows(&world, queued), 2);
    let kept = "SELECT count(*) FROM device WHERE has_left
        AND (delivery_key IS NOT NULL OR base IS NOT NULL OR mark IS NOT NULL)";
    assert_eq!(rows(&world, kept), 0);
    for device in &mut alice.devices {
        device.use_relay_of(&world);
        assert_eq!(texts(device), ["for all"]);
    }
}

#[test]
fn chk364_a_message_may_have_a_slot_for_a_device_that_left_or_none() {
    let world = World::new();
    let mut alice = Family::new(&world, "alice", 3);
    let bob = Family::new(&world, "bob", 1);
    leave(&alice.devices[1]).unwrap();
    for (by, own, to) in [
        (&bob.devices[0], &bob, &alice),
        (&alice.devices[0], &alice, &bob),
        (&alice.devices[0], &alice, &alice),
    ] {
        let (_, envelope) = sealed(by, to, "with a slot");
        let fanout = to_all(&envelope, by, own, to);
        let all = fanout.slots().len();
        post(by, &fanout, to).unwrap();
        let (_, envelope) = sealed(by, to, "without one");
        let mut fanout = to_all(&envelope, by, own, to);
        let is_own = own.owner.name == "alice";
        fanout.retain(|slot| slot.own != is_own || slot.device != DeviceId(2));
        assert_eq!(fanout.slots().len(), all - 1);
        post(by, &fanout, to).unwrap();
        // Every other device must still have one.
        let (_, envelope) = sealed(by, to, "for too few");
        let mut fanout = to_all(&envelope, by, own, to);
        fanout.retain(|slot| slot.own != is_own || slot.device != DeviceId(3));
        let refused = post(by, &fanout, to).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::Mismatch));
        let lacks = refused.mismatch().unwrap();
        assert!(lacks.rosters.is_empty());
        assert!(lacks.bundles.iter().all(|one| one.bundle.device != 2));
    }
    assert_eq!(texts(&alice.devices[2]).len(), 6);
    assert_eq!(texts(&bob.devices[0]).len(), 2);
    let left = "SELECT count(*) FROM queue JOIN device ON device.id = recipient WHERE has_left";
    assert_eq!(rows(&world, left), 0);

    // Once a roster does not list it, the mark is gone, and a slot for it is a mismatch.
    let laptop = alice.remove(2);
    assert_eq!(rows(&world, "SELECT count(*) FROM device"), 3);
    assert_eq!(rows(&world, "SELECT sum(has_left) FROM device"), 0);
    assert_eq!(code(sign_in(&laptop)), ErrorCode::Removed);
    send(&bob.devices[0], &bob, &alice, "to the others").unwrap();
    assert_eq!(texts(&alice.devices[1]), ["to the others"]);
}

#[test]
fn a_device_that_left_is_handed_out_no_more_and_nothing_is_sealed_again_for_it() {
    let world = World::new();
    let alice = Family::new(&world, "alice", 2);
    let bob = Family::new(&world, "bob", 1);
    for device in &alice.devices {
        let base = device.base(b"");
        let parts = [vec![u8::try_from(device.me.device.0).unwrap(); 40]];
        let session = device.session();
        device.client.put_prekeys(session, &base, &parts).unwrap();
    }
    let phone = &bob.devices[0];
    let (sent, envelope) = sealed(phone, &alice, "hello");
    let receipt = post(phone, &to_all(&envelope, phone, &bob, &alice), &alice).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let receipt = receipt.authenticate(&phone.delivery_key, &sent).unwrap();

    let laptop = &alice.devices[1];
    leave(laptop).unwrap();
    let account = &laptop.me.account;
    let asked = |devices: &[u32]| phone.client.bundles(phone.session(), account, devices);
    let numbers: Vec<_> = asked(&[])
        .unwrap()
        .devices
        .iter()
        .map(|one| one.device)
        .collect();
    assert_eq!(numbers, [1]);
    assert_eq!(code(asked(&[2])), ErrorCode::NoPreKeys);

    let envelope = sent.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let (claim, key) = (receipt.claim(), &phone.delivery_key);
    let again = envelope.post_again(claim, key, &phone.me, &laptop.me, now());
    let refused = phone.client.send_again(phone.session(), account, &again);
    assert_eq!(code(refused), ErrorCode::OtherTarget);
}
