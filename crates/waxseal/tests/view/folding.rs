//! Which edits, deletions and reactions count, and which are sent.

use waxseal::errors::{ReferenceError, SendError};
use waxseal::reporting::message::Content;
use waxseal::view::{ForwardLabel, ViewState};
use waxseal::{AccountId, Client, Disclosure, Draft, MemoryStore, Outgoing, Reason, Timestamp};
use waxseal_world::{Provider, account};

use crate::net::{Net, bob};
use crate::support::{DAY_MS, Mallory, after, shown, view};

#[test]
fn edits_reactions_and_deletions_change_what_is_shown_on_both_sides() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (a, b) = (account("alice"), account("bob"));
    let first = world.exchange(&mut alice, &mut bob, "Lunch at nune?");
    let other = world.exchange(&mut bob, &mut alice, "Hello.");
    world.exchange(&mut alice, &mut bob, Draft::edit(first, "Lunch at noon?"));
    world.exchange(&mut alice, &mut bob, Draft::edit(first, "Lunch at one?"));
    world.exchange(&mut bob, &mut alice, Draft::react(first, "no"));
    world.exchange(&mut bob, &mut alice, Draft::react(first, "yes"));
    world.exchange(&mut alice, &mut bob, Draft::react(first, "!"));
    let now = world.now;
    let lines = ["Lunch at one? (2 edits) alice:! bob:yes", "Hello."];
    assert_eq!(shown(&alice, "bob", now), lines);
    assert_eq!(shown(&bob, "alice", now), lines);
    let edits = bob.edits(&a, &first, now).unwrap();
    let texts: Vec<_> = edits.iter().map(|edit| edit.content().as_text()).collect();
    assert_eq!(texts, [Some("Lunch at noon?"), Some("Lunch at one?")]);
    assert_eq!(
        view(&bob, "alice", &first, now).message().unwrap().text(),
        Some("Lunch at nune?")
    );

    world.exchange(&mut bob, &mut alice, Draft::react(first, ""));
    world.exchange(&mut bob, &mut alice, Draft::delete(other));
    let now = world.now;
    let lines = ["Lunch at one? (2 edits) alice:!", "- deleted by bob"];
    assert_eq!(shown(&alice, "bob", now), lines);
    assert_eq!(shown(&bob, "alice", now), lines);
    // An edit is itself no message to show, and one that is deleted alone changes nothing.
    assert!(bob.view(&a, edits[1].id(), now).unwrap().is_none());
    bob.delete_message(&a, edits[1].id()).unwrap();
    assert_eq!(
        view(&bob, "alice", &first, now).text(),
        Some("Lunch at noon?")
    );
    assert_eq!(
        view(&alice, "bob", &first, now).text(),
        Some("Lunch at one?")
    );
    let forwarded = world.exchange(&mut alice, &mut bob, Draft::from("news").forwarded(5));
    let forwarded = view(&bob, "alice", &forwarded, world.now);
    assert_eq!(forwarded.forward_label(), ForwardLabel::ForwardedOften);
    assert_eq!(forwarded.forward_count(), 5);
    assert!(alice.edits(&b, &other, now).unwrap().is_empty());
}

#[test]
fn chk560_what_another_account_says_of_a_message_changes_nothing() {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut mallory = Mallory::new(&mut world, &mut bob);
    let own = mallory.send(&mut world, &mut bob, Content::Text("mine".to_owned()), 0);
    let his = bob
        .hold(&account("mallory"), "his", world.now, &mut world.rng)
        .unwrap();
    let edit = |of| Content::Edit {
        of,
        text: "forged".to_owned(),
    };
    mallory.send(&mut world, &mut bob, edit(his), 0);
    mallory.send(&mut world, &mut bob, Content::Deletion { of: his }, 0);
    let note = mallory.send(&mut world, &mut bob, Content::Timer { after_secs: 0 }, 0);
    mallory.send(&mut world, &mut bob, Content::Deletion { of: note }, 0);
    // Nor does what is said of an edit.
    let edit = mallory.send(&mut world, &mut bob, edit(own), 0);
    mallory.send(&mut world, &mut bob, Content::Deletion { of: edit }, 0);
    let now = world.now;
    assert_eq!(
        shown(&bob, "mallory", now),
        ["forged (1 edits)", "his", "-"]
    );
    assert_eq!(*view(&bob, "mallory", &note, now).state(), ViewState::Shown);
}

#[test]
fn chk562_a_deleted_message_shows_nothing_and_can_be_reported() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let id = world.exchange(&mut alice, &mut bob, Draft::from("abuse").reply_to(tag()));
    world.exchange(&mut alice, &mut bob, Draft::edit(id, "worse abuse"));
    world.exchange(&mut bob, &mut alice, Draft::react(id, "!"));
    world.exchange(&mut alice, &mut bob, Draft::delete(id));
    world.exchange(&mut bob, &mut alice, "why?");
    let view = view(&bob, "alice", &id, world.now);
    let by = alice.me().clone();
    assert_eq!(*view.state(), ViewState::Deleted { by });
    assert!(view.text().is_none() && view.message().is_none() && view.reply_to().is_none());
    assert!(view.attachments().is_empty() && view.reactions().is_empty());
    assert_eq!((view.edit_count(), view.forward_count()), (0, 0));
    assert!(bob.edits(&a, &id, world.now).unwrap().is_empty());
    let whole = [(id, Disclosure::Whole)];
    let draft = bob.draft_report(&a, Reason::Harassment, whole).unwrap();
    assert_eq!(draft.preview().messages().len(), 1);
}

fn tag() -> waxseal::FrankingTag {
    waxseal::FrankingTag::from_bytes([3; 32])
}

#[test]
fn chk563_what_cannot_count_is_not_sent() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let b = account("bob");
    let text = world.exchange(&mut alice, &mut bob, "text");
    let theirs = world.exchange(&mut bob, &mut alice, "theirs");
    let edit = world.exchange(&mut alice, &mut bob, Draft::edit(text, "edited"));
    let (kind, body) = ("a/b".to_owned(), vec![1]);
    let other = Content::Application { kind, body };
    let other = world.exchange(&mut alice, &mut bob, other);
    let note = world.exchange(&mut alice, &mut bob, Content::Timer { after_secs: 0 });
    let gone = world.exchange(&mut alice, &mut bob, "gone");
    world.exchange(&mut alice, &mut bob, Draft::delete(gone));
    let mut refused = |draft: Draft| {
        let (now, rng) = (world.now, &mut world.rng);
        let before = waxseal_world::snapshot(&alice);
        let sent = alice.send(&b, draft.clone(), now, rng).map(drop);
        let held = alice.hold(&b, draft, now, rng).map(drop);
        assert_eq!(waxseal_world::snapshot(&alice), before);
        match (sent, held) {
            (Err(SendError::Reference(one)), Err(SendError::Reference(other))) => {
                assert_eq!(one, other);
                one
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused(Draft::edit(tag(), "")),
        ReferenceError::NoSuchMessage
    );
    assert_eq!(
        refused(Draft::react(tag(), "")),
        ReferenceError::NoSuchMessage
    );
    assert_eq!(refused(Draft::edit(theirs, "")), ReferenceError::NotOwn);
    assert_eq!(refused(Draft::delete(theirs)), ReferenceError::NotOwn);
    assert_eq!(refused(Draft::edit(other, "")), ReferenceError::NotText);
    for id in [edit, note] {
        assert_eq!(refused(Draft::delete(id)), ReferenceError::NotChangeable);
        assert_eq!(
            refused(Draft::react(id, "!")),
            ReferenceError::NotChangeable
        );
    }
    for draft in [
        Draft::edit(gone, ""),
        Draft::delete(gone),
        Draft::react(gone, "!"),
    ] {
        assert_eq!(refused(draft), ReferenceError::NotShown);
    }
}

#[test]
fn chk568_what_a_device_with_a_slow_clock_writes_later_counts() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    let id = net.send(&mut phone, &bob(), "first");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    // An hour passes. The laptop's clock, below, is an hour behind.
    net.pass(3_600_000);
    net.send(&mut phone, &bob(), Draft::edit(id, "second"));
    net.send(&mut phone, &bob(), Draft::react(id, "1"));
    net.send(&mut phone, &bob(), Content::Timer { after_secs: 60 });
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let now = Timestamp::from_millis(net.now().as_millis() - 3_600_000);
    let ahead = net.now();
    for draft in [
        Draft::edit(id, "third"),
        Draft::react(id, "2"),
        Draft::new(Content::Timer { after_secs: 90 }),
    ] {
        net.start(&mut laptop, &bob());
        let sent = laptop
            .send(&bob(), draft, now, &mut net.provider.rng)
            .unwrap();
        // The relay takes what was posted within ten minutes of its time.
        let waiting = laptop.outbox(None, 10, ahead).unwrap().items;
        let sent = waiting.into_iter().find(|one| one.id == sent.id).unwrap();
        net.post(&mut laptop, sent);
    }
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    for client in [&phone, &laptop] {
        assert_eq!(
            shown(client, "bob", ahead),
            ["third (2 edits) alice:2", "-", "-"]
        );
        assert_eq!(client.timer(&bob()).unwrap(), 90);
    }
    assert_eq!(
        shown(&other, "alice", ahead),
        ["third (2 edits) alice:2", "-", "-"]
    );
    assert_eq!(other.timer(&alice).unwrap(), 90);
}

/// Sets the timer by a clock, and returns what is to be posted by the clock that is right.
fn set_timer(
    net: &mut Net,
    client: &mut Client<MemoryStore>,
    (peer, after_secs): (&AccountId, u32),
    now: Timestamp,
) -> Outgoing {
    net.pass(1_000);
    net.start(client, peer);
    let sent = client.set_timer(peer, after_secs, now, &mut net.provider.rng);
    let id = sent.unwrap().id;
    let waiting = client.outbox(None, 10, net.now()).unwrap().items;
    waiting.into_iter().find(|one| one.id == id).unwrap()
}

#[test]
fn chk569_a_timer_that_was_set_with_a_clock_far_ahead_can_be_set_again() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    net.send(&mut phone, &bob(), "first");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let ahead = after(net.now(), 2 * DAY_MS);
    let sent = set_timer(&mut net, &mut phone, (&bob(), 7), ahead);
    assert_eq!(phone.timer(&bob()).unwrap(), 7);
    net.post(&mut phone, sent);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let timers = |phone: &Client<_>, laptop: &Client<_>, other: &Client<_>| {
        [
            phone.timer(&bob()).unwrap(),
            laptop.timer(&bob()).unwrap(),
            other.timer(&alice).unwrap(),
        ]
    };
    assert_eq!(timers(&phone, &laptop, &other)[1..], [0, 0]);
    // The provider accepted it, and any other one is newer.
    net.pass(1_000);
    let now = net.now();
    let sent = set_timer(&mut net, &mut other, (&alice, 8), now);
    net.post(&mut other, sent);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(timers(&phone, &laptop, &other), [8; 3]);
    // The clock is set right before the provider accepts it.
    let sent = set_timer(&mut net, &mut phone, (&bob(), 9), ahead);
    let now = net.now();
    let second = set_timer(&mut net, &mut phone, (&bob(), 10), now);
    assert_eq!(phone.timer(&bob()).unwrap(), 10);
    for sent in [sent, second] {
        net.post(&mut phone, sent);
    }
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(timers(&phone, &laptop, &other), [10; 3]);
}

#[test]
fn chk569_a_clock_far_ahead_does_not_fix_the_timer_for_good() {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut mallory = Mallory::new(&mut world, &mut bob);
    let m = account("mallory");
    for (after_secs, ahead_ms, timer) in [
        (7, u64::MAX, 0), // it does not count
        (7, DAY_MS + 10_000, 0),
        (8, DAY_MS - 10_000, 8),
        (7, 0, 8), // it was sent before, by its author
    ] {
        mallory.send(
            &mut world,
            &mut bob,
            Content::Timer { after_secs },
            ahead_ms,
        );
        assert_eq!(bob.timer(&m).unwrap(), timer);
    }
    bob.hold(
        &m,
        Content::Timer { after_secs: 9 },
        world.now,
        &mut world.rng,
    )
    .unwrap();
    assert_eq!(bob.timer(&m).unwrap(), 9);
    let held = bob.hold(&m, "text", world.now, &mut world.rng).unwrap();
    let held = bob.message(&m, &held).unwrap().unwrap();
    assert_eq!(held.header().expires_after_secs, 9);
}
