//! Two processes with one store in a group. What a client keeps ready is what the store has.

use waxseal::store::Transaction;
use waxseal::{Client, SqliteStore, Store, StoreKey};
use waxseal_world::{account, snapshot};

use crate::support::{at, first};
use crate::talk::Talk;

type Process = Client<SqliteStore>;

/// Moves the store of a device into a file that two processes open.
fn share(talk: &Talk, name: &str, folder: &tempfile::TempDir) -> [Process; 2] {
    let (path, key) = (folder.path().join("store"), StoreKey::from_bytes([7; 32]));
    let mut store = SqliteStore::open_shared(&path, &key).unwrap();
    let mut transaction = Transaction::default();
    for (key, value) in snapshot(&talk.net.clients[&first(name)]) {
        transaction.put(key, value.into());
    }
    store.refresh().unwrap();
    store.commit(transaction).unwrap();
    drop(store);
    [(); 2].map(|()| Client::open(SqliteStore::open_shared(&path, &key).unwrap()).unwrap())
}

/// For how many devices the relay takes what a process sends. All receipts are confirmed.
fn send(talk: &mut Talk, process: &mut Process) -> Option<usize> {
    talk.net.wait(1);
    let (group, world) = (talk.group, &mut talk.net.world);
    let sent = process.send(group, "hello", world.now, &mut world.rng);
    let posted = world.post_group(process.me(), &sent.unwrap().envelope);
    let (queued, receipt) = posted.ok()?;
    process.confirm(group, &receipt).unwrap();
    Some(queued.len())
}

#[test]
fn the_members_are_those_that_the_other_process_wrote() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let folder = tempfile::tempdir().unwrap();
    let [mut application, mut extension] = share(&talk, "alice", &folder);
    for process in [&mut application, &mut extension] {
        assert_eq!(send(&mut talk, process), Some(2));
    }
    let (group, world) = (talk.group, &mut talk.net.world);
    let entry = extension.remove_member(&group, &account("carol"), world.now, &mut world.rng);
    let entry = entry.unwrap().unwrap();
    let accepted = world.post_entry(extension.me(), &entry.entry).unwrap();
    extension.confirm_entry(&accepted).unwrap();
    for process in [&mut application, &mut extension] {
        assert_eq!(send(&mut talk, process), Some(1));
    }
}

#[test]
fn the_devices_are_those_of_the_roster_that_the_other_process_took() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let folder = tempfile::tempdir().unwrap();
    let [mut application, mut extension] = share(&talk, "alice", &folder);
    for process in [&mut application, &mut extension] {
        assert_eq!(send(&mut talk, process), Some(2));
    }
    assert_eq!(talk.net.link("bob"), at("bob", 2));
    let (now, bob) = (talk.net.world.now, account("bob"));
    let roster = talk.net.world.roster(&bob);
    extension.take_roster(&bob, &roster, now).unwrap();
    let group = talk.group;
    let wanted = application.missing(group, now).unwrap();
    assert_eq!(wanted.len(), 1, "a session with the new device");
    for process in [&mut extension, &mut application] {
        assert_eq!(send(&mut talk, process), Some(3));
    }
}

#[test]
fn a_chain_that_the_other_process_used_goes_on_and_opens() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let folder = tempfile::tempdir().unwrap();
    let [mut application, mut extension] = share(&talk, "alice", &folder);
    let group = talk.group;
    // All of them wait for the provider, so they are on one chain.
    let mut sealed = Vec::new();
    for _ in 0..2 {
        for process in [&mut application, &mut extension] {
            let world = &mut talk.net.world;
            let sent = process.send(group, "hello", world.now, &mut world.rng);
            sealed.push(sent.unwrap().envelope);
        }
    }
    let (alice, bob) = (first("alice"), first("bob"));
    for envelope in sealed {
        let (queued, _) = talk.net.world.post_group(&alice, &envelope).unwrap();
        let mine = queued.into_iter().find(|(device, _)| *device == bob);
        let delivery = talk.net.world.deliver_group(&bob, &mine.unwrap().1);
        // If two were sealed under one key, the second would not open.
        talk.client(&bob).receive(&delivery).unwrap();
    }
}
