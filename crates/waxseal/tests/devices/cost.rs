//! What a message costs in bytes, with the arithmetic of the formats.

use waxseal::AccountId;
use waxseal_world::account;

use crate::support::{Net, at};

const TEXT_LEN: usize = 64;

/// What the session encrypts: franking key 32, number of parts 1, and two parts with a length of 4
/// each. They are the header, 22 and the last tag seen 32, and the text after a byte of its type.
/// Those are 160 bytes, and padding makes them a multiple of 64 that is longer.
const PLAINTEXT: usize = 192;
const _: () = assert!((32 + 1 + 4 + 22 + 32 + 4 + 1 + TEXT_LEN) / 64 * 64 + 64 == PLAINTEXT);

/// The message of the session: version 1, header 99 after a tag and a length, body after a tag and
/// a length of 2, and the tag of the body 16.
const MESSAGE: usize = 1 + 2 + 99 + 3 + PLAINTEXT + 16;

/// What a posted message has before its last field: version 1, and the tag, the time of posting and
/// the MAC, each after a tag and a length.
const POST_FIELDS: usize = 1 + 34 + 10 + 34;

/// What a delivery has before its last field: version 1, tag, context, stamp and MAC. The context
/// names the sender (length 1, `alice` 5, device 4) and the audience (type 1, length 1, `bob` 3),
/// the time 8 and the epoch 4.
const DELIVERY_FIELDS: usize = 1 + 34 + (2 + CONTEXT) + 34 + 34;
const CONTEXT: usize = 1 + 5 + 4 + 1 + 1 + 3 + 8 + 4;

/// The last field begins with its tag and a length, which has 2 bytes from 128 to 16,383.
const LAST_FIELD: usize = 1 + 2;

/// What was posted before accounts had several devices: a tag with one ciphertext.
const POST_BEFORE: usize = POST_FIELDS + LAST_FIELD + MESSAGE;
const DELIVERY_BEFORE: usize = DELIVERY_FIELDS + LAST_FIELD + MESSAGE;

/// A ciphertext now begins with a preamble: version 1, and two rosters, each with epoch 4, version
/// 4 and half a hash 16.
const PREAMBLE: usize = 1 + 2 * (4 + 4 + 16);
const CIPHERTEXT: usize = PREAMBLE + MESSAGE;

/// A post names two rosters, each with epoch 4 and version 4, and the number of slots 1. A slot has
/// a side 1, a device 4, a length 4 and the ciphertext.
const fn post(slots: usize) -> usize {
    POST_FIELDS + LAST_FIELD + 2 * (4 + 4) + 1 + slots * (1 + 4 + 4 + CIPHERTEXT)
}

const DELIVERY: usize = DELIVERY_FIELDS + LAST_FIELD + CIPHERTEXT;

/// A device may pay this much more for a message between accounts with one device each.
const MOST_MORE_FOR_SENDER: usize = 100;
const MOST_MORE_FOR_RECIPIENT: usize = 60;

/// Sends a text from Alice's first device, and delivers it. Returns the length of the post, and the
/// deliveries.
fn send(net: &mut Net) -> (usize, Vec<Vec<u8>>) {
    let alice = at("alice", 1);
    let sealed = net.seal(&alice, "bob", &"x".repeat(TEXT_LEN));
    assert!(sealed.without.is_empty());
    net.post(&alice, &sealed);
    let queued: Vec<_> = net.queues.keys().cloned().collect();
    let deliveries = queued.iter().flat_map(|device| net.take_queue(device));
    (sealed.envelope.len(), deliveries.collect())
}

/// Exchanges messages until no message starts a session any more.
fn talk(net: &mut Net) {
    let devices: Vec<_> = net.clients.keys().cloned().collect();
    for _ in 0..2 {
        for device in &devices {
            let alice: AccountId = account("alice");
            let peer = if device.account == alice {
                "bob"
            } else {
                "alice"
            };
            net.send(device, peer, "hello");
            net.run();
        }
    }
    net.queues.clear();
}

#[test]
fn a_message_between_accounts_with_one_device_costs_little_more_than_before() {
    assert_eq!((POST_BEFORE, DELIVERY_BEFORE), (395, 448));
    assert_eq!((post(1), DELIVERY), (470, 497));
    let mut net = Net::of(&["alice", "bob"]);
    talk(&mut net);
    let (posted, deliveries) = send(&mut net);
    assert_eq!(posted, post(1));
    let lens: Vec<_> = deliveries.iter().map(Vec::len).collect();
    assert_eq!(lens, [DELIVERY]);
    assert!(posted - POST_BEFORE <= MOST_MORE_FOR_SENDER);
    const { assert!(DELIVERY - DELIVERY_BEFORE <= MOST_MORE_FOR_RECIPIENT) };
}

#[test]
fn a_message_between_accounts_with_two_devices_has_three_ciphertexts_under_one_stamp() {
    assert_eq!(post(3), 1_212);
    let mut net = Net::of_four();
    talk(&mut net);
    let (posted, deliveries) = send(&mut net);
    assert_eq!(posted, post(3));
    let lens: Vec<_> = deliveries.iter().map(Vec::len).collect();
    assert_eq!(lens, [DELIVERY; 3]);
    // Tag, context and stamp are the same for each device: the relay stamped once. The tag is the
    // commitment, which each device checks, so the sender committed once.
    let stamp_end = DELIVERY_FIELDS - 34;
    let claims = deliveries.iter().map(|delivery| &delivery[..stamp_end]);
    assert!(
        claims
            .clone()
            .all(|claim| Some(claim) == claims.clone().next())
    );
}
