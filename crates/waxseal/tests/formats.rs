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
use waxseal::{Client, Content, Draft, MemoryStore, Timestamp};
use waxseal_world::{NOW, Provider, Records, account, envelope_of, find, snapshot};

#[test]
fn each_posting_has_the_present_time_and_nothing_else_changes() {
    let (mut provider, mut alice, bob) = Provider::of_two();
    let bob_id = account("bob");
    let sent = alice.send(&bob_id, "late", NOW, &mut provider.rng).unwrap();
    let stored = snapshot(&alice);
    assert_eq!(alice.outbox(10, NOW).unwrap(), std::slice::from_ref(&sent));

    for (after, is_taken) in [
        (0, true),
        (MAX_POST_SKEW_MS, true),
        (MAX_POST_SKEW_MS + 1, false),
    ] {
        provider.now = Timestamp::from_millis(NOW.as_millis() + after);
        let posted = provider.post(alice.me(), bob.me(), &sent.envelope);
        assert_eq!(posted.is_ok(), is_taken);
        assert!(is_taken || posted == Err(PostError::ClockDiffers));
        let again = alice.outbox(10, provider.now).unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].id, &again[0].recipient), (sent.id, &bob_id));
        assert!(envelope_of(&again[0].envelope) == envelope_of(&sent.envelope));
        assert!(
            provider
                .post(alice.me(), bob.me(), &again[0].envelope)
                .is_ok()
        );
    }
    assert_eq!(snapshot(&alice), stored, "the outbox only reads");

    // The device MAC names the audience: the relay stamps the message for no one else.
    let carol = provider.register("carol");
    let elsewhere = provider.post(alice.me(), carol.me(), &sent.envelope);
    provider.now = NOW;
    assert_eq!(elsewhere, Err(PostError::NotAuthentic));
    let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&bob_id, &receipt).unwrap();
    assert!(alice.outbox(10, NOW).unwrap().is_empty());
    assert!(alice.waiting(10).unwrap().is_empty());
    assert_eq!(alice.seal_waiting(&bob_id, &mut provider.rng).unwrap(), 0);
}

/// Changes each record of the outbox.
fn alter_outbox(client: &Client<MemoryStore>, alter: impl Fn(&mut Vec<u8>)) -> Records {
    let mut records = snapshot(client);
    let outbox = records
        .iter_mut()
        .filter(|(key, _)| key.first() == Some(&b'o'));
    outbox.for_each(|(_, value)| alter(value));
    records
}

#[test]
fn messages_sealed_again_name_each_other_by_their_new_tags() {
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
    // As if an earlier version had left them: its envelopes begin with another version byte.
    let tags = [first.id, reply.id, edit.id];
    let records = alter_outbox(&alice, |value| {
        for tag in &tags {
            let stored = [&[2], &tag.as_bytes()[..]].concat();
            if value.windows(33).any(|bytes| bytes == stored) {
                let place = find(value, &stored);
                value[place] = 1;
            }
        }
    });
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    let waiting = alice.waiting(10).unwrap();
    assert_eq!(waiting.iter().map(|sent| sent.id).collect::<Vec<_>>(), tags);
    assert!(alice.outbox(10, NOW).unwrap().is_empty());

    assert_eq!(alice.seal_waiting(&bob_id, &mut provider.rng).unwrap(), 3);
    let outbox = alice.outbox(10, NOW).unwrap();
    let [first, reply, edit] = outbox.as_slice() else {
        panic!("three messages were sealed again")
    };
    assert!(outbox.iter().all(|sent| !tags.contains(&sent.id)));
    for sent in [first, reply, edit] {
        let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
        bob.receive(&delivery).unwrap();
        alice.confirm(&bob_id, &receipt).unwrap();
    }
    let messages = bob.messages(&account("alice"), None, 10).unwrap();
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
