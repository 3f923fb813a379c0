//! What is done to a group: founding it, inviting, entries, and what a thief of the seed signs.

use waxseal::{
    AccountKey, DeviceAddress, GroupId, GroupInfo, GroupPolicy, GroupStanding, GroupUpdate, Notice,
};
use waxseal_roster::group::{AuthoritySeed, GroupOp, SignedEntry};
use waxseal_world::account;

use super::{Net, first};

impl Net {
    /// A device founds a group.
    pub(crate) fn found(&mut self, device: &DeviceAddress) -> GroupId {
        let founded = self.call(device, |client, now, rng| {
            client.create_group(GroupPolicy::default(), now, rng)
        });
        let (group, entry) = founded.unwrap();
        self.post_entry(device, &entry);
        assert_eq!(self.standing(device, &group), Some(GroupStanding::Member));
        group
    }

    /// Invites an account.
    pub(crate) fn invite(&mut self, group: &GroupId, admin: &str, name: &str) {
        self.start(&first(admin), name);
        let sent = self.call(&first(admin), |client, now, rng| {
            client.invite(group, &account(name), now, rng)
        });
        self.post(&first(admin), &sent.unwrap());
        self.run();
    }

    /// Accepts an invitation.
    pub(crate) fn accept(&mut self, group: &GroupId, admin: &str, name: &str) {
        let sent = self.call(&first(name), |client, now, rng| {
            client.accept_invitation(&account(admin), group, now, rng)
        });
        self.post(&first(name), &sent.unwrap());
    }

    /// Invites an account, which accepts. The admin adds it.
    pub(crate) fn join(&mut self, group: &GroupId, admin: &str, name: &str) {
        self.invite(group, admin, name);
        self.accept(group, admin, name);
        self.run();
        assert_eq!(
            self.standing(&first(name), group),
            Some(GroupStanding::Member)
        );
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, group: &GroupId, admin: &str, name: &str) {
        let entry = self.call(&first(admin), |client, now, rng| {
            client.remove_member(group, &account(name), now, rng)
        });
        self.post_entry(&first(admin), &entry.unwrap().unwrap());
    }

    /// Makes a member an admin.
    pub(crate) fn promote(&mut self, group: &GroupId, admin: &str, name: &str) {
        let entry = self.call(&first(admin), |client, now, rng| {
            client.promote(group, &account(name), now, rng)
        });
        self.post_entry(&first(admin), &entry.unwrap().unwrap());
        self.run();
    }

    pub(crate) fn info(&mut self, device: &DeviceAddress, group: &GroupId) -> GroupInfo {
        self.client(device).group(group).unwrap().unwrap()
    }

    pub(crate) fn standing(
        &mut self,
        device: &DeviceAddress,
        group: &GroupId,
    ) -> Option<GroupStanding> {
        let info = self.client(device).group(group).unwrap();
        info.map(|info| info.standing)
    }

    /// The names of the members, as a device knows them.
    pub(crate) fn members(&mut self, device: &DeviceAddress, group: &GroupId) -> Vec<String> {
        let info = self.info(device, group);
        let members = info.members.iter();
        members
            .map(|member| member.account.as_str().to_owned())
            .collect()
    }

    pub(crate) fn notices(&mut self, device: &DeviceAddress) -> Vec<Notice> {
        let notices = self.client(device).notices(None, 20).unwrap().items;
        let is_group = |notice: &Notice| !matches!(notice, Notice::DevicesChanged { .. });
        notices.into_iter().filter(is_group).collect()
    }

    /// Fetches the news of a group for a device.
    pub(crate) fn fetch(&mut self, device: &DeviceAddress, group: &GroupId) -> GroupUpdate {
        let after = self.info(device, group).version;
        let news = self.world.group_news(device, group, after).unwrap();
        let now = self.world.now;
        self.client(device)
            .take_group_news(group, &news, now)
            .unwrap()
    }

    pub(crate) fn key(&mut self, name: &str) -> AccountKey {
        self.world.account_key(&account(name))
    }

    /// The seed of a group's authority, as a device of an admin keeps it.
    pub(crate) fn seed(
        &mut self,
        device: &DeviceAddress,
        group: &GroupId,
    ) -> Option<AuthoritySeed> {
        let log = self.world.group_log(group).unwrap();
        let state = log.state().clone();
        let client = self.clients.get_mut(device).unwrap();
        let records = waxseal_world::snapshot(client);
        let kept = records
            .iter()
            .filter(|(key, _)| key.table.as_bytes() == b"7");
        // The seed is a field of 32 bytes: 12 20 || seed.
        kept.flat_map(|(_, value)| value.windows(34))
            .filter(|window| window[..2] == [0x12, 0x20])
            .find_map(|window| {
                AuthoritySeed::of_state(window[2..].try_into().unwrap(), &state).ok()
            })
    }

    /// An entry after the provider's newest state, which a thief signs with this seed.
    pub(crate) fn forge(
        &mut self,
        seed: &AuthoritySeed,
        group: &GroupId,
        actor: &str,
        ops: &[GroupOp],
    ) -> SignedEntry {
        let state = self.world.group_log(group).unwrap().state();
        let at_ms = self.world.now.as_millis();
        seed.sign_entry(state, actor, ops, None, at_ms).unwrap()
    }
}
