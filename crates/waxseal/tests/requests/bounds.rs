//! What strangers can make a device store, whatever they send.

use waxseal::reporting::ConversationId;
use waxseal::reporting::relay::Envelope;
use waxseal::{
    Content, MAX_ALL_REQUESTS_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES, MAX_REQUESTS,
    Received,
};
use waxseal_world::{account, snapshot};

use crate::support::{Stranger, is_skipped, naming, reference, store_len, tick, world};

/// What one account takes besides its request: contact, notices, tags, what did not open, and what
/// is remembered of its first messages.
const BESIDES_LEN: usize = 40 * 1_024;

#[test]
fn chk580_a_request_has_at_most_32_messages() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    for number in 0..MAX_REQUEST_MESSAGES {
        let received = mallory.write(&mut world, &mut bob, &format!("message {number}"));
        let Received::Message { message, .. } = received else {
            panic!("{received:?}");
        };
        assert!(message.is_request());
    }
    for _ in 0..100 {
        let received = mallory.write(&mut world, &mut bob, "one more");
        assert!(is_skipped(&received), "{received:?}");
    }
    let requests = bob.requests(None, 9).unwrap().items;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].account, account("mallory"));
    assert_eq!(requests[0].messages, MAX_REQUEST_MESSAGES);
    assert_eq!(requests[0].dropped, 100);
    let stored = bob.messages(&account("mallory"), None, 100).unwrap();
    assert_eq!(stored.items.len(), 32);
    // After the user accepts, the conversation goes on.
    bob.accept_contact(&account("mallory")).unwrap();
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    let received = mallory.write(&mut world, &mut bob, "thank you");
    assert!(matches!(received, Received::Message { message, .. } if !message.is_request()));
}

#[test]
fn chk580_a_request_has_at_most_256_kib() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let long = "x".repeat(60_000);
    let mut kept = 0;
    for _ in 0..12 {
        let received = mallory.write(&mut world, &mut bob, &long);
        kept += usize::from(matches!(received, Received::Message { .. }));
    }
    assert_eq!(kept, 4);
    let request = bob.requests(None, 9).unwrap().items.remove(0);
    assert!(request.bytes <= MAX_REQUEST_BYTES);
    assert_eq!((request.messages, request.dropped), (4, 8));
    // There is still room for a short one.
    let received = mallory.write(&mut world, &mut bob, "short");
    assert!(matches!(received, Received::Message { .. }));
}

#[test]
fn chk581_of_the_129th_stranger_nothing_is_stored() {
    let (mut world, mut bob) = world();
    for number in 0..MAX_REQUESTS {
        let mut stranger = Stranger::new(&mut world, &format!("stranger {number}"));
        let received = stranger.write(&mut world, &mut bob, "hello");
        assert!(matches!(received, Received::Message { .. }), "{number}");
    }
    let mut late = Stranger::new(&mut world, "late");
    let before = naming(&bob, "late");
    for number in 1..=3 {
        let received = late.write(&mut world, &mut bob, "hello?");
        assert!(is_skipped(&received), "{received:?}");
        assert_eq!(bob.dropped_strangers().unwrap(), number);
    }
    assert_eq!(naming(&bob, "late"), before);
    assert!(!bob.has_session(&account("late")).unwrap());
    // One decision makes room for one.
    bob.decline(&account("stranger 7"), world.now).unwrap();
    let received = late.write(&mut world, &mut bob, "hello!");
    assert!(matches!(received, Received::Message { .. }));
}

#[test]
fn chk581_all_requests_have_at_most_8_mib() {
    let (mut world, mut bob) = world();
    let long = "x".repeat(60_000);
    let before = store_len(&bob);
    for number in 0..48 {
        let mut stranger = Stranger::new(&mut world, &format!("stranger {number}"));
        for _ in 0..5 {
            stranger.write(&mut world, &mut bob, &long);
        }
    }
    let requests = bob.requests(None, 200).unwrap().items;
    let bytes: u64 = requests.iter().map(|request| request.bytes).sum();
    assert!(bytes <= MAX_ALL_REQUESTS_BYTES, "{bytes}");
    assert!(bytes > MAX_ALL_REQUESTS_BYTES - 70_000, "{bytes}");
    assert!(requests.iter().any(|request| request.dropped > 1));
    let grown = store_len(&bob) - before;
    assert!(grown <= 8 * 1_024 * 1_024 + 48 * BESIDES_LEN, "{grown}");
}

#[test]
fn chk582_a_first_message_that_says_nothing_stores_nothing() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let control = mallory.seal_control(&mut world);
    world.show_roster(&mut bob, &account("mallory"));
    let before = snapshot(&bob);
    assert!(is_skipped(&mallory.deliver(&mut world, &mut bob, &control)));
    assert_eq!(snapshot(&bob), before);
    // Its session is accepted with the first message that says something.
    let received = mallory.write(&mut world, &mut bob, "hello");
    assert!(matches!(received, Received::Message { .. }));
}

#[test]
fn chk583_skipped_keys_of_a_stranger_are_bounded() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let before = store_len(&bob);
    // Each delivery makes Bob skip 400 keys.
    for _ in 0..12 {
        for _ in 0..400 {
            mallory.seal(Content::Text("never posted".to_owned()), &mut world);
        }
        mallory.write(&mut world, &mut bob, "and on");
    }
    let request = bob.requests(None, 9).unwrap().items.remove(0);
    assert!(request.dropped > 0, "{request:?}");
    assert!(request.bytes <= 96 * 1_024 + 32 * 1_024, "{request:?}");
    let grown = store_len(&bob) - before;
    assert!(grown <= (96 + 32 + 40) * 1_024, "{grown}");
}

#[test]
fn chk584_sessions_that_a_stranger_begins_are_few() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let before = store_len(&bob);
    for _ in 0..150 {
        mallory.start_over(&mut world);
        mallory.write(&mut world, &mut bob, "it is me");
    }
    let grown = store_len(&bob) - before;
    assert!(grown <= (96 + 32 + 40) * 1_024, "{grown}");
    let request = bob.requests(None, 9).unwrap().items.remove(0);
    assert!(request.bytes <= MAX_REQUEST_BYTES);
}

#[test]
fn chk584_tags_that_say_nothing_are_few() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let before = store_len(&bob);
    for _ in 0..200 {
        let control = mallory.seal_control(&mut world);
        mallory.deliver(&mut world, &mut bob, &control);
        let withheld = mallory.seal_withheld(&mut world);
        tick(&mut world);
        let (delivery, _) = world.stamp_as(&mallory.device.me, bob.me(), &withheld);
        bob.receive(&delivery).unwrap_err();
        // What comes again is known, with a record of it or without.
        assert!(matches!(
            bob.receive(&delivery).unwrap(),
            Received::Duplicate { .. }
        ));
    }
    let grown = store_len(&bob) - before;
    assert!(grown <= BESIDES_LEN, "{grown}");
}

#[test]
fn chk585_of_strangers_whose_messages_do_not_open_little_is_noted() {
    let (mut world, mut bob) = world();
    let before = store_len(&bob);
    // Nothing opens, so one stranger's bytes do for all names.
    let envelope = Stranger::new(&mut world, "mallory").seal(Content::Text("x".into()), &mut world);
    let mut bytes = envelope.encode();
    let mut number = 0u64;
    for stranger in 0..700 {
        let name = format!("stranger {stranger}");
        let me = world.register_only(&name);
        for _ in 0..(if stranger < 3 { 80 } else { 2 }) {
            number += 1;
            bytes[1..9].copy_from_slice(&number.to_be_bytes()); // another tag
            tick(&mut world);
            let envelope = Envelope::decode(&bytes).unwrap();
            let (delivery, _) = world.stamp_as(&me, bob.me(), &envelope);
            bob.receive(&delivery).unwrap_err();
        }
    }
    let upkeeps = snapshot(&bob);
    let upkeeps = upkeeps
        .iter()
        .filter(|(key, _)| key.table.as_bytes() == b"z");
    assert_eq!(upkeeps.count(), 512);
    let grown = store_len(&bob) - before;
    assert!(grown <= 512 * 256 + 3 * 32 * 256, "{grown}");
}

/// Everything at once, by one stranger who knows all the ways.
#[test]
fn one_stranger_takes_at_most_what_the_specification_says() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let before = store_len(&bob);
    for round in 0..60u8 {
        let invitation = Content::Invitation {
            group: ConversationId::from_bytes([round; 32]),
            title: "x".repeat(255),
        };
        let text = Content::Text("x".repeat(20_000));
        for content in [invitation, reference(round), text] {
            let envelope = mallory.seal(content, &mut world);
            mallory.deliver(&mut world, &mut bob, &envelope);
        }
        let control = mallory.seal_control(&mut world);
        mallory.deliver(&mut world, &mut bob, &control);
        for _ in 0..40 {
            mallory.seal_control(&mut world); // skipped
        }
        // What does not open.
        let mut bytes = mallory.seal_control(&mut world).encode();
        *bytes.last_mut().unwrap() ^= 1;
        tick(&mut world);
        let envelope = Envelope::decode(&bytes).unwrap();
        let (delivery, _) = world.stamp_as(&mallory.device.me, bob.me(), &envelope);
        let _ = bob.receive(&delivery);
        if round % 2 == 1 {
            mallory.start_over(&mut world);
        }
        bob.upkeep(world.now, &mut world.rng).unwrap();
    }
    let grown = store_len(&bob) - before;
    assert!(grown <= 256 * 1_024 + BESIDES_LEN, "{grown}");
    // A decision leaves next to nothing of it.
    bob.decline(&account("mallory"), world.now).unwrap();
    let left = store_len(&bob).saturating_sub(before);
    assert!(left <= 8_192, "{left}");
}
