//! Rosters: devices are linked and removed, and accounts taken over.

use waxseal::errors::EditRosterError;
use waxseal::{DeviceAddress, DeviceId, Rebased, Welcome};

use super::{Household, Link, MOST_DEVICES, Member};
use crate::RosterRefused;

impl Household {
    /// The device that manages an account, by its index.
    #[must_use]
    pub fn manager(&self, account: usize) -> usize {
        let roster = self.provider.newest_roster(&self.account(account)).unwrap();
        let members = self.listed(account).into_iter();
        let mut managers = members.filter(|who| {
            let identity = self.members[*who].client.identity().to_bytes();
            roster.is_manager(&identity)
        });
        managers.next().expect("each account has a manager")
    }

    /// A manager links a device and signs the roster with it, unless it has signed another one.
    pub(super) fn link(&mut self, account: usize) {
        let manager = self.manager(account);
        let count = self.provider.devices(&self.account(account)).len();
        if count >= MOST_DEVICES || self.links[account].is_some() || self.is_signing(manager) {
            return;
        }
        let client = &mut self.members[manager].client;
        let new = self.provider.begin_link(client);
        self.links[account] = Some(Link { new, manager });
    }

    /// Links a device with all that belongs to it.
    pub(super) fn link_whole(&mut self, account: usize) {
        self.link(account);
        self.post_roster(self.manager(account), true);
        self.publish(self.members.len() - 1);
    }

    fn is_signing(&self, who: usize) -> bool {
        self.members[who].client.pending_roster().unwrap().is_some()
    }

    /// A manager signs a roster without another device, unless it has signed another one.
    pub(super) fn remove(&mut self, account: usize, which: usize) {
        let manager = self.manager(account);
        let own = self.address(manager);
        let others = self.provider.devices(&own.account).into_iter();
        let others: Vec<_> = others.filter(|device| *device != own).collect();
        let Some(index) = which.checked_rem(others.len()) else {
            return;
        };
        let (device, now) = (others[index].device, self.provider.now);
        let client = &mut self.members[manager].client;
        match client.remove_device(device, now) {
            Ok(_) | Err(EditRosterError::Pending) => {}
            // The manager does not know the newest roster yet.
            Err(EditRosterError::Edit(_) | EditRosterError::NoChange) => {}
            Err(error) => panic!("a device cannot be removed: {error}"),
        }
    }

    /// A device signs a roster without the managers, with the recovery secret, unless it manages
    /// the account itself.
    pub(super) fn take_over(&mut self, who: usize) {
        let account = self.members[who].account;
        let manager = self.manager(account);
        if who == manager || self.is_removed(who) || self.is_signing(who) {
            return;
        }
        let lost = [self.address(manager).device];
        let (now, secret) = (self.provider.now, &self.secrets[account]);
        let client = &mut self.members[who].client;
        client.take_over(secret, &lost, now).unwrap();
    }

    /// A device posts the roster that it signed, if there is one.
    pub(super) fn post_roster(&mut self, who: usize, is_answered: bool) {
        let pending = self.members[who].client.pending_roster().unwrap();
        let Some(pending) = pending.filter(|_| !self.is_removed(who)) else {
            return;
        };
        let account = self.members[who].account;
        let name = self.account(account);
        let put = self.provider.put_roster(&name, &pending);
        if let Ok(gone) = &put {
            self.drop_devices(gone);
        }
        if !is_answered {
            return;
        }
        let now = self.provider.now;
        let client = &mut self.members[who].client;
        let welcome = match put {
            Ok(_) => client.confirm_roster(now).unwrap(),
            Err(RosterRefused::Conflict(newest)) => match client.rebase_roster(&newest, now) {
                Ok(Rebased::Done(welcome)) => welcome,
                Ok(_) => None, // to be posted
                // The change cannot be made any more.
                Err(EditRosterError::Edit(_)) => {
                    self.forget_link(who);
                    None
                }
                Err(error) => panic!("a roster was not signed again: {error}"),
            },
            Err(RosterRefused::ClockDiffers) => {
                let newest = self.provider.roster(&name);
                client.rebase_roster(&newest, now).unwrap();
                None
            }
            Err(refused) => panic!("a roster was refused: {refused:?}"),
        };
        if let Some(welcome) = welcome {
            self.end_link(account, &welcome);
        }
    }

    /// The device that a manager links gets its client.
    fn end_link(&mut self, account: usize, welcome: &Welcome) {
        let link = self.links[account].take().expect("a link under way");
        let client = self.provider.end_link(link.new, welcome);
        let is_listed = self.provider.is_listed(client.me());
        self.members.push(Member {
            removed_at: (!is_listed).then_some(self.provider.now),
            client,
            account,
            has_published: false,
        });
    }

    /// The link that this manager began is over.
    pub(super) fn forget_link(&mut self, manager: usize) {
        let account = self.members[manager].account;
        let link = &mut self.links[account];
        if link.as_ref().is_some_and(|link| link.manager == manager) {
            *link = None;
        }
    }

    /// The relay forgets what waits for devices that are gone from a roster.
    fn drop_devices(&mut self, gone: &[DeviceAddress]) {
        let now = self.provider.now;
        for device in gone {
            self.queues.remove(device);
            for member in &mut self.members {
                if member.client.me() == device {
                    member.removed_at.get_or_insert(now);
                }
            }
        }
        for who in 0..self.members.len() {
            // Nobody else knows of the link.
            if self.is_removed(who) {
                self.forget_link(who);
            }
        }
    }

    /// The numbers of the devices that a client knows of an account.
    #[must_use]
    pub fn known(&self, who: usize, of: usize) -> Vec<DeviceId> {
        let known = self.members[who].client.devices(&self.account(of));
        known.unwrap().into_iter().map(|(id, _)| id).collect()
    }
}
