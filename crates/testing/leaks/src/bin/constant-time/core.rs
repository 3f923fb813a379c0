//! Scenarios of identities, prekeys, handshakes and sessions.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{Rng, TryCryptoRng, TryRng};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::taint;

use crate::Scenario;

mod chain;
mod keys;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "identity",
            secrets: "seed and private key: drawn, imported, used to sign, exported",
            run: identity,
        },
        Scenario {
            name: "prekeys",
            secrets: "private keys and KEM seeds: drawn, imported, published, exported",
            run: prekeys,
        },
        Scenario {
            name: "handshake",
            secrets: "both identities, all prekeys, everything drawn",
            run: handshake,
        },
        Scenario {
            name: "refusals",
            secrets: "both identities, contents",
            run: keys::refusals,
        },
        Scenario {
            name: "header trial of a forgery",
            secrets: "all state of five sessions with earlier chains",
            run: keys::header_trial,
        },
        Scenario {
            name: "headers sealed",
            secrets: "all state, header keys included, everything drawn, plaintexts",
            run: keys::header_sealed,
        },
        Scenario {
            name: "message keys of associated data",
            secrets: "all state except header keys on both sides, plaintexts",
            run: keys::message_keys,
        },
        Scenario {
            name: "messages in turn",
            secrets: "all state except header keys on both sides, everything drawn, plaintexts",
            run: in_turn,
        },
        Scenario {
            name: "late messages",
            secrets: "all state except header keys, skipped keys included",
            run: late,
        },
        Scenario {
            name: "altered body",
            secrets: "all state except header keys",
            run: altered,
        },
        Scenario {
            name: "braid, chunks in order",
            secrets: "all state except header keys, collected chunks included, everything drawn",
            run: || braid(false),
        },
        Scenario {
            name: "braid, chunks lost",
            secrets: "as in the scenario before; the chunks that are lost are decoded from others",
            run: || braid(true),
        },
        Scenario {
            name: "chain sealed",
            secrets: "all state of the sender, header key included, the seed of a chain, plaintexts",
            run: chain::sealed,
        },
        Scenario {
            name: "chain opened",
            secrets: "all state of the recipient except header keys, key slots, skipped keys",
            run: chain::opened,
        },
        Scenario {
            name: "chain, wrong MAC slot",
            secrets: "all state of the recipient except header keys",
            run: chain::wrong_slot,
        },
        Scenario {
            name: "chain, wrong body",
            secrets: "as in the scenario before, and key slots",
            run: chain::wrong_body,
        },
        Scenario {
            name: "chain, wrong header",
            secrets: "all state of the recipient, header keys of three chains included",
            run: chain::wrong_header,
        },
    ]
}

/// A seeded random generator. The bytes that it fills in are marked as secret; single numbers that
/// it returns are not.
pub(crate) struct SecretRng(ChaCha20Rng);

impl SecretRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }
}

impl TryRng for SecretRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        taint::secret(bytes);
        Ok(())
    }
}

impl TryCryptoRng for SecretRng {}

/// Copies an export and marks as secret what `is_marked` selects. All other bytes are marked as
/// public.
fn marked(
    export: &[u8],
    fields: Vec<(Kind, core::ops::Range<usize>)>,
    is_marked: fn(Kind) -> bool,
) -> Vec<u8> {
    taint::public(export);
    let mut bytes = export.to_vec();
    for (kind, range) in fields {
        if is_marked(kind) {
            taint::secret(&mut bytes[range]);
        }
    }
    bytes
}

/// Selects every secret, and also the chunks that the braid received, which are not secret.
fn all(kind: Kind) -> bool {
    kind != Kind::Other
}

/// Selects what [`all`] selects, except header keys. If a header key were marked, every field of
/// the header that it decrypts would be marked too. The code may branch on these fields, because
/// the peer knows them.
fn all_but_header_keys(kind: Kind) -> bool {
    all(kind) && kind != Kind::HeaderKey
}

/// A device and its sessions with one peer.
///
/// A new device has an identity and prekeys, none of them marked as secret. The `mark` methods
/// export the state and import it again with its secrets marked. Starting a session, sending and
/// receiving change the sessions.
struct Device {
    identity: IdentityKeyPair,
    prekeys: PreKeys,
    memory: ReplayMemory,
    sessions: Option<SessionSet>,
}

impl Device {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let identity = IdentityKeyPair::generate(&mut rng);
        let mut prekeys = PreKeys::generate(&identity, &mut rng);
        prekeys
            .replenish(&identity, 3, &mut rng)
            .expect("few prekeys");
        Self {
            identity,
            prekeys,
            memory: ReplayMemory::new(),
            sessions: None,
        }
    }

    fn bundle(&self) -> PreKeyBundle {
        let upload = self
            .prekeys
            .upload(&self.identity)
            .expect("its own identity");
        let one_time = upload.one_time.first().map(Vec::as_slice);
        PreKeyBundle::decode(&upload.base, one_time).expect("valid")
    }

    /// Exports the identity and the prekeys, and imports them again with every secret marked.
    fn mark_keys(&mut self) {
        let mut identity = self.identity.export().to_vec();
        taint::public(&identity);
        taint::secret(&mut identity[1..]);
        self.identity = IdentityKeyPair::import(&identity).expect("its own export");
        let export = self.prekeys.export();
        taint::public(&export);
        let export = marked(&export, Fields::of_prekeys(&export), all);
        self.prekeys = PreKeys::import(&export).expect("its own export");
    }

    /// Exports the sessions and imports them again. Marks the fields that `is_marked` selects as
    /// secret, and all others as public.
    fn mark_sessions(&mut self, is_marked: fn(Kind) -> bool) {
        if let Some(sessions) = &self.sessions {
            let export = sessions.export();
            taint::public(&export);
            let export = marked(&export, Fields::of_sessions(&export), is_marked);
            self.sessions = Some(SessionSet::import(&export).expect("its own export"));
        }
    }

    fn mark(&mut self) {
        self.mark_sessions(all_but_header_keys);
    }

    /// Exports the sessions and imports them again with nothing marked.
    fn unmark(&mut self) {
        self.mark_sessions(|_| false);
    }

    fn start(&mut self, bundle: PreKeyBundle, rng: &mut SecretRng) {
        match &mut self.sessions {
            None => self.sessions = SessionSet::initiate(&self.identity, bundle, rng).ok(),
            Some(sessions) => sessions
                .add_initiated(&self.identity, bundle, rng)
                .expect("another session"),
        }
    }

    /// Encrypts a text that is marked as secret. The ciphertext is marked as public.
    fn send(&mut self, rng: &mut SecretRng) -> Vec<u8> {
        let mut text = *b"a text that is a secret";
        taint::secret(&mut text);
        let sessions = self.sessions.as_mut().expect("started");
        let message = sessions.encrypt(&text, b"ad", rng).expect("encrypts");
        taint::public(&message);
        message
    }

    /// Decrypts a message and returns whether that succeeded. The answer is marked as public.
    fn receive(&mut self, message: &[u8]) -> bool {
        let (prekeys, memory) = (&mut self.prekeys, &mut self.memory);
        match &mut self.sessions {
            Some(sessions) => taint::answer(
                sessions
                    .decrypt(&self.identity, prekeys, memory, message, b"ad")
                    .is_ok(),
            ),
            None => match SessionSet::accept(&self.identity, prekeys, memory, message, b"ad") {
                Ok((sessions, _)) => {
                    self.sessions = Some(sessions);
                    true
                }
                Err(_) => false,
            },
        }
    }
}

/// Makes two devices, Alice and Bob, without a session, and a generator of secrets.
fn two(seed: u64) -> (Device, Device, SecretRng) {
    (
        Device::new(seed),
        Device::new(seed + 1),
        SecretRng::new(seed + 2),
    )
}

/// Makes Alice and Bob with a session in which each has sent a message, and a generator of secrets.
/// Nothing is marked.
fn established(seed: u64) -> (Device, Device, SecretRng) {
    let (mut alice, mut bob, rng) = two(seed);
    let mut public = ChaCha20Rng::seed_from_u64(seed + 3);
    let sessions = SessionSet::initiate(&alice.identity, bob.bundle(), &mut public);
    let sessions = alice.sessions.insert(sessions.expect("initiates"));
    let first = sessions.encrypt(b"a text", b"ad", &mut public);
    assert!(bob.receive(&first.expect("encrypts")));
    let sessions = bob.sessions.as_mut().expect("accepted");
    let reply = sessions.encrypt(b"a text", b"ad", &mut public);
    assert!(alice.receive(&reply.expect("encrypts")));
    (alice, bob, rng)
}

fn identity() {
    let (mut device, _, mut rng) = two(1);
    device.mark_keys();
    let export = device.identity.export();
    assert_eq!(export.len(), 65);
    let fresh = IdentityKeyPair::generate(&mut rng);
    assert_eq!(fresh.public().to_bytes().len(), 64);
}

fn prekeys() {
    let (mut device, _, mut rng) = two(1);
    let identity = IdentityKeyPair::import(&device.identity.export()).expect("its own export");
    let export = device.prekeys.export();
    let export = marked(&export, Fields::of_prekeys(&export), all);
    device.prekeys = PreKeys::import(&export).expect("its own export");
    let made = device.prekeys.replenish(&identity, 2, &mut rng);
    assert_eq!(made.expect("few prekeys").len(), 2);
    device
        .prekeys
        .rotate(&identity, &mut rng)
        .expect("its own identity");
    let upload = device.prekeys.upload(&identity).expect("its own identity");
    assert_eq!(upload.one_time.len(), 5);
    assert!(!device.prekeys.export().is_empty());
}

fn handshake() {
    let (mut alice, mut bob, mut rng) = two(1);
    let bundle = bob.bundle();
    alice.mark_keys();
    bob.mark_keys();
    alice.start(bundle, &mut rng);
    let first = alice.send(&mut rng);
    assert!(bob.receive(&first));
}

fn in_turn() {
    let (mut alice, mut bob, mut rng) = established(1);
    for _ in 0..4 {
        for _ in 0..2 {
            alice.mark();
            bob.mark();
            let message = alice.send(&mut rng);
            assert!(bob.receive(&message));
        }
        core::mem::swap(&mut alice, &mut bob);
    }
}

fn late() {
    let (mut alice, mut bob, mut rng) = established(1);
    let mut late = Vec::new();
    for _ in 0..2 {
        for n in 0..5 {
            alice.mark();
            let message = alice.send(&mut rng);
            if n % 2 == 0 {
                late.push(message);
            } else {
                bob.mark();
                assert!(bob.receive(&message));
            }
        }
        bob.mark();
        let reply = bob.send(&mut rng);
        alice.mark();
        assert!(alice.receive(&reply));
    }
    for message in late.into_iter().rev() {
        bob.mark();
        assert!(bob.receive(&message));
        bob.mark();
        assert!(!bob.receive(&message), "a message opened twice");
    }
}

fn altered() {
    let (mut alice, mut bob, mut rng) = established(1);
    for position in [16, 17, 30, 39] {
        let mut message = alice.send(&mut rng);
        let at = message.len() - position;
        message[at] ^= 0x10;
        bob.mark();
        assert!(!bob.receive(&message));
        alice.mark();
    }
}

fn braid(lossy: bool) {
    let (mut alice, mut bob, mut rng) = established(1);
    let (mut lost, mut number) = (0, 0);
    let mut lose = || {
        number += 1;
        lossy && number % 3 == 0 && {
            lost += 1;
            true
        }
    };
    for _ in 0..if lossy { 150 } else { 100 } {
        alice.mark();
        let message = alice.send(&mut rng);
        if !lose() {
            bob.mark();
            assert!(bob.receive(&message));
        }
        core::mem::swap(&mut alice, &mut bob);
    }
    let epochs = alice.sessions.as_ref().expect("started").pq_epochs();
    assert!(epochs >= 1, "no epoch was completed");
    assert!(lost > 0 || !lossy);
}
