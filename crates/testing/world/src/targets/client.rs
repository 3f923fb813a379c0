//! Gives a client a valid delivery that the network or the relay has altered. Asserts that the
//! client shows only what was sent, and that a refused delivery leaves its store unchanged.

use std::sync::LazyLock;

use waxseal::reporting::relay::Envelope;
use waxseal::{Advice, Client, MemoryStore, Received};

use super::edit::edit;
use crate::{Provider, Records, account, address, envelope_of, snapshot, without_unopened};

struct Prepared {
    provider: Provider,
    store: Records,
    /// The stored envelope and the delivery of two messages. The second message carries the
    /// handshake too, because Bob has not answered.
    messages: [(Vec<u8>, Vec<u8>); 2],
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let mut provider = Provider::new(1);
    let (mut alice, mut bob) = (
        provider.register_with("alice", 0),
        provider.register_with("bob", 1),
    );
    provider.start(&mut alice, &account("bob"));
    provider.show_roster(&mut bob, &account("alice"));
    let messages = [(); 2].map(|()| {
        let (now, rng) = (provider.now, &mut provider.rng);
        let sent = alice.send(&account("bob"), "genuine", now, rng).unwrap();
        let (delivery, _) = provider.relay(&alice, &bob, &sent.envelope);
        (envelope_of(&sent.envelope).encode(), delivery)
    });
    Prepared {
        store: snapshot(&bob),
        provider,
        messages,
    }
});

/// Runs the target on an input. The first byte of the input chooses the message, and whether the
/// network or the relay alters it. The other bytes are edits.
pub fn client(input: &[u8]) {
    let Some((choice, edits)) = input.split_first() else {
        return;
    };
    let prepared = &*PREPARED;
    let store = MemoryStore::from_records(prepared.store.clone());
    let mut bob = Client::open(store).unwrap();
    let (envelope, delivery) = &prepared.messages[usize::from(choice & 1)];
    let is_relay = choice & 2 == 2;
    let genuine = if is_relay { envelope } else { delivery };
    let mut altered = edit(genuine, edits);
    let is_genuine = &altered == genuine;
    if is_relay {
        let Ok(envelope) = Envelope::decode(&altered) else {
            return;
        };
        let ends = (address("alice"), address("bob"));
        altered = prepared.provider.stamp_as(&ends.0, &ends.1, &envelope).0;
    }
    match bob.receive(&altered) {
        Ok(Received::Message { message, .. }) => {
            assert!(is_genuine, "an altered message was shown");
            assert_eq!(message.text(), Some("genuine"));
        }
        Ok(Received::Refused { again, .. }) => {
            assert!(!is_genuine && again.is_empty(), "a refusal was made up");
        }
        Ok(other) => panic!("a message was taken for something else: {other:?}"),
        Err(error) => {
            assert!(!is_genuine, "a genuine message was refused: {error}");
            // What was noted to be asked for, or fetched, is all that may have changed.
            let (before, after) = (prepared.store.clone(), snapshot(&bob));
            let is_unchanged = match error.advice() {
                Advice::AskAgain | Advice::FetchRoster => {
                    without_unopened(after) == without_unopened(before)
                }
                _ => after == before,
            };
            assert!(is_unchanged, "a refused delivery changed the store");
        }
    }
}
