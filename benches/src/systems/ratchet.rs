//! `waxseal-core` alone: PQXDH and the Triple Ratchet with encrypted headers.

use rand::rngs::ThreadRng;
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeyUpload, PreKeys, Sessions};

use super::{Pair, Strangers};

const ASSOCIATED_DATA: &[u8] = b"associated data";

pub(super) fn strangers() -> Box<dyn Strangers> {
    let (ratchet, upload) = Ratchet::strangers();
    Box::new(Unmet { ratchet, upload })
}

struct Unmet {
    ratchet: Ratchet,
    upload: PreKeyUpload,
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        self.ratchet.start(&self.upload);
        let first = self.ratchet.seal(0, plaintext);
        assert!(self.ratchet.open(1, &first), "the first message opens");
        Box::new(self.ratchet)
    }

    fn first_message(mut self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        self.ratchet.start(&self.upload);
        let first = self.ratchet.seal(0, plaintext).len();
        (first, bundle_len(&self.upload))
    }
}

/// Bytes that the provider hands out for one session.
pub(super) fn bundle_len(upload: &PreKeyUpload) -> usize {
    upload.base.len() + upload.one_time.first().map_or(0, Vec::len)
}

/// Two devices that talk over `waxseal-core`. Side 0 starts.
pub struct Ratchet {
    pub identity: [IdentityKeyPair; 2],
    pub prekeys: [PreKeys; 2],
    pub sessions: [Option<Sessions>; 2],
    pub rng: ThreadRng,
}

impl Ratchet {
    /// Devices without a session, and what the second published.
    #[must_use]
    pub fn strangers() -> (Self, PreKeyUpload) {
        let mut rng = rand::rng();
        let identity = [0, 1].map(|_| IdentityKeyPair::generate(&mut rng));
        let mut prekeys = [0, 1].map(|side: usize| PreKeys::generate(&identity[side], &mut rng));
        prekeys[1]
            .replenish(&identity[1], 1, &mut rng)
            .expect("room for one");
        let upload = prekeys[1].upload(&identity[1]).expect("its own identity");
        let devices = Self {
            identity,
            prekeys,
            sessions: [None, None],
            rng,
        };
        (devices, upload)
    }

    /// Devices in the middle of a conversation.
    #[must_use]
    pub fn talking() -> Self {
        let (mut devices, upload) = Self::strangers();
        devices.start(&upload);
        for from in [0, 1, 0, 1] {
            let message = devices.seal(from, b"hello");
            assert!(devices.open(1 - from, &message), "a genuine message opens");
        }
        devices
    }

    /// The first device checks the bundle and starts a session.
    pub fn start(&mut self, upload: &PreKeyUpload) {
        let one_time = upload.one_time.first().map(Vec::as_slice);
        let bundle = PreKeyBundle::decode(&upload.base, one_time).expect("a genuine bundle");
        let sessions = Sessions::initiate(&self.identity[0], bundle, &mut self.rng);
        self.sessions[0] = Some(sessions.expect("a good bundle"));
    }
}

impl Pair for Ratchet {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        let sessions = self.sessions[from].as_mut().expect("a session");
        sessions
            .encrypt(plaintext, ASSOCIATED_DATA, &mut self.rng)
            .expect("encrypts")
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        let (identity, prekeys) = (&self.identity[to], &mut self.prekeys[to]);
        match &mut self.sessions[to] {
            Some(sessions) => sessions
                .decrypt(identity, prekeys, arrived, ASSOCIATED_DATA)
                .is_ok(),
            none => match Sessions::accept(identity, prekeys, arrived, ASSOCIATED_DATA) {
                Ok((sessions, _)) => {
                    *none = Some(sessions);
                    true
                }
                Err(_) => false,
            },
        }
    }

    fn export(&self, side: usize) -> Vec<u8> {
        let sessions = self.sessions[side].as_ref().expect("a session");
        std::mem::take(&mut *sessions.export())
    }

    fn import(&mut self, side: usize, state: &[u8]) {
        self.sessions[side] = Some(Sessions::import(state).expect("an export"));
    }

    fn forge(&mut self, genuine: &[u8], _: u64) -> Vec<u8> {
        // Counters are encrypted: another header is all there is to try.
        altered(genuine, HEADER_AT)
    }
}

/// Where the encrypted header begins in a message: version, tag, length.
const HEADER_AT: usize = 3;

/// A message with one bit turned over.
pub(super) fn altered(genuine: &[u8], at: usize) -> Vec<u8> {
    let mut forged = genuine.to_vec();
    forged[at] ^= 1;
    forged
}
