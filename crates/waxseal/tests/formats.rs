//! What the formats promise an application: each posting asks for its stamp again, and what an
//! earlier version left in the outbox is sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::reporting::limits::MAX_POST_SKEW_MS;
use waxseal::reporting::relay::PostError;
use waxseal::{Client, Content, Draft, MemoryStore, Received, Timestamp};
use waxseal_world::{NOW, PostRefused, Provider, Records, account, envelope_of, find, snapshot};

#[test]
fn each_posting_has_the_present_time_and_nothing_else_changes() {
    let (mut provider, mut alice, bob) = Provider::of_two();
    let bob_id = account("bob");
    let sent = alice.send(&bob_id, "late", NOW, &mut provider.rng).unwrap();
    let stored = snapshot(&alice);
    assert_eq!(
        alice.outbox(None, 10, NOW).unwrap().items,
        std::slice::from_ref(&sent)
    );

    for (after, is_taken) in [
        (0, true),
        (MAX_POST_SKEW_MS, true),
        (MAX_POST_SKEW_MS + 1, false),
    ] {
        provider.now = Timestamp::from_millis(NOW.as_millis() + after);
        let posted = provider.post(alice.me(), bob.me(), &sent.envelope);
        assert_eq!(posted.is_ok(), is_taken);
        assert!(is_taken || posted == Err(PostRefused::Post(PostError::ClockDiffers)));
        let again = alice.outbox(None, 10, provider.now).unwrap().items;
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].id, sent.id);
        assert_eq!(again[0].to, bob_id);
        assert!(envelope_of(&again[0].envelope) == envelope_of(&sent.envelope));
        assert!(
            provider
                .post(alice.me(), bob.me(), &again[0].envelope)
                .is_ok()
        );
    }
    assert_eq!(snapshot(&alice), stored, "the outbox only reads");

    // The fanout MAC names the audience: the relay stamps the message for no one else.
    let carol = provider.register("carol");
    let elsewhere = provider.post(alice.me(), carol.me(), &sent.envelope);
    provider.now = NOW;
    assert_eq!(elsewhere, Err(PostRefused::Post(PostError::NotAuthentic)));
    let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&bob_id, &receipt).unwrap();
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
    assert!(alice.waiting(None, 10).unwrap().items.is_empty());
    assert_eq!(
        alice.seal_waiting(&bob_id, NOW, &mut provider.rng).unwrap(),
        0
    );
}

/// Changes each record of the outbox.
fn alter_outbox(client: &Client<MemoryStore>, alter: impl Fn(&mut Vec<u8>)) -> Records {
    let mut records = snapshot(client);
    let outbox = records
        .iter_mut()
        .filter(|(key, _)| key.table.as_bytes() == b"o");
    outbox.for_each(|(_, value)| alter(value));
    records
}

#[test]
fn messages_of_the_version_before_are_sealed_again_under_their_tags() {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    let first = alice
        .send(&bob_id, "first", NOW, &mut provider.rng)
        .unwrap();
    let reply = Draft::from("reply").reply_to(first.id);
    let edit = Content::Edit {
        of: first.id,
        text: "First.".to_owned(),
    };
    let drafts = [reply, Draft::new(edit)];
    let [reply, edit] = drafts.map(|draft| {
        let sent = alice.send(&bob_id, draft, NOW, &mut provider.rng);
        sent.unwrap()
    });
    // As if the version before had left them: its envelopes are for one device.
    let tags = [first.id, reply.id, edit.id];
    let records = alter_outbox(&alice, |value| {
        for tag in &tags {
            let stored = [&[3], &tag.as_bytes()[..]].concat();
            if value.windows(33).any(|bytes| bytes == stored) {
                let place = find(value, &stored);
                value[place] = 2;
            }
        }
    });
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    let waiting = alice.waiting(None, 10).unwrap().items;
    assert_eq!(waiting.iter().map(|sent| sent.id).collect::<Vec<_>>(), tags);
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());

    assert_eq!(
        alice.seal_waiting(&bob_id, NOW, &mut provider.rng).unwrap(),
        3
    );
    let outbox = alice.outbox(None, 10, NOW).unwrap().items;
    let [first, reply, edit] = outbox.as_slice() else {
        panic!("three messages were sealed again")
    };
    assert!(outbox.iter().zip(&tags).all(|(sent, tag)| sent.id == *tag));
    for sent in [first, reply, edit] {
        let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
        bob.receive(&delivery).unwrap();
        alice.confirm(&bob_id, &receipt).unwrap();
    }
    let messages = bob.messages(&account("alice"), None, 10).unwrap().items;
    let sequences: Vec<_> = messages.iter().map(|m| m.header().sequence).collect();
    assert_eq!(sequences, [0, 1, 2]);
    assert_eq!(messages[1].header().reply_to, Some(first.id));
    assert_eq!(messages[2].content().refers_to(), Some(&first.id));
}

#[test]
fn a_damaged_outbox_does_not_stop_new_messages() {
    let (mut provider, mut alice, bob) = Provider::of_two();
    let bob_id = account("bob");
    alice
        .send(&bob_id, "damaged", NOW, &mut provider.rng)
        .unwrap();
    let records = alter_outbox(&alice, |value| value.truncate(20));
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    let sent = alice.send(&bob_id, "goes", NOW, &mut provider.rng).unwrap();
    let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    assert_eq!(alice.confirm(&bob_id, &receipt).unwrap(), sent.id);
}

/// Reads a row of the table in README.md: the number after this name.
fn stated(name: &str) -> usize {
    let row = include_str!("../README.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" | "));
    let row = row.unwrap_or_else(|| panic!("no row {name}"));
    row.trim_matches('*').parse().unwrap()
}

/// Takes the next field of this length. Asserts that the table has it.
fn take<'a>(rest: &mut &'a [u8], name: &str, len: usize) -> &'a [u8] {
    assert_eq!(stated(name), len, "{name}");
    let (field, after) = rest.split_at(len);
    *rest = after;
    field
}

#[test]
fn a_text_of_62_bytes_takes_the_bytes_that_the_readme_lists() {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    provider.exchange(&mut alice, &mut bob, "first");
    let seen = provider.exchange(&mut bob, &mut alice, "answer");
    let text = "x".repeat(62);
    let sent = alice.send(&account("bob"), text.as_str(), NOW, &mut provider.rng);
    let sent = sent.unwrap();
    let (delivery, _) = provider.relay(&alice, &bob, &sent.envelope);
    let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
        panic!("a new message")
    };
    assert_eq!(message.text(), Some(&text[..]));
    assert_eq!(message.header().last_seen, Some(seen));

    // The wire: the envelope's fields and, in its ciphertext, those of the session's message.
    let rest = &mut &sent.envelope[..];
    assert_eq!(take(rest, "version of the message", 1), [3]);
    let tag = take(rest, "franking tag", 2 + 32);
    assert_eq!(tag, [&[0x0a, 32], &sent.id.as_bytes()[..]].concat());
    assert_eq!(take(rest, "time of posting", 2 + 8)[..2], [0x12, 8]);
    assert_eq!(take(rest, "fanout MAC", 2 + 32)[..2], [0x1a, 32]);
    assert_eq!(take(rest, "length of the slots", 1 + 2)[0], 0x22);
    let versions = take(rest, "versions of both rosters", 2 * (4 + 4));
    assert_eq!(versions, [0, 0, 0, 1, 0, 0, 0, 1].repeat(2));
    assert_eq!(take(rest, "number of slots", 1), [1]);
    let slot = take(rest, "side, device and length of the slot", 1 + 4 + 4);
    assert_eq!(slot[..5], [0, 0, 0, 0, 1]);
    assert_eq!(slot[5..], u32::try_from(rest.len()).unwrap().to_be_bytes());
    let slot_len = slot.len() + rest.len();
    let preamble = "preamble: which rosters Alice's device knows";
    assert_eq!(take(rest, preamble, 1 + 2 * (4 + 4 + 16))[0], 1);
    assert_eq!(take(rest, "version of the session's message", 1), [2]);
    let header = "encrypted header: ratchet, counters, post-quantum part, MAC";
    assert_eq!(take(rest, header, 2 + 83 + 16)[..2], [0x12, 99]);
    assert_eq!(take(rest, "length of the body", 1 + 2)[0], 0x1a);
    let plaintext_len = rest.len() - 16;

    // The plaintext. Evidence ends with it, after the claim, and leaves out the padding.
    let franked = 32 + 1 + (4 + 54) + (4 + 1 + 62);
    let evidence = message.evidence().unwrap().encode();
    let plain = &mut &evidence[evidence.len() - franked..];
    take(plain, "franking key", 32);
    assert_eq!(take(plain, "number of parts", 1), [2]);
    let header = "header: flags, sequence, sent, forwards, expiry";
    assert_eq!(
        take(plain, header, 4 + 1 + 8 + 8 + 1 + 4)[..5],
        [0, 0, 0, 54, 1]
    );
    assert_eq!(take(plain, "last seen", 32), seen.as_bytes());
    assert_eq!(take(plain, "kind of content", 4 + 1), [0, 0, 0, 63, 1]);
    assert_eq!(take(plain, "the text", 62), text.as_bytes());
    assert!(plain.is_empty());
    assert_eq!(plaintext_len, 192);
    *rest = &rest[franked..];
    take(rest, "padding to 192 bytes", plaintext_len - franked);
    take(rest, "tag of the body", 16);
    assert!(rest.is_empty());

    assert_eq!(stated("**posted by Alice's device**"), sent.envelope.len());
    let readme = include_str!("../README.md");
    let over = sent.envelope.len() - text.len();
    assert!(over <= 333 + 100, "{over}"); // at most 100 more than to an account with one device
    assert!(readme.contains(&format!("That is {over} bytes over the text.")));
    assert!(readme.contains(&format!("slot of {slot_len} bytes.")));
    let received = format!("Each device receives {} bytes", delivery.len());
    assert!(readme.contains(&received), "{received}");
}
