//! A device whose secrets can be marked, and the generator that marks what it fills in.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{Rng, TryCryptoRng, TryRng};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::taint;

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
pub(super) fn marked(
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
pub(super) fn all(kind: Kind) -> bool {
    kind != Kind::Other
}

/// Selects what [`all`] selects, except header keys. If a header key were marked, every field of
/// the header that it decrypts would be marked too. The code may branch on these fields, because
/// the peer knows them.
pub(super) fn all_but_header_keys(kind: Kind) -> bool {
    all(kind) && kind != Kind::HeaderKey
}

/// A device and its sessions with one peer.
///
/// A new device has an identity and prekeys, none of them marked as secret. The `mark` methods
/// export the state and import it again with its secrets marked. Starting a session, sending and
/// receiving change the sessions.
pub(super) struct Device {
    pub(super) identity: IdentityKeyPair,
    pub(super) prekeys: PreKeys,
    pub(super) memory: ReplayMemory,
    pub(super) sessions: Option<SessionSet>,
}

impl Device {
    pub(super) fn new(seed: u64) -> Self {
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

    pub(super) fn bundle(&self) -> PreKeyBundle {
        let upload = self
            .prekeys
            .upload(&self.identity)
            .expect("its own identity");
        let one_time = upload.one_time.first().map(Vec::as_slice);
        PreKeyBundle::decode(&upload.base, one_time).expect("valid")
    }

    /// Exports the identity and the prekeys, and imports them again with every secret marked.
    pub(super) fn mark_keys(&mut self) {
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
    pub(super) fn mark_sessions(&mut self, is_marked: fn(Kind) -> bool) {
        if let Some(sessions) = &self.sessions {
            let export = sessions.export();
            taint::public(&export);
            let export = marked(&export, Fields::of_sessions(&export), is_marked);
            self.sessions = Some(SessionSet::import(&export).expect("its own export"));
        }
    }

    pub(super) fn mark(&mut self) {
        self.mark_sessions(all_but_header_keys);
    }

    /// Exports the sessions and imports them again with nothing marked.
    pub(super) fn unmark(&mut self) {
        self.mark_sessions(|_| false);
    }

    pub(super) fn start(&mut self, bundle: PreKeyBundle, rng: &mut SecretRng) {
        match &mut self.sessions {
            None => self.sessions = SessionSet::initiate(&self.identity, bundle, rng).ok(),
            Some(sessions) => sessions
                .add_initiated(&self.identity, bundle, rng)
                .expect("another session"),
        }
    }

    /// Encrypts a text that is marked as secret. The ciphertext is marked as public.
    pub(super) fn send(&mut self, rng: &mut SecretRng) -> Vec<u8> {
        let mut text = *b"a text that is a secret";
        taint::secret(&mut text);
        let sessions = self.sessions.as_mut().expect("started");
        let message = sessions.encrypt(&text, b"ad", rng).expect("encrypts");
        taint::public(&message);
        message
    }

    /// Decrypts a message and returns whether that succeeded. The answer is marked as public.
    pub(super) fn receive(&mut self, message: &[u8]) -> bool {
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
pub(super) fn two(seed: u64) -> (Device, Device, SecretRng) {
    (
        Device::new(seed),
        Device::new(seed + 1),
        SecretRng::new(seed + 2),
    )
}

/// Makes Alice and Bob with a session in which each has sent a message, and a generator of secrets.
/// Nothing is marked.
pub(super) fn established(seed: u64) -> (Device, Device, SecretRng) {
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
