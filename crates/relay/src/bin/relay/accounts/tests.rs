use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use waxseal_reporting::AccountId;
use waxseal_reporting::relay::{DeliveryKey, EPOCH_MS};

use super::*;
use crate::fixture::owner::{Owner, identity_of};
use crate::fixture::{World, device, key_of};
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;

fn address() -> ClientAddress {
    ClientAddress(IpAddr::from([127, 0, 0, 1]))
}

async fn challenged(relay: &Arc<Relay>) -> Vec<u8> {
    challenge(State(relay.clone()), address()).await.0.challenge
}

/// Signs in a device of the fixture, whose identity key follows from its name.
async fn answer(relay: &Arc<Relay>, me: &DeviceAddress, challenge: &[u8]) -> Result<(), ErrorCode> {
    let name = me.account.as_str().to_owned();
    let context = session_context(&relay.card.relay_key, challenge, me);
    let proof = key_of(&name).sign(&account_proof_input(&context));
    let request = SignIn {
        name,
        device: me.device.0,
        challenge: challenge.to_vec(),
        proof: proof.to_bytes(),
    };
    let session = sign_in(State(relay.clone()), address(), JsonBody(request)).await;
    session.map(drop).map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn a_challenge_is_valid_for_a_minute_whatever_the_clock_says() {
    let world = World::at(NOW);
    let relay = world.open().await;
    world.clocks.set(NOW + 365 * EPOCH_MS);
    let alice = device(&relay, "alice").await;
    let alice = &alice.me;
    let [early, late] = [challenged(&relay).await, challenged(&relay).await];
    world.clocks.set(NOW);
    answer(&relay, alice, &early).await.unwrap();
    world.clocks.pass(60_000);
    let refused = answer(&relay, alice, &late).await;
    assert_eq!(refused, Err(ErrorCode::ChallengeRefused));

    let challenge = challenged(&relay).await;
    world.clocks.set(NOW + 365 * EPOCH_MS);
    answer(&relay, alice, &challenge).await.unwrap();
}

#[tokio::test]
async fn one_account_cannot_answer_all_the_challenges_that_the_relay_remembers() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let [alice, bob] = [device(&relay, "alice").await, device(&relay, "bob").await];
    let first = challenged(&relay).await;
    answer(&relay, &alice.me, &first).await.unwrap();
    // A request that someone repeats costs its account nothing.
    for _ in 0..200 {
        let repeated = answer(&relay, &alice.me, &first).await;
        assert_eq!(repeated, Err(ErrorCode::ChallengeRefused));
    }
    let mut answered = 1;
    let refused = loop {
        let challenge = challenged(&relay).await;
        match answer(&relay, &alice.me, &challenge).await {
            Ok(()) => answered += 1,
            Err(code) => break code,
        }
        assert!(answered < 200);
    };
    assert_eq!(refused, ErrorCode::TooManyRequests);
    assert!(answered >= 100);
    let challenge = challenged(&relay).await;
    answer(&relay, &bob.me, &challenge).await.unwrap();
}

/// Stores a device of Alice's, whose identity is made of this seed, and the roster.
async fn registered(relay: &Arc<Relay>, number: u32, seed: u8, roster: Roster) -> Arc<Device> {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let me = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(number));
    let delivery_key = relay.keys.seal(&DeliveryKey::from_bytes([seed; 32]), &me);
    let request = Registration {
        me,
        identity: identity_of(&key),
        delivery_key,
        roster: Some(roster),
    };
    store(relay, request).await.unwrap()
}

#[tokio::test]
async fn a_device_whose_number_gets_another_identity_gets_no_token_of_that_one() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let owner = Owner::new("alice");
    let keys = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let first = owner.first(1, &keys[0], NOW);
    let second = owner.recovered(&first, (3, &keys[2]), NOW, |draft| {
        draft.remove(1).unwrap();
        draft.add(owner.entry(1, &keys[1])).unwrap();
        draft.add(owner.entry(3, &keys[2])).unwrap();
    });
    // The answer to the first registration is on its way while the account is recovered.
    let early = registered(&relay, 1, 1, first).await;
    let late = registered(&relay, 1, 2, second).await;
    assert_eq!(late.identity, identity_of(&keys[1]));
    assert_eq!(early.identity, identity_of(&keys[0]));
    let refused = session_of(&relay, &early).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Removed);
    session_of(&relay, &late).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_registers_while_its_account_gets_messages_all_the_time() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let Some(second) = world.beside("second") else {
        return;
    };
    let other = second.open().await;
    let (owner, key) = (Owner::new("alice"), SigningKey::from_bytes(&[1; 32]));
    let first = owner.first(1, &key, NOW);
    let entry = owner.entry(2, &SigningKey::from_bytes(&[2; 32]));
    let next = owner.next(&first, (1, &key), NOW, |draft| draft.add(entry).unwrap());
    let account = registered(&relay, 1, 1, first).await.account;
    let ends = Arc::new(AtomicBool::new(false));
    let writing = [other.clone(), other].map(|other| {
        let ends = ends.clone();
        tokio::spawn(async move {
            while !ends.load(Ordering::SeqCst) {
                let write = move |db: &Connection| {
                    devices::take_queues(db, [account; 2])?;
                    let next = "UPDATE inbox SET next = next + 1
                        WHERE recipient IN (SELECT id FROM device WHERE account = ?1)";
                    db.execute(next, values![account])?;
                    db.exists("SELECT pg_sleep(0.15)", &[])
                };
                other.store.run_under_locks(write, |_| ()).await.unwrap();
            }
        })
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let registering = registered(&relay, 2, 2, next);
    let registered = tokio::time::timeout(Duration::from_secs(4), registering);
    assert_eq!(registered.await.unwrap().me.device.0, 2);
    ends.store(true, Ordering::SeqCst);
    for writing in writing {
        writing.await.unwrap();
    }
}
