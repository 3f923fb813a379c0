//! A device that sends each message to several devices: those of a peer, and the other devices of
//! its own account.

mod clients;
mod franked;

use super::{Pair, System, exchange};

/// The devices that a message goes to.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// How many devices the peer has.
    pub peer: usize,
    /// How many devices the sender's account has, without the sending one.
    pub own: usize,
}

impl Targets {
    /// How many devices get a message.
    #[must_use]
    pub fn count(self) -> usize {
        self.peer + self.own
    }
}

/// A device with a session with each device that its messages go to.
pub trait Fan {
    /// Seals a message for all devices. Returns the bytes that leave the sender's device: one
    /// message for each device, or one for all.
    fn seal(&mut self, plaintext: &[u8]) -> Vec<Vec<u8>>;

    /// Does the provider's work. Returns the bytes that the provider sends to each device.
    fn relay(&mut self, sealed: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        sealed
    }

    /// Opens what arrived at one device. Returns whether it opened.
    fn open(&mut self, target: usize, arrived: &[u8]) -> bool;

    /// Lets each device send one message to the sender, which opens it.
    fn answer(&mut self);

    /// Exchanges a message in both directions with each device. The messages that are sealed after
    /// them take no Diffie–Hellman step.
    fn open_chains(&mut self) {
        self.answer();
        self.send(b"hello");
    }

    /// Seals a message, and each device opens it.
    fn send(&mut self, plaintext: &[u8]) {
        let sealed = self.seal(plaintext);
        for (target, arrived) in self.relay(sealed).iter().enumerate() {
            assert!(self.open(target, arrived), "a genuine message opens");
        }
    }
}

/// The same content in a session with each device. Nothing joins the messages.
struct Sessions(Vec<Box<dyn Pair>>);

pub(super) fn sessions(system: &System, targets: Targets) -> Box<dyn Fan> {
    let pairs = (0..targets.count()).map(|_| system.pair());
    Box::new(Sessions(pairs.collect()))
}

pub(super) fn franked(_: &System, targets: Targets) -> Box<dyn Fan> {
    Box::new(franked::Fanned::new(targets))
}

pub(super) fn clients(_: &System, targets: Targets) -> Box<dyn Fan> {
    Box::new(clients::Accounts::new(targets))
}

impl Fan for Sessions {
    fn seal(&mut self, plaintext: &[u8]) -> Vec<Vec<u8>> {
        let pairs = self.0.iter_mut();
        pairs.map(|pair| pair.seal(0, plaintext)).collect()
    }

    fn open(&mut self, target: usize, arrived: &[u8]) -> bool {
        self.0[target].open(1, arrived)
    }

    fn answer(&mut self) {
        for pair in &mut self.0 {
            exchange(&mut **pair, 1, b"hello");
        }
    }
}
