//! A stop before or after each commit of founding, inviting, joining and changing.

use std::fmt;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, GroupStanding, MemoryStore, Store};
use waxseal_world::{Records, account, snapshot};
use zeroize::Zeroizing;

use crate::support::{Net, first};

/// A store that fails in one commit, and in all later ones.
pub(crate) struct Failing {
    inner: MemoryStore,
    commits_left: usize,
    /// Whether the commit that fails first is applied nevertheless.
    applies: bool,
}

#[derive(Debug)]
pub(crate) struct Failed;

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
pub(crate) fn stopped(
    records: &Records,
    mut call: impl FnMut(&mut Client<Failing>) -> bool,
) -> (Vec<Records>, usize) {
    let mut left = Vec::new();
    for commits_left in 0..99 {
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

/// Puts a device in place of a stopped one, with what its store kept.
fn restart(net: &mut Net, name: &str, records: &Records) {
    let client = Client::open(MemoryStore::from_records(records.clone())).unwrap();
    net.clients.insert(first(name), client);
}

#[test]
fn a_stop_in_founding_leaves_no_group_or_one_whose_entry_is_posted() {
    let mut net = Net::of(&["alice"]);
    let alice = first("alice");
    let before = snapshot(&net.clients[&alice]);
    let (now, mut rng) = (net.world.now, net.world.fork_rng());
    let (after, commits) = stopped(&before, |client| {
        client
            .create_group(Default::default(), now, &mut rng)
            .is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    restart(&mut net, "alice", &after[1]);
    let group = net.client(&alice).groups(None, 9).unwrap().items[0].id;
    assert_eq!(net.post_entries(&alice), 1);
    assert_eq!(net.standing(&alice, &group), Some(GroupStanding::Member));
}

#[test]
fn a_stop_in_joining_leaves_a_group_that_is_joined_after_all() {
    let mut net = Net::of(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let group = net.found(&alice);
    net.start(&alice, "bob");
    // Alice is stopped while she invites.
    let before = snapshot(&net.clients[&alice]);
    let (now, mut rng) = (net.world.now, net.world.fork_rng());
    let (after, commits) = stopped(&before, |client| {
        client
            .invite(&group, &account("bob"), now, &mut rng)
            .is_ok()
    });
    assert_eq!(commits, 1);
    assert!(after[0] == before);
    restart(&mut net, "alice", &after[1]);
    let waiting = net.client(&alice).outbox(None, 9, now).unwrap().items;
    net.post(&alice, &waiting[0]);
    net.run();
    // Bob is stopped while he accepts.
    let before = snapshot(&net.clients[&bob]);
    let now = net.world.now;
    let (after, commits) = stopped(&before, |client| {
        let accepted = client.accept_invitation(&account("alice"), &group, now, &mut rng);
        accepted.is_ok()
    });
    assert_eq!(commits, 1);
    assert!(after[0] == before);
    restart(&mut net, "bob", &after[1]);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Accepted));
    let waiting = net.client(&bob).outbox(None, 9, now).unwrap().items;
    net.post(&bob, &waiting[0]);
    // Alice is stopped while she receives, signs and confirms. What is left is done again.
    let queued = net.queues.remove(&alice).unwrap();
    let deliveries: Vec<_> = queued
        .iter()
        .map(|one| net.world.deliver(&alice, one))
        .collect();
    let before = snapshot(&net.clients[&alice]);
    let key = net.world.key(&alice);
    let now = net.world.now;
    let (after, commits) = stopped(&before, |client| {
        deliveries
            .iter()
            .all(|delivery| client.receive(delivery).is_ok())
            && client
                .pending_entries(None, 9, now, &mut rng)
                .is_ok_and(|pending| {
                    pending.items.iter().all(|entry| {
                        let entry = entry.entry.clone();
                        let accepted = waxseal::AcceptedEntry::new(&key, &group, entry, now);
                        let confirmed = client.confirm_entry(&accepted);
                        confirmed.is_ok()
                    })
                })
    });
    assert_eq!(commits, deliveries.len() + 2);
    for records in after {
        restart(&mut net, "alice", &records);
        for delivery in &deliveries {
            net.client(&alice).receive(delivery).unwrap();
        }
        let pending = net.call(&alice, |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        let is_member = net.members(&alice, &group) == ["alice", "bob"];
        assert_eq!(pending.unwrap().items.len(), usize::from(!is_member));
    }
    restart(&mut net, "alice", &before);
    for delivery in &deliveries {
        net.client(&alice).receive(delivery).unwrap();
    }
    net.post_entries(&alice);
    // Bob is stopped while he takes the news.
    let news = net.world.group_news(&bob, &group, 0).unwrap();
    let before = snapshot(&net.clients[&bob]);
    let (after, commits) = stopped(&before, |client| {
        client.take_group_news(&group, &news, now).is_ok()
    });
    assert_eq!(commits, 1);
    assert!(after[0] == before);
    restart(&mut net, "bob", &after[1]);
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Member));
    net.run();
}

#[test]
fn a_stop_in_a_change_with_another_key_loses_neither_the_key_nor_the_change() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    net.promote(&group, "alice", "bob");
    net.promote(&group, "alice", "carol");
    for name in ["bob", "carol"] {
        net.fetch(&first(name), &group);
    }
    let alice = first("alice");
    let before = snapshot(&net.clients[&alice]);
    let (now, mut rng) = (net.world.now, net.world.fork_rng());
    // One commit signs, one tells Bob.
    let (after, commits) = stopped(&before, |client| {
        client
            .demote(&group, &account("carol"), now, &mut rng)
            .is_ok()
            && client.upkeep(now, &mut rng).is_ok()
    });
    assert_eq!(commits, 2);
    assert!(after[0] == before);
    for records in &after[1..] {
        restart(&mut net, "alice", records);
        let edits = |records: &Records| {
            let edits = records.iter();
            edits
                .filter(|(key, _)| key.table.as_bytes() == b"8")
                .count()
        };
        assert_eq!(edits(records), 1);
        let upkeep = net.call(&alice, |client, now, rng| client.upkeep(now, rng));
        drop(upkeep.unwrap());
        let waiting = net.client(&alice).outbox(None, 9, now).unwrap().items;
        assert_eq!(waiting.len(), 1, "Bob is told once");
        let pending = net.call(&alice, |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        assert!(pending.unwrap().items.is_empty());
    }
    let waiting = net.client(&alice).outbox(None, 9, now).unwrap().items;
    net.post(&alice, &waiting[0]);
    net.deliver(&first("bob"));
    assert_eq!(net.post_entries(&alice), 1);
    net.fetch(&first("bob"), &group);
    assert!(net.seed(&first("bob"), &group).is_some());
    assert!(net.seed(&alice, &group).is_some());
}
