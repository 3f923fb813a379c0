//! A store that fails at every commit in turn, before or after the change became durable. The client is opened
//! again from what survived and goes on: nothing is lost, nothing is shown twice, no envelope differs from the one
//! that may have left.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use waxseal::reporting::Report;
use waxseal::{Client, Disclosure, Key, MemoryStore, Reason, Received, Store, Table, Transaction};
use world::{NOW, World, account};
use zeroize::Zeroizing;

/// Shares its records with its copies, as processes share a disk, and fails on the commit it was told to.
#[derive(Clone)]
struct Disk {
    records: Rc<RefCell<MemoryStore>>,
    failure: Rc<RefCell<Option<Failure>>>,
}

#[derive(Clone, Copy)]
struct Failure {
    commits_before: u32,
    is_durable: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the machine stopped")]
struct Stopped;

impl Disk {
    fn new(records: MemoryStore) -> Self {
        Self {
            records: Rc::new(RefCell::new(records)),
            failure: Rc::default(),
        }
    }

    fn client(&self) -> Client<Disk> {
        Client::open(self.clone()).unwrap()
    }
}

impl Store for Disk {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stopped> {
        Ok(self.records.borrow().get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Stopped> {
        Ok(self.records.borrow().list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        let mut failure = self.failure.borrow_mut();
        match failure.as_mut() {
            Some(Failure {
                commits_before: 0,
                is_durable,
            }) => {
                if *is_durable {
                    self.records.borrow_mut().commit(transaction).unwrap();
                }
                *failure = None;
                Err(Stopped)
            }
            counting => {
                if let Some(counting) = counting {
                    counting.commits_before -= 1;
                }
                self.records.borrow_mut().commit(transaction).unwrap();
                Ok(())
            }
        }
    }
}

/// Repeats an operation on a freshly opened client until it is not interrupted.
fn until_done<T>(disk: &Disk, mut operation: impl FnMut(&mut Client<Disk>) -> Option<T>) -> T {
    for _ in 0..4 {
        if let Some(done) = operation(&mut disk.client()) {
            return done;
        }
    }
    panic!("it was interrupted once only");
}

/// A conversation of several messages both ways with a report, on disks of which one stops once.
fn converse(stops: usize, failure: Failure) -> bool {
    let mut world = World::new();
    let disks = ["alice", "bob"].map(|name| Disk::new(world.register(name).into_store()));
    let names = ["alice", "bob"].map(account);
    *disks[stops].failure.borrow_mut() = Some(failure);

    until_done(&disks[0], |alice| {
        let (base, one_time) = world.bundle(&names[1]);
        alice
            .start(&names[1], &base, one_time.as_deref(), &mut world.rng)
            .ok()
    });
    let mut shown: [Vec<String>; 2] = Default::default();
    let mut left: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new(); // what left a device, by tag
    for turn in 0..6 {
        let (from, to) = if turn % 3 == 2 { (1, 0) } else { (0, 1) };
        let text = format!("message {turn}");
        // An application that was stopped looks into its outbox before it writes the message again.
        let sent = until_done(&disks[from], |client| {
            if let Some(waiting) = client.outbox(10).unwrap().pop() {
                return Some(waiting);
            }
            client
                .send(&names[to], text.as_str(), NOW, &mut world.rng)
                .ok()
        });
        let earlier = left.insert(sent.id.as_bytes().to_vec(), sent.envelope.clone());
        assert!(earlier.is_none(), "two messages under one tag");
        let (sender, recipient) = (disks[from].client(), disks[to].client());
        let (delivery, receipt) = world.relay(&sender, &recipient, &sent.envelope);
        drop((sender, recipient));
        // The delivery is acknowledged after an Ok only; until then it comes again.
        until_done(&disks[to], |client| match client.receive(&delivery) {
            Ok(Received::Message { message, .. }) => {
                shown[to].push(message.text().unwrap());
                Some(())
            }
            Ok(Received::Duplicate { .. }) => {
                // Stored before the stop and never shown: the application finds it in the list.
                let stored = client
                    .messages(&names[from], None, 100)
                    .unwrap()
                    .pop()
                    .unwrap();
                shown[to].push(stored.text().unwrap());
                Some(())
            }
            Err(_) => None,
        });
        until_done(&disks[from], |client| {
            client.confirm(&names[to], &receipt).ok()
        });
        assert!(disks[from].client().outbox(10).unwrap().is_empty());
    }
    assert_eq!(
        shown[1],
        ["message 0", "message 1", "message 3", "message 4"]
    );
    assert_eq!(shown[0], ["message 2", "message 5"]);

    let bob = disks[1].client();
    let evidence = bob.messages(&names[0], None, 100).unwrap();
    assert_eq!(evidence.len(), 6);
    let shown = evidence
        .iter()
        .map(|message| (*message.id(), Disclosure::Whole));
    let draft = bob.draft_report(&names[0], Reason::Spam, shown).unwrap();
    let report = until_done(&disks[1], |client| {
        let waiting = client.pending_reports(10).unwrap().pop();
        waiting.or_else(|| {
            client
                .report(&draft, world.moderation.public_key(), &mut world.rng)
                .ok()
        })
    });
    assert_eq!(Report::decode(&report.report).unwrap().claims().len(), 6);
    until_done(&disks[1], |client| client.confirm_report(report.id).ok());
    assert!(disks[1].client().pending_reports(10).unwrap().is_empty());
    disks[stops].failure.borrow().is_none()
}

#[test]
fn a_stop_at_any_commit_loses_nothing_and_shows_nothing_twice() {
    let mut stopped = 0;
    for who in 0..2 {
        for is_durable in [false, true] {
            for commits_before in 0.. {
                if !converse(
                    who,
                    Failure {
                        commits_before,
                        is_durable,
                    },
                ) {
                    break; // beyond the last commit
                }
                stopped += 1;
            }
        }
    }
    assert!(stopped >= 40, "only {stopped} commits were interrupted");
}

#[test]
fn a_failed_commit_returns_no_envelope_and_the_next_call_works() {
    for is_durable in [false, true] {
        let mut world = World::new();
        let disk = Disk::new(world.register("alice").into_store());
        let mut bob = world.register("bob");
        let mut alice = disk.client();
        world.start(&mut alice, &account("bob"));
        *disk.failure.borrow_mut() = Some(Failure {
            commits_before: 0,
            is_durable,
        });
        alice
            .send(&account("bob"), "interrupted", NOW, &mut world.rng)
            .unwrap_err();
        let left = usize::from(is_durable);
        assert_eq!(alice.outbox(10).unwrap().len(), left);
        world.exchange(&mut alice, &mut bob, "the same client goes on");
        let waiting = alice.outbox(10).unwrap();
        assert_eq!(waiting.len(), left, "what was stored is still to be sent");
        for waiting in waiting {
            let (delivery, _) = world.relay(&alice, &bob, &waiting.envelope);
            let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
                panic!("it was never sent")
            };
            assert_eq!(message.text().as_deref(), Some("interrupted"));
        }
    }
}

#[test]
fn a_failed_commit_on_receiving_leaves_no_prekeys_in_memory_that_differ_from_the_store() {
    for is_durable in [false, true] {
        let mut world = World::new();
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
        let left = bob.one_time_prekeys_left().unwrap();
        *disk.failure.borrow_mut() = Some(Failure {
            commits_before: 0,
            is_durable,
        });
        bob.receive(&from_alice).unwrap_err();
        bob.receive(&from_carol).unwrap();
        bob.receive(&from_alice).unwrap();
        assert_eq!(bob.one_time_prekeys_left().unwrap(), left - 2);
        assert_eq!(disk.client().one_time_prekeys_left().unwrap(), left - 2);
    }
}
