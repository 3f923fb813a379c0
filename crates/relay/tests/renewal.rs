//! Replacing delivery keys: under a proof of the account, at once for all that waits, and never
//! left half done.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::Arc;

use waxseal_interface::register_context;
use waxseal_interface::{ErrorCode, Event, Register, seal_delivery_key};
use waxseal_relay::{ClientError, DeviceSession};
use waxseal_reporting::Audience;
use waxseal_reporting::relay::{Delivery, DeliveryKey, Receipt};
use world::proxy::{Change, through_proxy, unchanged};
use world::{Device, SOON, World, code, now};

fn fresh() -> DeliveryKey {
    DeliveryKey::generate(&mut rand::rng())
}

/// A session of the same device under another delivery key.
fn with_key(device: &Device, key: &DeliveryKey) -> DeviceSession {
    let relay_key = device.client.card().unwrap().relay_key;
    DeviceSession::new(device.session().session().clone(), relay_key, key.clone())
}

fn is_broken<T>(result: Result<T, ClientError>) -> bool {
    matches!(result, Err(ClientError::Unreachable(_)))
}

#[test]
fn what_waits_is_handed_out_under_the_new_key_and_the_key_of_before_is_refused() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "waits").unwrap();
    let mut before = bob.connect();
    let Some(Event::Delivery { delivery, .. }) = before.next(SOON).unwrap() else {
        panic!("the message waits")
    };
    bob.open(&delivery);

    let (old, old_session) = (bob.delivery_key.clone(), bob.session().clone());
    bob.delivery_key = fresh();
    bob.register().unwrap();
    // The open connection ends, so that nothing more is handed out under the key of before.
    let end = (0..4).find_map(|_| before.next(SOON).err());
    assert!(end.expect("the connection ends").is_transient());
    // Neither side takes anything under that key.
    assert!(is_broken(bob.client.prekeys_left(&old_session)));
    assert!(is_broken(bob.client.deliveries(&old_session)));
    let (_, envelope) = bob.seal_only(&alice.me, "an old envelope");
    let to_alice = Audience::Direct(alice.me.account.clone());
    let posted = envelope.post(&old, &bob.me, &to_alice, now());
    let refused = bob.client.send(bob.session(), &alice.me.account, &posted);
    assert_eq!(code(refused), ErrorCode::NotFromDevice);

    for restarted in [false, true] {
        if restarted {
            world.relay.take().unwrap().kill();
            world.start();
            bob.use_relay_of(&world);
            alice.use_relay_of(&world);
        }
        let mut deliveries = bob.connect();
        let Some(Event::Delivery { delivery, .. }) = deliveries.next(SOON).unwrap() else {
            panic!("the message waits")
        };
        assert_eq!(bob.open(&delivery).0, "waits");
        let under_old = Delivery::decode(&delivery).unwrap();
        assert!(under_old.authenticate(&old, &bob.me).is_err());
    }
    assert_eq!(bob.receive().len(), 1);
    bob.send(&alice.me, "a receipt under the new key").unwrap();
    assert_eq!(alice.receive().len(), 1);
}

#[test]
fn a_receipt_of_an_envelope_that_is_posted_again_is_under_the_new_key() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let (message, envelope) = alice.seal_only(&bob.me, "twice");
    for key in [alice.delivery_key.clone(), fresh()] {
        alice.delivery_key = key;
        alice.register().unwrap();
        let posted = alice.post(&envelope, &bob.me);
        let receipt = alice.client.send(alice.session(), &bob.me.account, &posted);
        let receipt = Receipt::decode(&receipt.unwrap()).unwrap();
        receipt.authenticate(&alice.delivery_key, &message).unwrap();
    }
}

#[test]
fn a_device_whose_answer_was_lost_registers_the_same_key_again() {
    let world = World::new();
    let mut alice = world.device("alice");
    let (old, old_key) = (alice.session().clone(), alice.delivery_key.clone());
    // The proxy passes on the registration, and drops the answer.
    let lost: Change = Arc::new(|answer| {
        let has_token = answer.windows(8).any(|part| part == b"\"token\":");
        if has_token { Vec::new() } else { answer }
    });
    alice.delivery_key = fresh();
    alice.client = through_proxy(&world, unchanged(), lost);
    assert!(is_broken(alice.register()));
    alice.client = world.client();
    // The relay has the new key already.
    assert!(is_broken(alice.client.prekeys_left(&old)));
    let new = with_key(&alice, &alice.delivery_key);
    alice.client.prekeys_left(&new).unwrap();
    // A device that gave the new key up can go back, too.
    for key in [alice.delivery_key.clone(), old_key] {
        alice.delivery_key = key;
        alice.register().unwrap();
        alice.client.prekeys_left(alice.session()).unwrap();
    }
}

#[test]
fn chk122_a_thief_of_a_token_replaces_no_delivery_key() {
    let world = World::new();
    let (alice, mallory) = (world.device("alice"), world.device("mallory"));
    let card = alice.client.card().unwrap();
    let key = fresh();
    // Mallory has Alice's token, and proves with an identity of its own, for Alice's or its own
    // identity.
    for identity in [alice.identity_bytes(), mallory.identity_bytes()] {
        let prove = |context: &[u8]| mallory.prove(context);
        let rng = &mut rand::rng();
        let client = &mallory.client;
        let refused = client.register(&card, &alice.me, &identity, &key, prove, rng);
        let expected = match identity == alice.identity_bytes() {
            true => ErrorCode::ProofRefused,
            false => ErrorCode::AccountTaken,
        };
        assert_eq!(code(refused), expected);
    }
    // A proof of Alice's for another sealed key, and the same request a second time.
    let sealing = card.sealing_key().unwrap();
    let [sealed, other] =
        [&key, &key].map(|key| seal_delivery_key(&sealing, key, &alice.me, &mut rand::rng()));
    let (sealed, other) = (sealed.unwrap(), other.unwrap());
    let challenge = challenge(&alice);
    let (me, identity) = (&alice.me, alice.identity_bytes());
    let context = register_context(&card.relay_key, &challenge, me, &identity, &sealed);
    let mut register = Register {
        name: "alice".to_owned(),
        device: 1,
        identity,
        sealed_delivery_key: other,
        proof: alice.prove(&context),
        challenge,
    };
    let post = |register: &Register| {
        let body = serde_json::to_vec(register).unwrap();
        let token = alice.token();
        world::request(
            &world,
            "POST",
            "/v1/accounts",
            token,
            "application/json",
            &body,
        )
    };
    assert_eq!(post(&register), (401, "proof_refused".to_owned()));
    register.sealed_delivery_key = sealed;
    alice.client.prekeys_left(alice.session()).unwrap();
    assert_eq!(post(&register), (200, String::new()));
    let new = with_key(&alice, &key);
    alice.client.prekeys_left(&new).unwrap();
    assert_eq!(post(&register), (401, "challenge_refused".to_owned()));
}

/// A challenge of the relay. A proof that is wrong does not use it up.
fn challenge(device: &Device) -> Vec<u8> {
    let mut challenge = Vec::new();
    let relay_key = device.client.card().unwrap().relay_key;
    let keep = |context: &[u8]| {
        let start = context.len() - (4 + 4 + device.me.account.as_str().len() + 4 + 64);
        challenge = context[start..start + 64].to_vec();
        [0; 64]
    };
    let (me, key) = (&device.me, &device.delivery_key);
    let refused = device.client.sign_in(&relay_key, me, key, keep);
    assert_eq!(code(refused), ErrorCode::ProofRefused);
    challenge
}

#[test]
fn of_many_registrations_at_once_the_relay_keeps_one_key_and_its_database_the_same() {
    let mut world = World::new();
    let mut alice = world.device("alice");
    let keys: Vec<DeliveryKey> = (0..16).map(|_| fresh()).collect();
    std::thread::scope(|scope| {
        for key in &keys {
            let (alice, card) = (&alice, alice.client.card().unwrap());
            scope.spawn(move || {
                let (identity, prove) = (alice.identity_bytes(), |context: &[u8]| {
                    alice.prove(context)
                });
                let rng = &mut rand::rng();
                let client = &alice.client;
                client
                    .register(&card, &alice.me, &identity, key, prove, rng)
                    .unwrap();
            });
        }
    });
    let works = |alice: &Device| -> Vec<usize> {
        let works = |key: &DeliveryKey| alice.client.prekeys_left(&with_key(alice, key)).is_ok();
        (0..keys.len())
            .filter(|index| works(&keys[*index]))
            .collect()
    };
    let kept = works(&alice);
    assert_eq!(kept.len(), 1);
    world.relay.take().unwrap().kill();
    world.start();
    alice.use_relay_of(&world);
    assert_eq!(works(&alice), kept);
}
