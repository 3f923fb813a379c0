//! Accounts and their devices, and how they come into the group and out of it.

use std::collections::BTreeSet;

use waxseal::errors::EditGroupError;
use waxseal::{AccountId, Content, Draft, GroupPolicy};

use crate::Result;
use crate::people::{Device, Person, Standing};
use crate::support::linking::{self as shared, put};
use crate::world::World;

/// The group's founder, who stays an admin.
pub const FOUNDER: usize = 0;
/// Another one who stays an admin.
pub const SECOND: usize = 1;

impl World {
    /// Creates an account with some devices.
    pub fn create(&mut self, devices: usize) -> Result<usize> {
        let person = self.people.persons.len();
        let client = self.provider.register(&format!("account-{person}"));
        let account = client.me().account.clone();
        let device = self.add(Device::new(client, person));
        self.people.persons.push(Person {
            account,
            devices: vec![device],
            standing: Standing::Outside,
        });
        for _ in 1..devices {
            self.link(person)?;
        }
        Ok(person)
    }

    /// Links one more device to a person's account.
    pub fn link(&mut self, person: usize) -> Result<usize> {
        let manager = self.people.persons[person].devices[0];
        let manager = &mut self.people.devices[manager];
        manager.upkeep_ms = Some(0);
        let client = shared::link(&mut self.provider, &mut manager.client, &mut self.rng)?;
        let device = self.add(Device::new(client, person));
        self.people.persons[person].devices.push(device);
        Ok(device)
    }

    /// A member removes its newest device, and links another one.
    pub fn replace_device(&mut self, person: usize) -> Result<()> {
        let devices = &mut self.people.persons[person].devices;
        let (manager, device) = (devices[0], devices[devices.len() - 1]);
        if manager == device {
            return Ok(()); // it has no other
        }
        devices.pop();
        let id = self.people.devices[device].me().device;
        let client = &mut self.people.devices[manager].client;
        let roster = client.remove_device(id, self.provider.now)?;
        put(&mut self.provider, client, roster)?;
        let one = self.device(device);
        one.is_removed = true;
        one.expect_no_more();
        self.queue.retain(|(to, _), _| *to != device);
        self.author_is_gone(person);
        let new = self.link(person)?;
        if crate::courier::debug() {
            eprintln!(
                "L {} person {person}: {device} replaced by {new}",
                self.network.now_ms()
            );
        }
        Ok(())
    }

    /// The founder founds the group.
    pub fn found(&mut self) -> Result<()> {
        let (now, rng) = (self.provider.now, &mut self.rng);
        let founder = self.people.persons[FOUNDER].devices[0];
        let client = &mut self.people.devices[founder].client;
        let (group, _) = client.create_group(GroupPolicy::default(), now, rng)?;
        self.group = Some(group);
        Ok(())
    }

    /// An admin looks at the group, and invites someone.
    pub fn invite(&mut self, admin: usize, person: usize) -> Result<()> {
        let (group, now) = (self.group(), self.now());
        let account = self.people.persons[person].account.clone();
        let device = self.people.persons[admin].devices[0];
        self.fetch_news(device)?;
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        for wanted in client.missing(&account, now)? {
            let bundles = self
                .provider
                .bundles_for(Some(&me), &wanted.account, &wanted.devices);
            let _ = client.start(&wanted.account, &bundles, now, &mut self.rng);
        }
        if !client.has_session(&account)? {
            let bundles = self.provider.bundles_for(Some(&me), &account, &[]);
            client.start(&account, &bundles, now, &mut self.rng)?;
        }
        match client.invite(&group, &account, now, &mut self.rng) {
            Ok(sent) => {
                self.people.persons[person].standing = Standing::Invited;
                self.post(device, &sent);
            }
            Err(error) => self.wrong(format!("nobody was invited: {error:?}")),
        }
        Ok(())
    }

    /// The user of a device accepts the invitation that it showed, unless another device did.
    pub fn answer(&mut self, device: usize, from: &AccountId) -> Result<()> {
        let person = self.people.devices[device].person;
        if self.people.persons[person].standing != Standing::Invited {
            return Ok(());
        }
        let (group, now) = (self.group(), self.now());
        let client = &mut self.people.devices[device].client;
        let sent = client.accept_invitation(from, &group, now, &mut self.rng)?;
        self.people.persons[person].standing = Standing::Accepted;
        self.post(device, &sent);
        Ok(())
    }

    /// Notes who came and went with an entry that the relay took.
    pub fn members_changed(&mut self, before: &BTreeSet<String>) -> Result<()> {
        let after = self.member_names();
        if crate::courier::debug() {
            eprintln!("M {} {before:?} -> {after:?}", self.network.now_ms());
        }
        for name in after.difference(before) {
            let person = self.person_of(name)?;
            self.people.persons[person].standing = Standing::Member;
            self.came(person)?;
        }
        for name in before.difference(&after) {
            let person = self.person_of(name)?;
            let before = self.people.persons[person].standing;
            self.people.persons[person].standing = Standing::Outside;
            for device in self.people.persons[person].devices.clone() {
                self.device(device).expect_no_more();
            }
            self.went(person, before == Standing::Leaving)?;
            self.author_is_gone(person);
        }
        Ok(())
    }

    fn person_of(&self, name: &str) -> Result<usize> {
        let account = AccountId::new(name)?;
        Ok(self.people.person(&account).ok_or("an unknown member")?)
    }

    /// A person says good-bye from one of its devices.
    pub fn leave(&mut self, person: usize) -> Result<()> {
        let devices = self.people.persons[person].devices.clone();
        let device = self.any(&devices).ok_or("no device")?;
        if !self.may_write(device)? {
            return Ok(()); // it has not heard yet that it is in the group, or only admins write
        }
        self.prepare(device)?;
        if !self.may_write(device)? {
            return Ok(()); // it has heard so meanwhile
        }
        self.keep_former(person, false)?;
        let (group, now) = (self.group(), self.now());
        let client = &mut self.people.devices[device].client;
        let draft = Draft::new(Content::GroupLeave);
        let sent = client.send(group, draft, now, &mut self.rng)?;
        self.people.persons[person].standing = Standing::Leaving;
        for device in devices {
            self.device(device).expect_no_more();
        }
        self.author_is_gone(person);
        self.post(device, &sent);
        Ok(())
    }

    /// The relay heard that a person left.
    pub fn left(&mut self, device: usize) {
        self.drop_queue(self.people.devices[device].person);
    }

    /// An admin changes the group. The entry leaves with the device's next look.
    pub fn change(&mut self, admin: usize, change: Change) -> Result<()> {
        let (group, now, rng) = (self.group(), self.now(), &mut self.rng);
        let account = match change {
            Change::Remove(person) | Change::Promote(person) | Change::Demote(person) => person,
            Change::AdminsWrite(_) => admin,
        };
        let account = self.people.persons[account].account.clone();
        let device = self.people.persons[admin].devices[0];
        let client = &mut self.people.devices[device].client;
        let changed = match change {
            Change::Remove(_) => client.remove_member(&group, &account, now, rng),
            Change::Promote(_) => client.promote(&group, &account, now, rng),
            Change::Demote(_) => client.demote(&group, &account, now, rng),
            Change::AdminsWrite(admins_write) => {
                client.set_group_policy(&group, GroupPolicy { admins_write }, now, rng)
            }
        };
        match changed {
            Ok(_) => {}
            // Another admin did the same, or the newest key is still on its way.
            Err(
                EditGroupError::NoChange
                | EditGroupError::NoMember
                | EditGroupError::NoKey
                | EditGroupError::LastAdmin,
            ) => self.outcome.changes_dropped += 1,
            Err(error) => self.wrong(format!("an admin changed nothing: {error:?}")),
        }
        self.device(device).upkeep_ms = Some(0);
        Ok(())
    }
}

/// What an admin changes.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Remove(usize),
    Promote(usize),
    Demote(usize),
    AdminsWrite(bool),
}
