//! The client as an application uses it, and as a network, a provider and a failing store abuse it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use waxseal::errors::{
    ConfirmError, OpenAccountError, PeerError, ReceiveError, ReportError, SendError, StartError,
    TakeRosterError,
};
use waxseal::reporting::recipient::DeliveryError;
use waxseal::{
    Advice, Client, Direction, Disclosure, Draft, MemoryStore, Notice, Reason, Received,
};
use waxseal_world::{NOW, Provider, account, address, snapshot, text_of};

#[test]
fn messages_go_both_ways_and_are_listed_with_their_evidence() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let first = world.exchange(&mut alice, &mut bob, "hello");
    let second = world.exchange(&mut bob, &mut alice, "hello yourself");
    for client in [&alice, &bob] {
        let other = if client.me() == alice.me() {
            account("bob")
        } else {
            account("alice")
        };
        let messages = client.messages(&other, None, 10).unwrap().items;
        assert_eq!(
            messages.iter().map(|m| *m.id()).collect::<Vec<_>>(),
            [first, second]
        );
        assert!(messages.iter().all(|message| message.evidence().is_some()));
        let next = client
            .messages(&other, Some(messages[0].ordinal()), 10)
            .unwrap()
            .items;
        assert_eq!(next.len(), 1, "paging continues after an ordinal");
    }
    let sent = &alice.messages(&account("bob"), None, 1).unwrap().items[0];
    assert_eq!(
        (sent.direction(), sent.text()),
        (Direction::Sent, Some("hello"))
    );
    let answer = bob.message(&account("alice"), &second).unwrap().unwrap();
    assert_eq!(
        answer.header().last_seen,
        Some(first),
        "an answer names the last message that its sender had seen"
    );
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
}

#[test]
fn an_account_is_created_once_and_opened_afterwards() {
    let (mut world, alice, bob) = Provider::of_two();
    let (identity, mut bob) = (*alice.identity(), bob);
    let key = world.key(alice.me());
    let again = Client::create(
        alice.into_store(),
        address("alice"),
        key,
        NOW,
        &mut world.rng,
    );
    assert!(matches!(again, Err(OpenAccountError::AlreadyExists)));
    assert!(matches!(
        Client::open(MemoryStore::new()),
        Err(OpenAccountError::NoAccount)
    ));

    let carol = world.register("carol");
    let store = carol.into_store();
    let mut carol = Client::open(store).unwrap();
    assert_ne!(carol.identity(), &identity);
    world.start(&mut bob, &account("carol"));
    world.exchange(&mut bob, &mut carol, "the account opened again works");
}

#[test]
fn sending_needs_a_session_and_says_how_to_get_one() {
    let (mut world, mut alice, _) = Provider::of_two();
    let before = snapshot(&alice);
    let error = alice
        .send(&account("stranger"), "hello?", NOW, &mut world.rng)
        .unwrap_err();
    assert!(matches!(error, SendError::NoSession));
    assert_eq!(error.advice(), Advice::FetchBundle);
    assert_eq!(snapshot(&alice), before);
    assert!(matches!(
        alice.safety_number(&account("stranger")),
        Err(PeerError::UnknownPeer)
    ));
}

#[test]
fn content_over_the_limit_is_refused_and_changes_nothing() {
    let (mut world, mut alice, _) = Provider::of_two();
    let before = snapshot(&alice);
    let too_long = "x".repeat(waxseal::reporting::limits::MAX_PAYLOAD_LEN);
    let error = alice
        .send(&account("bob"), too_long.as_str(), NOW, &mut world.rng)
        .unwrap_err();
    assert!(matches!(error, SendError::Content(_)));
    assert_eq!(error.advice(), Advice::FixCall);
    assert_eq!(snapshot(&alice), before);
}

#[test]
fn a_delivery_opens_once_however_often_it_arrives() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let sent = alice
        .send(&account("bob"), "once", NOW, &mut world.rng)
        .unwrap();
    let deliveries = [0, 1].map(|_| world.relay(&alice, &bob, &sent.envelope).0);
    assert_eq!(text_of(bob.receive(&deliveries[0]).unwrap()), "once");
    let before = snapshot(&bob);
    for delivery in &deliveries {
        let Received::Duplicate { id, .. } = bob.receive(delivery).unwrap() else {
            panic!("shown twice")
        };
        assert_eq!(id, sent.id);
    }
    assert_eq!(snapshot(&bob), before);
}

#[test]
fn an_altered_or_cut_delivery_is_refused_and_changes_nothing() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "the session is established");
    world.exchange(&mut bob, &mut alice, "on both sides");
    let sent = alice
        .send(&account("bob"), "intact", NOW, &mut world.rng)
        .unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    let before = snapshot(&bob);
    for cut in 0..delivery.len() {
        let error = bob.receive(&delivery[..cut]).unwrap_err();
        assert_eq!(error.advice(), Advice::DeliverAgain, "cut to {cut} bytes");
    }
    for place in 0..delivery.len() {
        for bit in 0..8 {
            let mut altered = delivery.clone();
            altered[place] ^= 1 << bit;
            let error = bob.receive(&altered).unwrap_err();
            // Acknowledging the altered delivery would lose the genuine one.
            assert_ne!(error.advice(), Advice::Drop, "byte {place}");
        }
    }
    assert!(bob.receive(&[delivery.clone(), vec![0]].concat()).is_err());
    assert_eq!(snapshot(&bob), before);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "intact");
}

#[test]
fn a_delivery_for_someone_else_is_refused() {
    let (mut world, mut alice, bob) = Provider::of_two();
    let mut carol = world.register("carol");
    let sent = alice
        .send(&account("bob"), "for bob", NOW, &mut world.rng)
        .unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    let error = carol.receive(&delivery).unwrap_err();
    assert!(matches!(
        error,
        ReceiveError::Delivery(DeliveryError::NotAuthentic)
    ));
    assert_eq!(error.advice(), Advice::DeliverAgain);
}

#[test]
fn a_changed_identity_is_reported_and_works_once_accepted() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "before");
    let old_number = bob.safety_number(&account("alice")).unwrap().digits();

    let mut alice = world.register("alice"); // on a new phone
    world.start(&mut alice, &account("bob"));
    let sent = alice
        .send(&account("bob"), "my new phone", NOW, &mut world.rng)
        .unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    let error = bob.receive(&delivery).unwrap_err();
    assert_eq!(error.advice(), Advice::FetchRoster);
    let upkeep = bob.upkeep(NOW, &mut world.rng).unwrap();
    assert_eq!(upkeep.rosters, [account("alice")]);
    let roster = world.roster(&account("alice"));
    let error = bob
        .take_roster(&account("alice"), &roster, NOW)
        .unwrap_err();
    assert_eq!(error.advice(), Advice::WarnIdentityChange);
    let TakeRosterError::IdentityChanged { new } = error else {
        panic!("{error}")
    };
    assert_eq!(new, world.account_key(&account("alice")));
    let notices = bob.notices(None, 9).unwrap().items;
    let changed = Notice::IdentityChanged {
        account: account("alice"),
        new,
    };
    assert_eq!(notices, [changed]);
    let before = snapshot(&bob);
    let bundles = world.bundles(&account("alice"));
    let error = bob
        .start(&account("alice"), &bundles, NOW, &mut world.rng)
        .unwrap_err();
    assert!(matches!(error, StartError::IdentityChanged { .. }));
    assert_eq!(snapshot(&bob), before);

    let second = alice
        .send(&account("bob"), "and again", NOW, &mut world.rng)
        .unwrap();
    let (second, _) = world.relay(&alice, &bob, &second.envelope);
    for (delivery, text) in [(delivery, "my new phone"), (second, "and again")] {
        // The application accepts the new identity once for each refused delivery. The second time
        // must not destroy the new session.
        bob.accept_identity(&account("alice"), &new).unwrap();
        assert_eq!(text_of(world.receive(&mut bob, &delivery).unwrap()), text);
    }
    assert_ne!(
        bob.safety_number(&account("alice")).unwrap().digits(),
        old_number
    );
    assert_eq!(
        bob.messages(&account("alice"), None, 10)
            .unwrap()
            .items
            .len(),
        3,
        "the messages stay"
    );
    world.exchange(&mut bob, &mut alice, "welcome back");
}

#[test]
fn both_may_start_at_once_and_nothing_is_lost() {
    let mut world = Provider::new(7);
    let (mut alice, mut bob) = (world.register("alice"), world.register("bob"));
    world.start(&mut alice, &account("bob"));
    world.start(&mut bob, &account("alice"));
    let to_bob = alice
        .send(&account("bob"), "me first", NOW, &mut world.rng)
        .unwrap();
    let to_alice = bob
        .send(&account("alice"), "no, me", NOW, &mut world.rng)
        .unwrap();
    let (at_bob, at_alice) = (
        world.relay(&alice, &bob, &to_bob.envelope),
        world.relay(&bob, &alice, &to_alice.envelope),
    );
    assert_eq!(text_of(bob.receive(&at_bob.0).unwrap()), "me first");
    assert_eq!(text_of(alice.receive(&at_alice.0).unwrap()), "no, me");
    for _ in 0..3 {
        world.exchange(&mut alice, &mut bob, "and on");
        world.exchange(&mut bob, &mut alice, "and on");
    }
}

#[test]
fn a_receipt_makes_a_sent_message_reportable_and_only_the_right_one_does() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let sent = alice
        .send(&account("bob"), "mine", NOW, &mut world.rng)
        .unwrap();
    let (delivery, receipt) = world.relay(&alice, &bob, &sent.envelope);
    bob.receive(&delivery).unwrap();
    let own = [(sent.id, Disclosure::Whole)];
    let early = alice
        .draft_report(&account("bob"), Reason::Other, own.clone())
        .unwrap_err();
    assert!(matches!(early, ReportError::NotStamped));
    assert_eq!(early.advice(), Advice::KeepAndRetry);
    assert_eq!(
        alice.outbox(None, 10, NOW).unwrap().items,
        std::slice::from_ref(&sent)
    );

    let before = snapshot(&alice);
    for place in 0..receipt.len() {
        let mut altered = receipt.clone();
        altered[place] ^= 1;
        alice.confirm(&account("bob"), &altered).unwrap_err();
    }
    assert!(matches!(
        alice.confirm(&account("carol"), &receipt),
        Err(ConfirmError::NotSent)
    ));
    let received = bob.confirm(&account("alice"), &receipt);
    assert!(
        matches!(received, Err(ConfirmError::NotSent)),
        "a received message cannot be confirmed"
    );
    assert_eq!(snapshot(&alice), before);

    for _ in 0..2 {
        assert_eq!(alice.confirm(&account("bob"), &receipt).unwrap(), sent.id);
    }
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
    alice
        .draft_report(&account("bob"), Reason::Other, own)
        .unwrap();
}

#[test]
fn a_report_is_kept_until_confirmed_and_verifies() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let reply = world.exchange(&mut alice, &mut bob, "first");
    let draft = Draft::from("second")
        .reply_to(reply)
        .forwarded(3)
        .expires_after_secs(60);
    let second = world.exchange(&mut alice, &mut bob, draft);
    let shown = [
        (second, Disclosure::Whole),
        (reply, Disclosure::Parts(vec![])),
    ];
    let draft = bob
        .draft_report(&account("alice"), Reason::Scam, shown)
        .unwrap();
    let sent = bob
        .report(&draft, world.moderation.public_key(), &mut world.rng)
        .unwrap();

    let mut bob = Client::open(bob.into_store()).unwrap();
    let pending = bob.pending_reports(None, 10).unwrap().items;
    assert_eq!((pending.len(), &pending[0].report), (1, &sent.report));
    let verified = world.verify(&pending[0].report).unwrap();
    assert_eq!(verified.messages().len(), 2);
    let second = verified
        .messages()
        .iter()
        .find(|message| message.tag() == &second)
        .unwrap();
    assert_eq!(second.content().unwrap().as_text(), Some("second"));
    assert_eq!(second.header().reply_to, Some(reply));
    assert_eq!(
        (
            second.header().forward_count,
            second.header().expires_after_secs
        ),
        (3, 60)
    );
    assert_eq!(second.gap_before(), Some(0));

    bob.confirm_report(sent.id).unwrap();
    assert!(bob.pending_reports(None, 10).unwrap().items.is_empty());
    let unknown = bob
        .draft_report(&account("bob"), Reason::Scam, [(reply, Disclosure::Whole)])
        .unwrap_err();
    assert!(matches!(unknown, ReportError::NoSuchMessage));
}

#[test]
fn after_a_rotation_the_previous_prekeys_open_what_was_on_its_way() {
    let mut world = Provider::new(7);
    let (mut alice, mut bob) = (world.register("alice"), world.register("bob"));
    world.start(&mut alice, &account("bob"));
    let sent = alice
        .send(&account("bob"), "late", NOW, &mut world.rng)
        .unwrap();
    let upload = bob.rotate_prekeys(&mut world.rng).unwrap();
    assert!(upload.one_time.is_empty());
    world.publish(&account("bob"), &upload);
    let left = bob.one_time_prekeys_left().unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    let received = world.receive(&mut bob, &delivery);
    assert_eq!(text_of(received.unwrap()), "late");
    assert_eq!(bob.one_time_prekeys_left().unwrap(), left - 1);
    let lost = bob.publish_prekeys(99, &mut world.rng).unwrap();
    assert_eq!(
        lost.one_time.len(),
        1,
        "one part for each that the provider lacks"
    );
    let mut bob = Client::open(bob.into_store()).unwrap();
    let again = bob.publish_prekeys(99, &mut world.rng).unwrap();
    assert_eq!(again, lost, "a lost upload is returned again");
    bob.confirm_prekeys(&again).unwrap();
    let upload = bob.publish_prekeys(100, &mut world.rng).unwrap();
    assert!(
        upload.one_time.is_empty(),
        "each one-time part is published once"
    );
}

#[test]
fn bundles_that_were_fetched_and_never_used_do_not_prevent_new_ones() {
    let mut world = Provider::new(7);
    let mut bob = world.register("bob");
    for _ in 0..5 {
        // Someone fetches all one-time prekeys and never writes. The device must still keep no more
        // than 200 of them.
        let upload = bob.publish_prekeys(0, &mut world.rng).unwrap();
        assert_eq!(upload.one_time.len(), 100);
        bob.confirm_prekeys(&upload).unwrap();
        assert!(bob.one_time_prekeys_left().unwrap() <= 200);
    }
}

#[test]
fn debug_shows_no_secret_and_no_text() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "a secret text");
    let message = &bob.messages(&account("alice"), None, 1).unwrap().items[0];
    assert_eq!(
        format!("{message:?}"),
        "Message { ordinal: 0, direction: Received, reportable: true, .. }"
    );
    let shown = format!("{bob:?} {:?}", bob.store());
    assert!(
        !shown.contains("secret") && !shown.contains("delivery_key"),
        "{shown}"
    );
}
