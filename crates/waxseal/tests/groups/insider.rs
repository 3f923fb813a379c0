//! A member without a client.

use waxseal::core::SessionSet;
use waxseal::reporting::Audience;
use waxseal::reporting::message::{Content, Payload, PayloadHeader};
use waxseal::reporting::sender::{Control, seal, seal_control};
use waxseal::{GroupId, Received};
use waxseal_roster::group::{GroupOp, Role};
use waxseal_world::{BareDevice, account};

use crate::support::{Net, first};

/// A device without a client, which says to others what no client would.
pub(crate) struct Insider {
    device: BareDevice,
    sessions: SessionSet,
}

impl Insider {
    /// An account without a client, with a session with a device of another account.
    pub(crate) fn new(net: &mut Net, name: &str, peer: &str) -> Self {
        let insider = Self::unknown(net, name, peer);
        let client = net.clients.get_mut(&first(peer)).unwrap();
        net.world.show_roster(client, &account(name));
        insider
    }

    /// The same, and the other device knows nothing of it.
    pub(crate) fn unknown(net: &mut Net, name: &str, peer: &str) -> Self {
        let device = BareDevice::new(&mut net.world, name);
        let sessions = device.initiate(&mut net.world, peer);
        Self { device, sessions }
    }

    /// The same, and Alice added the account to the group.
    pub(crate) fn join(net: &mut Net, group: &GroupId, peer: &str, role: Role) -> Self {
        let mallory = Self::new(net, "mallory", peer);
        let seed = net.seed(&first("alice"), group).unwrap();
        let key = mallory.device.account_key.public();
        let entry = net.forge(&seed, group, "alice", &[GroupOp::add("mallory", role, key)]);
        net.world
            .post_entry(&first("alice"), &entry.encode())
            .unwrap();
        mallory
    }

    /// Begins another session.
    pub(crate) fn start_over(&mut self, net: &mut Net, peer: &str) {
        self.sessions = self.device.initiate(&mut net.world, peer);
    }

    /// Tells a device something.
    pub(crate) fn tell(&mut self, net: &mut Net, to: &str, control: &Control) -> Received {
        let conversation = Audience::Direct(account(to)).conversation(&self.device.me.account);
        let channel = &mut self.device.channel(&mut self.sessions);
        let rng = &mut net.world.rng;
        let sealed = seal_control(channel, &self.device.me, &conversation, control, rng);
        let sealed = sealed.unwrap();
        let (delivery, _) = net.world.stamp_as(&self.device.me, &first(to), &sealed);
        net.client(&first(to)).receive(&delivery).unwrap()
    }

    /// Sends a message to a device.
    pub(crate) fn send(&mut self, net: &mut Net, to: &str, content: Content) -> Received {
        let conversation = Audience::Direct(account(to)).conversation(&self.device.me.account);
        let channel = &mut self.device.channel(&mut self.sessions);
        let rng = &mut net.world.rng;
        let payload = Payload::new(PayloadHeader::new(0, net.world.now), content).unwrap();
        let sealed = seal(channel, &self.device.me, &conversation, &payload, rng).unwrap();
        let (delivery, _) = net
            .world
            .stamp_as(&self.device.me, &first(to), &sealed.envelope);
        net.client(&first(to)).receive(&delivery).unwrap()
    }
}
