//! The systems that are compared. In each, two devices exchange messages, and all implement the
//! traits [`Strangers`] and [`Pair`].

mod circle;
mod client;
mod fan;
mod franked;
mod ratchet;
mod vodozemac;

pub use circle::{Chains, Circle, Crowd, GROUP_SYSTEMS, GroupSystem, Parts, len};
pub use client::Clients;
pub use fan::{Fan, Targets};
pub use franked::Franked;
pub use ratchet::{Bundle, Ratchet};

/// A system in the comparison, named by crate and variant.
#[derive(Clone, Copy)]
pub struct System {
    /// The name of the crate that implements the system.
    pub name: &'static str,
    /// The part or configuration of the crate.
    pub variant: &'static str,
    /// What the system does not do, but another system in the table does.
    pub lacks: &'static str,
    /// Whether the state of a session can be exported as bytes.
    pub exports: bool,
    /// Maximum number of skipped keys that the system keeps: vodozemac per chain, Waxseal per
    /// session.
    pub keeps: usize,
    strangers: fn() -> Box<dyn Strangers>,
    fan: fn(&System, Targets) -> Box<dyn Fan>,
}

/// All systems. Ratios in the tables are relative to the first.
pub const SYSTEMS: [System; 5] = [
    System {
        name: "vodozemac",
        variant: "olm-v1",
        lacks: "post-quantum secrecy, header encryption, checked prekey signatures, franking; tags of 8 bytes; keeps 40 skipped keys per chain",
        exports: true,
        keeps: 40,
        strangers: vodozemac::version_1,
        fan: fan::sessions,
    },
    System {
        name: "vodozemac",
        variant: "olm-v2",
        lacks: "as olm-v1, but tags of 32 bytes; experimental",
        exports: true,
        keeps: 40,
        strangers: vodozemac::version_2,
        fan: fan::sessions,
    },
    System {
        name: "waxseal",
        variant: "ratchet",
        lacks: "franking, padding",
        exports: true,
        keeps: waxseal_core::limits::MAX_SKIPPED_KEYS,
        strangers: ratchet::strangers,
        fan: fan::sessions,
    },
    System {
        name: "waxseal",
        variant: "franked",
        lacks: "storage",
        exports: true,
        keeps: waxseal_core::limits::MAX_SKIPPED_KEYS,
        strangers: franked::strangers,
        fan: fan::franked,
    },
    System {
        name: "waxseal",
        variant: "client",
        lacks: "nothing: every call also commits to a store in memory",
        exports: false,
        keeps: waxseal_core::limits::MAX_SKIPPED_KEYS,
        strangers: client::strangers,
        fan: fan::clients,
    },
];

/// Two devices that have not met. The second has published its keys.
pub trait Strangers {
    /// Runs the handshake. The first device decodes the second device's published keys and sends
    /// `plaintext`, which the second device opens.
    fn meet(self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair>;

    /// Returns the lengths of the first message and of the keys that were published for it, in
    /// bytes.
    fn first_message(self: Box<Self>, plaintext: &[u8]) -> (usize, usize);
}

/// Two devices with a session. Side 0 started it.
///
/// Each message that is sealed or opened changes the session. [`Pair::import`] sets one side back
/// to an earlier state.
pub trait Pair {
    /// Seals a message. Returns the bytes that leave the sender's device.
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8>;

    /// Does the provider's work on a sealed message. Returns the bytes that the provider sends to
    /// the other side.
    fn relay(&mut self, _from: usize, sealed: Vec<u8>) -> Vec<u8> {
        sealed
    }

    /// Opens the bytes of a message that arrived. Returns whether they opened.
    fn open(&mut self, to: usize, arrived: &[u8]) -> bool;

    /// Exports one side's state as bytes, unencrypted.
    fn export(&self, side: usize) -> Vec<u8>;

    /// Sets one side back to an exported state.
    fn import(&mut self, side: usize, state: &[u8]);

    /// Forges a message that costs its recipient work. Anyone can do this from a genuine message,
    /// without keys. If the system does not encrypt counters, the forgery has this counter.
    fn forge(&mut self, genuine: &[u8], counter: u64) -> Vec<u8>;
}

impl System {
    /// Two devices before their handshake.
    #[must_use]
    pub fn strangers(&self) -> Box<dyn Strangers> {
        (self.strangers)()
    }

    /// Two devices after the handshake and a few messages in turn. Further messages no longer carry
    /// the handshake.
    #[must_use]
    pub fn pair(&self) -> Box<dyn Pair> {
        let mut pair = self.strangers().meet(b"hello");
        for from in [1, 0, 1, 0, 1] {
            exchange(&mut *pair, from, b"hello");
        }
        pair
    }

    /// A device that sends to several others, after a few messages with each of them.
    #[must_use]
    pub fn fan(&self, targets: Targets) -> Box<dyn Fan> {
        let mut fan = (self.fan)(self, targets);
        for _ in 0..2 {
            fan.open_chains();
        }
        fan
    }
}

/// Sends one message and opens it.
///
/// # Panics
/// If the message does not open.
pub fn exchange(pair: &mut dyn Pair, from: usize, plaintext: &[u8]) {
    let arrived = send(pair, from, plaintext);
    assert!(pair.open(1 - from, &arrived), "a genuine message opens");
}

/// Seals and relays one message. Returns the bytes that arrive at the recipient's device.
pub fn send(pair: &mut dyn Pair, from: usize, plaintext: &[u8]) -> Vec<u8> {
    let sealed = pair.seal(from, plaintext);
    pair.relay(from, sealed)
}
