//! Tests of `frame.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn key() -> DeliveryKey {
    DeliveryKey::from_bytes([4; 32])
}

fn asked(nonce: u8) -> AskedRequest {
    let (nonce, digest) = (STANDARD.encode([nonce; 16]), STANDARD.encode([0; 32]));
    AskedRequest::received("GET", "/v1/deliveries", &nonce, &digest).unwrap()
}

fn relay(key: &DeliveryKey, asked_nonce: u8, nonce: u8) -> FrameMacs {
    FrameMacs::of_relay(
        key,
        &asked(asked_nonce),
        &RequestNonce::from_bytes([nonce; 16]),
    )
}

fn device(key: &DeliveryKey, asked_nonce: u8, nonce: u8) -> FrameMacs {
    FrameMacs::of_device(
        key,
        &asked(asked_nonce),
        &RequestNonce::from_bytes([nonce; 16]),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Three frames of one side, and how the other side opens them.
fn refuses_all_but_the_next_frame(
    mut by: FrameMacs,
    to: impl Fn(&DeliveryKey, u8, u8) -> FrameMacs,
) {
    let frames = [b"first".as_slice(), b"second", b"third"].map(|frame| by.seal(frame.to_vec()));
    let [first, second, third] = &frames;
    // In order, all three open.
    let mut honest = to(&key(), 1, 2);
    assert_eq!(honest.open(first), Some(b"first".as_slice()));
    assert_eq!(honest.open(second), Some(b"second".as_slice()));
    // Repeated, or with one between dropped.
    assert_eq!(honest.open(second), None);
    assert_eq!(honest.open(first), None);
    assert_eq!(honest.open(third), Some(b"third".as_slice()));
    assert_eq!(honest.open(third), None);
    for later in [second, third] {
        let mut dropped = to(&key(), 1, 2);
        assert_eq!(dropped.open(later), None);
        // A refused frame changes nothing.
        assert_eq!(dropped.open(first), Some(b"first".as_slice()));
    }
    // On a connection with another nonce of either side, or of another device.
    let other_key = DeliveryKey::from_bytes([5; 32]);
    for mut other in [
        to(&key(), 3, 2),
        to(&key(), 1, 3),
        to(&key(), 2, 1),
        to(&other_key, 1, 2),
    ] {
        assert_eq!(other.open(first), None);
    }
    // Altered anywhere, cut, or longer.
    let mut altered = to(&key(), 1, 2);
    for at in 0..first.len() {
        for bit in 0..8 {
            let mut frame = first.clone();
            frame[at] ^= 1 << bit;
            assert_eq!(altered.open(&frame), None, "byte {at}, bit {bit}");
        }
    }
    for len in 0..first.len() {
        assert_eq!(altered.open(&first[..len]), None, "{len} bytes");
    }
    assert_eq!(altered.open(&[first.as_slice(), &[0]].concat()), None);
    assert_eq!(altered.open(first), Some(b"first".as_slice()));
}

#[test]
fn chk120_frame_of_the_relay_altered_dropped_repeated_moved_or_sent_back_is_refused() {
    refuses_all_but_the_next_frame(relay(&key(), 1, 2), device);
    let frame = relay(&key(), 1, 2).seal(b"first".to_vec());
    assert_eq!(relay(&key(), 1, 2).open(&frame), None);
}

#[test]
fn chk121_frame_of_the_device_altered_dropped_repeated_moved_or_sent_back_is_refused() {
    refuses_all_but_the_next_frame(device(&key(), 1, 2), relay);
    let frame = device(&key(), 1, 2).seal(b"first".to_vec());
    assert_eq!(device(&key(), 1, 2).open(&frame), None);
}

/// The MACs were computed by another program, from the description in `frame.rs` alone.
#[test]
fn frames_and_their_macs_are_as_described() {
    let (mut relay, mut device) = (relay(&key(), 1, 2), device(&key(), 1, 2));
    let delivery = Event::Delivery {
        id: 7,
        contact: None,
        delivery: b"delivery".to_vec(),
    };
    let with_token = Event::Delivery {
        id: 9,
        contact: Some(ContactToken::from_bytes([6; 36])),
        delivery: b"delivery".to_vec(),
    };
    let frames = [
        relay.seal(delivery.encode()),
        relay.seal(Event::CaughtUp.encode()),
        relay.seal(with_token.encode()),
        device.seal(Answer::Acknowledged { id: 7 }.encode()),
        device.seal(Answer::PutOff { id: 8 }.encode()),
    ];
    let expected = [
        "01000000000000000764656c6976657279\
         3b056da14b9e523e2f58ec7904ebf9c35410bcd14aed0759ea042f4d1328c2c0",
        "02\
         8ce9998187278b972b4f5f88f1868838fd6d2d0997f19aed3c8c666c6ec5fbc7",
        "040000000000000009\
         060606060606060606060606060606060606060606060606060606060606060606060606\
         64656c6976657279\
         4a85123f9ae23f6180425e2c7954e28364a688a5834e8fd17f61d3e9de728a0e",
        "010000000000000007\
         8aaddec5698242ef6ff861500dc2f0722038c55a9333199abef4526a369de559",
        "020000000000000008\
         14c7a05a578d5b6448757edffeb06b00c62887bb0b88136df011d9b61110d08f",
    ];
    assert_eq!(frames.map(|frame| hex(&frame)), expected);
}

#[test]
fn frames_out_of_form_are_refused() {
    let delivery = Event::Delivery {
        id: u64::MAX,
        contact: None,
        delivery: vec![5],
    };
    let with_token = Event::Delivery {
        id: 1,
        contact: Some(ContactToken::from_bytes([6; 36])),
        delivery: Vec::new(),
    };
    for cut in 0..1 + 8 + 36 {
        assert_eq!(
            Event::decode(&with_token.encode()[..cut]),
            None,
            "{cut} bytes"
        );
    }
    let expired = Event::QueueExpired {
        from_ms: 1,
        to_ms: 0x0203,
    };
    let bytes = [3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3];
    assert_eq!(expired.encode(), bytes);
    for event in [delivery, with_token, Event::CaughtUp, expired] {
        assert_eq!(Event::decode(&event.encode()), Some(event));
    }
    for frame in [&[][..], &[0], &[3], &[2, 0], &[1, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(Event::decode(frame), None);
    }
    for len in 0..bytes.len() {
        assert_eq!(Event::decode(&bytes[..len]), None, "{len} bytes");
    }
    assert_eq!(Event::decode(&[&bytes[..], &[0]].concat()), None);
    for answer in [
        Answer::Acknowledged { id: 0 },
        Answer::PutOff { id: u64::MAX },
    ] {
        let encoded = answer.encode();
        assert_eq!(Answer::decode(&encoded), Some(answer));
        assert_eq!(Answer::decode(&encoded[..8]), None);
        assert_eq!(Answer::decode(&[&encoded[..], &[0]].concat()), None);
    }
    assert_eq!(Answer::decode(&[3; 9]), None);
    assert_eq!(Answer::decode(&[0; 9]), None);
    assert_eq!(Answer::decode(&[]), None);
}

#[test]
fn debug_shows_no_key_and_no_delivery() {
    let delivery = Event::Delivery {
        id: 7,
        contact: None,
        delivery: vec![1, 2],
    };
    let shown = format!("{:?} {delivery:?}", relay(&key(), 1, 2));
    assert_eq!(shown, "FrameMacs { .. } Delivery { id: 7, 2 bytes }");
    let with_token = Event::Delivery {
        id: 7,
        contact: Some(ContactToken::from_bytes([1; 36])),
        delivery: vec![1, 2],
    };
    assert_eq!(
        format!("{with_token:?}"),
        "Delivery { id: 7, 2 bytes, with a contact token }"
    );
}
