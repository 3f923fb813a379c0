//! Several relays over one PostgreSQL behave as one, whatever happens to them.

#![cfg(feature = "postgres")]
#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::collections::BTreeSet;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rand::RngExt;
use waxseal_interface::ErrorCode;
use waxseal_relay::{ClientError, Deliveries};
use waxseal_reporting::relay::DeliveryKey;
use world::family::Family;
use world::relays::Relays;
use world::{Device, SOON, bundle, code, traffic};

/// Within this time, what one relay did counts at the others. The machine may be busy.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Devices of these accounts, each registered at the next relay.
fn devices(relays: &Relays, names: &[&str]) -> Vec<Device> {
    let devices = names.iter().enumerate();
    let devices = devices.map(|(at, name)| relays.device(name, at % relays.count()));
    devices.collect()
}

/// Tries until it returns something. Returns how long that took.
fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> (T, Duration) {
    let began = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return (done, began.elapsed());
        }
        assert!(began.elapsed() < SOON, "it does not happen");
        sleep(Duration::from_millis(10));
    }
}

/// Waits until the relay ends a connection. Returns how long that took.
fn ended(deliveries: &mut Deliveries) -> Duration {
    let next = || deliveries.next(Duration::from_millis(10)).err();
    let (error, took) = until(next);
    assert!(matches!(error, ClientError::Unreachable(_)), "{error}");
    took
}

#[test]
fn messages_sent_at_three_relays_come_once_and_in_order_to_devices_that_move() {
    let Some(relays) = Relays::start(3) else {
        return;
    };
    let mut senders = devices(&relays, &["alice", "bob", "carol", "dave", "erin", "frank"]);
    let recipients = devices(&relays, &["x-ray", "yankee", "zulu"]);
    let lasting = Duration::from_secs(8);
    let outcome = traffic::run(&relays, &mut senders, &recipients, lasting, || {});
    println!("{outcome:?}");
    assert!(outcome.acknowledged > 100, "{outcome:?}");
}

#[test]
fn relays_and_connections_that_are_killed_lose_no_message_that_was_acknowledged() {
    let Some(relays) = Relays::start(3) else {
        return;
    };
    let mut senders = devices(&relays, &["alice", "bob", "carol", "dave", "erin", "frank"]);
    let recipients = devices(&relays, &["x-ray", "yankee", "zulu"]);
    let (mut kills, mut cut) = (0, 0);
    let killing = || {
        let rng = &mut rand::rng();
        for turn in 0..16 {
            sleep(Duration::from_millis(rng.random_range(100..600)));
            match turn % 4 {
                1 => cut += relays.server.cut_connections(),
                3 => {
                    relays.server.kill();
                    relays.server.restart();
                }
                _ => {
                    let at = rng.random_range(0..relays.count());
                    relays.kill(at);
                    sleep(Duration::from_millis(rng.random_range(0..300)));
                    relays.restart(at);
                    kills += 1;
                }
            }
        }
    };
    let lasting = Duration::from_secs(8);
    let outcome = traffic::run(&relays, &mut senders, &recipients, lasting, killing);
    println!("{outcome:?}, {kills} relays killed, {cut} connections cut");
    assert!(kills == 8 && cut > 0);
    assert!(outcome.acknowledged > 50, "{outcome:?}");
}

#[test]
fn a_one_time_prekey_is_handed_out_once_by_all_relays() {
    let Some(relays) = Relays::start(3) else {
        return;
    };
    let owners = devices(&relays, &["x-ray", "yankee", "zulu"]);
    let askers = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let askers = devices(&relays, &askers);
    for owner in &owners {
        let parts: Vec<Vec<u8>> = (0..60).map(|part| vec![part]).collect();
        let base = owner.base(b"keys");
        owner
            .client
            .put_prekeys(owner.session(), &base, &parts)
            .unwrap();
    }
    for owner in &owners {
        let taken = scope(|scope| {
            let asking = askers.iter().map(|asker| {
                scope.spawn(move || {
                    let ask = |_| {
                        let asked = || bundle(&asker.client, asker.session(), &owner.me.account);
                        until(|| asked().ok()).0.one_time
                    };
                    (0..3).filter_map(ask).collect::<Vec<_>>()
                })
            });
            let asking: Vec<_> = asking.collect();
            let taken = asking.into_iter().map(|one| one.join().unwrap());
            taken.collect::<Vec<_>>()
        });
        let at_relays = taken.iter().filter(|taken| !taken.is_empty()).count();
        assert!(at_relays >= 3, "{taken:?}");
        let all = taken.iter().flatten();
        let once: BTreeSet<_> = all.clone().collect();
        assert_eq!(once.len(), all.count());
        let left = relays.client(0).prekeys_left(owner.session()).unwrap();
        assert!(left <= 60 - once.len());
    }
}

#[test]
fn a_device_that_is_removed_at_one_relay_is_removed_at_all() {
    let Some(relays) = Relays::start(3) else {
        return;
    };
    let mut bob = Family::of(relays.device("bob", 0), 2);
    let second = bob.devices[1].session();
    let mut deliveries = relays.client(1).deliveries(second).unwrap();
    let present = relays.client(2).prekeys_left(second).unwrap();
    assert_eq!(present, 0);

    let removed = bob.remove(2);
    assert!(ended(&mut deliveries) < AT_ONCE);
    for at in 0..3 {
        let client = relays.client(at);
        let ask = || client.prekeys_left(removed.session()).err();
        let (error, took) = until(ask);
        assert_eq!(error.code(), Some(ErrorCode::Removed), "relay {at}");
        assert!(took < AT_ONCE, "relay {at}");
    }
    // The device that is left notices nothing.
    assert!(
        relays
            .client(1)
            .deliveries(bob.devices[0].session())
            .is_ok()
    );
}

#[test]
fn a_delivery_key_that_is_replaced_at_one_relay_counts_at_all() {
    let Some(relays) = Relays::start(3) else {
        return;
    };
    let (alice, mut bob) = (relays.device("alice", 0), relays.device("bob", 0));
    let mut deliveries = relays.client(1).deliveries(bob.session()).unwrap();
    bob.client = relays.client(2);
    bob.send(&alice.me, "under the first key").unwrap();

    let before = std::mem::replace(&mut bob.delivery_key, DeliveryKey::from_bytes([7; 32]));
    bob.client = relays.client(0);
    bob.register().unwrap();
    assert!(ended(&mut deliveries) < AT_ONCE);
    let thief = relays.client(2);
    let with_old_key = || {
        let (_, envelope) = bob.seal_only(&alice.me, "under the old key");
        let replaced = std::mem::replace(&mut bob.delivery_key, before.clone());
        let posted = bob.post(&envelope, &alice.me.account);
        bob.delivery_key = replaced;
        thief.send(bob.session(), &alice.me.account, &posted).err()
    };
    let (error, took) = until(with_old_key);
    assert_eq!(error.code(), Some(ErrorCode::NotFromDevice));
    assert!(took < AT_ONCE);
    bob.client = relays.client(2);
    bob.send(&alice.me, "under the new key").unwrap();
}

#[test]
fn a_device_that_connects_to_another_relay_ends_its_connection_at_the_first() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let (mut alice, bob) = (relays.device("alice", 0), relays.device("bob", 0));
    // Back and forth, as fast as it can: the newest one stays.
    let mut newest = relays.client(0).deliveries(bob.session()).unwrap();
    for at in [1, 0, 0, 1, 0, 1] {
        let newer = relays.client(at).deliveries(bob.session()).unwrap();
        let mut older = std::mem::replace(&mut newest, newer);
        assert!(ended(&mut older) < AT_ONCE);
    }
    let mut second = newest;
    // It wakes the connection at the other relay.
    let event = second.next(SOON).unwrap();
    assert_eq!(event, Some(waxseal_interface::Event::CaughtUp));
    let began = Instant::now();
    alice.send(&bob.me, "hello").unwrap();
    let event = second.next(SOON).unwrap();
    assert!(matches!(
        event,
        Some(waxseal_interface::Event::Delivery { .. })
    ));
    assert!(began.elapsed() < AT_ONCE);
}

#[test]
fn relays_without_their_database_answer_503_at_once_and_recover_by_themselves() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let (mut alice, mut bob) = (relays.device("alice", 0), relays.device("bob", 1));
    for number in 0..5 {
        alice.send(&bob.me, &format!("before {number}")).unwrap();
    }
    for turn in 0..2 {
        relays.server.kill();
        for at in 0..20 {
            let (began, client) = (Instant::now(), relays.client(at % 2));
            alice.client = client.clone();
            let refused = alice.send(&bob.me, "while it is gone").map(|_| ());
            assert_eq!(code(refused), ErrorCode::Busy);
            let refused = client.deliveries(bob.session()).map(|_| ());
            assert_eq!(code(refused), ErrorCode::Busy);
            assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        }
        relays.server.restart();
        for at in 0..2 {
            alice.client = relays.client(at);
            let text = format!("after {turn} {at}");
            let (_, took) = until(|| alice.send(&bob.me, &text).ok());
            println!("relay {at} is back after {took:?}");
        }
    }
    bob.client = relays.client(0);
    let texts: Vec<String> = bob.receive().into_iter().map(|(text, _)| text).collect();
    let before = (0..5).map(|number| format!("before {number}"));
    let after = ["after 0 0", "after 0 1", "after 1 0", "after 1 1"].map(str::to_owned);
    let all: Vec<String> = before.chain(after).collect();
    assert_eq!(texts, all);
    assert!(relays.stop(0) && relays.stop(1));
}

#[test]
fn a_database_that_hangs_counts_as_lost_until_it_goes_on() {
    let Some(relays) = Relays::start(1) else {
        return;
    };
    let (mut alice, bob) = (relays.device("alice", 0), relays.device("bob", 0));
    alice.send(&bob.me, "before").unwrap();
    relays.server.freeze();
    sleep(Duration::from_secs(5));
    for _ in 0..10 {
        let began = Instant::now();
        let refused = alice.send(&bob.me, "while it hangs").map(|_| ());
        assert_eq!(code(refused), ErrorCode::Busy);
        assert!(began.elapsed() < AT_ONCE);
    }
    relays.server.thaw();
    until(|| alice.send(&bob.me, "after").ok());
    let texts: Vec<String> = bob.receive().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["before", "after"]);
}

#[test]
fn a_relay_that_is_told_to_stop_while_its_database_hangs_ends() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let (mut alice, bob) = (relays.device("alice", 0), relays.device("bob", 0));
    let deliveries = relays.client(0).deliveries(bob.session()).unwrap();
    relays.server.freeze();
    // Whoever waits has an answer once the database counts as lost.
    let began = Instant::now();
    let refused = alice.send(&bob.me, "while it hangs").map(|_| ());
    assert_eq!(code(refused), ErrorCode::Busy);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    // One knows that it hangs, and the other one does not yet.
    assert!(relays.stop(0));
    relays.server.thaw();
    until(|| relays.client(1).prekeys_left(bob.session()).ok());
    relays.server.freeze();
    assert!(relays.stop(1));
    relays.server.thaw();
    drop(deliveries);
}

#[test]
fn relays_reach_their_database_over_tls_and_check_its_certificate() {
    let Some(relays) = Relays::start_over_tls(2) else {
        return;
    };
    let (mut alice, bob) = (relays.device("alice", 0), relays.device("bob", 1));
    let mut deliveries = relays.client(1).deliveries(bob.session()).unwrap();
    assert_eq!(
        deliveries.next(SOON).unwrap(),
        Some(waxseal_interface::Event::CaughtUp)
    );
    // Time in which a relay would notice that it hears nothing.
    sleep(Duration::from_secs(5));
    alice.send(&bob.me, "hello").unwrap();
    let event = deliveries.next(SOON).unwrap();
    assert!(matches!(
        event,
        Some(waxseal_interface::Event::Delivery { .. })
    ));
    assert!(relays.stop(1));
    let said = relays.refused(1);
    assert!(said.contains("invalid peer certificate"), "{said}");
}
