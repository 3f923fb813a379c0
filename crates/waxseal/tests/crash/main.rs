//! Devices that are stopped in the middle of any commit, and started again from what survived:
//! nothing that was acknowledged is lost, nothing is shown twice, and no message key is used
//! twice.
//!
//! The tests detect a message key that was used twice: the script delivers every envelope that ever
//! left a device, and of two messages under one key only one opens.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod again;
mod disk;
mod files;
mod script;
mod set_back;
use disk::{Disk, Medium, Stop};
use files::Files;
use waxseal::errors::ReceiveError;
use waxseal::store::{Key, Row, Table, Transaction};
use waxseal::{Client, MemoryStore, Received};
use waxseal_world::{NOW, Provider, account, snapshot};
use zeroize::Zeroizing;

/// Runs the script once for each commit of one device, and stops the device in that commit.
///
/// Makes two passes. `ways` is the number of ways in which a device can stop. Successive commits
/// use different ways, and so do the two passes. Returns how often the device was stopped.
fn stop_everywhere(run: fn(&[Disk; 2]), who: usize, ways: u32, disk: impl Fn() -> Disk) -> u32 {
    let mut stops = 0;
    for pass in 0..2 {
        for commits_before in 0.. {
            let mut disks = [(); 2].map(|()| Disk::new(MemoryStore::new()));
            disks[who] = disk();
            *disks[who].stop.borrow_mut() = Some(Stop {
                commits_before,
                way: (commits_before + 3 * pass) % ways,
            });
            run(&disks);
            if disks[who].stop.borrow().is_some() {
                break;
            }
            stops += 1;
        }
    }
    stops
}

/// How many commits the script makes on each device.
const COMMITS: [u32; 2] = [26, 53];

#[test]
fn a_stop_before_or_after_any_commit_breaks_no_promise() {
    for (who, commits) in COMMITS.into_iter().enumerate() {
        let disk = || Disk::new(MemoryStore::new());
        assert_eq!(stop_everywhere(script::run, who, 2, disk), 2 * commits);
    }
}

#[test]
fn a_client_that_goes_on_after_any_failed_commit_breaks_no_promise() {
    for (who, commits) in COMMITS.into_iter().enumerate() {
        let disk = || Disk::outlived(MemoryStore::new());
        assert_eq!(stop_everywhere(script::run, who, 2, disk), 2 * commits);
    }
}

#[test]
fn a_power_cut_in_any_commit_breaks_no_promise() {
    for (who, commits) in COMMITS.into_iter().enumerate() {
        let disk = || Disk::new(Files::new());
        assert_eq!(
            stop_everywhere(script::run, who, Files::WAYS, disk),
            2 * commits
        );
    }
}

/// How many commits the script of a repair makes on each device.
const REPAIR_COMMITS: [u32; 2] = [21, 22];

#[test]
fn a_stop_in_any_commit_of_a_repair_breaks_no_promise() {
    for (who, commits) in REPAIR_COMMITS.into_iter().enumerate() {
        for disk in [Disk::new, Disk::outlived] {
            let disk = || disk(MemoryStore::new());
            let stops = stop_everywhere(again::run, who, 2, disk);
            assert_eq!(stops, 2 * commits);
        }
    }
}

/// How many commits the script of a set-back makes on each device.
const SET_BACK_COMMITS: [u32; 2] = [25, 14];

#[test]
fn a_stop_in_any_commit_of_a_set_back_breaks_no_promise() {
    for (who, commits) in SET_BACK_COMMITS.into_iter().enumerate() {
        for disk in [Disk::new, Disk::outlived] {
            let disk = || disk(MemoryStore::new());
            let stops = stop_everywhere(set_back::run, who, 2, disk);
            assert_eq!(stops, 2 * commits);
        }
    }
}

#[test]
fn a_power_cut_while_the_log_is_folded_into_the_file_changes_nothing() {
    let entry = |number| Key::new(Table::new(b"o"), Row::Number(number));
    let mut files = Files::new();
    let mut was_folded = false;
    for ordinal in 0..50 {
        let before = files.image();
        let mut transaction = Transaction::default();
        transaction.put(
            entry(ordinal),
            Zeroizing::new(vec![1; 50_000 + 1_000 * ordinal as usize]),
        );
        transaction.delete(entry(ordinal / 2));
        files.commit(transaction);
        let after = files.image();
        if after.database != before.database {
            was_folded = true;
            after.is_the_same_with_pages_of(&before.database);
        }
    }
    assert!(was_folded, "a commit folds a long log into the file");
    let before = files.image();
    let after = files.close();
    assert!(after.log.is_empty() && after.database != before.database);
    before.is_the_same_with_pages_of(&after.database);
}

/// Two messages are sealed under one message key. The recipient must open only one of them: the
/// script relies on this to detect a key that was used twice.
#[test]
fn of_two_messages_under_one_key_only_one_opens() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let before = snapshot(&alice);
    let mut send = |alice: &mut Client<MemoryStore>, text| {
        let sent = alice.send(&account("bob"), text, NOW, &mut world.rng);
        world.relay(alice, &bob, &sent.unwrap().envelope).0
    };
    let first = send(&mut alice, "first");
    let mut set_back = Client::open(MemoryStore::from_records(before)).unwrap();
    let second = send(&mut set_back, "second");
    bob.receive(&second).unwrap();
    let error = bob.receive(&first).unwrap_err();
    assert!(matches!(error, ReceiveError::Session(_)), "{error}");
}

#[test]
fn a_failed_commit_returns_no_envelope_and_the_next_call_works() {
    for is_durable in [false, true] {
        let mut world = Provider::new(7);
        let disk = Disk::new(world.register("alice").into_store());
        let mut bob = world.register("bob");
        let mut alice = disk.client();
        world.start(&mut alice, &account("bob"));
        *disk.stop.borrow_mut() = Some(Stop {
            commits_before: 0,
            way: u32::from(is_durable),
        });
        alice
            .send(&account("bob"), "interrupted", NOW, &mut world.rng)
            .unwrap_err();
        let left = usize::from(is_durable);
        assert_eq!(alice.outbox(None, 10, NOW).unwrap().items.len(), left);
        world.exchange(&mut alice, &mut bob, "the same client goes on");
        let waiting = alice.outbox(None, 10, NOW).unwrap().items;
        assert_eq!(waiting.len(), left, "a stored message stays in the outbox");
        for waiting in waiting {
            let (delivery, _) = world.relay(&alice, &bob, &waiting.envelope);
            let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
                panic!("the relay had never delivered it")
            };
            assert_eq!(message.text(), Some("interrupted"));
        }
    }
}

#[test]
fn a_failed_commit_that_evicts_a_session_leaves_all_of_its_skipped_keys_or_none() {
    for (is_durable, goes_on) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut world = Provider::new(7);
        let mut alice = world.register("alice");
        let disk = Disk::new(world.register("bob").into_store());
        let mut bob = disk.client();
        // Alice starts six sessions and sends two messages on each. The first message of each is
        // late.
        let sessions = [(); 6].map(|()| {
            world.start(&mut alice, &account("bob"));
            [(); 2].map(|()| {
                let rng = &mut world.rng;
                let sent = alice.send(&account("bob"), "text", NOW, rng).unwrap();
                world.relay(&alice, &bob, &sent.envelope).0
            })
        });
        let [before @ .., [late, last]] = &sessions;
        world.show_roster(&mut bob, &account("alice"));
        for [_, first] in before {
            bob.receive(first).unwrap();
        }
        assert_eq!(disk.pages_of("alice"), 5);
        *disk.stop.borrow_mut() = Some(Stop {
            commits_before: 0,
            way: u32::from(is_durable),
        });
        bob.receive(last).unwrap_err();
        if !goes_on {
            bob = disk.client();
        }
        bob.receive(last).unwrap();
        assert_eq!(disk.pages_of("alice"), 5);
        bob.receive(late).unwrap();
        bob.receive(&before[4][0]).unwrap();
        assert_eq!(disk.pages_of("alice"), 3);
        // The oldest session was evicted with its skipped keys, so its late message does not open.
        // A late message of a session that was kept opens.
        bob.receive(&before[0][0]).unwrap_err();
        disk.client().receive(&before[3][0]).unwrap();
    }
}

#[test]
fn a_failed_commit_on_receiving_leaves_no_prekeys_in_memory_that_differ_from_the_store() {
    for is_durable in [false, true] {
        let mut world = Provider::new(7);
        let mut alice = world.register("alice");
        let mut carol = world.register("carol");
        let disk = Disk::new(world.register("bob").into_store());
        let mut bob = disk.client();
        let mut first = |client: &mut Client<MemoryStore>, text: &str| {
            world.start(client, &account("bob"));
            let sent = client
                .send(&account("bob"), text, NOW, &mut world.rng)
                .unwrap();
            world.relay(client, &bob, &sent.envelope).0
        };
        let (from_alice, from_carol) = (first(&mut alice, "a"), first(&mut carol, "c"));
        for name in ["alice", "carol"] {
            world.show_roster(&mut bob, &account(name));
        }
        let left = bob.one_time_prekeys_left().unwrap();
        *disk.stop.borrow_mut() = Some(Stop {
            commits_before: 0,
            way: u32::from(is_durable),
        });
        bob.receive(&from_alice).unwrap_err();
        bob.receive(&from_carol).unwrap();
        bob.receive(&from_alice).unwrap();
        assert_eq!(bob.one_time_prekeys_left().unwrap(), left - 2);
        assert_eq!(disk.client().one_time_prekeys_left().unwrap(), left - 2);
    }
}
