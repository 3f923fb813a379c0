//! Sealing and opening one message: the session alone, and the whole franked journey.
//!
//! `cargo bench -p waxseal-benches --bench message`

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::ThreadRng;
use waxseal::{AccountId, DeliveryKey, DeviceId, Sender, SessionChannel, Timestamp};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, Sessions};
use waxseal_reporting::{
    Audience, Delivery, Envelope, Payload, PayloadHeader, StampKeys, open, seal,
};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

/// Two devices with an established session.
struct Pair {
    identity: [IdentityKeyPair; 2],
    prekeys: [PreKeys; 2],
    sessions: [Option<Sessions>; 2],
    rng: ThreadRng,
}

impl Pair {
    fn new() -> Self {
        let mut rng = rand::rng();
        let identity = [0, 1].map(|_| IdentityKeyPair::generate(&mut rng));
        let mut prekeys = [0, 1].map(|side: usize| PreKeys::generate(&identity[side], &mut rng));
        prekeys[1]
            .replenish(&identity[1], 1, &mut rng)
            .expect("room for one");
        let upload = prekeys[1].upload(&identity[1]).expect("its own identity");
        let bundle = PreKeyBundle::decode(&upload.base, upload.one_time.first().map(Vec::as_slice))
            .expect("genuine");
        let first = Sessions::initiate(&identity[0], bundle, &mut rng).expect("a good bundle");
        let mut pair = Self {
            identity,
            prekeys,
            sessions: [Some(first), None],
            rng,
        };
        for from in [0, 1, 0, 1] {
            let message = pair.encrypt(from, b"hello");
            pair.decrypt(1 - from, &message);
        }
        pair
    }

    fn encrypt(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        let sessions = self.sessions[from].as_mut().expect("a session");
        sessions
            .encrypt(plaintext, b"associated data", &mut self.rng)
            .expect("encrypts")
    }

    fn decrypt(&mut self, to: usize, message: &[u8]) -> usize {
        let (identity, prekeys) = (&self.identity[to], &mut self.prekeys[to]);
        match &mut self.sessions[to] {
            Some(sessions) => sessions
                .decrypt(identity, prekeys, message, b"associated data")
                .expect("opens")
                .len(),
            none => {
                let (sessions, plaintext) =
                    Sessions::accept(identity, prekeys, message, b"associated data")
                        .expect("opens");
                *none = Some(sessions);
                plaintext.len()
            }
        }
    }
}

/// Core alone: bursts in one direction, and ping-pong, where each message takes a Diffie–Hellman step.
fn session(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    for size in [64, 1_024, 65_536] {
        let plaintext = vec![7; size];
        group.throughput(Throughput::Bytes(size as u64));
        let mut pair = Pair::new();
        group.bench_function(format!("burst/seal/{size}"), |bencher| {
            bencher.iter(|| black_box(pair.encrypt(0, &plaintext)));
        });
        let mut pair = Pair::new();
        group.bench_function(format!("burst/open/{size}"), |bencher| {
            bencher.iter_custom(|rounds| {
                let messages: Vec<_> = (0..rounds).map(|_| pair.encrypt(0, &plaintext)).collect();
                let started = Instant::now();
                for message in &messages {
                    black_box(pair.decrypt(1, message));
                }
                started.elapsed()
            });
        });
    }
    let mut pair = Pair::new();
    group.throughput(Throughput::Elements(1));
    group.bench_function("ping-pong/seal+open/64", |bencher| {
        let mut from = 0;
        bencher.iter(|| {
            let message = pair.encrypt(from, &[7; 64]);
            from = 1 - from;
            pair.decrypt(from, &message)
        });
    });
    group.finish();
}

/// The whole journey of a 62-byte text: commit, encrypt, stamp, deliver, open, check.
fn franked(criterion: &mut Criterion) {
    let text = "Did you see the notice about the water being off on Saturday??";
    assert_eq!(text.len(), 62);
    let account = |name| AccountId::new(name).expect("a valid name");
    let (alice, bob) = (
        Sender::new(account("alice"), DeviceId(1)),
        Sender::new(account("bob"), DeviceId(1)),
    );
    let audience = Audience::Direct(bob.account.clone());
    let conversation = audience.conversation(&alice.account);
    let mut rng = rand::rng();
    let mut stamp_keys = StampKeys::generate("bench", NOW, &mut rng).expect("a short name");
    stamp_keys.advance_to(NOW).expect("now");
    let delivery_key = DeliveryKey::generate(&mut rng);
    let payload = |sequence| {
        Payload::text(PayloadHeader::new(conversation, sequence, NOW), text).expect("short")
    };

    let mut group = criterion.benchmark_group("franked");
    let mut pair = Pair::new();
    let mut sequence = 0;
    group.bench_function("seal/62", |bencher| {
        bencher.iter(|| {
            sequence += 1;
            let mut channel = SessionChannel::to_send(&mut pair.sessions[0]);
            seal(&mut channel, &alice, &payload(sequence), &mut pair.rng)
                .expect("seals")
                .envelope
                .encode()
        });
    });
    let sealed = seal(
        &mut SessionChannel::to_send(&mut pair.sessions[0]),
        &alice,
        &payload(0),
        &mut rng,
    );
    let envelope = sealed.expect("seals").envelope.encode();
    group.bench_function("relay/62", |bencher| {
        bencher.iter(|| {
            let envelope = Envelope::decode(&envelope).expect("an envelope");
            let claim = stamp_keys
                .stamp(envelope.tag(), &alice, &audience, NOW)
                .expect("stamps");
            Delivery::new(&claim, envelope, &delivery_key)
                .expect("its own claim")
                .encode()
        });
    });
    let mut pair = Pair::new();
    group.bench_function("open/62", |bencher| {
        bencher.iter_custom(|rounds| {
            let deliveries: Vec<_> = (0..rounds)
                .map(|sequence| {
                    let mut channel = SessionChannel::to_send(&mut pair.sessions[0]);
                    let sealed = seal(&mut channel, &alice, &payload(sequence), &mut pair.rng)
                        .expect("seals");
                    let claim = stamp_keys
                        .stamp(sealed.envelope.tag(), &alice, &audience, NOW)
                        .expect("stamps");
                    Delivery::new(&claim, sealed.envelope, &delivery_key)
                        .expect("its own claim")
                        .encode()
                })
                .collect();
            let [_, identity] = &pair.identity;
            let [_, prekeys] = &mut pair.prekeys;
            let [_, sessions] = &mut pair.sessions;
            let started = Instant::now();
            for delivery in &deliveries {
                let delivery = Delivery::decode(delivery).expect("a delivery");
                let delivery = delivery
                    .authenticate(&delivery_key, &bob.account)
                    .expect("authentic");
                let mut channel = SessionChannel::to_receive(identity, prekeys, sessions);
                black_box(open(&mut channel, &delivery).expect("opens"));
            }
            started.elapsed()
        });
    });
    group.finish();
}

criterion_group!(benches, session, franked);
criterion_main!(benches);
