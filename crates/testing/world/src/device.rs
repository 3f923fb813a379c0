//! A device that uses `waxseal-core` alone: its identity, its prekeys and its sessions with one
//! peer.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_core::errors::DecryptError;
use waxseal_core::export::{OneTimeId, PageId};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use zeroize::Zeroizing;

/// The associated data of every message between devices.
pub const AD: &[u8] = b"associated data";

/// One of two devices.
///
/// A new device has fresh prekeys and no session. It gets its first session when it starts one, or
/// when it accepts the peer's first message. Each message that it seals or opens changes the state
/// of its sessions.
pub struct Device {
    /// The device's identity key pair.
    pub identity: IdentityKeyPair,
    /// The private halves of the prekeys that the device published.
    pub prekeys: PreKeys,
    /// What the device remembers of the other device's first messages.
    pub memory: ReplayMemory,
    /// The sessions with the other device; `None` until there is one.
    pub sessions: Option<SessionSet>,
    /// One-time prekeys that have not been handed out yet.
    one_time: Vec<Vec<u8>>,
    /// Pages of skipped keys. An application that exports its sessions in parts stores these.
    pages: BTreeMap<PageId, Zeroizing<Vec<u8>>>,
    /// The prekeys as an application stores them that exports them in parts.
    prekeys_state: Zeroizing<Vec<u8>>,
    one_time_sets: BTreeMap<OneTimeId, Zeroizing<Vec<u8>>>,
}

/// A copy of a device's prekeys, replay memory and sessions. Its identity is not part of the copy.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceState {
    prekeys: Zeroizing<Vec<u8>>,
    memory: Zeroizing<Vec<u8>>,
    sessions: Option<Zeroizing<Vec<u8>>>,
}

impl Device {
    /// A device with `one_time` one-time prekeys to hand out. After those, bundles fall back on its
    /// last-resort key.
    pub fn new(one_time: usize, rng: &mut impl CryptoRng) -> Self {
        let identity = IdentityKeyPair::generate(rng);
        let mut prekeys = PreKeys::generate(&identity, rng);
        let one_time = prekeys.replenish(&identity, one_time, rng).unwrap();
        Self {
            identity,
            prekeys,
            memory: ReplayMemory::new(),
            sessions: None,
            one_time,
            pages: BTreeMap::new(),
            prekeys_state: Zeroizing::default(),
            one_time_sets: BTreeMap::new(),
        }
    }

    /// The next bundle of the device's prekeys, as the provider would hand it out: (base, one-time
    /// part).
    pub fn published(&mut self) -> (Vec<u8>, Option<Vec<u8>>) {
        let base = self.prekeys.upload(&self.identity).unwrap().base;
        (base, self.one_time.pop())
    }

    /// The next bundle of the device's prekeys, decoded.
    pub fn bundle(&mut self) -> PreKeyBundle {
        let (base, one_time) = self.published();
        PreKeyBundle::decode(&base, one_time.as_deref()).unwrap()
    }

    /// Starts a new session.
    pub fn start(&mut self, bundle: PreKeyBundle, rng: &mut impl CryptoRng) {
        match &mut self.sessions {
            Some(sessions) => sessions.add_initiated(&self.identity, bundle, rng).unwrap(),
            none => *none = Some(SessionSet::initiate(&self.identity, bundle, rng).unwrap()),
        }
    }

    /// The sessions. Panics if there are none.
    pub fn sessions(&mut self) -> &mut SessionSet {
        self.sessions.as_mut().expect("a device with a session")
    }

    /// Seals a message.
    pub fn encrypt(&mut self, plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        self.sessions().encrypt(plaintext, AD, rng).unwrap()
    }

    /// Opens a message. If the device has no session, accepts the message as the first of a new
    /// session.
    pub fn decrypt(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (prekeys, memory) = (&mut self.prekeys, &mut self.memory);
        match &mut self.sessions {
            Some(sessions) => sessions.decrypt(&self.identity, prekeys, memory, message, AD),
            none => {
                let (sessions, plaintext) =
                    SessionSet::accept(&self.identity, prekeys, memory, message, AD)?;
                *none = Some(sessions);
                Ok(plaintext)
            }
        }
    }

    /// A copy of the device's prekeys and sessions.
    #[must_use]
    pub fn export(&self) -> DeviceState {
        DeviceState {
            prekeys: self.prekeys.export(),
            memory: self.memory.export(),
            sessions: self.sessions.as_ref().map(SessionSet::export),
        }
    }

    /// Replaces the device's prekeys and sessions with a stored copy. The identity is exported and
    /// imported again, and so stays the same.
    pub fn import(&mut self, state: &DeviceState) {
        self.identity = IdentityKeyPair::import(&self.identity.export()).unwrap();
        self.prekeys = PreKeys::import(&state.prekeys).unwrap();
        self.memory = ReplayMemory::import(&state.memory).unwrap();
        let sessions = state.sessions.as_ref();
        self.sessions = sessions.map(|sessions| SessionSet::import(sessions).unwrap());
        self.forget_parts();
    }

    /// Forgets what was stored in parts: the next export returns everything.
    fn forget_parts(&mut self) {
        self.pages.clear();
        self.one_time_sets.clear();
    }

    /// Exports prekeys and sessions in parts, and asserts that the stored parts read back as the
    /// same.
    pub fn assert_parts(&mut self) {
        let parts = self.prekeys.export_parts();
        self.prekeys_state = parts
            .state
            .unwrap_or(core::mem::take(&mut self.prekeys_state));
        for change in parts.one_time {
            match change.bytes {
                Some(bytes) => drop(self.one_time_sets.insert(change.id, bytes)),
                None => assert!(
                    self.one_time_sets.remove(&change.id).is_some(),
                    "the export removes a prekey that was never stored"
                ),
            }
        }
        let one_time = self.one_time_sets.values();
        let read = PreKeys::import_parts(&self.prekeys_state, one_time).unwrap();
        assert!(
            read.export() == self.prekeys.export(),
            "the parts read back as other prekeys"
        );
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        let parts = sessions.export_parts();
        for change in parts.pages {
            match change.bytes {
                Some(bytes) => drop(self.pages.insert(change.id, bytes)),
                None => assert!(
                    self.pages.remove(&change.id).is_some(),
                    "the export removes a page that was never stored"
                ),
            }
        }
        let read = SessionSet::import_parts(&parts.state, self.pages.values()).unwrap();
        assert!(
            read.export() == sessions.export(),
            "the parts read back as other sessions"
        );
    }

    /// A copy of the device with all its secrets, as a thief would take it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut copy = Self {
            identity: IdentityKeyPair::import(&self.identity.export()).unwrap(),
            prekeys: PreKeys::import(&self.prekeys.export()).unwrap(),
            memory: ReplayMemory::new(),
            sessions: None,
            one_time: self.one_time.clone(),
            pages: BTreeMap::new(),
            prekeys_state: Zeroizing::default(),
            one_time_sets: BTreeMap::new(),
        };
        copy.import(&self.export());
        copy
    }

    /// The device loses its sessions and prekeys, and makes new prekeys. It keeps its identity.
    pub fn start_over(&mut self, rng: &mut impl CryptoRng) {
        self.prekeys = PreKeys::generate(&self.identity, rng);
        self.one_time = self.prekeys.replenish(&self.identity, 2, rng).unwrap();
        self.memory = ReplayMemory::new();
        self.sessions = None;
        self.forget_parts();
    }

    /// Replaces the signed prekeys if `rotate` is true; otherwise adds a one-time prekey.
    pub fn renew_prekeys(&mut self, rotate: bool, rng: &mut impl CryptoRng) {
        if rotate {
            self.prekeys.rotate(&self.identity, rng).unwrap();
        } else {
            let more = self.prekeys.replenish(&self.identity, 1, rng).unwrap();
            self.one_time.extend(more);
        }
    }
}
