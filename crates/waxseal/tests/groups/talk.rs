//! Messages in a group, and what the applications of its members do for them.

use std::collections::{BTreeMap, VecDeque};

use waxseal::errors::{ReceiveError, RetargetError, SendError};
use waxseal::reporting::relay::{PostedGroup, StampedGroup};
use waxseal::{
    Advice, DeviceAddress, Draft, FrankingTag, GroupId, GroupMismatch, GroupStanding, MemoryStore,
    Outgoing, Received, Timestamp,
};
use waxseal_world::{GroupPostRefused, QueuedGroup, account, snapshot};

use crate::support::{Device, Net, first};

/// Rounds in which everything must come to rest.
const ROUNDS: usize = 30;

/// What waits for a device of a group.
#[derive(Clone)]
pub(crate) enum Queued {
    Group(QueuedGroup),
    /// What was sealed again for it alone.
    Again(Vec<u8>),
}

pub(crate) struct Talk {
    pub(crate) net: Net,
    pub(crate) group: GroupId,
    pub(crate) queues: BTreeMap<DeviceAddress, VecDeque<Queued>>,
    /// What each device showed. A sent message of another own device begins with `>`.
    pub(crate) shown: BTreeMap<DeviceAddress, Vec<String>>,
    pub(crate) retargeted: usize,
    /// The errors of deliveries that were dropped.
    pub(crate) dropped: Vec<String>,
}

impl Talk {
    /// A group of which the first account is the admin.
    pub(crate) fn of(names: &[&str]) -> Self {
        let (net, group) = Net::of_group(names);
        Self::in_group(net, group)
    }

    pub(crate) fn in_group(net: Net, group: GroupId) -> Self {
        let mut talk = Self {
            net,
            group,
            queues: BTreeMap::new(),
            shown: BTreeMap::new(),
            retargeted: 0,
            dropped: Vec::new(),
        };
        // All know each other, and the newest state.
        let devices: Vec<_> = talk.net.clients.keys().cloned().collect();
        for device in devices {
            if talk.net.standing(&device, &group) == Some(GroupStanding::Member) {
                talk.net.fetch(&device, &group);
                talk.prepare(&device);
            }
        }
        talk
    }

    /// A group of these accounts with one device each, and of `absent` ones, whose eight devices
    /// are never on line.
    pub(crate) fn with_absent(names: &[&str], absent: &[&str]) -> Self {
        let (mut net, group) = Net::of_group(&[names, absent].concat());
        for name in absent {
            for _ in 1..8 {
                let device = net.link(name);
                net.clients.remove(&device);
            }
            net.clients.remove(&first(name));
            for viewer in names {
                let client = net.clients.get_mut(&first(viewer)).unwrap();
                net.world.show_roster(client, &account(name));
            }
        }
        Self::in_group(net, group)
    }

    pub(crate) fn client(&mut self, device: &DeviceAddress) -> &mut Device {
        self.net.client(device)
    }

    /// Fetches rosters of members and prekeys of their devices.
    pub(crate) fn prepare(&mut self, from: &DeviceAddress) {
        let (group, now) = (self.group, self.net.world.now);
        let client = self.net.clients.get_mut(from).unwrap();
        let unknown = client.members_without_roster(&group).unwrap();
        let rosters = self.net.world.group_rosters(from, &group, &unknown);
        client.take_group_rosters(&group, &rosters, now).unwrap();
        for wanted in client.missing(group, now).unwrap() {
            let (account, devices) = (&wanted.account, &wanted.devices);
            let bundles = self.net.world.bundles_for(Some(from), account, devices);
            let _ = client.start(account, &bundles, now, &mut self.net.world.rng);
        }
    }

    pub(crate) fn try_seal(
        &mut self,
        from: &DeviceAddress,
        draft: impl Into<Draft>,
    ) -> Result<Outgoing, SendError<std::convert::Infallible>> {
        self.net.wait(1);
        let group = self.group;
        self.net
            .call(from, |client, now, rng| client.send(group, draft, now, rng))
    }

    /// Seals a message that nobody posts yet.
    pub(crate) fn seal(&mut self, from: &DeviceAddress, draft: impl Into<Draft>) -> Outgoing {
        self.prepare(from);
        self.try_seal(from, draft).unwrap()
    }

    /// Sends a message.
    pub(crate) fn say(&mut self, from: &DeviceAddress, text: &str) -> FrankingTag {
        let sealed = self.seal(from, text);
        self.post(from, &sealed);
        sealed.id
    }

    /// Sends a message, and everything is delivered.
    pub(crate) fn say_all(&mut self, name: &str, text: &str) -> FrankingTag {
        let id = self.say(&first(name), text);
        self.run();
        id
    }

    /// Posts what was sealed, and confirms the receipt.
    pub(crate) fn post(&mut self, from: &DeviceAddress, outgoing: &Outgoing) {
        let mut outgoing = outgoing.clone();
        for _ in 0..5 {
            match self.try_post(from, &outgoing) {
                Ok(()) => return,
                Err(GroupPostRefused::Mismatch) => {
                    self.retargeted += 1;
                    outgoing = self.retarget(from, &outgoing).unwrap();
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("the relay goes on naming others");
    }

    pub(crate) fn try_post(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
    ) -> Result<(), GroupPostRefused> {
        self.net.wait(1);
        let receipt = self.post_only(from, outgoing)?;
        let confirmed = self.client(from).confirm(&outgoing.to, &receipt);
        assert_eq!(confirmed.unwrap(), outgoing.id);
        Ok(())
    }

    /// Posts what was sealed. Returns the receipt, which nobody took.
    pub(crate) fn post_only(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
    ) -> Result<Vec<u8>, GroupPostRefused> {
        let world = &mut self.net.world;
        if let Some(target) = &outgoing.again_for {
            let (stamped, receipt) = world.post_again(from, &outgoing.envelope).unwrap();
            let queue = self.queues.entry(target.clone()).or_default();
            queue.push_back(Queued::Again(stamped.encode()));
            return Ok(receipt);
        }
        let (queued, receipt) = world.post_group(from, &outgoing.envelope)?;
        for (device, queued) in queued {
            let queue = self.queues.entry(device).or_default();
            queue.push_back(Queued::Group(queued));
        }
        Ok(receipt)
    }

    /// What a relay does that helps someone: it stamps what was sealed at any time, for devices
    /// with one each of these accounts.
    pub(crate) fn collude(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
        to: &[&str],
        at: Timestamp,
    ) -> BTreeMap<DeviceAddress, Queued> {
        let world = &self.net.world;
        let posted = PostedGroup::decode(&outgoing.envelope).unwrap();
        let posted = posted.authenticate(&world.key(from), from, world.now);
        let posted = posted.unwrap();
        let digest = posted.stamp().targets_digest;
        let devices = to.iter().map(|name| first(name)).collect();
        let targeted = posted.for_targets(devices, &digest).unwrap();
        let claim = world.stamp_keys.stamp_group(&targeted, at).unwrap();
        let (stamped, slots) = StampedGroup::fan_out(claim, targeted).unwrap();
        let slots = slots.into_iter().map(|(device, slot)| {
            let stamped = stamped.clone();
            (device, Queued::Group(QueuedGroup { stamped, slot }))
        });
        slots.collect()
    }

    /// A device receives one delivery. Returns the error, if it is refused.
    pub(crate) fn refuses(
        &mut self,
        device: &DeviceAddress,
        queued: &Queued,
    ) -> ReceiveError<std::convert::Infallible> {
        let delivery = self.hand_out(device, queued);
        self.client(device).receive(&delivery).unwrap_err()
    }

    /// Another client with a copy of a device's store.
    pub(crate) fn copy(&mut self, device: &DeviceAddress) -> Device {
        let records = snapshot(self.client(device));
        Device::open(MemoryStore::from_records(records)).unwrap()
    }

    /// Seals a message for those that the relay names.
    pub(crate) fn retarget(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
    ) -> Result<Outgoing, RetargetError<std::convert::Infallible>> {
        let mismatch = self.mismatch(from, outgoing);
        self.retarget_with(from, outgoing, &mismatch)
    }

    pub(crate) fn mismatch(&mut self, from: &DeviceAddress, outgoing: &Outgoing) -> GroupMismatch {
        let mismatch = self.net.world.group_mismatch(from, &outgoing.envelope);
        GroupMismatch {
            news: mismatch.news,
            rosters: mismatch.rosters,
            left: mismatch.left,
        }
    }

    pub(crate) fn retarget_with(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
        mismatch: &GroupMismatch,
    ) -> Result<Outgoing, RetargetError<std::convert::Infallible>> {
        let (group, id) = (self.group, outgoing.id);
        let lacking = self.client(from).lacking_rosters(mismatch).unwrap();
        let rosters = self.net.world.group_rosters(from, &group, &lacking);
        let again = self.net.call(from, |client, now, rng| {
            client.retarget_in_group(&group, &id, mismatch, &rosters, now, rng)
        })?;
        self.prepare(from);
        Ok(self
            .net
            .call(from, |client, now, rng| {
                client.complete(group, &id, now, rng)
            })
            .unwrap_or(again))
    }

    /// What the relay hands out of what waits for a device.
    pub(crate) fn hand_out(&self, device: &DeviceAddress, queued: &Queued) -> Vec<u8> {
        match queued {
            Queued::Group(queued) => self.net.world.deliver_group(device, queued),
            Queued::Again(stamped) => self.net.world.deliver(device, stamped),
        }
    }

    /// A device receives what waits for it.
    pub(crate) fn deliver(&mut self, device: &DeviceAddress) {
        for queued in self.queues.remove(device).unwrap_or_default() {
            let delivery = self.hand_out(device, &queued);
            match self.client(device).receive(&delivery) {
                Ok(received) => {
                    let shown = self.shown.entry(device.clone()).or_default();
                    shown.extend(shown_of(&received));
                }
                Err(ReceiveError::UnknownDevice { .. } | ReceiveError::GroupNews { .. }) => {
                    let queue = self.queues.entry(device.clone()).or_default();
                    queue.push_back(queued);
                }
                Err(error) if error.advice() == Advice::Drop => {
                    self.dropped.push(format!("{error:?}"));
                }
                Err(error) => assert_eq!(error.advice(), Advice::AskAgain, "{error:?}"),
            }
        }
    }

    /// Delivers, and does what each client's upkeep asks for, until there is nothing to do.
    pub(crate) fn run(&mut self) {
        for _ in 0..ROUNDS {
            let devices: Vec<_> = self.net.clients.keys().cloned().collect();
            let mut is_quiet = true;
            for device in devices {
                self.net.deliver(&device);
                self.deliver(&device);
                is_quiet &= !self.net.attend(&device);
                let posted = std::mem::take(&mut self.net.to_groups);
                is_quiet &= posted.is_empty();
                for (from, outgoing) in posted {
                    self.post(&from, &outgoing);
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("upkeep does not come to rest");
    }

    pub(crate) fn shown(&self, device: &DeviceAddress) -> Vec<&str> {
        let shown = self.shown.get(device).into_iter().flatten();
        shown.map(String::as_str).collect()
    }
}

/// What an application shows of a delivery.
pub(crate) fn shown_of(received: &Received) -> Option<String> {
    match received {
        Received::Message { from, message, .. } => {
            Some(format!("{}: {}", from.as_str(), message.text()?))
        }
        Received::Sent { message, .. } => Some(format!("> {}", message.text()?)),
        _ => None,
    }
}
