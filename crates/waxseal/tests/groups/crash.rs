//! A stop before or after each commit of founding, inviting, joining and changing.

use waxseal::{Client, GroupStanding, MemoryStore};
use waxseal_world::{Records, account, snapshot};

use crate::stops::stopped;
use crate::support::{Net, first};

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
