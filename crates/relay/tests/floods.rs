//! Floods a relay with connections, frames, prekeys and messages, while an honest pair goes on
//! talking.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tungstenite::Message;
use waxseal_interface::{ErrorCode, Event};
use waxseal_reporting::limits::MAX_CIPHERTEXT_LEN;
use waxseal_reporting::relay::Envelope;
use world::honest::while_others_talk;
use world::socket::Socket;
use world::{Device, RelayProcess, SOON, World, code};

#[test]
fn websocket_floods_and_foreign_acknowledgements_only_end_the_connection() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mallory = world.device("mallory");
    alice.send(&bob.me, "for bob").unwrap();
    let mut deliveries = bob.connect();
    let Some(Event::Delivery { id, .. }) = deliveries.next(SOON).unwrap() else {
        panic!("the message is queued for bob")
    };
    while_others_talk(&world, || {
        let floods: Vec<(&str, Vec<Message>)> = vec![
            (
                "no frame of a device",
                vec![Message::Binary(vec![1; 41].into())],
            ),
            ("nothing", vec![Message::Binary(Vec::new().into())]),
            ("text", vec![Message::Text("hello".into())]),
            (
                "a large frame",
                vec![Message::Binary(vec![0; 1 << 20].into())],
            ),
            ("pings", vec![Message::Ping(Vec::new().into()); 10_000]),
        ];
        for (what, flood) in floods {
            let mut socket = connect(&world, &mallory).socket;
            for frame in flood {
                if socket.send(frame).is_err() {
                    break;
                }
            }
            let began = Instant::now();
            while let Ok(message) = socket.read() {
                let is_delivery = message.is_binary() && message.into_data()[0] == 1;
                assert!(!is_delivery, "{what}: mallory has no messages");
                assert!(began.elapsed() < SOON, "{what}");
            }
        }
        // Mallory authenticates answers to deliveries that it did not get.
        for other in [id, u64::MAX, 0] {
            let mut connection = connect(&world, &mallory);
            let frame = connection.acknowledgement(other);
            connection.send(frame);
            assert_eq!(connection.close_code(), 1008);
        }
        // Mallory connects 50 times. Each new connection must close the one before it, whether or
        // not anyone reads from that one.
        // What a connection reads first shows that the relay serves it. Of two connections that are
        // made at the same instant, either may be the one that stays.
        let serve = |_| {
            let mut connection = connect(&world, &mallory);
            connection.socket.read().unwrap();
            connection
        };
        let mut sockets: Vec<_> = (0..50).map(serve).collect();
        let began = Instant::now();
        for connection in &mut sockets[..49] {
            while connection.socket.read().is_ok() {
                assert!(began.elapsed() < SOON, "an earlier connection stays open");
            }
        }
    });
    assert_eq!(bob.receive().len(), 1, "only bob can acknowledge it");
}

fn connect(world: &World, device: &Device) -> Socket {
    Socket::connect(world, device.token(), &device.delivery_key)
}

#[test]
fn twenty_accounts_cannot_drain_the_one_time_prekeys_of_one() {
    let world = World::new();
    let bob = world.device("bob");
    let parts: Vec<Vec<u8>> = (0..100).map(|n| vec![n; 40]).collect();
    let left = || bob.client.prekeys_left(bob.session()).unwrap();
    let takers: Vec<Device> = (0..20)
        .map(|n| world.device(&format!("taker-{n}")))
        .collect();
    let base = bob.base(b"base");
    bob.client.put_prekeys(bob.session(), &base, &[]).unwrap();
    let take =
        |taker: &Device| world::bundle(&taker.client, taker.session(), &bob.me.account).unwrap();
    let bundle = take(&takers[0]);
    assert!(
        bundle.one_time.is_none() && !bundle.held_back,
        "none is left"
    );
    bob.client
        .put_prekeys(bob.session(), &base, &parts)
        .unwrap();
    let bundles: Vec<_> = std::thread::scope(|scope| {
        let takers = takers.iter();
        let takers = takers.map(|taker| scope.spawn(|| [(); 5].map(|()| take(taker))));
        let takers: Vec<_> = takers.collect();
        let taken = takers.into_iter().flat_map(|taker| taker.join().unwrap());
        taken.collect()
    });
    let given = bundles.iter().filter(|bundle| bundle.one_time.is_some());
    assert_eq!((given.count(), left()), (20, 80));
    for bundle in &bundles {
        assert_eq!(bundle.held_back, bundle.one_time.is_none());
    }
}

#[test]
fn no_single_account_can_take_all_prekeys_or_fill_a_queue() {
    let world = World::new();
    let (bob, mut alice) = (world.device("bob"), world.device("alice"));
    let mallory = world.device("mallory");
    let parts: Vec<Vec<u8>> = (0..100).map(|n| vec![n; 40]).collect();
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &parts)
        .unwrap();
    while_others_talk(&world, || {
        for _ in 0..60 {
            world::bundle(&mallory.client, mallory.session(), &bob.me.account).unwrap();
        }
        assert_eq!(bob.client.prekeys_left(bob.session()).unwrap(), 95);
        let for_alice = world::bundle(&alice.client, alice.session(), &bob.me.account).unwrap();
        assert!(for_alice.one_time.is_some());
        // Mallory uploads new prekeys again and again. The third upload is over the limit.
        let upload = |n: u8| -> Vec<Vec<u8>> { (0..100).map(|m| vec![n, m, 1]).collect() };
        let put = |n| {
            mallory
                .client
                .put_prekeys(mallory.session(), &mallory.base(b""), &upload(n))
        };
        put(0).unwrap();
        put(1).unwrap();
        assert_eq!(code(put(2)), ErrorCode::TooManyPreKeys);

        // Eight threads send at once, because each message waits for the disk.
        let ciphertext = vec![5; MAX_CIPHERTEXT_LEN];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| fill(&mallory, &bob, &ciphertext));
            }
        });
        alice
            .send(&bob.me, "other senders still have room")
            .unwrap();
    });
}

/// Sends messages until the recipient's queue has no more room for this sender.
fn fill(from: &Device, to: &Device, ciphertext: &[u8]) {
    for _ in 0..10_000 {
        let envelope = [&[2], rand::random::<[u8; 32]>().as_slice(), ciphertext].concat();
        let envelope = Envelope::decode(&envelope).unwrap();
        let envelope = from.post(&envelope, &to.me.account);
        match from.client.send(from.session(), &to.me.account, &envelope) {
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::QueueFull) => return,
            // The relay refused too many requests. It may close the connection before the body was
            // sent.
            Err(error) if error.is_transient() => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the queue is not bounded");
}

#[test]
fn an_account_that_sends_too_many_requests_is_told_to_wait() {
    let world = World::new();
    let mallory = world.device("mallory");
    let token = mallory.token();
    // The length that a request announces counts against the rate limit before the relay reads the
    // body.
    let head = format!(
        "PUT /v1/prekeys HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 2000000\r\n\r\n"
    );
    while_others_talk(&world, || {
        let answers: Vec<(u16, String)> = (0..30)
            .map(|_| world::raw(world.address(), head.as_bytes()))
            .collect();
        assert_eq!(answers[0], (413, "too_large".into()));
        assert!(answers.contains(&(429, "too_many_requests".into())));
    });
}

#[test]
fn ten_thousand_half_open_requests_do_not_lock_others_out() {
    let mut world = World::new();
    // The relay has room for 2,000 connections, so it must close most of the half-open ones.
    world.relay = None;
    world.relay = Some(RelayProcess::start_limited(world.dir.path(), 4_000));
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(20_000);
    let count = 10_000.min(files.saturating_sub(500));
    let held = while_others_talk(&world, || {
        let half = [
            "GET /v1/relay HTTP/1.1\r\nhost: x\r\n",
            "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
            "",
        ];
        let mut held = Vec::new();
        for n in 0..count {
            let mut stream = TcpStream::connect(world.address()).unwrap();
            let _ = stream.write_all(half[(n % 3) as usize].as_bytes());
            held.push(stream);
        }
        // The half-open requests stay open on this side, and a newcomer still gets in. It has the
        // same address as they, so the relay may ask it to wait first.
        let began = Instant::now();
        let mut newcomer = Device::new("newcomer", world.client());
        while let Err(error) = newcomer.register() {
            assert!(
                error.is_transient() && began.elapsed() < Duration::from_secs(5),
                "{error}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        held
    });
    println!("{} half-open requests held", held.len());
    assert!(held.len() >= 1_000);
}
