//! The systems that take part, behind one trait: two devices that talk.

mod client;
mod franked;
mod ratchet;
mod vodozemac;

pub use client::Clients;
pub use franked::Franked;
pub use ratchet::{Bundle, Ratchet};

/// A way of doing the job, by crate and variant.
#[derive(Clone, Copy)]
pub struct System {
    /// The crate.
    pub name: &'static str,
    /// Which of its parts or configurations.
    pub variant: &'static str,
    /// What it does not do that another row does.
    pub lacks: &'static str,
    /// Whether its state can be had as bytes.
    pub exports: bool,
    /// How many skipped keys it keeps.
    pub keeps: usize,
    strangers: fn() -> Box<dyn Strangers>,
}

/// Every system, the peer that ratios refer to first.
pub const SYSTEMS: [System; 5] = [
    System {
        name: "vodozemac",
        variant: "olm-v1",
        lacks: "post-quantum, header encryption, signed prekeys checked, franking; tags of 8 bytes; keeps 40 skipped keys a chain",
        exports: true,
        keeps: 40,
        strangers: vodozemac::version_1,
    },
    System {
        name: "vodozemac",
        variant: "olm-v2",
        lacks: "as olm-v1, but tags of 32 bytes; experimental",
        exports: true,
        keeps: 40,
        strangers: vodozemac::version_2,
    },
    System {
        name: "waxseal",
        variant: "ratchet",
        lacks: "franking, padding",
        exports: true,
        keeps: waxseal_core::MAX_SKIPPED_KEYS,
        strangers: ratchet::strangers,
    },
    System {
        name: "waxseal",
        variant: "franked",
        lacks: "storage",
        exports: true,
        keeps: waxseal_core::MAX_SKIPPED_KEYS,
        strangers: franked::strangers,
    },
    System {
        name: "waxseal",
        variant: "client",
        lacks: "nothing: every call also commits to a store in memory",
        exports: false,
        keeps: waxseal_core::MAX_SKIPPED_KEYS,
        strangers: client::strangers,
    },
];

/// Two devices that have not met; the second has published its keys.
pub trait Strangers {
    /// The handshake: the first device takes the second's published keys as they come off the wire, and sends `plaintext`, which
    /// the second opens.
    fn meet(self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair>;

    /// Bytes of the first message, and of the keys published for it.
    fn first_message(self: Box<Self>, plaintext: &[u8]) -> (usize, usize);
}

/// Two devices with a session. Side 0 started it.
pub trait Pair {
    /// What leaves the sender's device.
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8>;

    /// What the provider makes of it for the other side.
    fn relay(&mut self, _from: usize, sealed: Vec<u8>) -> Vec<u8> {
        sealed
    }

    /// Opens what arrives; says whether it opened.
    fn open(&mut self, to: usize, arrived: &[u8]) -> bool;

    /// One side's state as bytes, not encrypted.
    fn export(&self, side: usize) -> Vec<u8>;

    /// Puts one side back into a state.
    fn import(&mut self, side: usize, state: &[u8]);

    /// What someone without keys can make of a message to cost its recipient work: with this counter, where counters are in clear.
    fn forge(&mut self, genuine: &[u8], counter: u64) -> Vec<u8>;
}

impl System {
    /// Devices for a handshake.
    #[must_use]
    pub fn strangers(&self) -> Box<dyn Strangers> {
        (self.strangers)()
    }

    /// Devices after the handshake and a few messages in turn: no message carries the handshake any more.
    #[must_use]
    pub fn pair(&self) -> Box<dyn Pair> {
        let mut pair = self.strangers().meet(b"hello");
        for from in [1, 0, 1, 0, 1] {
            exchange(&mut *pair, from, b"hello");
        }
        pair
    }
}

/// One message, all the way.
///
/// # Panics
/// If it does not open.
pub fn exchange(pair: &mut dyn Pair, from: usize, plaintext: &[u8]) {
    let arrived = send(pair, from, plaintext);
    assert!(pair.open(1 - from, &arrived), "a genuine message opens");
}

/// One message up to the recipient's device.
pub fn send(pair: &mut dyn Pair, from: usize, plaintext: &[u8]) -> Vec<u8> {
    let sealed = pair.seal(from, plaintext);
    pair.relay(from, sealed)
}
