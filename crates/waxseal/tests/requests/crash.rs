//! A device that stops in any commit of a decision or a forward, and is started again.

use waxseal::errors::StateError;
use waxseal::{
    Client, Conversation, Disclosure, ForwardLimits, MemoryStore, Reason, Received, ReportDraft,
};
use waxseal_world::{Provider, Records, account, snapshot};

use crate::stops::{Stopped, Stops};
use crate::support::{DAY_MS, Stranger, hear, wait, world};

struct Prepared {
    world: Provider,
    bob: Records,
    draft: ReportDraft,
}

/// Bob after 20 messages of a stranger.
fn prepared() -> Prepared {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let mut last = None;
    for number in 0..20 {
        last = Some(mallory.write(&mut world, &mut bob, &format!("message {number}")));
    }
    let Some(Received::Message { message, .. }) = last else {
        panic!("{last:?}");
    };
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob
        .draft_report(&account("mallory"), Reason::Threat, shown)
        .unwrap();
    Prepared {
        world,
        bob: snapshot(&bob),
        draft,
    }
}

type Decide = fn(&mut Client<Stops>, &mut Prepared) -> Result<(), StateError<Stopped>>;

#[test]
fn chk588_a_stop_in_any_commit_of_a_decision_loses_none_of_it() {
    let decisions: [Decide; 4] = [
        |bob, prepared| bob.decline(&account("mallory"), prepared.world.now),
        |bob, _| bob.block(&account("mallory"), true),
        |bob, prepared| {
            let (key, rng) = (prepared.world.moderation.public_key(), &mut rand::rng());
            match bob.block_and_report(&prepared.draft, key, rng) {
                Err(waxseal::errors::ReportError::State(error)) => Err(error),
                reported => {
                    reported.unwrap();
                    Ok(())
                }
            }
        },
        |bob, _| match bob.accept_contact(&account("mallory")) {
            Err(waxseal::errors::PeerError::State(error)) => Err(error),
            accepted => {
                accepted.unwrap();
                Ok(())
            }
        },
    ];
    let mut prepared = prepared();
    for (which, decide) in decisions.into_iter().enumerate() {
        let mut stops = 0;
        for (left, applies) in (0..).flat_map(|left| [(left, false), (left, true)]) {
            let store = Stops::new(prepared.bob.clone());
            let mut bob = Client::open(store.clone()).unwrap();
            store.stop_after(left, applies);
            let is_stopped = decide(&mut bob, &mut prepared).is_err();
            store.go_on();
            let mut bob = Client::open(store.clone()).unwrap();
            if is_stopped && left == 0 && !applies {
                assert!(store.records() == prepared.bob, "nothing was decided");
                decide(&mut bob, &mut prepared).unwrap();
            }
            stops += usize::from(is_stopped);
            assert_decided(&bob, which);
            if !is_stopped {
                break;
            }
        }
        assert!(stops >= 2, "{which}");
    }
}

/// That a decision was made, all of it.
fn assert_decided(bob: &Client<Stops>, which: usize) {
    let mallory = account("mallory");
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    let messages = bob.messages(&mallory, None, 99).unwrap().items;
    if which == 3 {
        assert_eq!(messages.len(), 20);
        assert!(bob.peer_state(&mallory).unwrap().is_accepted);
        return;
    }
    assert!(messages.is_empty());
    let text = b"message 1";
    for (key, value) in bob.store().records() {
        // The report keeps what it shows.
        let is_reported = which == 2 && key.table.as_bytes()[0] == b'X';
        assert!(is_reported || !value.windows(text.len()).any(|part| part == text));
    }
    let reports = bob.pending_reports(None, 9).unwrap().items;
    assert_eq!(reports.len(), usize::from(which == 2));
    match which {
        0 => assert!(bob.peer_state(&mallory).is_err()),
        _ => assert!(bob.peer_state(&mallory).unwrap().is_blocked),
    }
}

#[test]
fn chk588_a_stop_in_any_commit_of_a_drop_after_30_days_leaves_all_or_nothing() {
    let mut prepared = prepared();
    let mallory = account("mallory");
    let mut bob = Client::open(MemoryStore::from_records(prepared.bob)).unwrap();
    wait(&mut prepared.world, 31 * DAY_MS);
    hear(&mut prepared.world, &mut bob);
    prepared.bob = snapshot(&bob);
    let after = prepared.world.now;
    let (mut whole, mut gone) = (0, 0);
    for (left, applies) in (0..).flat_map(|left| [(left, false), (left, true)]) {
        let store = Stops::new(prepared.bob.clone());
        let mut bob = Client::open(store.clone()).unwrap();
        store.stop_after(left, applies);
        let is_stopped = bob.upkeep(after, &mut rand::rng()).is_err();
        store.go_on();
        let mut bob = Client::open(store.clone()).unwrap();
        if bob.has_session(&mallory).unwrap() {
            assert_eq!(bob.messages(&mallory, None, 99).unwrap().items.len(), 20);
            assert_eq!(bob.requests(None, 9).unwrap().items[0].messages, 20);
            whole += 1;
            bob.upkeep(after, &mut rand::rng()).unwrap();
        } else {
            gone += 1;
        }
        assert_decided(&bob, 0);
        if !is_stopped {
            break;
        }
    }
    assert!(whole >= 1 && gone >= 2, "{whole} {gone}");
}

#[test]
fn chk592_a_stop_in_any_commit_of_a_forward_loses_no_copy_and_makes_none_twice() {
    let (mut world, mut bob) = world();
    let mut friends: Vec<_> = ["alice", "carol", "dave"]
        .map(|name| {
            let mut friend = world.register(name);
            world.start(&mut friend, &account("bob"));
            let id = world.exchange(&mut friend, &mut bob, "news");
            bob.accept_contact(&account(name)).unwrap();
            (friend, id)
        })
        .into();
    let (first, id) = (account("alice"), friends[0].1);
    let to: Vec<Conversation> = friends
        .iter()
        .map(|one| one.0.me().account.clone().into())
        .collect();
    let records = snapshot(&bob);
    let (now, limits) = (world.now, ForwardLimits::default());
    for (left, applies) in (0..=3).flat_map(|left| [(left, false), (left, true)]) {
        let store = Stops::new(records.clone());
        let mut bob = Client::open(store.clone()).unwrap();
        store.stop_after(left, applies);
        let sent = bob
            .forward(&first, &id, &to, limits, now, &mut world.rng)
            .unwrap();
        let sent: Vec<_> = sent.into_iter().map(|one| one.is_ok()).collect();
        store.go_on();
        let mut bob = Client::open(store.clone()).unwrap();
        // A commit that was applied and failed costs its answer only.
        let stored = (left + usize::from(applies)).min(3);
        assert_eq!(sent.iter().filter(|is_ok| **is_ok).count(), left.min(3));
        assert_eq!(bob.outbox(None, 99, now).unwrap().items.len(), stored);
        for (number, conversation) in to.iter().enumerate() {
            let messages = bob.messages(conversation, None, 99).unwrap().items;
            let copies = messages
                .iter()
                .filter(|one| one.header().forward_count == 1);
            assert_eq!(copies.count(), usize::from(number < stored));
        }
        // The user forwards to the others, and all friends get one copy that opens.
        let rest = &to[stored..];
        for one in bob
            .forward(&first, &id, rest, limits, now, &mut world.rng)
            .unwrap()
        {
            one.unwrap();
        }
        let waiting = bob.outbox(None, 99, now).unwrap().items;
        assert_eq!(waiting.len(), 3);
        for (one, (friend, _)) in waiting.iter().zip(&mut friends) {
            let mut friend = Client::open(MemoryStore::from_records(snapshot(friend))).unwrap();
            let (delivery, receipt) = world.relay_as(bob.me(), friend.me(), &one.envelope);
            let received = friend.receive(&delivery).unwrap();
            let Received::Message { message, .. } = received else {
                panic!("{received:?}");
            };
            assert_eq!(message.header().forward_count, 1);
            bob.confirm(&one.to, &receipt).unwrap();
        }
        assert!(bob.outbox(None, 99, now).unwrap().items.is_empty());
    }
}
