//! A store in which one record is damaged: that record is lost and named, a call resets it, and
//! everything else goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::error::Error;

use waxseal::errors::{Damage, ReceiveError, SendError, StateError};
use waxseal::log::receipt::Role;
use waxseal::store::Key;
use waxseal::{
    AccountId, Advice, Bundles, Client, DeviceBundle, Direction, Disclosure, FrankingTag,
    MemoryStore, Reason, Received, SqliteStore, Store, StoreKey,
};
use waxseal_world::{Log, NOW, Provider, account, snapshot};

const PEERS: [&str; 2] = ["alice", "carol"];
/// Messages of Bob with each peer: four texts, one deleted by Bob, one in his outbox.
const KEPT: usize = 5;

/// Bob's store has every kind of record, with two peers.
struct Prepared {
    world: Provider,
    bob: Client<MemoryStore>,
    peers: [Client<MemoryStore>; 2],
    waiting: [FrankingTag; 2],
}

fn prepared() -> Prepared {
    let mut world = Provider::new(7);
    let mut bob = world.register_with("bob", 3);
    let mut peers = PEERS.map(|name| world.register_with(name, 3));
    let waiting = [0, 1].map(|which| {
        let (peer, name) = (&mut peers[which], account(PEERS[which]));
        world.start(peer, &account("bob"));
        world.exchange(peer, &mut bob, "first");
        world.exchange(&mut bob, peer, "answer");
        // A message that does not arrive leaves a page of skipped keys.
        let lost = peer.send(&account("bob"), "lost", NOW, &mut world.rng);
        lost.unwrap();
        world.exchange(peer, &mut bob, "second");
        let gone = world.exchange(peer, &mut bob, "deleted");
        world.exchange(&mut bob, peer, "last");
        bob.delete_message(&name, &gone).unwrap();
        bob.send(&name, "waits", NOW, &mut world.rng).unwrap().id
    });
    let messages = bob.messages(&account("alice"), None, 1).unwrap().items;
    let shown = [(*messages[0].id(), Disclosure::Whole)];
    let draft = bob.draft_report(&account("alice"), Reason::Spam, shown);
    let key = world.moderation.public_key();
    let report = bob.report(&draft.unwrap(), key, &mut world.rng).unwrap();
    let mut log = Log::new("desk.example/log");
    let promise = log.promise(&report.report, None, NOW, &mut world.rng);
    bob.keep_promise(&report, &promise.encode(), &log.keys(), NOW)
        .unwrap();
    let decided = log.decide(promise.entry().day, 1, &account("bob"), b"someone's");
    let receipt = log.receipt(Role::Account, &[decided], NOW);
    bob.verify_receipt(&receipt, &log.keys()).unwrap();
    bob.publish_prekeys(97, &mut world.rng).unwrap();
    Prepared {
        world,
        bob,
        peers,
        waiting,
    }
}

/// What was damaged in a run, as far as an application can tell.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Seen {
    lists: Vec<&'static str>,
    resets: BTreeSet<String>,
}

/// Uses Bob's client, one record of which is damaged, as an application does.
fn use_damaged<S: Store>(prepared: &mut Prepared, bob: &mut Client<S>) -> Seen {
    let mut seen = Seen::default();
    let names = PEERS.map(account);

    // Every list works. At most one row of one list is damaged.
    let mut rows = Vec::new();
    // A damaged row may be that of the own account, which is no peer.
    let listed = bob.peers(None, 10).unwrap();
    assert!([2, 3].contains(&(listed.items.len() + listed.damaged.len())));
    assert!(!listed.items.is_empty());
    seen.lists.extend(listed.damaged.iter().map(|_| "peers"));
    let contacts = listed.damaged; // `reset_peer` writes it again
    for name in &names {
        let listed = bob.messages(name, None, 10).unwrap();
        assert_eq!(listed.items.len() + listed.damaged.len(), KEPT);
        assert!(listed.damaged.iter().all(|row| row.number() < Some(6)));
        let stamped = listed.items.iter().filter(|one| one.evidence().is_some());
        assert!(stamped.count() + listed.damaged.len() >= KEPT - 1);
        seen.lists.extend(listed.damaged.iter().map(|_| "messages"));
        rows.extend(listed.damaged);
    }
    let listed = bob.outbox(None, 10, NOW).unwrap();
    assert_eq!(listed.items.len() + listed.damaged.len(), 2);
    seen.lists.extend(listed.damaged.iter().map(|_| "outbox"));
    let lost_envelope = !listed.damaged.is_empty();
    rows.extend(listed.damaged);
    let listed = bob.pending_reports(None, 10).unwrap();
    assert_eq!(listed.items.len() + listed.damaged.len(), 1);
    seen.lists.extend(listed.damaged.iter().map(|_| "reports"));
    rows.extend(listed.damaged);
    let listed = bob.promises(None, 10, NOW).unwrap();
    assert_eq!(listed.items.len() + listed.damaged.len(), 1);
    seen.lists.extend(listed.damaged.iter().map(|_| "promises"));
    rows.extend(listed.damaged);
    let listed = bob.account_receipts(None, 10).unwrap();
    assert_eq!(listed.items.len() + listed.damaged.len(), 1);
    seen.lists.extend(listed.damaged.iter().map(|_| "receipts"));
    rows.extend(listed.damaged);
    assert!(seen.lists.len() <= 1, "{seen:?}");
    for row in &rows {
        bob.delete_damaged(row).unwrap();
    }
    assert!(bob.outbox(None, 10, NOW).unwrap().damaged.is_empty());
    for (name, waiting) in names.iter().zip(&prepared.waiting) {
        assert!(bob.messages(name, None, 10).unwrap().damaged.is_empty());
        // Of an envelope, the message is left, and can be sealed again.
        let outbox = bob.outbox(None, 10, NOW).unwrap().items;
        let is_left = outbox.iter().any(|sent| sent.to == *name);
        if lost_envelope && !is_left {
            assert!(bob.message(name, waiting).unwrap().is_some());
            let again = bob.send_again(name, waiting, NOW, &mut prepared.world.rng);
            assert!(again.unwrap().is_some());
        }
    }
    assert!(bob.outbox(None, 10, NOW).unwrap().items.len() >= 2);

    // The damaged peer is named, if the damage is a peer's. What is wrong with one peer does not
    // keep the other from writing.
    let named = bob.damaged_peers().unwrap();
    let mut broken = BTreeSet::new();
    for which in [0, 1, 0, 1] {
        let resets = seen.resets.len();
        let (sent, received) = both_ways(prepared, bob, which, &mut seen);
        assert!(sent && received, "after a reset, messages go both ways");
        if seen.resets.len() > resets {
            broken.insert(which);
        }
    }
    assert!(broken.len() <= 1, "only one peer is concerned: {seen:?}");
    let is_peer = seen.resets.iter().any(|what| what.starts_with("peer"));
    assert_eq!(named.len(), usize::from(is_peer), "{seen:?}");
    assert!(bob.damaged_peers().unwrap().is_empty());
    // What a reset wrote again is not deleted with the damaged row that was there.
    for row in &contacts {
        bob.delete_damaged(row).unwrap();
    }
    assert_eq!(bob.peers(None, 10).unwrap().items.len(), 2);
    assert!(bob.damaged_peers().unwrap().is_empty());

    // A stranger can write, once the prekeys are what they should be.
    let mut stranger = prepared.world.register_with("stranger", 1);
    if let Err(StateError::Damaged(damage)) = bob.one_time_prekeys_left() {
        assert_eq!(damage, Damage::PreKeys);
        seen.resets.insert("prekeys".to_owned());
        bob.reset_prekeys(&mut prepared.world.rng).unwrap();
    }
    let upload = bob.publish_prekeys(0, &mut prepared.world.rng).unwrap();
    let rng = &mut prepared.world.rng;
    let bundles = Bundles {
        roster: bob.own_roster().unwrap().unwrap().signed().encode(),
        devices: vec![DeviceBundle {
            device: bob.me().device,
            base: upload.base.clone(),
            one_time: upload.one_time.last().cloned(),
        }],
    };
    let started = stranger.start(&account("bob"), &bundles, NOW, rng);
    started.unwrap();
    prepared.world.exchange(&mut stranger, bob, "hello");

    // Numbers go on after all that were used.
    for name in &names {
        let messages = bob.messages(name, None, 100).unwrap().items;
        assert!(messages.is_sorted_by(|a, b| a.ordinal() < b.ordinal()));
        let sent = messages.iter().filter(|m| m.direction() == Direction::Sent);
        let numbers: Vec<_> = sent.map(|message| message.header().sequence).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let shown = messages
            .iter()
            .filter(|message| message.evidence().is_some());
        let shown: Vec<_> = shown.map(|m| (*m.id(), Disclosure::Whole)).collect();
        assert!(shown.len() >= KEPT - 2);
        let draft = bob.draft_report(name, Reason::Spam, shown).unwrap();
        let key = prepared.world.moderation.public_key();
        let report = bob.report(&draft, key, &mut prepared.world.rng).unwrap();
        prepared.world.verify(&report.report).unwrap();
    }
    seen
}

/// Lets Bob and a peer write to each other, following the advice of errors.
fn both_ways<S: Store>(
    prepared: &mut Prepared,
    bob: &mut Client<S>,
    which: usize,
    seen: &mut Seen,
) -> (bool, bool) {
    let (name, world) = (account(PEERS[which]), &mut prepared.world);
    let peer = &mut prepared.peers[which];
    let sent = peer.send(&account("bob"), "to bob", NOW, &mut world.rng);
    let (delivery, receipt) = world.relay(peer, bob, &sent.unwrap().envelope);
    peer.confirm(&account("bob"), &receipt).unwrap();
    let mut is_received = false;
    for _ in 0..3 {
        match bob.receive(&delivery) {
            Ok(Received::Message { .. }) => is_received = true,
            Ok(other) => panic!("it is new: {other:?}"),
            Err(ReceiveError::State(StateError::Damaged(damage))) => {
                follow(world, bob, &name, &damage, seen);
                continue;
            }
            // The sessions are over, and the message is lost with them.
            Err(ReceiveError::Session(_)) => {
                world.start(bob, &name);
                let sent = bob.send(&name, "on a new session", NOW, &mut world.rng);
                let (delivery, receipt) = world.relay(bob, peer, &sent.unwrap().envelope);
                peer.receive(&delivery).unwrap();
                bob.confirm(&name, &receipt).unwrap();
                let id = world.exchange(peer, bob, "to bob again");
                is_received = bob.message(&name, &id).unwrap().is_some();
            }
            Err(error) => panic!("{error:?}"),
        }
        break;
    }
    let mut is_sent = false;
    for _ in 0..3 {
        match bob.send(&name, "from bob", NOW, &mut world.rng) {
            Ok(sent) => {
                let (delivery, receipt) = world.relay(bob, peer, &sent.envelope);
                let received = peer.receive(&delivery).unwrap();
                is_sent = matches!(received, Received::Message { .. });
                bob.confirm(&name, &receipt).unwrap();
            }
            Err(SendError::State(StateError::Damaged(damage))) => {
                follow(world, bob, &name, &damage, seen);
                continue;
            }
            Err(SendError::NoSession) => {
                world.start(bob, &name);
                continue;
            }
            Err(error) => panic!("{error:?}"),
        }
        break;
    }
    (is_sent, is_received)
}

fn follow<S: Store>(
    world: &mut Provider,
    bob: &mut Client<S>,
    name: &AccountId,
    damage: &Damage,
    seen: &mut Seen,
) {
    let error: StateError<S::Error> = StateError::Damaged(damage.clone());
    match damage {
        Damage::Peer(peer) => {
            assert!(peer == name || *peer == bob.me().account);
            assert_eq!(error.advice(), Advice::ResetPeer);
            let known = bob.reset_peer(peer).unwrap();
            assert_eq!(known, Some(world.account_key(peer)), "still pinned");
            world.show_roster(bob, peer);
            seen.resets.insert(format!("peer {}", peer.as_str()));
        }
        other => panic!("{other:?}"),
    }
}

/// The key's family, for a message in a failed test.
fn family(key: &Key) -> char {
    char::from(key.table.as_bytes()[0])
}

#[test]
fn a_damaged_record_costs_itself_and_is_reset() -> Result<(), Box<dyn Error>> {
    let count = snapshot(&prepared().bob).len();
    let mut families = BTreeSet::new();
    for at in 0..count {
        let mut prepared = prepared();
        let mut records = snapshot(&prepared.bob);
        records[at].1 = vec![9];
        let family = family(&records[at].0);
        let opened = Client::open(MemoryStore::from_records(records));
        if family == 'a' {
            assert_eq!(opened.unwrap_err().advice(), Advice::Damaged);
            continue;
        }
        let seen = use_damaged(&mut prepared, &mut opened?);
        families.insert((family, seen.lists.len() + seen.resets.len()));
    }
    let expected = [
        ('0', 0),
        ('1', 0), // it counts as spent
        ('2', 1),
        ('3', 1),
        ('S', 0),
        ('X', 0), // the message itself is there
        ('c', 0),
        ('d', 1),
        ('f', 0),
        ('i', 0),
        ('k', 1),
        ('m', 1),
        ('n', 2), // listed, and reset
        ('o', 1),
        ('r', 1),
        ('s', 1),
        ('t', 0), // no receipt is expected any more, or sent: so for the last two
        ('u', 0),
        ('v', 1),
        ('y', 0),
        ('z', 0),
    ];
    assert_eq!(families, BTreeSet::from(expected));
    Ok(())
}

#[test]
fn one_damaged_byte_of_a_file_costs_one_record() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let key = StoreKey::from_bytes([7; 32]);
    // One file, since the order of the rows is another one in each file.
    let whole = folder.path().join("whole");
    let mut store = SqliteStore::open(&whole, &key)?;
    let mut transaction = waxseal::store::Transaction::default();
    let records = snapshot(&prepared().bob);
    let count = records.len();
    for (key, value) in records {
        transaction.put(key, value.into());
    }
    store.commit(transaction)?;
    drop(store);
    let mut refused = 0;
    for at in 0..count {
        let mut prepared = prepared();
        let path = folder.path().join(at.to_string());
        std::fs::copy(&whole, &path)?;
        let db = rusqlite::Connection::open(&path)?;
        // One bit of the ciphertext.
        let at = i64::try_from(at)?;
        let sql = "SELECT scope, place, value FROM records ORDER BY scope, place LIMIT 1 OFFSET ?1";
        let (scope, place, mut value): (Vec<u8>, Vec<u8>, Vec<u8>) =
            db.query_row(sql, [at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        value[30] ^= 1;
        let sql = "UPDATE records SET value = ?3 WHERE scope = ?1 AND place = ?2";
        assert_eq!(db.execute(sql, (scope, place, value))?, 1);
        drop(db);
        match Client::open(SqliteStore::open(&path, &key)?) {
            Ok(mut bob) => drop(use_damaged(&mut prepared, &mut bob)),
            Err(error) => {
                assert_eq!(error.advice(), Advice::Damaged);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1, "only the account cannot be reset");
    Ok(())
}

#[test]
fn two_damaged_records_of_a_peer_keep_history_and_numbers() {
    let mut prepared = prepared();
    let alice = account("alice");
    let newest = prepared.bob.messages(&alice, None, 10).unwrap().items;
    let newest = newest.iter().map(|message| *message.id());
    // The newest messages are deleted too, so that the history does not show their numbers.
    let mut deleted: Vec<_> = newest.collect();
    for id in deleted.split_off(2) {
        prepared.bob.delete_message(&alice, &id).unwrap();
    }
    let ordinal = prepared.bob.next_ordinal(&alice).unwrap();
    let mut records = snapshot(&prepared.bob);
    for (key, value) in &mut records {
        let is_alices = key.to_bytes().windows(5).any(|name| name == b"alice");
        if is_alices && matches!(family(key), 'd' | 'v') {
            *value = vec![9];
        }
    }
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    let pinned = bob.reset_peer(&alice).unwrap();
    assert_eq!(pinned, Some(prepared.world.account_key(&alice)));
    assert!(bob.next_ordinal(&alice).unwrap() >= ordinal);
    prepared.world.start(&mut bob, &alice);
    let alice_client = &mut prepared.peers[0];
    let id = prepared.world.exchange(&mut bob, alice_client, "on");
    let sequence = |client: &Client<MemoryStore>, peer: &str| {
        let message = client.message(&account(peer), &id).unwrap().unwrap();
        message.header().sequence
    };
    assert!(sequence(&bob, "alice") >= 3, "three were sent before");

    // With contact and device damaged, no record has the pinned key. The reset says so.
    let mut records = snapshot(&bob);
    for (key, value) in &mut records {
        let is_alices = key.to_bytes().windows(5).any(|name| name == b"alice");
        if is_alices && matches!(family(key), 'n' | 'd') {
            *value = vec![9];
        }
    }
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    assert_eq!(bob.reset_peer(&alice).unwrap(), None);
    assert!(bob.peer_account_key(&alice).is_err());
    let history = bob.messages(&alice, None, 10).unwrap();
    assert_eq!(history.items.len(), 3);
    prepared.world.start(&mut bob, &alice);
    prepared
        .world
        .exchange(&mut bob, &mut prepared.peers[0], "and on");
}
