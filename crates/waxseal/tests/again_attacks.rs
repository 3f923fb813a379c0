//! What peers, strangers, the relay and damage try against refusals and sealing again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "tests"
)]

#[expect(dead_code, reason = "tests/again.rs uses the rest")]
#[path = "support/network.rs"]
mod network;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use network::{HOUR_MS, MINUTE_MS, Network};
use waxseal::reporting::recipient::{Refusal, refusal_associated_data};
use waxseal::reporting::relay::Envelope;
use waxseal::store::{Cursor, Key, Listed, Row, Table, Transaction};
use waxseal::{
    Client, FrankingTag, IdentityKey, MemoryStore, NotDelivered, Outgoing, Received, Status, Store,
    Upkeep, WantedBundles,
};
use waxseal_world::{BareDevice, account, address, envelope_of, snapshot};
use zeroize::Zeroizing;

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];

/// What `who` has to say now.
fn upkeep(net: &mut Network, who: usize) -> Upkeep {
    let (now, rng) = (net.world.now, &mut net.world.rng);
    net.clients[who].upkeep(now, rng).unwrap()
}

/// Seals a message that nobody posts yet.
fn seal(net: &mut Network, from: usize, to: usize, text: &str) -> Outgoing {
    net.wait(1);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let peer = account(NAMES[to]);
    net.clients[from].send(&peer, text, now, rng).unwrap()
}

/// The relay takes an envelope. Returns (delivery, receipt).
fn relay(net: &mut Network, from: usize, outgoing: &Outgoing) -> (Vec<u8>, Vec<u8>) {
    net.wait(1);
    let (from, to) = (
        address(NAMES[from]),
        address(outgoing.to.account().unwrap().as_str()),
    );
    net.world.relay_as(&from, &to, &outgoing.envelope)
}

/// The envelope with its ciphertext damaged, as the relay delivers it.
fn garbage(net: &mut Network, from: usize, outgoing: &Outgoing) -> Vec<u8> {
    let mut bytes = envelope_of(&outgoing.envelope).encode();
    *bytes.last_mut().unwrap() ^= 1;
    let (from, to) = (
        address(NAMES[from]),
        address(outgoing.to.account().unwrap().as_str()),
    );
    let envelope = Envelope::decode(&bytes).unwrap();
    net.world.stamp_as(&from, &to, &envelope).0
}

/// Whoever has the account of Bob now, with an account key of its own.
fn impostor(net: &mut Network) -> BareDevice {
    BareDevice::new(&mut net.world, "bob")
}

/// A refusal of Bob's that names these messages, sealed by any device, under any tag.
fn forged_refusal(
    net: &mut Network,
    by: &BareDevice,
    to: &IdentityKey,
    tag: FrankingTag,
    messages: &[FrankingTag],
) -> Vec<u8> {
    let now = net.world.now;
    let content = Refusal {
        messages: messages.iter().map(|id| (*id, now)).collect(),
        sessions: Vec::new(),
    };
    let content = content.encode().unwrap();
    let preamble = by.preamble();
    let associated_data = refusal_associated_data(&tag, &address("bob"), &account("alice"));
    let associated_data = [&associated_data, &b"waxseal/1/preamble"[..], &preamble].concat();
    let rng = &mut net.world.rng;
    let sealed = by
        .identity
        .seal_refusal(to, &content, &associated_data, rng);
    let ciphertext = [preamble, sealed.unwrap()].concat();
    let envelope = Envelope::of_refusal(tag, ciphertext).unwrap();
    net.world
        .stamp_as(&address("bob"), &address("alice"), &envelope)
        .0
}

/// Opens the client again from its records, changed by `change`.
fn reopen(net: &mut Network, who: usize, change: impl Fn(&Key, &mut Vec<u8>)) {
    let mut records = snapshot(&net.clients[who]);
    for (key, value) in &mut records {
        change(key, value);
    }
    net.clients[who] = Client::open(MemoryStore::from_records(records)).unwrap();
}

fn is_in(key: &Key, family: u8) -> bool {
    key.table.as_bytes().first() == Some(&family)
}

#[test]
fn a_message_that_was_posted_twice_is_asked_for_by_its_newest_time_in_one_batch_too() {
    for is_batch in [false, true] {
        let mut net = Network::of(&NAMES);
        net.converse(ALICE, BOB);
        let sent = seal(&mut net, ALICE, BOB, "hello?");
        // The answer to the first posting is lost.
        let (first, _) = relay(&mut net, ALICE, &sent);
        let (second, receipt) = relay(&mut net, ALICE, &sent);
        net.clients[ALICE]
            .confirm(&account("bob"), &receipt)
            .unwrap();
        net.lose_sessions(BOB, ALICE);
        let deliveries = [first.as_slice(), second.as_slice()];
        if is_batch {
            let results = net.clients[BOB].receive_many(deliveries).unwrap();
            assert!(results.iter().all(Result::is_err));
        } else {
            for delivery in deliveries {
                net.clients[BOB].receive(delivery).unwrap_err();
            }
        }
        net.run();
        assert_eq!(net.shown(BOB).last().unwrap(), "hello?", "{is_batch}");
    }
}

/// What an upkeep wants of an account with one device.
fn only_device(name: &str) -> WantedBundles {
    WantedBundles {
        account: account(name),
        devices: vec![address(name).device],
    }
}

/// Bob cannot open a message of Alice's, and she has sealed it again. Returns its tag, and the
/// receipt for its first posting.
fn sealed_again(net: &mut Network) -> (FrankingTag, Vec<u8>) {
    let sent = seal(net, ALICE, BOB, "hello?");
    let (delivery, receipt) = relay(net, ALICE, &sent);
    let bob = account("bob");
    net.clients[ALICE].confirm(&bob, &receipt).unwrap();
    net.lose_sessions(BOB, ALICE);
    net.clients[BOB].receive(&delivery).unwrap_err();
    let refusal = upkeep(net, BOB).outgoing.pop().unwrap();
    let (delivery, _) = relay(net, BOB, &refusal);
    net.clients[ALICE].receive(&delivery).unwrap();
    assert_eq!(upkeep(net, ALICE).bundles, [only_device("bob")]);
    let bundles = net.world.bundles(&bob);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    net.clients[ALICE]
        .restart(&bob, &bundles, now, rng)
        .unwrap();
    let again = upkeep(net, ALICE).outgoing.pop().unwrap();
    assert_eq!(again.again_for, Some(address("bob")));
    (sent.id, receipt)
}

#[test]
fn the_receipt_of_the_first_posting_does_not_confirm_that_it_was_sealed_again() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let (id, receipt) = sealed_again(&mut net);
    let before = snapshot(&net.clients[ALICE]);
    let confirmed = net.clients[ALICE].confirm(&account("bob"), &receipt);
    assert_eq!(confirmed.unwrap(), id);
    assert_eq!(snapshot(&net.clients[ALICE]), before);
    net.release(ALICE);
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
}

#[test]
fn a_message_whose_place_in_the_outbox_was_damaged_is_sealed_again_once_more() {
    for is_deleted in [false, true] {
        let mut net = Network::of(&NAMES);
        net.converse(ALICE, BOB);
        sealed_again(&mut net);
        reopen(&mut net, ALICE, |key, value| {
            if is_in(key, b'o') {
                *value = vec![9];
            }
        });
        let waiting = net.clients[ALICE].outbox(None, 10, net.world.now).unwrap();
        assert_eq!((waiting.items.len(), waiting.damaged.len()), (0, 1));
        if is_deleted {
            net.clients[ALICE]
                .delete_damaged(&waiting.damaged[0])
                .unwrap();
        }
        net.wait(HOUR_MS);
        net.run();
        net.wait(HOUR_MS);
        net.run();
        assert_eq!(net.shown(BOB).last().unwrap(), "hello?", "{is_deleted}");
    }
}

#[test]
fn a_stranger_does_not_learn_from_a_second_refusal_that_its_message_was_opened() {
    let mut net = Network::of(&NAMES);
    net.start(ALICE, BOB);
    net.show_roster(BOB, ALICE);
    let first = seal(&mut net, ALICE, BOB, "can you read this?");
    let delivery = garbage(&mut net, ALICE, &first);
    net.clients[BOB].receive(&delivery).unwrap_err();
    upkeep(&mut net, BOB);
    net.wait(11 * MINUTE_MS);
    assert_eq!(upkeep(&mut net, BOB).outgoing.len(), 1, "the one refusal");
    // She posts what she held back, and it opens.
    let envelope = envelope_of(&first.envelope);
    let (delivery, _) = net
        .world
        .stamp_as(&address("alice"), &address("bob"), &envelope);
    net.clients[BOB].receive(&delivery).unwrap();
    upkeep(&mut net, BOB);
    let second = seal(&mut net, ALICE, BOB, "probe");
    let delivery = garbage(&mut net, ALICE, &second);
    net.clients[BOB].receive(&delivery).unwrap_err();
    upkeep(&mut net, BOB);
    net.wait(11 * MINUTE_MS);
    let told = upkeep(&mut net, BOB).outgoing;
    assert!(
        told.is_empty(),
        "a second refusal says that the first message opened"
    );
}

#[test]
fn strangers_cannot_keep_an_accepted_peer_from_being_asked() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    // 4,096 strangers wrote what did not open, and nothing is to be said to Alice.
    let mut records = snapshot(&net.clients[BOB]);
    records.retain(|(key, _)| !is_in(key, b'z') && !is_in(key, b't'));
    let now = net.world.now.as_millis();
    for i in 0..4_096 {
        let name = format!("s{i}");
        let named = [&[name.len() as u8], name.as_bytes()].concat();
        let account = [&[1, 0x0a], named.as_slice()].concat();
        let row = Row::Name(named.clone());
        records.push((Key::new(Table::new(b"z"), row), account));
        let mut unopened = [&[1, 0x0a, 32], [7; 32].as_slice(), &[0x10]].concat();
        let mut rest = now;
        while rest >= 0x80 {
            unopened.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        unopened.push(rest as u8);
        let table = Table::new([b"q", named.as_slice()].concat());
        records.push((Key::new(table, Row::Name(vec![7; 32])), unopened));
    }
    net.clients[BOB] = Client::open(MemoryStore::from_records(records)).unwrap();
    net.deliver_all();
    let told = upkeep(&mut net, BOB).outgoing;
    assert_eq!(told.len(), 1, "no refusal");
    assert_eq!(told[0].to, account("alice"));
}

#[test]
fn nothing_is_sealed_again_for_a_refusal_while_no_identity_is_pinned() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "a secret");
    // Damage costs the pinned identity. The relay knows, and says that it is Bob.
    reopen(&mut net, ALICE, |key, value| {
        let is_bobs = key.to_bytes().windows(3).any(|part| part == b"bob");
        if is_bobs && (is_in(key, b'n') || is_in(key, b'd')) {
            *value = vec![9];
        }
    });
    let bob = account("bob");
    assert_eq!(net.clients[ALICE].reset_peer(&bob).unwrap(), None);
    let relay = impostor(&mut net);
    net.world.show_roster(&mut net.clients[ALICE], &bob);
    let (alice, tag) = (
        *net.clients[ALICE].identity(),
        FrankingTag::from_bytes([5; 32]),
    );
    let delivery = forged_refusal(&mut net, &relay, &alice, tag, &[id]);
    let taken = net.clients[ALICE].receive(&delivery).unwrap();
    assert!(matches!(taken, Received::Refused { again, .. } if again.is_empty()));
    assert!(upkeep(&mut net, ALICE).bundles.is_empty());
}

#[test]
fn what_was_refused_before_the_pinned_identity_was_lost_waits_for_the_user() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "a secret");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    let refusal = upkeep(&mut net, BOB).outgoing.pop().unwrap();
    let (delivery, _) = relay(&mut net, BOB, &refusal);
    net.clients[ALICE].receive(&delivery).unwrap();
    reopen(&mut net, ALICE, |key, value| {
        let is_bobs = key.to_bytes().windows(3).any(|part| part == b"bob");
        if is_bobs && (is_in(key, b'n') || is_in(key, b'd')) {
            *value = vec![9];
        }
    });
    assert_eq!(
        net.clients[ALICE].reset_peer(&account("bob")).unwrap(),
        None
    );
    assert!(upkeep(&mut net, ALICE).bundles.is_empty());
    // The user writes to Bob again, and compares safety numbers.
    net.start(ALICE, BOB);
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "a secret");
}

#[test]
fn a_refusal_leaves_the_outbox_although_its_tag_was_used_by_another() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    // Bob registers again, with an identity that an attacker made. Alice accepts it.
    let (bob, alice) = (account("bob"), *net.clients[ALICE].identity());
    let sent = seal(&mut net, BOB, ALICE, "hello?");
    let (delivery, _) = relay(&mut net, BOB, &sent);
    let attacker = impostor(&mut net);
    net.accept_identity(ALICE, BOB);
    net.clients[ALICE].receive(&delivery).unwrap_err();
    let refusal = upkeep(&mut net, ALICE).outgoing.pop().unwrap();
    // The attacker receives the refusal before its receipt arrives, and uses its tag.
    let (_, receipt) = relay(&mut net, ALICE, &refusal);
    let delivery = forged_refusal(&mut net, &attacker, &alice, refusal.id, &[refusal.id]);
    net.clients[ALICE].receive(&delivery).unwrap();
    let confirmed = net.clients[ALICE].confirm(&bob, &receipt);
    assert_eq!(confirmed.unwrap(), refusal.id);
    let waiting = net.clients[ALICE].outbox(None, 10, net.world.now).unwrap();
    assert!(waiting.items.is_empty());
}

#[test]
fn a_message_that_a_refusal_names_twice_is_listed_once() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "hello?");
    let (peer, alice) = (impostor(&mut net), *net.clients[ALICE].identity());
    net.accept_identity(ALICE, BOB);
    let tag = FrankingTag::from_bytes([5; 32]);
    let delivery = forged_refusal(&mut net, &peer, &alice, tag, &[id, id]);
    let taken = net.clients[ALICE].receive(&delivery).unwrap();
    assert!(
        matches!(taken, Received::Refused { again, .. } if again == [(account("bob").into(), id)])
    );
}

#[test]
fn a_refusal_of_a_blocked_account_is_skipped() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    let refusal = upkeep(&mut net, BOB).outgoing.pop().unwrap();
    let (delivery, _) = relay(&mut net, BOB, &refusal);
    let before = snapshot(&net.clients[ALICE]);
    let skipped = net.clients[ALICE].skip(&delivery).unwrap();
    assert!(matches!(skipped, Received::Skipped { .. }));
    assert_eq!(snapshot(&net.clients[ALICE]), before);
}

#[test]
fn a_stranger_is_not_accepted_because_the_numbering_was_damaged() {
    let mut net = Network::of(&NAMES);
    net.start(ALICE, BOB);
    net.send(ALICE, BOB, "do you know me?");
    net.run();
    reopen(&mut net, BOB, |key, value| {
        if is_in(key, b'v') {
            *value = vec![9];
        }
    });
    let alice = account("alice");
    net.clients[BOB].reset_peer(&alice).unwrap();
    assert!(!net.clients[BOB].peer_state(&alice).unwrap().is_accepted);
    net.start(ALICE, BOB);
    let id = net.send(ALICE, BOB, "and now?");
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "and now?");
    assert_eq!(net.status(ALICE, BOB, &id), Status::Accepted);
}

#[test]
fn a_damaged_list_of_what_is_to_be_done_loses_no_message() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    reopen(&mut net, BOB, |key, value| {
        if is_in(key, b'z') {
            *value = vec![9];
        }
    });
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
}

#[test]
fn a_message_that_was_shown_does_not_count_as_lost_because_its_receipt_did_not_open() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "hello?");
    net.deliver_all();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
    let receipt = upkeep(&mut net, BOB).outgoing.pop().unwrap();
    let (delivery, _) = relay(&mut net, BOB, &receipt);
    net.lose_sessions(ALICE, BOB);
    net.clients[ALICE].receive(&delivery).unwrap_err();
    net.run();
    net.send(ALICE, BOB, "next");
    net.run();
    net.wait(9 * 24 * HOUR_MS);
    net.run();
    let status = net.status(ALICE, BOB, &id);
    assert_ne!(status, Status::NotDelivered(NotDelivered::Lost));
}

#[test]
fn a_clock_that_is_far_ahead_for_a_while_loses_no_message() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    let now = net.world.now;
    // Bob's clock is ten years ahead. The relay takes nothing from it until it is right again.
    net.wait(10 * 365 * 24 * HOUR_MS);
    upkeep(&mut net, BOB);
    net.world.now = now;
    net.release(BOB);
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
}

#[test]
fn what_counted_as_lost_is_sealed_again_when_the_peer_refuses_it() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "before");
    net.run();
    net.wait(HOUR_MS);
    let sent = seal(&mut net, ALICE, BOB, "hello?");
    let (delivery, receipt) = relay(&mut net, ALICE, &sent);
    let bob = account("bob");
    net.clients[ALICE].confirm(&bob, &receipt).unwrap();
    net.send(ALICE, BOB, "next");
    net.run();
    // A clock that is ahead, or a relay that keeps messages for long.
    net.wait(9 * 24 * HOUR_MS);
    net.run();
    let lost = Status::NotDelivered(NotDelivered::Lost);
    assert_eq!(net.status(ALICE, BOB, &sent.id), lost);
    net.lose_sessions(BOB, ALICE);
    net.clients[BOB].receive(&delivery).unwrap_err();
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
    let status = net.status(ALICE, BOB, &sent.id);
    assert!(matches!(status, Status::Delivered { .. }));
}

#[test]
fn receipts_are_told_after_a_session_was_lost() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "hello?");
    net.deliver_all();
    net.lose_sessions(BOB, ALICE);
    net.run();
    assert_eq!(net.status(ALICE, BOB, &id), Status::Accepted);
    net.send(BOB, ALICE, "on a new session");
    net.send(ALICE, BOB, "next");
    net.run();
    let status = net.status(ALICE, BOB, &id);
    assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
}

#[test]
fn a_refusal_does_not_tell_a_stranger_that_another_message_was_opened() {
    let mut net = Network::of(&NAMES);
    net.start(ALICE, BOB);
    net.show_roster(BOB, ALICE);
    net.send(ALICE, BOB, "can you read this?");
    net.deliver_all();
    let probe = seal(&mut net, ALICE, BOB, "probe");
    let (_, receipt) = relay(&mut net, ALICE, &probe);
    net.clients[ALICE]
        .confirm(&account("bob"), &receipt)
        .unwrap();
    let delivery = garbage(&mut net, ALICE, &probe);
    net.clients[BOB].receive(&delivery).unwrap_err();
    upkeep(&mut net, BOB);
    net.wait(11 * MINUTE_MS);
    let refusal = upkeep(&mut net, BOB).outgoing.pop().unwrap();
    let (delivery, _) = relay(&mut net, BOB, &refusal);
    net.clients[ALICE].receive(&delivery).unwrap();
    // He named no session, so she needs another one.
    assert_eq!(upkeep(&mut net, ALICE).bundles, [only_device("bob")]);
}

#[test]
fn what_was_shown_before_the_peer_accepted_this_account_does_not_count_as_lost() {
    let mut net = Network::of(&NAMES);
    net.start(ALICE, BOB);
    let first = net.send(ALICE, BOB, "do you know me?");
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "do you know me?");
    net.send(BOB, ALICE, "of course");
    let second = net.send(ALICE, BOB, "good");
    net.run();
    net.wait(9 * 24 * HOUR_MS);
    net.run();
    assert_eq!(net.status(ALICE, BOB, &first), Status::Accepted);
    let status = net.status(ALICE, BOB, &second);
    assert!(matches!(status, Status::Delivered { .. }));
}

#[test]
fn a_stranger_whose_message_did_not_open_can_be_forgotten() {
    let mut net = Network::of(&NAMES);
    net.start(ALICE, BOB);
    let before = snapshot(&net.clients[BOB]);
    let sent = seal(&mut net, ALICE, BOB, "hello?");
    let delivery = garbage(&mut net, ALICE, &sent);
    net.clients[BOB].receive(&delivery).unwrap_err();
    assert_ne!(snapshot(&net.clients[BOB]), before);
    net.clients[BOB].forget_contact(&account("alice")).unwrap();
    assert_eq!(snapshot(&net.clients[BOB]), before);
}

/// A store before whose next commits another process commits, as often as `conflicts` says.
struct Contended {
    records: MemoryStore,
    conflicts: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Stale;

impl std::fmt::Display for Stale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another process committed")
    }
}

impl std::error::Error for Stale {}

impl Store for Contended {
    type Error = Stale;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stale> {
        self.records.get(key).map_err(|_| Stale)
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, n: usize) -> Result<Vec<Listed>, Stale> {
        self.records.list(table, after, n).map_err(|_| Stale)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stale> {
        let left = self.conflicts.load(Relaxed);
        if left % 2 == 1 {
            self.conflicts.store(left - 1, Relaxed);
            return Err(Stale);
        }
        self.conflicts.store(left.saturating_sub(1), Relaxed);
        self.records.commit(transaction).map_err(|_| Stale)
    }

    fn is_damage(_: &Stale) -> bool {
        false
    }

    fn is_stale(_: &Stale) -> bool {
        true
    }

    fn refresh(&self) -> Result<u64, Stale> {
        Ok(self.conflicts.load(Relaxed))
    }
}

#[test]
fn what_another_process_kept_from_being_committed_does_not_leave_the_device() {
    for refuses in [false, true] {
        let mut net = Network::of(&NAMES);
        net.converse(ALICE, BOB);
        net.send(ALICE, BOB, "hello?");
        if refuses {
            net.lose_sessions(BOB, ALICE);
        }
        net.deliver_all();
        let conflicts = Arc::new(AtomicU64::new(0));
        let store = Contended {
            records: MemoryStore::from_records(snapshot(&net.clients[BOB])),
            conflicts: conflicts.clone(),
        };
        let mut bob = Client::open(store).unwrap();
        conflicts.store(3, Relaxed);
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let posted = bob.upkeep(now, rng).unwrap().outgoing;
        assert!(conflicts.load(Relaxed) < 3);
        let stored = bob.outbox(None, 10, now).unwrap().items;
        assert_eq!(stored.len(), 1);
        assert!(posted == stored, "{} envelopes", posted.len());
    }
}
