//! Accounts with several devices at one provider, and what their applications do.

use std::collections::{BTreeMap, VecDeque};

use waxseal::errors::{ReceiveError, RetargetError};
use waxseal::linking::NewDevice;
use waxseal::{
    AccountId, Advice, Client, DeliveryKey, DeviceAddress, DeviceId, FrankingTag, MemoryStore,
    Notice, Outgoing, Received, Timestamp,
};
use waxseal_world::{PostRefused, Provider, account};

/// Rounds of upkeep in which everything must come to rest.
const ROUNDS: usize = 30;

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

pub(crate) type Device = Client<MemoryStore>;

/// The address of a device.
pub(crate) fn at(name: &str, device: u32) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(device))
}

pub(crate) struct Net {
    pub(crate) world: Provider,
    pub(crate) clients: BTreeMap<DeviceAddress, Device>,
    /// What the relay queues for each device, stamped.
    pub(crate) queues: BTreeMap<DeviceAddress, VecDeque<Vec<u8>>>,
    /// What each device showed: the peer, and the text. A sent one begins with `>`.
    pub(crate) shown: BTreeMap<DeviceAddress, Vec<String>>,
    pub(crate) retargeted: usize,
    pub(crate) removed: Vec<DeviceAddress>,
}

impl Net {
    /// Accounts with one device each.
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut net = Self {
            world: Provider::new(7),
            clients: BTreeMap::new(),
            queues: BTreeMap::new(),
            shown: BTreeMap::new(),
            retargeted: 0,
            removed: Vec::new(),
        };
        for name in names {
            let client = net.world.register(name);
            net.clients.insert(at(name, 1), client);
        }
        net
    }

    /// Alice and Bob with two devices each, which all know each other.
    pub(crate) fn of_four() -> Self {
        let mut net = Self::of(&["alice", "bob"]);
        for name in ["alice", "bob"] {
            assert_eq!(net.link(name), at(name, 2));
        }
        for (from, to, text) in [
            (at("alice", 1), "bob", "one"),
            (at("bob", 1), "alice", "two"),
            (at("alice", 2), "bob", "three"),
            (at("bob", 2), "alice", "four"),
        ] {
            net.send(&from, to, text);
            net.run();
        }
        net
    }

    pub(crate) fn client(&mut self, device: &DeviceAddress) -> &mut Device {
        self.clients.get_mut(device).unwrap()
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.world.now = Timestamp::from_millis(self.world.now.as_millis() + ms);
    }

    /// Links a device to an account. Its first device is the manager.
    pub(crate) fn link(&mut self, name: &str) -> DeviceAddress {
        let (now, rng) = (self.world.now, &mut self.world.rng);
        let manager = self.clients.get_mut(&at(name, 1)).unwrap();
        let mut new = NewDevice::generate(now, rng).unwrap();
        let offer = manager.offer_link(&new.code(), new.bundle(), now, rng);
        new.open_offer(&offer.unwrap(), now, rng).unwrap();
        let reveal = new.message().unwrap().1.to_vec();
        let digits = manager.link_digits(&reveal, now, rng).unwrap();
        new.accept(&digits, now, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        manager.finish_link(&answer, now).unwrap();
        self.post_roster(name);
        let roster = self.world.roster(&account(name));
        new.take_welcome(&roster).unwrap();
        let rng = &mut self.world.rng;
        let key = DeliveryKey::generate(rng);
        let mut client = new
            .into_client(MemoryStore::new(), key.clone(), rng)
            .unwrap();
        let upload = client.publish_prekeys(0, rng).unwrap();
        let me = client.me().clone();
        self.world.register_key(&me, key);
        self.world.publish(&account(name), &upload);
        client.confirm_prekeys(&upload).unwrap();
        self.clients.insert(me.clone(), client);
        me
    }

    /// Posts the roster that the first device of an account signed.
    pub(crate) fn post_roster(&mut self, name: &str) {
        let manager = self.clients.get_mut(&at(name, 1)).unwrap();
        let pending = manager.pending_roster().unwrap().unwrap();
        self.world.put_roster(&account(name), &pending).unwrap();
        manager.confirm_roster(self.world.now).unwrap();
    }

    /// The first device of an account removes another one.
    pub(crate) fn remove(&mut self, name: &str, device: u32) {
        let now = self.world.now;
        let manager = self.client(&at(name, 1));
        manager.remove_device(DeviceId(device), now).unwrap();
        self.post_roster(name);
    }

    /// Fetches the bundles that a message would lack.
    pub(crate) fn fetch(&mut self, from: &DeviceAddress, to: &str) {
        let (peer, now) = (account(to), self.world.now);
        let client = self.clients.get_mut(from).unwrap();
        if !client.has_session(&peer).unwrap() {
            self.world.start(client, &peer);
        }
        for wanted in client.missing(&peer, now).unwrap() {
            let WantedBundles {
                account, devices, ..
            } = wanted;
            let bundles = self.world.bundles_for(Some(from), &account, &devices);
            let _ = client.start(&account, &bundles, now, &mut self.world.rng);
        }
    }

    /// Seals a message that nobody posts yet.
    pub(crate) fn seal(&mut self, from: &DeviceAddress, to: &str, text: &str) -> Outgoing {
        self.wait(1);
        self.fetch(from, to);
        let (now, rng) = (self.world.now, &mut self.world.rng);
        let client = self.clients.get_mut(from).unwrap();
        client.send(&account(to), text, now, rng).unwrap()
    }

    /// Sends a message, and posts it.
    pub(crate) fn send(&mut self, from: &DeviceAddress, to: &str, text: &str) -> FrankingTag {
        let sent = self.seal(from, to, text);
        self.post(from, &sent);
        sent.id
    }

    /// Posts a message, and confirms its receipt.
    pub(crate) fn post(&mut self, from: &DeviceAddress, outgoing: &Outgoing) {
        self.wait(1);
        let (stamped, receipt) = if let Some(target) = &outgoing.again_for {
            let (stamped, receipt) = self.world.post_again(from, &outgoing.envelope).unwrap();
            (vec![(target.clone(), stamped)], receipt)
        } else {
            match self
                .world
                .fan_out(from, outgoing.to.account().unwrap(), &outgoing.envelope)
            {
                Ok(accepted) => accepted,
                Err(PostRefused::Mismatch) => {
                    self.retargeted += 1;
                    let again = self.retarget(from, outgoing).unwrap();
                    return self.post(from, &again);
                }
                Err(PostRefused::Removed) => {
                    self.removed.push(from.clone());
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        };
        for (device, stamped) in stamped {
            let queue = self.queues.entry(device).or_default();
            queue.push_back(stamped.encode());
        }
        let client = self.client(from);
        let confirmed = client.confirm(&outgoing.to, &receipt);
        assert_eq!(confirmed.unwrap(), outgoing.id);
    }

    /// Seals a message for the devices that the relay names.
    pub(crate) fn retarget(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
    ) -> Result<Outgoing, RetargetError<std::convert::Infallible>> {
        let (peer, now) = (outgoing.to.account().unwrap(), self.world.now);
        let mismatch = self.world.mismatch(from, peer, &outgoing.envelope);
        let rng = &mut self.world.rng;
        let client = self.clients.get_mut(from).unwrap();
        client.retarget(peer, &outgoing.id, &mismatch, now, rng)
    }

    /// What waits for a device, as the relay delivers it.
    pub(crate) fn take_queue(&mut self, device: &DeviceAddress) -> Vec<Vec<u8>> {
        let queued = self.queues.remove(device).unwrap_or_default();
        let deliver = |stamped: &Vec<u8>| self.world.deliver(device, stamped);
        queued.iter().map(deliver).collect()
    }

    /// A device receives what waits for it. What comes from unknown devices goes on waiting.
    pub(crate) fn deliver(&mut self, device: &DeviceAddress) {
        let queued = self.queues.remove(device).unwrap_or_default();
        for stamped in queued {
            let delivery = self.world.deliver(device, &stamped);
            let client = self.clients.get_mut(device).unwrap();
            match client.receive(&delivery) {
                Ok(received) => {
                    let shown = self.shown.entry(device.clone()).or_default();
                    shown.extend(shown_of(received));
                }
                Err(ReceiveError::UnknownDevice { .. }) => {
                    let queue = self.queues.entry(device.clone()).or_default();
                    queue.push_back(stamped);
                }
                Err(error) => assert_eq!(error.advice(), Advice::AskAgain, "{error:?}"),
            }
        }
    }

    /// Delivers, and does what each client's upkeep asks for, until there is nothing to do.
    pub(crate) fn run(&mut self) {
        for _ in 0..ROUNDS {
            let devices: Vec<_> = self.clients.keys().cloned().collect();
            let mut is_quiet = true;
            for device in devices {
                self.deliver(&device);
                is_quiet &= !self.attend(&device);
            }
            if is_quiet {
                return;
            }
        }
        panic!("upkeep does not come to rest");
    }

    /// Does what an upkeep asks for. Returns whether there was anything.
    pub(crate) fn attend(&mut self, device: &DeviceAddress) -> bool {
        let now = self.world.now;
        let client = self.clients.get_mut(device).unwrap();
        let upkeep = client.upkeep(now, &mut self.world.rng).unwrap();
        for peer in &upkeep.rosters {
            let roster = self.world.roster_for(Some(&device.account), peer);
            let _ = client.take_roster(peer, &roster, now);
        }
        for wanted in &upkeep.bundles {
            let (peer, devices) = (&wanted.account, &wanted.devices);
            let bundles = self.world.bundles_for(Some(device), peer, devices);
            let _ = client.restart(peer, &bundles, now, &mut self.world.rng);
        }
        for outgoing in &upkeep.outgoing {
            self.post(device, outgoing);
        }
        !(upkeep.rosters.is_empty() && upkeep.bundles.is_empty() && upkeep.outgoing.is_empty())
    }

    pub(crate) fn shown(&self, device: &DeviceAddress) -> Vec<&str> {
        let shown = self.shown.get(device).into_iter().flatten();
        shown.map(String::as_str).collect()
    }

    pub(crate) fn notices(&mut self, device: &DeviceAddress) -> Vec<Notice> {
        self.client(device).notices(None, 10).unwrap().items
    }
}

use waxseal::WantedBundles;

/// What an application shows of a delivery.
pub(crate) fn shown_of(received: Received) -> Option<String> {
    match received {
        Received::Message { from, message, .. } => {
            Some(format!("{}: {}", from.as_str(), message.text().unwrap()))
        }
        Received::Sent { to, message } => {
            let to = to.account().unwrap().as_str();
            Some(format!(">{to}: {}", message.text().unwrap()))
        }
        _ => None,
    }
}

/// The devices of an account, as a client knows them.
pub(crate) fn ids(client: &Device, account: &AccountId) -> Vec<u32> {
    let devices = client.devices(account).unwrap();
    devices.iter().map(|(device, _)| device.0).collect()
}
