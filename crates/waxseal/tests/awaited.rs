//! Messages that the relay accepted and dropped: their sender sees each of them as lost, and none
//! that arrived.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[expect(dead_code, reason = "tests/again.rs uses the rest")]
#[path = "support/network.rs"]
mod network;

use network::{HOUR_MS, MINUTE_MS, Network};
use waxseal::reporting::relay::Envelope;
use waxseal::{FrankingTag, NotDelivered, Outgoing, Received, Status};
use waxseal_world::{account, address, envelope_of};

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];
const LOST: Status = Status::NotDelivered(NotDelivered::Lost);

/// Alice and Bob. He has told her that a message arrived, an hour ago.
fn told() -> Network {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "good");
    net.run();
    net.wait(HOUR_MS);
    net
}

/// Seals a message that nobody posts yet.
fn seal(net: &mut Network, from: usize, text: &str) -> Outgoing {
    net.wait(1);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let peer = account(NAMES[1 - from]);
    net.clients[from].send(&peer, text, now, rng).unwrap()
}

/// The relay takes an envelope. Returns (delivery, receipt).
fn relay(net: &mut Network, from: usize, outgoing: &Outgoing) -> (Vec<u8>, Vec<u8>) {
    net.wait(1);
    let (from, to) = (address(NAMES[from]), address(NAMES[1 - from]));
    net.world.relay_as(&from, &to, &outgoing.envelope)
}

fn confirm(net: &mut Network, from: usize, receipt: &[u8]) {
    let peer = account(NAMES[1 - from]);
    net.clients[from].confirm(&peer, receipt).unwrap();
}

/// A message of Alice's that the relay accepts and drops.
fn dropped(net: &mut Network) -> FrankingTag {
    let sent = seal(net, ALICE, "lost");
    let (_, receipt) = relay(net, ALICE, &sent);
    confirm(net, ALICE, &receipt);
    sent.id
}

/// What there is to post for a client's upkeep: one envelope.
fn note(net: &mut Network, who: usize) -> Outgoing {
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let mut outgoing = net.clients[who].upkeep(now, rng).unwrap().outgoing;
    assert_eq!(outgoing.len(), 1);
    outgoing.pop().unwrap()
}

/// A later message arrives, and so much time passes that what did not arrive counts as lost.
fn nine_days(net: &mut Network) {
    let next = net.send(ALICE, BOB, "next");
    net.run();
    net.wait(9 * 24 * HOUR_MS);
    net.run();
    let status = net.status(ALICE, BOB, &next);
    assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
}

#[test]
fn what_the_relay_drops_counts_as_lost_after_eight_days_and_not_before() {
    let mut net = told();
    let lost = dropped(&mut net);
    net.send(ALICE, BOB, "next");
    net.run();
    net.wait(8 * 24 * HOUR_MS - HOUR_MS);
    net.run();
    assert_eq!(net.status(ALICE, BOB, &lost), Status::Accepted);
    net.wait(2 * HOUR_MS);
    net.run();
    assert_eq!(net.status(ALICE, BOB, &lost), LOST);
}

#[test]
fn a_peer_whose_first_receipt_came_before_the_relays_tells_of_what_arrives() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let sent = seal(&mut net, ALICE, "good");
    // The relay's receipt is lost.
    let (delivery, _) = relay(&mut net, ALICE, &sent);
    net.clients[BOB].receive(&delivery).unwrap();
    let told = note(&mut net, BOB);
    let (delivery, receipt) = relay(&mut net, BOB, &told);
    confirm(&mut net, BOB, &receipt);
    let taken = net.clients[ALICE].receive(&delivery).unwrap();
    assert!(
        matches!(taken, Received::Receipts { delivered, .. } if delivered == [(account("bob").into(), sent.id)])
    );
    let (_, receipt) = relay(&mut net, ALICE, &sent);
    confirm(&mut net, ALICE, &receipt);
    net.wait(HOUR_MS);
    let lost = dropped(&mut net);
    nine_days(&mut net);
    assert_eq!(net.status(ALICE, BOB, &lost), LOST);
}

#[test]
fn what_was_sealed_again_and_dropped_then_counts_as_lost() {
    let mut net = told();
    let id = net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    let refusal = note(&mut net, BOB);
    let (delivery, receipt) = relay(&mut net, BOB, &refusal);
    confirm(&mut net, BOB, &receipt);
    net.clients[ALICE].receive(&delivery).unwrap();
    let (bob, now) = (account("bob"), net.world.now);
    let bundles = net.world.bundles(&bob);
    let rng = &mut net.world.rng;
    net.clients[ALICE]
        .restart(&bob, &bundles, now, rng)
        .unwrap();
    let again = note(&mut net, ALICE);
    assert!(again.again_for.is_some() && again.id == id);
    net.wait(1);
    let posted = net.world.post_again(&address("alice"), &again.envelope);
    let (_, receipt) = posted.unwrap();
    // Until the relay's receipt arrives, it is on its way.
    net.send(ALICE, BOB, "later");
    net.deliver_all();
    confirm(&mut net, ALICE, &receipt);
    nine_days(&mut net);
    assert_eq!(net.status(ALICE, BOB, &id), LOST);
}

#[test]
fn what_a_new_device_showed_before_its_user_accepted_this_account_does_not_count_as_lost() {
    let mut net = told();
    net.reinstall(BOB);
    let sent: Vec<_> = (0..5)
        .map(|i| net.send(ALICE, BOB, &format!("{i}")))
        .collect();
    net.run();
    net.wait(11 * MINUTE_MS);
    net.run();
    net.accept_identity(ALICE, BOB);
    net.run();
    assert_eq!(net.shown(BOB).len(), 5);
    net.send(BOB, ALICE, "here I am");
    net.run();
    nine_days(&mut net);
    nine_days(&mut net);
    for id in &sent {
        assert_eq!(net.status(ALICE, BOB, id), Status::Accepted);
    }
}

#[test]
fn what_opened_late_does_not_hide_that_a_message_was_lost() {
    let mut net = told();
    let lost = dropped(&mut net);
    let sent = seal(&mut net, BOB, "hello?");
    let mut bytes = envelope_of(&sent.envelope).encode();
    *bytes.last_mut().unwrap() ^= 1;
    let garbage = Envelope::decode(&bytes).unwrap();
    let (bob, alice) = (address("bob"), address("alice"));
    let (delivery, _) = net.world.stamp_as(&bob, &alice, &garbage);
    net.clients[ALICE].receive(&delivery).unwrap_err();
    let (delivery, receipt) = relay(&mut net, BOB, &sent);
    confirm(&mut net, BOB, &receipt);
    net.clients[ALICE].receive(&delivery).unwrap();
    nine_days(&mut net);
    assert_eq!(net.status(ALICE, BOB, &lost), LOST);
}

#[test]
fn receipts_of_an_account_that_is_blocked_count() {
    let mut net = told();
    let id = net.send(ALICE, BOB, "hello?");
    net.deliver_all();
    net.skips = Some(ALICE);
    net.run();
    net.skips = None;
    let status = net.status(ALICE, BOB, &id);
    assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
}
