//! The variant "client": two accounts whose devices are clients with stores in memory.

use waxseal::{Client, DeviceId, MemoryStore, Received, WantedBundles};
use waxseal_reporting::relay::StampedEnvelope;
use waxseal_world::{NOW, Provider, account};

use super::{Fan, Targets};
use crate::systems::franked::text;

type Device = Client<MemoryStore>;

/// One-time prekeys that each device publishes: more than there are other devices.
const ONE_TIME: usize = 16;

/// The first device of Alice's account, all other devices, and their provider.
pub(super) struct Accounts {
    provider: Provider,
    sender: Device,
    /// The devices that messages go to, in the order of the slots: Bob's, and then Alice's others.
    targets: Vec<Device>,
}

/// Registers an account with this many devices. The first one manages it.
fn register(provider: &mut Provider, name: &str, devices: usize) -> Vec<Device> {
    let mut all = vec![provider.register_with(name, ONE_TIME)];
    for _ in 1..devices {
        let linked = provider.link_with(&mut all[0], ONE_TIME);
        all.push(linked);
    }
    // Each device was linked under the roster of that time.
    for device in &mut all {
        provider.show_roster(device, &account(name));
    }
    all
}

impl Accounts {
    pub(super) fn new(targets: Targets) -> Self {
        let (alice, bob) = (account("alice"), account("bob"));
        let mut provider = Provider::new(7);
        let mut own = register(&mut provider, "alice", targets.own + 1);
        let mut peers = register(&mut provider, "bob", targets.peer);
        for peer in &mut peers {
            provider.show_roster(peer, &alice);
        }
        // The others send to Bob too, so that the first one gets copies. One session is enough.
        for device in &mut own[1..] {
            let first = [DeviceId(1)];
            let bundles = provider.bundles_for(Some(device.me()), &bob, &first);
            let started = device.start(&bob, &bundles, NOW, &mut provider.rng);
            started.expect("good bundles");
        }
        let mut sender = own.remove(0);
        provider.start(&mut sender, &bob);
        for wanted in sender.missing(&bob, NOW).expect("a store in memory") {
            let WantedBundles { account, devices } = wanted;
            let bundles = provider.bundles_for(Some(sender.me()), &account, &devices);
            let started = sender.start(&account, &bundles, NOW, &mut provider.rng);
            started.expect("good bundles");
        }
        peers.extend(own);
        let mut accounts = Self {
            provider,
            sender,
            targets: peers,
        };
        accounts.send(b"hello");
        accounts
    }
}

impl Fan for Accounts {
    fn seal(&mut self, plaintext: &[u8]) -> Vec<Vec<u8>> {
        let text = text(plaintext.len());
        let rng = &mut self.provider.rng;
        let sent = self.sender.send(account("bob"), text.as_str(), NOW, rng);
        vec![sent.expect("seals").envelope]
    }

    fn relay(&mut self, sealed: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let sender = self.sender.me();
        let stamped = self.provider.fan_out(sender, &account("bob"), &sealed[0]);
        let (stamped, _) = stamped.expect("a genuine message");
        let deliver = |(device, stamped): &(_, StampedEnvelope)| {
            self.provider.deliver(device, &stamped.encode())
        };
        stamped.iter().map(deliver).collect()
    }

    fn open(&mut self, target: usize, arrived: &[u8]) -> bool {
        is_new(&self.targets[target].receive(arrived))
    }

    fn answer(&mut self) {
        let me = self.sender.me().clone();
        for target in &mut self.targets {
            let to = match target.me().account == me.account {
                true => "bob",
                false => "alice",
            };
            let rng = &mut self.provider.rng;
            let sent = target.send(account(to), "hello", NOW, rng);
            let sent = sent.expect("seals").envelope;
            let stamped = self.provider.fan_out(target.me(), &account(to), &sent);
            let (stamped, _) = stamped.expect("a genuine message");
            let mut stamped = stamped.into_iter();
            let (_, mine) = stamped
                .find(|(device, _)| *device == me)
                .expect("a slot for the sender");
            let delivery = self.provider.deliver(&me, &mine.encode());
            assert!(is_new(&self.sender.receive(&delivery)), "an answer opens");
        }
    }
}

/// Whether this is a message of a peer, or a copy of one of an own device.
fn is_new<E>(received: &Result<Received, E>) -> bool {
    matches!(
        received,
        Ok(Received::Message { .. } | Received::Sent { .. })
    )
}
