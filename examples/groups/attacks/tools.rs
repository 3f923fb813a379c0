//! What attackers have: stolen stores, keys in them, and a relay that stamps what they like.

use waxseal::reporting::relay::{AuthenticGroup, PostedGroup, StampedGroup};
use waxseal::roster::group::{AuthoritySeed, GroupState};
use waxseal::{
    AcceptedEntry, AccountId, Client, DeviceAddress, DeviceId, GroupNews, GroupStanding,
    MemoryStore, Outgoing, Timestamp,
};
use waxseal_world::{QueuedGroup, snapshot};

use crate::Result;
use crate::members::FOUNDER;
use crate::support::linking::copy_of;
use crate::world::World;

/// A stolen store, opened.
pub type Stolen = Client<MemoryStore>;

impl World {
    /// The newest state of the group.
    pub fn state(&self) -> Result<GroupState> {
        let log = self.provider.group_log(&self.group());
        Ok(log.ok_or("no group")?.state().clone())
    }

    /// Members' devices that know the newest state, some at random.
    pub fn some_devices(&mut self, count: usize) -> Result<Vec<usize>> {
        let version = self.state()?.version();
        let mut devices = Vec::new();
        for device in self.people.members() {
            let info = self.people.devices[device].client.group(&self.group())?;
            let knows = info.is_some_and(|info| {
                info.version == version && info.standing == GroupStanding::Member
            });
            if knows {
                devices.push(device);
            }
        }
        while devices.len() > count {
            let last = devices.len() - 1;
            let at = rand::RngExt::random_range(&mut self.rng, 0..=last);
            devices.swap_remove(at);
        }
        Ok(devices)
    }

    /// A copy of a device's store, opened.
    pub fn steal(&self, device: usize) -> Result<Stolen> {
        copy_of(&self.people.devices[device].client)
    }

    /// The seed of the admins, out of the founder's stolen store.
    pub fn stolen_seed(&self) -> Result<AuthoritySeed> {
        let founder = self.people.persons[FOUNDER].devices[0];
        let state = self.state()?;
        let records = snapshot(&self.people.devices[founder].client);
        let kept = records
            .iter()
            .filter(|(key, _)| key.table.as_bytes() == b"7");
        // The seed is a field of 32 bytes: 12 20 || seed.
        let mut windows = kept.flat_map(|(_, value)| value.windows(34));
        let seed = windows.find_map(|window| {
            let seed = window.strip_prefix(&[0x12, 0x20])?.try_into().ok()?;
            AuthoritySeed::of_state(seed, &state).ok()
        });
        Ok(seed.ok_or("the founder has no seed")?)
    }

    /// News with these entries, for which the relay vouches to a device.
    pub fn news_for(&self, device: &DeviceAddress, entries: &[&[u8]], at: Timestamp) -> GroupNews {
        let (key, group) = (self.provider.key(device), self.group());
        let accepted = |entry: &&[u8]| AcceptedEntry::new(&key, &group, entry.to_vec(), at);
        GroupNews {
            entries: entries.iter().map(accepted).collect(),
            whole: None,
        }
    }

    /// A stolen store seals a message, for whomever it takes for members.
    pub fn seal_stolen(&mut self, stolen: &mut Stolen, text: &str) -> Result<Outgoing> {
        let (group, now) = (self.group(), self.now());
        let me = stolen.me().clone();
        let unknown = stolen.members_without_roster(&group)?;
        for names in unknown.chunks(64) {
            let rosters = self.provider.group_rosters(&me, &group, names);
            stolen.take_group_rosters(&group, &rosters, now)?;
        }
        let sent = stolen.send(group, text, now, &mut self.rng);
        if crate::courier::debug() && sent.is_err() {
            eprintln!("STOLEN {me:?} {:?} {:?}", sent, stolen.group(&group));
        }
        Ok(sent?)
    }

    /// For how many devices a message is that a device sealed.
    pub fn slots_of(&self, from: &DeviceAddress, outgoing: &Outgoing) -> Result<usize> {
        Ok(self.authentic(from, outgoing)?.slots())
    }

    fn authentic(&self, from: &DeviceAddress, outgoing: &Outgoing) -> Result<AuthenticGroup> {
        let posted = PostedGroup::decode(&outgoing.envelope)?;
        let posted = posted.authenticate(&self.provider.key(from), from, self.provider.now);
        Ok(posted.map_err(|error| format!("{error:?}"))?)
    }

    /// The relay stamps what a device sealed, whenever it likes. Returns what it would keep for
    /// each device, in the order of the slots.
    pub fn collude(
        &self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
        at: Timestamp,
    ) -> Result<Vec<QueuedGroup>> {
        let wrong = |error: &dyn std::fmt::Debug| format!("{error:?}");
        let posted = self.authentic(from, outgoing)?;
        let (count, digest) = (posted.slots(), posted.stamp().targets_digest);
        // The stamp does not name them.
        let anyone = AccountId::new("anyone")?;
        let target = |id| DeviceAddress::new(anyone.clone(), DeviceId(id));
        let targets = (0..count as u32).map(target).collect();
        let targeted = posted.for_targets(targets, &digest);
        let targeted = targeted.map_err(|error| wrong(&error))?;
        let claim = self.provider.stamp_keys.stamp_group(&targeted, at);
        let claim = claim.map_err(|error| wrong(&error))?;
        let fanned = StampedGroup::fan_out(claim, targeted);
        let (stamped, slots) = fanned.map_err(|error| wrong(&error))?;
        let slots = slots.into_iter().map(|(_, slot)| QueuedGroup {
            stamped: stamped.clone(),
            slot,
        });
        Ok(slots.collect())
    }
}
