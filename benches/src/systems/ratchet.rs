//! The variant "ratchet": `waxseal-core` alone, which is PQXDH and the Triple Ratchet with
//! encrypted headers.

use rand_chacha::ChaCha20Rng;
use waxseal_core::{PreKeyBundle, SessionSet};
use waxseal_world::Device;

use super::{Pair, Strangers};

pub(super) fn strangers() -> Box<dyn Strangers> {
    let (ratchet, bundle) = Ratchet::strangers();
    Box::new(Unmet { ratchet, bundle })
}

/// The prekeys that a provider hands out for one session: (base, one-time part).
pub type Bundle = (Vec<u8>, Option<Vec<u8>>);

struct Unmet {
    ratchet: Ratchet,
    bundle: Bundle,
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        self.ratchet.start(&self.bundle);
        let first = self.ratchet.seal(0, plaintext);
        assert!(self.ratchet.open(1, &first), "the first message opens");
        Box::new(self.ratchet)
    }

    fn first_message(mut self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        self.ratchet.start(&self.bundle);
        let first = self.ratchet.seal(0, plaintext).len();
        (first, bundle_len(&self.bundle))
    }
}

/// The length of a bundle in bytes.
pub(super) fn bundle_len((base, one_time): &Bundle) -> usize {
    base.len() + one_time.as_ref().map_or(0, Vec::len)
}

/// Two devices that use `waxseal-core` alone. Side 0 starts the session, and each message changes
/// its state.
pub struct Ratchet {
    pub devices: [Device; 2],
    pub rng: ChaCha20Rng,
}

impl Ratchet {
    /// Two devices without a session, and the bundle that the second published.
    #[must_use]
    pub fn strangers() -> (Self, Bundle) {
        let mut rng = waxseal_world::rng(7);
        let mut devices = [0, 1].map(|one_time| Device::new(one_time, &mut rng));
        let bundle = devices[1].published();
        (Self { devices, rng }, bundle)
    }

    /// Two devices in the middle of a conversation.
    #[must_use]
    pub fn talking() -> Self {
        let (mut devices, bundle) = Self::strangers();
        devices.start(&bundle);
        for from in [0, 1, 0, 1] {
            let message = devices.seal(from, b"hello");
            assert!(devices.open(1 - from, &message), "a genuine message opens");
        }
        devices
    }

    /// The first device verifies the bundle and starts a session.
    pub fn start(&mut self, (base, one_time): &Bundle) {
        let bundle = PreKeyBundle::decode(base, one_time.as_deref()).expect("a genuine bundle");
        self.devices[0].start(bundle, &mut self.rng);
    }
}

impl Pair for Ratchet {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        self.devices[from].encrypt(plaintext, &mut self.rng)
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        self.devices[to].decrypt(arrived).is_ok()
    }

    fn export(&self, side: usize) -> Vec<u8> {
        let sessions = self.devices[side].sessions.as_ref().expect("a session");
        std::mem::take(&mut *sessions.export())
    }

    fn import(&mut self, side: usize, state: &[u8]) {
        self.devices[side].sessions = Some(SessionSet::import(state).expect("an export"));
    }

    fn forge(&mut self, genuine: &[u8], _: u64) -> Vec<u8> {
        // Counters are encrypted, so a forger can only alter the header.
        altered(genuine, HEADER_AT)
    }
}

/// The offset of the encrypted header in a message. It comes after a version, a field number and a
/// length.
const HEADER_AT: usize = 3;

/// A message with the lowest bit of byte `at` flipped.
pub(super) fn altered(genuine: &[u8], at: usize) -> Vec<u8> {
    let mut forged = genuine.to_vec();
    forged[at] ^= 1;
    forged
}
