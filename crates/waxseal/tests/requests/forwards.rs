//! Messages that are passed on.

use waxseal::errors::ForwardError;
use waxseal::view::OFTEN_FORWARDED;
use waxseal::{Attachment, Content, Conversation, Draft, ForwardLimits, FrankingTag};
use waxseal_world::{Provider, account};

use crate::files;
use crate::support::{Device, Stranger, world};

/// Bob with five friends to whom he can write.
fn with_friends() -> (Provider, Device, Vec<Device>, Vec<Conversation>) {
    let (mut world, mut bob) = world();
    let (mut friends, mut to) = (Vec::new(), Vec::new());
    for name in ["alice", "carol", "dave", "erin", "frank", "grace"] {
        let mut friend = world.register(name);
        world.start(&mut friend, &account("bob"));
        world.exchange(&mut friend, &mut bob, "hello");
        bob.accept_contact(&account(name)).unwrap();
        friends.push(friend);
        to.push(Conversation::from(account(name)));
    }
    (world, bob, friends, to)
}

/// Alice sends Bob something.
fn got(
    world: &mut Provider,
    friends: &mut [Device],
    bob: &mut Device,
    draft: impl Into<Draft>,
) -> FrankingTag {
    world.exchange(&mut friends[0], bob, draft)
}

fn text(text: &str) -> Draft {
    Draft::new(Content::Text(text.to_owned()))
}

#[test]
fn chk590_one_call_forwards_to_five_conversations_and_to_one_what_was_forwarded_often() {
    let (mut world, mut bob, mut friends, to) = with_friends();
    let alice = account("alice");
    let (now, rng) = (world.now, &mut world.fork_rng());
    let limits = ForwardLimits::default();
    for (count, most) in [
        (0, 5),
        (OFTEN_FORWARDED - 1, 5),
        (OFTEN_FORWARDED, 1),
        (255, 1),
    ] {
        let id = got(
            &mut world,
            &mut friends,
            &mut bob,
            text("news").forwarded(count),
        );
        let before = bob.outbox(None, 99, now).unwrap().items.len();
        let refused = bob.forward(&alice, &id, &to[..most + 1], limits, now, rng);
        assert!(matches!(refused, Err(ForwardError::TooMany { max }) if max == most));
        assert_eq!(bob.outbox(None, 99, now).unwrap().items.len(), before);
        let sent = bob
            .forward(&alice, &id, &to[..most], limits, now, rng)
            .unwrap();
        assert_eq!(sent.len(), most);
        assert!(sent.iter().all(Result::is_ok));
    }
    // An application can lower the limits, and not raise them.
    let id = got(
        &mut world,
        &mut friends,
        &mut bob,
        text("news").forwarded(5),
    );
    for (limits, most) in [
        (ForwardLimits::lower(2, 0), 0),
        (ForwardLimits::lower(99, 99), 1),
    ] {
        assert_eq!(limits.of(5), most);
        let refused = bob.forward(&alice, &id, &to[..most + 1], limits, now, rng);
        assert!(matches!(refused, Err(ForwardError::TooMany { max }) if max == most));
    }
    assert_eq!(ForwardLimits::lower(99, 99), limits);
    assert_eq!(ForwardLimits::lower(2, 0).of(4), 2);
}

#[test]
fn chk591_a_request_and_other_kinds_than_texts_are_not_forwarded() {
    let (mut world, mut bob, mut friends, to) = with_friends();
    let (now, rng) = (world.now, &mut world.fork_rng());
    let limits = ForwardLimits::default();
    let mut stranger = Stranger::new(&mut world, "mallory");
    let received = stranger.write(&mut world, &mut bob, "pass it on");
    let waxseal::Received::Message { message, .. } = received else {
        panic!("{received:?}");
    };
    let mallory = account("mallory");
    let refused = bob.forward(&mallory, message.id(), &to[..1], limits, now, rng);
    assert!(matches!(refused, Err(ForwardError::Request)));
    bob.accept_contact(&mallory).unwrap();
    let sent = bob.forward(&mallory, message.id(), &to[..1], limits, now, rng);
    assert!(sent.unwrap()[0].is_ok());

    let alice = account("alice");
    let first = got(&mut world, &mut friends, &mut bob, text("first"));
    let edit = Content::Edit {
        of: first,
        text: "edited".to_owned(),
    };
    let reaction = Content::Reaction {
        to: first,
        reaction: "+".to_owned(),
    };
    for (content, is_shown) in [
        (edit, false),
        (reaction, false),
        (Content::GroupLeave, true),
        (Content::Timer { after_secs: 0 }, true),
        (Content::Deletion { of: first }, false),
    ] {
        let id = got(&mut world, &mut friends, &mut bob, content);
        let refused = bob.forward(&alice, &id, &to[..1], limits, now, rng);
        let is_right = match is_shown {
            true => matches!(refused, Err(ForwardError::Kind)),
            false => matches!(refused, Err(ForwardError::NoSuchMessage)),
        };
        assert!(is_right, "{refused:?}");
    }
    let unknown = FrankingTag::from_bytes([1; 32]);
    let refused = bob.forward(&alice, &unknown, &to[..1], limits, now, rng);
    assert!(matches!(refused, Err(ForwardError::NoSuchMessage)));
}

#[test]
fn chk592_each_forward_raises_the_count_up_to_255() {
    let (mut world, mut bob, mut friends, to) = with_friends();
    let alice = account("alice");
    let (now, rng) = (world.now, &mut world.fork_rng());
    let file = files::attached();
    let (blob, file) = (file.descriptor().blob(), Attachment::from(file));
    for (count, after) in [(0, 1), (4, 5), (254, 255), (255, 255)] {
        let draft = text("look").attach(file.clone()).forwarded(count);
        let id = got(&mut world, &mut friends, &mut bob, draft);
        let limits = ForwardLimits::default();
        let sent = bob
            .forward(&alice, &id, &to[1..2], limits, now, rng)
            .unwrap();
        let sent = sent.into_iter().next().unwrap().unwrap();
        let (delivery, _) = world.relay(&bob, &friends[1], &sent.envelope);
        let received = world.receive(&mut friends[1], &delivery).unwrap();
        let waxseal::Received::Message { message, .. } = received else {
            panic!("{received:?}");
        };
        assert_eq!(message.header().forward_count, after);
        assert_eq!(message.text(), Some("look"));
        let again = message.attachments()[0].file().unwrap();
        assert_eq!(again.descriptor().blob(), blob);
        assert!(message.header().reply_to.is_none());
    }
}

#[test]
fn the_present_text_is_forwarded_and_nothing_that_was_deleted_or_has_expired() {
    let (mut world, mut bob, mut friends, to) = with_friends();
    let alice = account("alice");
    let rng = &mut world.fork_rng();
    let limits = ForwardLimits::default();
    let edited = got(&mut world, &mut friends, &mut bob, text("at noon"));
    let draft = Draft::edit(edited, "at one");
    got(&mut world, &mut friends, &mut bob, draft);
    let now = world.now;
    let sent = bob.forward(&alice, &edited, &to[1..2], limits, now, rng);
    let sent = sent.unwrap().remove(0).unwrap();
    let passed_on = bob.message(&sent.to, &sent.id).unwrap().unwrap();
    assert_eq!(passed_on.text(), Some("at one"));

    got(&mut world, &mut friends, &mut bob, Draft::delete(edited));
    let expires = text("soon gone").expires_after_secs(60);
    let expires = got(&mut world, &mut friends, &mut bob, expires);
    bob.opened(&alice, &expires, world.now).unwrap();
    let later = waxseal::Timestamp::from_millis(world.now.as_millis() + 60_000);
    for id in [edited, expires] {
        let refused = bob.forward(&alice, &id, &to[1..2], limits, later, rng);
        assert!(
            matches!(refused, Err(ForwardError::NotShown)),
            "{refused:?}"
        );
    }
}
