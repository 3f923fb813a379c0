//! The devices of a group, each with sessions of `waxseal-core` with the writer.

use rand_chacha::ChaCha20Rng;
use waxseal_core::{IdentityKey, PreKeyBundle, SessionSet};
use waxseal_reporting::limits::MAX_GROUP_SLOTS_LEN;
use waxseal_world::Device;

use crate::systems::Bundle;

/// Devices that each account has.
pub(super) const DEVICES: usize = 2;

/// Maximum number of devices for which the slots of one message can start a session. Such a slot
/// has some 2,000 bytes, and all together have at most [`MAX_GROUP_SLOTS_LEN`].
pub(super) const MAX_STRANGERS: usize = MAX_GROUP_SLOTS_LEN / 2_000;

/// All devices of a group but the writer.
pub struct Crowd {
    members: usize,
    pub(super) rng: ChaCha20Rng,
    /// The writer's device.
    pub(super) writer: Device,
    /// The identities of the others, in the order of the slots. The first is the reader's.
    pub(super) identities: Vec<IdentityKey>,
    /// The writer's sessions with them. Each of them has answered.
    pub(super) sessions: Vec<SessionSet>,
    pub(super) reader: Device,
    /// What each of them published.
    pub(super) bundles: Vec<Bundle>,
}

impl Crowd {
    /// The devices of this many accounts.
    #[must_use]
    pub fn of(members: usize) -> Self {
        let mut rng = waxseal_world::rng(7);
        let mut writer = Device::new(0, &mut rng);
        let mut reader = None;
        let targets = members * DEVICES - 1;
        let (mut identities, mut sessions, mut bundles) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..targets {
            let mut device = Device::new(0, &mut rng);
            bundles.push(device.published());
            identities.push(*device.identity.public());
            sessions.push(meet(&mut writer, &mut device, &mut rng));
            reader.get_or_insert(device);
        }
        Self {
            members,
            rng,
            writer,
            identities,
            sessions,
            reader: reader.expect("at least two accounts"),
            bundles,
        }
    }

    /// How many accounts the group has.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members
    }

    /// How many devices get a message.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.identities.len()
    }

    /// The writer starts a session with each device.
    pub(super) fn start_all(&mut self) -> Vec<SessionSet> {
        let (identity, rng) = (&self.writer.identity, &mut self.rng);
        let bundles = self.bundles.iter();
        let started = bundles.map(|(base, one_time)| {
            let bundle = PreKeyBundle::decode(base, one_time.as_deref()).expect("a bundle");
            SessionSet::initiate(identity, bundle, rng).expect("starts")
        });
        started.collect()
    }
}

/// Starts a session, in which the other device answers. Returns the writer's side of it, after the
/// first message that needs no Diffie–Hellman step.
fn meet(writer: &mut Device, device: &mut Device, rng: &mut ChaCha20Rng) -> SessionSet {
    writer.sessions = None;
    writer.start(device.bundle(), rng);
    for from_writer in [true, false, true, false, true] {
        let (from, to) = match from_writer {
            true => (&mut *writer, &mut *device),
            false => (&mut *device, &mut *writer),
        };
        let message = from.encrypt(b"hello", rng);
        to.decrypt(&message).expect("a genuine message opens");
    }
    writer.sessions.take().expect("a session")
}
