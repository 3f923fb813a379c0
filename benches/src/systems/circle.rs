//! A device that writes to a group, and another one that reads.

mod chains;
mod clients;
mod crowd;
mod megolm;
mod mls;

pub use chains::Chains;
pub use crowd::Crowd;

use std::cell::RefCell;
use std::rc::Rc;

/// What leaves a device, or arrives at one.
pub type Parts = Vec<Vec<u8>>;

/// The length of all parts in bytes.
#[must_use]
pub fn len(parts: &[Vec<u8>]) -> usize {
    parts.iter().map(Vec::len).sum()
}

/// Two devices of a group: the writer and the reader. The other devices of the group get messages
/// too, but nobody opens them.
pub trait Circle {
    /// Seals a message with the keys that all devices have. Returns what leaves the writer.
    fn seal(&mut self, plaintext: &[u8]) -> Parts;

    /// Gives all devices other keys, and seals a message with them. Returns what leaves the writer.
    fn renew(&mut self, plaintext: &[u8]) -> Parts;

    /// Whether the first message to all devices is short enough for one request.
    fn can_begin(&self) -> bool {
        true
    }

    /// Makes the writer a device that has no session with any other one, and that has fetched what
    /// all of them published. Returns the length of that in bytes.
    fn forget(&mut self) -> usize;

    /// Seals the first message after [`forget`](Self::forget). Returns what leaves the writer.
    fn begin(&mut self, plaintext: &[u8]) -> Parts;

    /// Does the provider's work for one recipient. Returns what arrives at the reader.
    fn relay(&mut self, sent: Parts) -> Parts;

    /// Opens what arrived at the reader. Returns whether it opened.
    fn open(&mut self, arrived: &[Vec<u8>]) -> bool;
}

/// A system in the rows of groups, named by crate and variant.
pub struct GroupSystem {
    /// The name of the crate that implements the system.
    pub name: &'static str,
    /// The part or configuration of the crate.
    pub variant: &'static str,
    circle: fn(&Rc<RefCell<Crowd>>) -> Box<dyn Circle>,
}

impl GroupSystem {
    /// The writer and the reader of a group. The devices of the crowd are used by those systems
    /// that need sessions of `waxseal-core`.
    #[must_use]
    pub fn circle(&self, crowd: &Rc<RefCell<Crowd>>) -> Box<dyn Circle> {
        (self.circle)(crowd)
    }
}

/// The systems in the rows of groups.
pub const GROUP_SYSTEMS: [GroupSystem; 5] = [
    GroupSystem {
        name: "vodozemac",
        variant: "megolm",
        circle: |crowd| Box::new(megolm::Megolm::new(crowd.borrow().targets())),
    },
    GroupSystem {
        name: "openmls",
        variant: "chacha20",
        circle: |crowd| Box::new(mls::Mls::new(crowd.borrow().targets())),
    },
    GroupSystem {
        name: "waxseal",
        variant: "ratchet",
        circle: |crowd| Box::new(Chains::new(crowd, false)),
    },
    GroupSystem {
        name: "waxseal",
        variant: "franked",
        circle: |crowd| Box::new(Chains::new(crowd, true)),
    },
    GroupSystem {
        name: "waxseal",
        variant: "client",
        circle: |crowd| Box::new(clients::Members::new(crowd.borrow().members())),
    },
];
