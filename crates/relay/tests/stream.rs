//! What passes on a connection for deliveries, with a proxy between that drops, repeats, moves,
//! alters and makes up frames, and with a thief who has a device's token and not its key.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use waxseal_interface::Event;
use waxseal_relay::{ClientError, Deliveries, RelayClient};
use waxseal_reporting::relay::DeliveryKey;
use world::socket::Socket;
use world::{Device, SOON, World};

/// What a proxy sends to the device instead of the binary frames from the relay, given in order.
type Change = Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>> + Send>;

/// Connects a device through a proxy, which passes on the opening handshake and what the device
/// sends. What the proxy changes, it sends as frames of this kind.
fn connect(world: &World, device: &Device, kind: u8, change: Change) -> Deliveries {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let relay = world.address().to_owned();
    std::thread::spawn(move || {
        let (device, _) = listener.accept().unwrap();
        let relay = TcpStream::connect(relay).unwrap();
        let (mut from, mut to) = (device.try_clone().unwrap(), relay.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        // The proxy ends when either side hangs up.
        let _ = pass_frames(relay, device, kind, change);
    });
    let client = RelayClient::new(&url).unwrap();
    client.deliveries(device.session()).unwrap()
}

/// Passes on the answer's head, then each frame. The relay's frames are not masked.
fn pass_frames(
    mut from: TcpStream,
    mut to: TcpStream,
    kind: u8,
    mut change: Change,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    to.write_all(&head)?;
    loop {
        let mut start = [0; 2];
        from.read_exact(&mut start)?;
        let mut len = u64::from(start[1]);
        if len == 126 {
            let mut long = [0; 2];
            from.read_exact(&mut long)?;
            len = u64::from(u16::from_be_bytes(long));
        }
        assert!(len < 127 || start[1] == 126, "a frame of less than 64 KiB");
        let mut frame = vec![0; usize::try_from(len).unwrap()];
        from.read_exact(&mut frame)?;
        if start[0] != BINARY {
            write_frame(&mut to, start[0], &frame)?;
            continue;
        }
        for frame in change(frame) {
            write_frame(&mut to, kind, &frame)?;
        }
    }
}

/// The first byte of a binary frame, and of a close frame.
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

fn write_frame(to: &mut TcpStream, kind: u8, frame: &[u8]) -> std::io::Result<()> {
    let len = u16::try_from(frame.len()).unwrap();
    let head = match u8::try_from(len) {
        Ok(short @ 0..126) => vec![kind, short], // the only form for close frames
        _ => [[kind, 126].as_slice(), &len.to_be_bytes()].concat(),
    };
    to.write_all(&[head, frame.to_vec()].concat())
}

/// The events of a connection until it breaks, or until the device has caught up.
fn events(deliveries: &mut Deliveries) -> (usize, Result<(), ClientError>) {
    let mut count = 0;
    loop {
        match deliveries.next(SOON) {
            Ok(Some(Event::Delivery { .. })) => count += 1,
            Ok(Some(Event::CaughtUp)) => return (count, Ok(())),
            Ok(Some(Event::QueueExpired { .. })) => panic!("nothing was dropped"),
            Ok(None) => panic!("no event in time"),
            Err(error) => return (count, Err(error)),
        }
    }
}

fn broken(what: &str, end: Result<(), ClientError>) {
    let error = end.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable(_)) && error.is_transient(),
        "{what}: {error}"
    );
}

#[test]
fn chk120_a_proxy_cannot_drop_repeat_move_or_alter_events_unnoticed() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    for text in ["one", "two", "three"] {
        alice.send(&bob.me, text).unwrap();
    }
    let recorded = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let recording = recorded.clone();
    let honest: Change = Box::new(move |frame| {
        recording.lock().unwrap().push(frame.clone());
        vec![frame]
    });
    let (count, caught_up) = events(&mut connect(&world, &bob, BINARY, honest));
    assert_eq!(count, 3);
    caught_up.unwrap();
    let recorded = recorded.lock().unwrap().clone();
    assert_eq!(
        recorded.len(),
        4,
        "three deliveries, and that these are all"
    );

    // Each change comes with the number of deliveries before it.
    let each = |change: fn(usize, Vec<u8>) -> Vec<Vec<u8>>| -> Change {
        let mut number = 0;
        Box::new(move |frame| {
            number += 1;
            change(number, frame)
        })
    };
    let mut kept = Vec::new();
    let swap: Change = Box::new(move |frame| {
        kept.push(frame);
        match kept.len() {
            2 => vec![kept[1].clone(), kept[0].clone()],
            _ => Vec::new(),
        }
    });
    let replay: Change = Box::new({
        let recorded = recorded.clone();
        let mut frames = recorded.into_iter();
        move |_| frames.next().into_iter().collect()
    });
    let early: Change = Box::new({
        let caught_up = recorded[3].clone();
        move |_| vec![caught_up.clone()]
    });
    let changes: Vec<(&str, usize, Change)> = vec![
        (
            "drop the first",
            0,
            each(|n, frame| if n == 1 { vec![] } else { vec![frame] }),
        ),
        (
            "drop the second",
            1,
            each(|n, frame| if n == 2 { vec![] } else { vec![frame] }),
        ),
        ("repeat", 1, each(|_, frame| vec![frame.clone(), frame])),
        ("swap", 0, swap),
        ("of an earlier connection", 0, replay),
        ("end early", 0, early),
        ("end early, made up", 0, each(|_, _| vec![vec![2]])),
        (
            "end early, in the form of before",
            0,
            each(|_, _| vec![br#"{"queued":0}"#.to_vec()]),
        ),
        (
            "another number",
            1,
            each(|n, mut frame| {
                frame[8] ^= u8::from(n == 2);
                vec![frame]
            }),
        ),
        (
            "altered",
            2,
            each(|n, mut frame| {
                frame[40] ^= u8::from(n == 3);
                vec![frame]
            }),
        ),
        (
            "without the MAC",
            0,
            each(|_, frame| vec![frame[..frame.len() - 32].to_vec()]),
        ),
        ("empty", 0, each(|_, _| vec![vec![]])),
    ];
    for (what, before, change) in changes {
        let (count, end) = events(&mut connect(&world, &bob, BINARY, change));
        assert_eq!(count, before, "{what}");
        broken(what, end);
    }
    // Nothing was lost.
    assert_eq!(bob.receive().len(), 3);
}

#[test]
fn a_reason_for_closing_that_a_proxy_made_up_is_only_a_broken_connection() {
    let world = World::new();
    let bob = world.device("bob");
    // On a terminal, the second reason would look like a message of Carol.
    let carol = format!("{:36}2026-11-28 14:00:00 UTC  carol: pay Mallory", "");
    for reason in ["the token expired", carol.as_str()] {
        let expired = [4002_u16.to_be_bytes().as_slice(), reason.as_bytes()].concat();
        let change: Change = Box::new(move |_| vec![expired.clone()]);
        let (_, end) = events(&mut connect(&world, &bob, CLOSE, change));
        let shown = end.as_ref().unwrap_err().to_string();
        assert!(shown.contains("4002") && !shown.contains(reason), "{shown}");
        broken("closed", end);
    }
}

#[test]
fn chk121_a_stolen_token_acknowledges_nothing() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mallory = world.device("mallory");
    alice.send(&bob.me, "kept").unwrap();
    const BROKE_RULES: u16 = 1008;
    for key in [
        DeliveryKey::generate(&mut rand::rng()),
        mallory.delivery_key.clone(),
    ] {
        let mut thief = Socket::connect(&world, bob.token(), &key);
        let id = thief.next_id();
        let frame = thief.acknowledgement(id);
        thief.send(frame);
        assert_eq!(thief.close_code(), BROKE_RULES);
    }
    // Bob's own acknowledgement on another connection, which a proxy kept.
    let mut first = Socket::connect(&world, bob.token(), &bob.delivery_key);
    let id = first.next_id();
    let kept = first.acknowledgement(id);
    let mut second = Socket::connect(&world, bob.token(), &bob.delivery_key);
    assert_eq!(second.next_id(), id);
    second.send(kept);
    assert_eq!(second.close_code(), BROKE_RULES);
    // One that comes before its turn, and one without a MAC.
    let mut early = Socket::connect(&world, bob.token(), &bob.delivery_key);
    let id = early.next_id();
    early.acknowledgement(id);
    let frame = early.acknowledgement(id);
    early.send(frame);
    assert_eq!(early.close_code(), BROKE_RULES);
    let mut bare = Socket::connect(&world, bob.token(), &bob.delivery_key);
    let id = bare.next_id();
    bare.send([&[1], id.to_be_bytes().as_slice()].concat());
    assert_eq!(bare.close_code(), BROKE_RULES);

    assert_eq!(bob.receive()[0].0, "kept");
    assert!(bob.receive().is_empty(), "Bob's own acknowledgement counts");
}
