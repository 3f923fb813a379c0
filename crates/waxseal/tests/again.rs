//! Messages that did not open: their authors are asked, and seal them again under the same tag.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "support/network.rs"]
mod network;

use network::{HOUR_MS, MINUTE_MS, Network};
use waxseal::errors::ReceiveError;
use waxseal::{Advice, Client, Disclosure, MemoryStore, NotDelivered, Reason, Received, Status};
use waxseal_world::{account, snapshot};

const ALICE: usize = 0;
const BOB: usize = 1;

#[test]
fn all_that_was_written_to_a_peer_that_reinstalled_and_only_reads_arrives() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    net.reinstall(BOB);
    let sent: Vec<_> = (0..23)
        .map(|i| net.send(ALICE, BOB, &format!("{i}")))
        .collect();
    net.run();
    assert!(net.shown(BOB).is_empty());
    for id in &sent {
        assert_eq!(
            net.status(ALICE, BOB, id),
            Status::Accepted,
            "shown as delivered"
        );
    }
    // To Bob's new phone Alice is a stranger, who is refused once, minutes later.
    net.wait(11 * MINUTE_MS);
    net.run();
    // His identity is another one. Nothing is sealed to it before she accepted it.
    assert_eq!(net.identity_changes, vec![(ALICE, BOB)]);
    assert_eq!(net.restarts, [0, 0]);
    net.accept_identity(ALICE, BOB);
    net.run();
    let texts: Vec<_> = (0..23).map(|i| format!("{i}")).collect();
    assert_eq!(net.shown(BOB), texts);
    assert_eq!(net.restarts, [1, 0]);
    // Bob has not accepted her, so she learns nothing.
    assert_eq!(net.status(ALICE, BOB, &sent[0]), Status::Accepted);
    net.send(BOB, ALICE, "here I am");
    net.send(ALICE, BOB, "at last");
    net.run();
    assert_eq!(net.shown(ALICE).last().unwrap(), "here I am");
}

#[test]
fn first_messages_on_prekeys_that_are_gone_arrive() {
    let mut net = Network::of(&["alice", "bob"]);
    let bundles = net.world.bundles(&account("bob"));
    for _ in 0..3 {
        let upload = net.clients[BOB].rotate_prekeys(&mut net.world.rng).unwrap();
        net.world.publish(&account("bob"), &upload);
    }
    let (now, rng) = (net.world.now, &mut net.world.rng);
    net.clients[ALICE]
        .start(&account("bob"), &bundles, now, rng)
        .unwrap();
    // As many as a request may have.
    let sent: Vec<_> = (0..32)
        .map(|i| net.send(ALICE, BOB, &format!("{i}")))
        .collect();
    net.run();
    assert!(net.shown(BOB).is_empty());
    net.wait(11 * MINUTE_MS);
    net.run();
    assert_eq!(net.shown(BOB).len(), 32);
    assert_eq!(net.restarts, [1, 0]);
    assert_eq!(net.status(ALICE, BOB, &sent[31]), Status::Accepted);
}

#[test]
fn what_was_in_flight_when_a_session_broke_arrives_once_under_the_same_tag_and_is_reportable() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let sent: Vec<_> = (0..40)
        .map(|i| net.send(ALICE, BOB, &format!("{i}")))
        .collect();
    net.lose_sessions(BOB, ALICE);
    net.run();
    let texts: Vec<_> = (0..40).map(|i| format!("{i}")).collect();
    assert_eq!(net.shown(BOB)[1..], texts);
    assert_eq!(net.restarts, [1, 0]);
    for id in &sent {
        assert!(matches!(
            net.status(ALICE, BOB, id),
            Status::Delivered { .. }
        ));
    }
    // The earlier stamp is no longer needed, on either side.
    let shown = sent.iter().take(3).map(|id| (*id, Disclosure::Whole));
    net.assert_report_verifies(BOB, ALICE, shown.clone().collect());
    net.assert_report_verifies(ALICE, BOB, shown.collect());
    assert_eq!(
        net.clients[ALICE]
            .peer_state(&account("bob"))
            .unwrap()
            .waiting,
        0
    );
}

#[test]
fn two_ends_out_of_step_start_over_once_each_and_lose_nothing() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    for i in 0..20 {
        net.send(ALICE, BOB, &format!("a{i}"));
        net.send(BOB, ALICE, &format!("b{i}"));
    }
    net.lose_sessions(BOB, ALICE);
    net.lose_sessions(ALICE, BOB);
    net.run();
    assert!(
        net.restarts.iter().all(|restarts| *restarts <= 1),
        "{:?}",
        net.restarts
    );
    assert_eq!((net.shown(BOB).len(), net.shown(ALICE).len()), (21, 21));
    // The repair itself breaks, within the hour.
    net.lose_sessions(BOB, ALICE);
    net.send(ALICE, BOB, "again");
    net.run();
    net.wait(HOUR_MS);
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "again");
}

#[test]
fn a_device_that_was_set_back_and_its_peer_hear_each_other_again() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let old = snapshot(&net.clients[ALICE]);
    for i in 0..5 {
        net.send(ALICE, BOB, &format!("before {i}"));
        net.send(BOB, ALICE, &format!("answer {i}"));
        net.run();
    }
    net.clients[ALICE] = Client::open(MemoryStore::from_records(old)).unwrap();
    for i in 0..5 {
        net.send(ALICE, BOB, &format!("after {i}"));
        net.send(BOB, ALICE, &format!("on {i}"));
    }
    net.run();
    net.wait(HOUR_MS);
    net.run();
    let after =
        |texts: Vec<String>, word: &str| texts.iter().filter(|text| text.starts_with(word)).count();
    assert_eq!(after(net.shown(BOB), "after"), 5);
    assert_eq!(after(net.shown(ALICE), "on"), 5);
    assert!(
        net.restarts.iter().all(|restarts| *restarts <= 1),
        "{:?}",
        net.restarts
    );
}

#[test]
fn what_was_sealed_before_a_changed_identity_was_accepted_is_sealed_to_the_new_one() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    net.hold(ALICE);
    for i in 0..5 {
        net.send(ALICE, BOB, &format!("{i}"));
    }
    net.reinstall(BOB);
    net.accept_identity(ALICE, BOB);
    net.release(ALICE);
    net.run();
    net.wait(11 * MINUTE_MS);
    net.run();
    assert_eq!(net.shown(BOB).len(), 5);
}

#[test]
fn a_lost_refusal_is_made_again_after_an_hour_and_after_six() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "hello?");
    net.lose_sessions(BOB, ALICE);
    net.loses_notes = true;
    net.run();
    assert_eq!(net.lost_notes, 1);
    net.wait(HOUR_MS - MINUTE_MS);
    net.run();
    assert_eq!(net.lost_notes, 1);
    net.wait(MINUTE_MS);
    net.run();
    assert_eq!(net.lost_notes, 2);
    net.loses_notes = false;
    net.wait(6 * HOUR_MS);
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "hello?");
    assert!(matches!(
        net.status(ALICE, BOB, &id),
        Status::Delivered { .. }
    ));
}

#[test]
fn a_peer_that_refuses_everything_costs_three_tries_and_one_session_an_hour() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "hello?");
    for _ in 0..12 {
        // Bob loses all that he has of Alice before he receives anything.
        net.lose_sessions(BOB, ALICE);
        net.refuses_everything = true;
        net.run();
        net.wait(7 * HOUR_MS);
    }
    let status = net.status(ALICE, BOB, &id);
    assert_eq!(status, Status::NotDelivered(NotDelivered::Refused));
    assert_eq!(net.sealed_again[&id], 3);
    assert!(net.restarts[ALICE] <= 4, "{:?}", net.restarts);
}

#[test]
fn refusals_that_the_recipient_did_not_make_do_nothing() {
    let mut net = Network::of(&["alice", "bob", "mallory"]);
    net.converse(ALICE, BOB);
    net.converse(2, BOB);
    net.send(ALICE, BOB, "hello");
    net.send(ALICE, BOB, "lost?");
    net.lose_sessions(BOB, ALICE);
    net.deliver_all();
    let upkeep = net.clients[BOB]
        .upkeep(net.world.now, &mut net.world.rng)
        .unwrap();
    let [refusal] = upkeep.outgoing.as_slice() else {
        panic!("one refusal")
    };
    let (alice, bob, mallory) = (
        net.clients[ALICE].me().clone(),
        net.clients[BOB].me().clone(),
        net.clients[2].me().clone(),
    );
    let envelope = waxseal_world::envelope_of(&refusal.envelope);
    // A relay says that it comes from another account, or gives it another tag.
    let (moved, _) = net.world.stamp_as(&mallory, &alice, &envelope);
    let before = snapshot(&net.clients[ALICE]);
    let refused = net.clients[ALICE].receive(&moved);
    assert!(matches!(refused, Ok(Received::Refused { ref again, .. }) if again.is_empty()));
    let mut bytes = envelope.encode();
    bytes[1] ^= 1;
    let other = waxseal::reporting::relay::Envelope::decode(&bytes).unwrap();
    let (retagged, _) = net.world.stamp_as(&bob, &alice, &other);
    let error = net.clients[ALICE].receive(&retagged).unwrap_err();
    assert!(matches!(error, ReceiveError::Refusal));
    assert_eq!(error.advice(), Advice::Drop);
    assert_eq!(snapshot(&net.clients[ALICE]), before);
    // The genuine one counts once.
    let (delivery, _) = net.world.relay_as(&bob, &alice, &refusal.envelope);
    let taken = net.clients[ALICE].receive(&delivery).unwrap();
    assert!(matches!(taken, Received::Refused { again, .. } if again.len() == 2));
    let taken = net.clients[ALICE].receive(&delivery).unwrap();
    assert!(matches!(taken, Received::Duplicate { .. }));
}

#[test]
fn nothing_tells_a_peer_that_is_not_accepted_that_its_message_was_opened() {
    let mut net = Network::of(&["alice", "bob"]);
    net.start(ALICE, BOB);
    let id = net.send(ALICE, BOB, "do you know me?");
    net.run();
    let now = net.world.now;
    net.clients[BOB]
        .opened(&account("alice"), &id, now)
        .unwrap();
    net.run();
    assert_eq!(net.status(ALICE, BOB, &id), Status::Accepted);
    assert_eq!(net.notes, 0);
    // What arrives after he accepted her is confirmed, and told as shown only if he says so.
    net.clients[BOB].accept_contact(&account("alice")).unwrap();
    let second = net.send(ALICE, BOB, "and now?");
    net.run();
    assert!(matches!(
        net.status(ALICE, BOB, &second),
        Status::Delivered { .. }
    ));
    let now = net.world.now;
    net.clients[BOB]
        .opened(&account("alice"), &second, now)
        .unwrap();
    net.run();
    assert!(matches!(
        net.status(ALICE, BOB, &second),
        Status::Opened { .. }
    ));
    assert_eq!(net.status(ALICE, BOB, &id), Status::Accepted);
}

#[test]
fn skipped_messages_keep_the_session_going_and_leave_nothing() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    net.skips = Some(BOB);
    for i in 0..30 {
        net.send(ALICE, BOB, &format!("blocked {i}"));
    }
    net.run();
    assert_eq!(net.shown(BOB).len(), 1);
    assert_eq!(net.skipped, 30);
    net.skips = None;
    net.send(ALICE, BOB, "unblocked");
    net.run();
    assert_eq!(net.shown(BOB), ["hello", "unblocked"]);
    assert_eq!(net.restarts, [0, 0]);
    let kept = net.clients[BOB]
        .messages(&account("alice"), None, 100)
        .unwrap();
    assert_eq!(kept.items.len(), 3);
}

#[test]
fn no_more_than_200_messages_are_sealed_again_in_an_hour() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    for i in 0..250 {
        net.send(ALICE, BOB, &format!("{i}"));
    }
    net.lose_sessions(BOB, ALICE);
    net.run();
    assert_eq!(net.shown(BOB).len(), 1 + 200);
    net.wait(HOUR_MS);
    net.run();
    assert_eq!(net.shown(BOB).len(), 1 + 250);
    assert_eq!(net.restarts, [1, 0]);
}

#[test]
fn a_report_of_a_message_that_was_sealed_again_shows_when_it_opened() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let id = net.send(ALICE, BOB, "I know where you live.");
    let first = net.clients[ALICE]
        .message(&account("bob"), &id)
        .unwrap()
        .unwrap();
    net.lose_sessions(BOB, ALICE);
    net.run();
    let draft =
        net.clients[BOB].draft_report(&account("alice"), Reason::Threat, [(id, Disclosure::Whole)]);
    let key = net.world.moderation.public_key();
    let report = net.clients[BOB]
        .report(&draft.unwrap(), key, &mut net.world.rng)
        .unwrap();
    let verified = net.world.verify(&report.report).unwrap();
    let opened_at = net.clients[BOB]
        .message(&account("alice"), &id)
        .unwrap()
        .unwrap();
    assert_eq!(
        verified.messages()[0].accepted_at(),
        opened_at.accepted_at().unwrap()
    );
    assert!(first.accepted_at() < opened_at.accepted_at());
}

#[test]
fn a_peer_that_refuses_a_long_history_does_not_keep_others_from_theirs() {
    const CAROL: usize = 2;
    let mut net = Network::of(&["alice", "bob", "carol"]);
    net.converse(ALICE, BOB);
    net.converse(ALICE, CAROL);
    for (who, count) in [(BOB, 600), (CAROL, 20)] {
        for i in 0..count {
            net.send(ALICE, who, &format!("{i}"));
        }
        net.lose_sessions(who, ALICE);
    }
    net.world.fork_rng(); // each call begins with a random peer: after this, not with Bob each time
    net.run();
    assert_eq!(net.shown(BOB).len() + net.shown(CAROL).len(), 2 + 200);
    assert_eq!(net.shown(CAROL).len(), 1 + 20);
}
