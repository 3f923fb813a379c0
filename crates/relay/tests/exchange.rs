//! Tests honest devices, races between them, and a relay that stops or crashes while they talk.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

use waxseal_interface::{ErrorCode, Event};
use waxseal_relay::ClientError;
use waxseal_reporting::reviewer::review;
use world::{Device, SOON, VaultProcess, World, code};

fn texts(received: &[(String, waxseal_reporting::recipient::Evidence)]) -> Vec<&str> {
    received.iter().map(|(text, _)| text.as_str()).collect()
}

#[test]
fn a_message_goes_through_the_relay_and_its_report_to_the_reviewer() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "You have won!").unwrap();
    let received = bob.receive();
    assert_eq!(texts(&received), ["You have won!"]);
    assert!(bob.receive().is_empty(), "acknowledged, so deleted");

    let card = bob.client.card().unwrap();
    let report = bob.report(&card.moderation_key().unwrap(), &[&received[0].1]);
    let taken = bob.client.report(bob.session(), &report).unwrap();
    assert!(!taken.duplicate);

    let (client, reviewer) = (world.client(), world.reviewer());
    let listed = client.reports(&reviewer, 0).unwrap().reports;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].report_id, taken.report_id);
    assert_eq!((listed[0].reporter.as_str(), listed[0].opened), ("bob", 0));
    let vault = VaultProcess::start(&world);
    let verified = review(vault.open(&world, &taken.report_id).unwrap()).unwrap();
    let message = &verified.messages()[0];
    assert_eq!(message.content().unwrap().as_text(), Some("You have won!"));
    assert_eq!(message.sender(), &alice.me);
    let listed = client.reports(&reviewer, 0).unwrap().reports;
    assert_eq!(listed[0].opened, 1, "the relay recorded the opening");

    // The message of a report that fails in review can be reported again.
    let again = bob.report(&card.moderation_key().unwrap(), &[&received[0].1]);
    assert!(bob.client.report(bob.session(), &again).unwrap().duplicate);
    client
        .report_rejected(&reviewer, &taken.report_id, 83)
        .unwrap();
    let retaken = bob.client.report(bob.session(), &again).unwrap();
    assert!(!retaken.duplicate && retaken.report_id != taken.report_id);
    let listed = client.reports(&reviewer, 0).unwrap().reports;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].rejected, Some(83));

    // Once its review has ended, its content is gone, and its message stays reported.
    client.close_report(&reviewer, &retaken.report_id).unwrap();
    let opened = client.accepted_report(&reviewer, &retaken.report_id);
    assert_eq!(code(opened), ErrorCode::NoSuchReport);
    let listed = client.reports(&reviewer, 0).unwrap().reports;
    assert!(listed[1].closed && !listed[0].closed);
    assert!(bob.client.report(bob.session(), &again).unwrap().duplicate);
    let unknown = client.close_report(&reviewer, &"0".repeat(32));
    assert_eq!(code(unknown), ErrorCode::NoSuchReport);
}

#[test]
fn clients_that_race_for_one_time_prekeys_never_get_the_same_one() {
    let world = World::new();
    let bob = world.device("bob");
    let parts: Vec<Vec<u8>> = (0..60).map(|n| vec![n + 1; 100]).collect();
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &parts)
        .unwrap();

    for (round, racers) in [(0, 2), (1, 16)] {
        let devices: Vec<Device> = (0..racers)
            .map(|n| world.device(&format!("racer-{round}-{n}")))
            .collect();
        let start = Barrier::new(racers);
        let taken: Vec<Option<Vec<u8>>> = std::thread::scope(|scope| {
            let racers: Vec<_> = devices
                .iter()
                .map(|racer| {
                    scope.spawn(|| {
                        start.wait();
                        let bundle = world::bundle(&racer.client, racer.session(), &bob.me.account);
                        bundle.unwrap().one_time
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let distinct: BTreeSet<&Vec<u8>> = taken.iter().flatten().collect();
        assert_eq!(
            distinct.len(),
            racers,
            "each got one, and all are different"
        );
    }
    assert_eq!(bob.client.prekeys_left(bob.session()).unwrap(), 60 - 18);

    // The same parts are uploaded a second time. The relay must add neither those that it handed
    // out nor those that it still has.
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &parts)
        .unwrap();
    assert_eq!(bob.client.prekeys_left(bob.session()).unwrap(), 60 - 18);

    // Parts that are to be replaced are gone, and those handed out are still not handed out again.
    let next = [vec![99; 100], parts[0].clone(), parts[59].clone()];
    bob.client
        .replace_prekeys(bob.session(), &bob.base(b""), &next)
        .unwrap();
    let late = world.device("late");
    let taken = [(); 3].map(|()| {
        let bundle = world::bundle(&late.client, late.session(), &bob.me.account);
        bundle.unwrap().one_time
    });
    let expected = [Some(next[0].clone()), Some(next[2].clone()), None];
    assert_eq!(taken, expected);
}

#[test]
fn answered_requests_survive_a_crash() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &[vec![1; 50], vec![2; 50]])
        .unwrap();
    let bundle = world::bundle(&alice.client, alice.session(), &bob.me.account).unwrap();
    let card = alice.client.card().unwrap();
    for n in 0..20 {
        alice.send(&bob.me, &format!("{n}")).unwrap();
    }
    world.relay.take().unwrap().kill();
    world.start();
    alice.use_relay_of(&world);
    bob.use_relay_of(&world);
    assert_eq!(alice.client.card().unwrap(), card, "the same relay");

    // The tokens that the relay issued before it was killed are still valid.
    let next = world::bundle(&alice.client, alice.session(), &bob.me.account).unwrap();
    assert_ne!(next.one_time, bundle.one_time);
    alice.send(&bob.me, "20").unwrap();
    let received = bob.receive();
    let expected: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    assert_eq!(texts(&received), expected);

    let moderation_key = card.moderation_key().unwrap();
    let report = bob.report(&moderation_key, &[&received[3].1]);
    let taken = bob.client.report(bob.session(), &report).unwrap();
    world.relay.take().unwrap().kill();
    world.start();
    bob.use_relay_of(&world);
    assert!(bob.receive().is_empty(), "acknowledged before the crash");
    let again = bob.client.report(bob.session(), &report).unwrap();
    assert_eq!((again.report_id, again.duplicate), (taken.report_id, true));
    bob.register().unwrap();
}

#[test]
fn an_unacknowledged_delivery_comes_again_and_a_second_connection_takes_over() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mut first = bob.connect();
    assert_eq!(first.next(SOON).unwrap(), Some(Event::CaughtUp));
    alice.send(&bob.me, "one").unwrap();
    let Some(Event::Delivery { delivery, .. }) = first.next(SOON).unwrap() else {
        panic!("a connected device gets the message at once")
    };

    let mut second = bob.connect();
    let Some(Event::Delivery {
        id,
        delivery: again,
        ..
    }) = second.next(SOON).unwrap()
    else {
        panic!("the message was not acknowledged, so it comes again")
    };
    assert_eq!(delivery, again);
    let closed = loop {
        match first.next(SOON) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&closed, ClientError::Unreachable(why) if why.contains("4001")),
        "{closed}"
    );
    assert_eq!(second.next(SOON).unwrap(), Some(Event::CaughtUp));
    second.acknowledge(id).unwrap();
    second.close();
    assert!(bob.receive().is_empty());
}

#[test]
fn a_device_that_is_slow_to_acknowledge_gets_at_most_a_window_of_deliveries() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    for n in 0..100 {
        alice.send(&bob.me, &format!("{n}")).unwrap();
    }
    let (mut deliveries, mut ids) = (bob.connect(), Vec::new());
    while let Some(event) = deliveries.next(Duration::from_millis(500)).unwrap() {
        let Event::Delivery { id, .. } = event else {
            panic!("more messages are queued")
        };
        ids.push(id);
    }
    assert_eq!(ids.len(), 64);
    for id in &ids[..32] {
        deliveries.acknowledge(*id).unwrap();
    }
    for _ in 0..32 {
        assert!(matches!(
            deliveries.next(SOON),
            Ok(Some(Event::Delivery { .. }))
        ));
    }
    assert_eq!(deliveries.next(Duration::from_millis(500)).unwrap(), None);
    // The deliveries that the device puts off no longer block the rest, and they come again on the
    // next connection.
    for id in &ids[32..] {
        deliveries.keep(*id).unwrap();
    }
    let mut more = 0;
    while let Event::Delivery { .. } = deliveries.next(SOON).unwrap().expect("an event") {
        more += 1;
    }
    assert_eq!(more, 4, "the rest, and then `CaughtUp`");
    deliveries.acknowledge(ids[32]).unwrap();
    deliveries.close();
    assert_eq!(bob.receive().len(), 100 - 33);
}

#[test]
fn a_device_hears_that_it_has_caught_up_before_it_acknowledges_anything() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    for n in 0..50 {
        alice.send(&bob.me, &format!("{n}")).unwrap();
    }
    let (mut deliveries, mut ids) = (bob.connect(), Vec::new());
    while let Event::Delivery { id, .. } = deliveries.next(SOON).unwrap().expect("an event") {
        ids.push(id);
    }
    assert_eq!(ids.len(), 50);
    for id in ids {
        deliveries.acknowledge(id).unwrap();
    }
    deliveries.close();
    assert!(bob.receive().is_empty());
}

#[test]
fn a_report_counts_once_even_if_it_arrives_many_times_at_once() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "one").unwrap();
    alice.send(&bob.me, "two").unwrap();
    let received = bob.receive();
    let key = world.vault.moderation.public_key();
    // Four reports have the same bytes, and four are sealed separately for the same message. They
    // are submitted at once, and all eight must count as one report.
    let (one, other) = (&received[0].1, &received[1].1);
    let mut reports = vec![bob.report(key, &[one]); 4];
    reports.extend((0..4).map(|_| bob.report(key, &[one])));
    let taken: Vec<_> = std::thread::scope(|scope| {
        let submitted: Vec<_> = reports
            .iter()
            .map(|report| scope.spawn(|| bob.client.report(bob.session(), report).unwrap()))
            .collect();
        submitted
            .into_iter()
            .map(|taken| taken.join().unwrap())
            .collect()
    });
    let ids: BTreeSet<&String> = taken.iter().map(|taken| &taken.report_id).collect();
    assert_eq!(ids.len(), 1, "all count as one report");
    assert_eq!(taken.iter().filter(|taken| !taken.duplicate).count(), 1);
    // A report of this message together with another one counts as a new report.
    let both = bob.report(key, &[one, other]);
    assert!(!bob.client.report(bob.session(), &both).unwrap().duplicate);
}

#[test]
fn a_relay_that_is_told_to_stop_finishes_its_requests_and_closes_its_connections() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "before").unwrap();
    let mut deliveries = bob.connect();
    deliveries.next(SOON).unwrap();
    let to = bob.me.clone();
    let sending = std::thread::spawn(move || {
        let mut answered = 0;
        while alice.send(&to, "while it stops").is_ok() {
            answered += 1;
        }
        answered
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        world.relay.take().unwrap().stop(),
        "it stops in time and without an error"
    );
    let closed = loop {
        match deliveries.next(SOON) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&closed, ClientError::Unreachable(why) if why.contains("1001")),
        "{closed}"
    );
    let answered = sending.join().unwrap();
    assert!(answered > 0);
    let journal = world.dir.path().join("data/relay.sqlite-wal");
    assert!(
        journal.metadata().map_or(0, |journal| journal.len()) == 0,
        "the journal was written back into the database"
    );

    world.start();
    bob.use_relay_of(&world);
    let received = bob.receive().len();
    // All answered messages have arrived. The relay may have stored one more, whose answer was
    // lost.
    assert!(
        received == answered + 1 || received == answered + 2,
        "{received} of {answered} + 1"
    );
}

#[test]
fn a_relay_refuses_a_folder_in_use_and_a_secret_key_file() {
    let world = World::new();
    let relay = || {
        let mut relay = std::process::Command::new(env!("CARGO_BIN_EXE_relay"));
        relay.args(["--listen", "127.0.0.1:0", "--data"]);
        relay
    };
    let dir = world.dir.path();
    let mut second = relay();
    second
        .arg(dir.join("data"))
        .arg("--vault-key")
        .arg(dir.join("vault.key.pub"))
        .arg("--reviewer-key")
        .arg(dir.join("review.key.pub"));
    let output = second.output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another relay"));
    let refused = [
        ("vault.key", "review.key.pub"),
        ("vault.key.pub", "review.key"),
        ("review.key.pub", "vault.key.pub"),
    ];
    for (vault, reviewer) in refused {
        let mut other = relay();
        other
            .arg(dir.join("other"))
            .arg("--vault-key")
            .arg(dir.join(vault))
            .arg("--reviewer-key")
            .arg(dir.join(reviewer));
        let output = other.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{vault}, {reviewer}");
        assert!(stderr.contains("is not a FILE.pub of"), "{stderr}");
    }
}

#[test]
fn a_name_belongs_to_one_device_which_can_register_it_again() {
    let world = World::new();
    let mut alice = world.device("alice");
    alice.register().unwrap();
    for name in ["alice", "Alice"] {
        let mut other = Device::new(name, world.client());
        assert_eq!(code(other.register()), ErrorCode::AccountTaken);
    }
    // Eight devices register the same name at once. Exactly one of them must get it.
    let registered: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Device::new("carol", world.client()).register().is_ok()))
            .collect();
        racers
            .into_iter()
            .map(|racer| usize::from(racer.join().unwrap()))
            .sum()
    });
    assert_eq!(registered, 1);
}
