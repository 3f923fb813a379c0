//! A device on `waxseal-core` alone: identity, prekeys, the sessions with one peer.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_core::{DecryptError, IdentityKeyPair, PageId, PreKeyBundle, PreKeys, SessionSet};
use zeroize::Zeroizing;

/// The associated data of every message between devices.
pub const AD: &[u8] = b"associated data";

/// One of two devices.
pub struct Device {
    /// Who it is.
    pub identity: IdentityKeyPair,
    /// The private half of what it published.
    pub prekeys: PreKeys,
    /// The sessions with the other device.
    pub sessions: Option<SessionSet>,
    /// One-time parts that were not handed out yet.
    one_time: Vec<Vec<u8>>,
    /// Pages of skipped keys, as stored by who takes the sessions in parts.
    pages: BTreeMap<PageId, Zeroizing<Vec<u8>>>,
}

/// Everything a device stores.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceState {
    prekeys: Zeroizing<Vec<u8>>,
    sessions: Option<Zeroizing<Vec<u8>>>,
}

impl Device {
    /// A device with `one_time` one-time prekeys to hand out: after them, its last-resort key serves.
    pub fn new(one_time: usize, rng: &mut impl CryptoRng) -> Self {
        let identity = IdentityKeyPair::generate(rng);
        let mut prekeys = PreKeys::generate(&identity, rng);
        let one_time = prekeys.replenish(&identity, one_time, rng).unwrap();
        Self {
            identity,
            prekeys,
            sessions: None,
            one_time,
            pages: BTreeMap::new(),
        }
    }

    /// The next bundle of its prekeys, as it comes from the provider: base and one-time part.
    pub fn published(&mut self) -> (Vec<u8>, Option<Vec<u8>>) {
        let base = self.prekeys.upload(&self.identity).unwrap().base;
        (base, self.one_time.pop())
    }

    /// The next bundle of its prekeys.
    pub fn bundle(&mut self) -> PreKeyBundle {
        let (base, one_time) = self.published();
        PreKeyBundle::decode(&base, one_time.as_deref()).unwrap()
    }

    /// Starts a session, or another one.
    pub fn start(&mut self, bundle: PreKeyBundle, rng: &mut impl CryptoRng) {
        match &mut self.sessions {
            Some(sessions) => sessions.add_initiated(&self.identity, bundle, rng).unwrap(),
            none => *none = Some(SessionSet::initiate(&self.identity, bundle, rng).unwrap()),
        }
    }

    /// The sessions, of which there must be some.
    pub fn sessions(&mut self) -> &mut SessionSet {
        self.sessions.as_mut().expect("a session")
    }

    /// Seals a message.
    pub fn encrypt(&mut self, plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        self.sessions().encrypt(plaintext, AD, rng).unwrap()
    }

    /// Opens a message; without a session, one that starts the first.
    pub fn decrypt(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        match &mut self.sessions {
            Some(sessions) => sessions.decrypt(&self.identity, &mut self.prekeys, message, AD),
            none => {
                let (sessions, plaintext) =
                    SessionSet::accept(&self.identity, &mut self.prekeys, message, AD)?;
                *none = Some(sessions);
                Ok(plaintext)
            }
        }
    }

    /// What it stores.
    #[must_use]
    pub fn export(&self) -> DeviceState {
        DeviceState {
            prekeys: self.prekeys.export(),
            sessions: self.sessions.as_ref().map(SessionSet::export),
        }
    }

    /// Goes on from what was stored.
    pub fn import(&mut self, state: &DeviceState) {
        self.identity = IdentityKeyPair::import(&self.identity.export()).unwrap();
        self.prekeys = PreKeys::import(&state.prekeys).unwrap();
        let sessions = state.sessions.as_ref();
        self.sessions = sessions.map(|sessions| SessionSet::import(sessions).unwrap());
        self.pages.clear();
    }

    /// Stores its sessions in parts, and asserts that they are what is read from there.
    pub fn assert_parts(&mut self) {
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        let parts = sessions.export_parts();
        for change in parts.pages {
            match change.bytes {
                Some(bytes) => drop(self.pages.insert(change.id, bytes)),
                None => assert!(self.pages.remove(&change.id).is_some(), "never stored"),
            }
        }
        let read = SessionSet::import_parts(&parts.state, self.pages.values()).unwrap();
        assert!(read.export() == sessions.export(), "other sessions");
    }

    /// The same device in other hands.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut copy = Self {
            identity: IdentityKeyPair::import(&self.identity.export()).unwrap(),
            prekeys: PreKeys::import(&self.prekeys.export()).unwrap(),
            sessions: None,
            one_time: self.one_time.clone(),
            pages: BTreeMap::new(),
        };
        copy.import(&self.export());
        copy
    }

    /// Loses everything but its identity.
    pub fn start_over(&mut self, rng: &mut impl CryptoRng) {
        self.prekeys = PreKeys::generate(&self.identity, rng);
        self.one_time = self.prekeys.replenish(&self.identity, 2, rng).unwrap();
        self.sessions = None;
        self.pages.clear();
    }

    /// Replaces the signed prekeys and adds a one-time one.
    pub fn renew_prekeys(&mut self, rotate: bool, rng: &mut impl CryptoRng) {
        if rotate {
            self.prekeys.rotate(&self.identity, rng).unwrap();
        } else {
            let more = self.prekeys.replenish(&self.identity, 1, rng).unwrap();
            self.one_time.extend(more);
        }
    }
}
