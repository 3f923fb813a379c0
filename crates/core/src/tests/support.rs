//! Devices with prekeys, and a session between two of them, for the tests of several files.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::{IdentityKeyPair, PreKeyBundle, PreKeys, Session, wire};

/// A device and what it has published.
pub(crate) struct Device {
    pub(crate) identity: IdentityKeyPair,
    pub(crate) prekeys: PreKeys,
    pub(crate) base: Vec<u8>,
    pub(crate) one_time: Vec<Vec<u8>>,
}

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

impl Device {
    /// Makes a device with three one-time prekey sets.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let identity = IdentityKeyPair::generate(&mut rng);
        let mut prekeys = PreKeys::generate(&identity, &mut rng);
        let one_time = prekeys.replenish(&identity, 3, &mut rng).unwrap();
        let base = prekeys.upload(&identity).unwrap().base;
        Self {
            identity,
            prekeys,
            base,
            one_time,
        }
    }

    pub(crate) fn bundle(&self, one_time: Option<usize>) -> PreKeyBundle {
        PreKeyBundle::decode(&self.base, one_time.map(|i| self.one_time[i].as_slice())).unwrap()
    }
}

/// Makes Alice, Bob, and a session in which each has opened a message of the other.
pub(crate) fn established() -> (Device, Device, Session, Session) {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let mut rng = rng(3);
    let mut to_bob = Session::initiate(&alice.identity, bob.bundle(Some(0)), &mut rng).unwrap();
    let first = to_bob.encrypt(b"hello", b"", &mut rng).unwrap();
    let (mut to_alice, plaintext, spent) =
        Session::accept(&bob.identity, &bob.prekeys, &first, b"").unwrap();
    assert_eq!(*plaintext, b"hello");
    bob.prekeys.spend(spent);
    let reply = to_alice.encrypt(b"hi", b"", &mut rng).unwrap();
    assert_eq!(*to_bob.decrypt(&reply, b"").unwrap(), b"hi");
    (alice, bob, to_bob, to_alice)
}

/// Changes the protobuf of a message and encodes it canonically again.
pub(crate) fn edit(message: &[u8], change: impl FnOnce(&mut wire::Message)) -> Vec<u8> {
    let mut decoded: wire::Message = wire::decode(message, usize::MAX).unwrap();
    change(&mut decoded);
    wire::encode(&decoded)
}
