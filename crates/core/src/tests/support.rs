//! Devices with prekeys, and a session between two of them, for the tests of several files.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use crate::errors::DecryptError;
use crate::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, Session, wire};

/// A device and what it has published.
pub(crate) struct Device {
    pub(crate) identity: IdentityKeyPair,
    pub(crate) prekeys: PreKeys,
    /// The replay memory of the device's one peer.
    pub(crate) memory: ReplayMemory,
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
            memory: ReplayMemory::new(),
            base,
            one_time,
        }
    }

    pub(crate) fn bundle(&self, one_time: Option<usize>) -> PreKeyBundle {
        PreKeyBundle::decode(&self.base, one_time.map(|i| self.one_time[i].as_slice())).unwrap()
    }

    /// Accepts a session. If the message is refused, asserts that nothing has changed.
    pub(crate) fn accept(
        &mut self,
        message: &[u8],
        ad: &[u8],
    ) -> Result<(Session, Zeroizing<Vec<u8>>), DecryptError> {
        let state = |device: &Self| (device.prekeys.export(), device.memory.export());
        let before = state(self);
        let (prekeys, memory) = (&mut self.prekeys, &mut self.memory);
        let accepted = Session::accept(&self.identity, prekeys, memory, message, ad);
        if accepted.is_err() {
            assert_eq!(state(self), before, "the state has changed");
        }
        accepted
    }

    /// Reads prekeys and memory from their exports, as after a restart.
    pub(crate) fn restarted(&self) -> Self {
        Self {
            identity: IdentityKeyPair::import(&self.identity.export()).unwrap(),
            prekeys: PreKeys::import(&self.prekeys.export()).unwrap(),
            memory: ReplayMemory::import(&self.memory.export()).unwrap(),
            base: self.base.clone(),
            one_time: self.one_time.clone(),
        }
    }
}

/// Makes Alice, Bob, and a session in which each has opened a message of the other.
pub(crate) fn established() -> (Device, Device, Session, Session) {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let mut rng = rng(3);
    let mut to_bob = Session::initiate(&alice.identity, bob.bundle(Some(0)), &mut rng).unwrap();
    let first = to_bob.encrypt(b"hello", b"", &mut rng).unwrap();
    let (mut to_alice, plaintext) = bob.accept(&first, b"").unwrap();
    assert_eq!(*plaintext, b"hello");
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
