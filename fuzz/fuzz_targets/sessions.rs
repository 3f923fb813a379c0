//! Two devices under an adversarial network: each message opens exactly once, whatever happens on the way.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, Sessions};

#[derive(Arbitrary, Debug)]
enum Event {
    /// A device sends; if it has no session it starts one.
    Send { from: bool },
    /// A packet on its way arrives; `keep` lets it arrive again later.
    Arrive { packet: u8, keep: bool },
    /// A packet is lost. Its message is never expected again.
    Lose { packet: u8 },
    /// A packet arrives with one byte changed.
    Alter { packet: u8, place: u16, flip: u8 },
    /// A device starts another session.
    StartAgain { from: bool },
    /// A device stores its state and reads it back.
    Restart { who: bool },
}

struct Device {
    identity: IdentityKeyPair,
    prekeys: PreKeys,
    sessions: Option<Sessions>,
}

struct Packet {
    to: usize,
    number: usize,
    bytes: Vec<u8>,
}

/// More would only be slower: limits have tests of their own.
const MAX_EVENTS: usize = 60;

fuzz_target!(|events: Vec<Event>| {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut devices = [0, 1].map(|_| {
        let identity = IdentityKeyPair::generate(rng);
        let prekeys = PreKeys::generate(&identity, rng);
        Device {
            identity,
            prekeys,
            sessions: None,
        }
    });
    let mut packets: Vec<Packet> = Vec::new();
    let mut opened: Vec<bool> = Vec::new();

    for event in events.iter().take(MAX_EVENTS) {
        match *event {
            Event::Send { from } => {
                let from = usize::from(from);
                if devices[from].sessions.is_none() {
                    start(&mut devices, from, rng);
                }
                let number = opened.len();
                let sessions = devices[from].sessions.as_mut().expect("just started");
                let bytes = sessions
                    .encrypt(&number.to_be_bytes(), b"ad", rng)
                    .expect("encrypts");
                opened.push(false);
                packets.push(Packet {
                    to: 1 - from,
                    number,
                    bytes,
                });
            }
            Event::Arrive { packet, keep } => {
                if packets.is_empty() {
                    continue;
                }
                let index = usize::from(packet) % packets.len();
                let Packet {
                    to,
                    number,
                    ref bytes,
                } = packets[index];
                let before = state(&devices[to]);
                match receive(&mut devices[to], bytes) {
                    Some(plaintext) => {
                        assert_eq!(plaintext, number.to_be_bytes());
                        assert!(!opened[number], "a message opened twice");
                        opened[number] = true;
                    }
                    None => assert!(
                        state(&devices[to]) == before,
                        "a refused message changed the state"
                    ),
                }
                if !keep {
                    packets.remove(index);
                }
            }
            Event::Lose { packet } => {
                if !packets.is_empty() {
                    packets.remove(usize::from(packet) % packets.len());
                }
            }
            Event::Alter {
                packet,
                place,
                flip,
            } => {
                if packets.is_empty() || flip == 0 {
                    continue;
                }
                let Packet { to, ref bytes, .. } = packets[usize::from(packet) % packets.len()];
                let mut bytes = bytes.clone();
                let place = usize::from(place) % bytes.len();
                bytes[place] ^= flip;
                let before = state(&devices[to]);
                assert!(
                    receive(&mut devices[to], &bytes).is_none(),
                    "an altered message opened"
                );
                assert!(
                    state(&devices[to]) == before,
                    "an altered message changed the state"
                );
            }
            Event::StartAgain { from } => start(&mut devices, usize::from(from), rng),
            Event::Restart { who } => {
                let device = &mut devices[usize::from(who)];
                device.prekeys = PreKeys::import(&device.prekeys.export()).expect("its own export");
                device.sessions = device
                    .sessions
                    .as_ref()
                    .map(|sessions| Sessions::import(&sessions.export()).expect("its own"));
            }
        }
    }
});

/// Starts a session, or another one, from a fresh bundle of the other device.
fn start(devices: &mut [Device; 2], from: usize, rng: &mut ChaCha20Rng) {
    let peer = &mut devices[1 - from];
    let one_time = if peer.prekeys.one_time_left() < 20 {
        peer.prekeys
            .replenish(&peer.identity, 1, rng)
            .expect("room")
            .pop()
    } else {
        None
    };
    let base = peer
        .prekeys
        .upload(&peer.identity)
        .expect("its own identity")
        .base;
    let bundle = PreKeyBundle::decode(&base, one_time.as_deref()).expect("genuine");
    let Device {
        identity, sessions, ..
    } = &mut devices[from];
    match sessions {
        Some(sessions) => sessions
            .add_initiated(identity, bundle, rng)
            .expect("the same identity"),
        none => *none = Some(Sessions::initiate(identity, bundle, rng).expect("a good bundle")),
    }
}

fn receive(device: &mut Device, bytes: &[u8]) -> Option<Vec<u8>> {
    let Device {
        identity,
        prekeys,
        sessions,
    } = device;
    match sessions {
        Some(sessions) => sessions
            .decrypt(identity, prekeys, bytes, b"ad")
            .ok()
            .map(|plaintext| plaintext.to_vec()),
        none => {
            let (sessions, plaintext) = Sessions::accept(identity, prekeys, bytes, b"ad").ok()?;
            *none = Some(sessions);
            Some(plaintext.to_vec())
        }
    }
}

fn state(device: &Device) -> (Vec<u8>, Option<Vec<u8>>) {
    (
        device.prekeys.export().to_vec(),
        device
            .sessions
            .as_ref()
            .map(|sessions| sessions.export().to_vec()),
    )
}
