//! A stop before or after each commit of sending to many, retargeting and receiving.

use std::fmt;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, MemoryStore, Mismatch, Received, Store};
use waxseal_world::{Records, account, fanout_of, snapshot};
use zeroize::Zeroizing;

use crate::support::{Net, at};

/// A store that fails in one commit, and in all later ones.
struct Failing {
    inner: MemoryStore,
    commits_left: usize,
    /// Whether the commit that fails first is applied nevertheless.
    applies: bool,
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

impl Store for Failing {
    type Error = Failed;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Failed> {
        Ok(self.inner.get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Failed> {
        Ok(self.inner.list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Failed> {
        if self.commits_left > 0 {
            self.commits_left -= 1;
            self.inner.commit(transaction).unwrap();
            return Ok(());
        }
        if std::mem::take(&mut self.applies) {
            self.inner.commit(transaction).unwrap();
        }
        Err(Failed)
    }

    fn is_damage(_: &Failed) -> bool {
        false
    }
}

/// Runs `call` on a copy of a store with a stop at each commit, before and after it, until one run
/// is not stopped. Returns the records after each stop, and how many commits there were.
fn stopped(
    records: &Records,
    mut call: impl FnMut(&mut Client<Failing>) -> bool,
) -> (Vec<Records>, usize) {
    let mut left = Vec::new();
    for commits_left in 0.. {
        for applies in [false, true] {
            let inner = MemoryStore::from_records(records.clone());
            let mut client = Client::open(Failing {
                inner,
                commits_left,
                applies,
            })
            .unwrap();
            if call(&mut client) {
                return (left, commits_left);
            }
            let store = client.into_store().inner;
            let records = store.records();
            left.push(
                records
                    .map(|(key, value)| (key.clone(), value.to_vec()))
                    .collect(),
            );
        }
    }
    unreachable!("some run has enough commits")
}

#[test]
fn a_stop_in_sending_to_many_leaves_nothing_or_the_whole_message_in_the_outbox() {
    let mut net = Net::of_four();
    let (from, peer) = (at("alice", 1), account("bob"));
    let before = snapshot(&net.clients[&from]);
    let now = net.world.now;
    let mut rng = net.world.fork_rng();
    let (after, commits) = stopped(&before, |client| {
        client.send(&peer, "to all of you", now, &mut rng).is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    // After the second stop, the same bytes are sent from the outbox.
    let alice = Client::open(MemoryStore::from_records(after[1].clone())).unwrap();
    let waiting = alice.outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting.len(), 1);
    assert_eq!(fanout_of(&waiting[0].envelope).slots().len(), 3);
    net.clients.insert(from.clone(), alice);
    net.post(&from, &waiting[0]);
    net.run();
    for (device, text) in [
        (at("bob", 1), "alice: to all of you"),
        (at("bob", 2), "alice: to all of you"),
        (at("alice", 2), ">bob: to all of you"),
    ] {
        assert!(net.shown(&device).contains(&text));
    }
    // The next message uses other keys on every session.
    let next = net.seal(&from, "bob", "and on");
    net.post(&from, &next);
    net.run();
    assert!(net.shown(&at("bob", 2)).contains(&"alice: and on"));
}

#[test]
fn a_stop_in_retargeting_leaves_the_message_as_it_was_or_as_it_is() {
    let mut net = Net::of_four();
    let (from, peer) = (at("alice", 1), account("bob"));
    let sent = net.seal(&from, "bob", "to whom it may concern");
    net.remove("bob", 2);
    let laptop = net.link("bob");
    assert_eq!(laptop, at("bob", 3));
    let mismatch: Mismatch = net.world.mismatch(&from, &peer, &sent.envelope);
    assert_eq!((mismatch.rosters.len(), mismatch.bundles.len()), (1, 1));
    let before = snapshot(&net.clients[&from]);
    let now = net.world.now;
    let mut rng = net.world.fork_rng();
    let (after, commits) = stopped(&before, |client| {
        client
            .retarget(&peer, &sent.id, &mismatch, now, &mut rng)
            .is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    for (stop, records) in after.into_iter().enumerate() {
        let alice = Client::open(MemoryStore::from_records(records)).unwrap();
        let waiting = alice.outbox(None, 9, now).unwrap().items;
        assert_eq!((waiting.len(), waiting[0].id), (1, sent.id));
        let slots = fanout_of(&waiting[0].envelope);
        let devices: Vec<_> = slots.slots().iter().map(|slot| slot.device.0).collect();
        assert_eq!(devices, [[1, 2, 2], [1, 3, 2]][stop]);
        if stop == 1 {
            net.clients.insert(from.clone(), alice);
            net.post(&from, &waiting[0]);
        }
    }
    net.run();
    for device in [at("bob", 1), at("bob", 3)] {
        assert!(
            net.shown(&device)
                .contains(&"alice: to whom it may concern")
        );
    }
}

#[test]
fn a_stop_in_receiving_loses_no_message_of_any_device() {
    let mut net = Net::of_four();
    // A first message of a new device, a copy of an own message, a roster that changes.
    net.link("bob");
    net.send(&at("bob", 3), "alice", "from the new one");
    net.send(&at("alice", 2), "bob", "from the laptop");
    net.send(&at("bob", 1), "alice", "from the phone");
    let phone = at("alice", 1);
    let deliveries = net.take_queue(&phone);
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    net.client(&phone)
        .take_roster(&account("bob"), &roster, now)
        .unwrap();
    let before = snapshot(&net.clients[&phone]);
    let (after, commits) = stopped(&before, |client| {
        deliveries
            .iter()
            .all(|delivery| client.receive(delivery).is_ok())
    });
    assert_eq!(commits, deliveries.len());
    for records in after {
        let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
        for delivery in &deliveries {
            let received = alice.receive(delivery).unwrap();
            let is_known = matches!(received, Received::Duplicate { .. });
            assert!(is_known || !matches!(received, Received::Skipped { .. }));
        }
        let messages = alice.messages(&account("bob"), None, 99).unwrap().items;
        for text in ["from the new one", "from the laptop", "from the phone"] {
            let shown = messages.iter().filter(|one| one.text() == Some(text));
            assert_eq!(shown.count(), 1, "{text}");
        }
    }
}
