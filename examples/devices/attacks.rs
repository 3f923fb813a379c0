//! What a lying relay tries with rosters.

use waxseal::Notice;
use waxseal_world::{PostRefused, fanout_of};

use crate::Result;
use crate::people::write;
use crate::relay::World;
use crate::support::linking::{copy_of, time};

const HOUR_MS: u64 = 3_600_000;

impl World {
    /// Shows a roster to a device. It counts as a rollback that was accepted if the device goes by
    /// an older version afterwards, or by another one of the same version.
    pub fn offer_roster(&mut self, device: usize, owner: usize, roster: &[u8]) -> Result<()> {
        let account = self.people.persons[owner].account.clone();
        let (now, client) = (self.provider.now, &mut self.people.devices[device].client);
        let before = client.roster_of(&account)?.ok_or("no roster")?;
        let _ = client.take_roster(&account, roster, now);
        let after = client.roster_of(&account)?.ok_or("no roster")?;
        self.outcome.rollbacks_tried += 1;
        if after.hash() != before.hash() {
            self.outcome.rollbacks_accepted += 1;
        }
        Ok(())
    }

    /// The relay shows every older roster of an account to a device of a peer.
    pub fn old_rosters(&mut self, owner: usize, peer: usize) -> Result<()> {
        self.settle()?;
        let account = self.people.persons[owner].account.clone();
        let reader = self.people.persons[peer].devices[0];
        self.provider
            .show_roster(&mut self.people.devices[reader].client, &account);
        let rosters = self.provider.rosters(&account).to_vec();
        let (_, older) = rosters.split_last().ok_or("no roster")?;
        for roster in older {
            self.offer_roster(reader, owner, roster)?;
        }
        Ok(())
    }

    /// The relay lists a device that nobody linked: to a peer, and to the account's own devices.
    pub fn ghost(&mut self, owner: usize, peer: usize) -> Result<()> {
        self.settle()?;
        let account = self.people.persons[owner].account.clone();
        let ghost = self.provider.add_ghost(None, &account);
        let readers = [
            self.people.persons[peer].devices[0],
            self.people.persons[owner].devices[0],
        ];
        let now = self.provider.now;
        for reader in readers {
            self.outcome.ghosts_tried += 1;
            let shown = self.provider.roster_for(None, &account);
            let client = &mut self.people.devices[reader].client;
            let _ = client.take_roster(&account, &shown, now);
            let to = match client.me().account == account {
                true => self.people.persons[peer].account.clone(),
                false => account.clone(),
            };
            // The relay takes a message only if it is for the ghost as well.
            let sent = write(
                client,
                &to,
                "Nobody reads along?",
                &mut self.provider,
                &mut self.rng,
            )?;
            let from = client.me().clone();
            let posted = self.provider.fan_out(&from, &to, &sent.envelope);
            if !matches!(posted, Err(PostRefused::Mismatch)) {
                self.wrong("the lying relay took a message without its ghost".to_owned());
            }
            let mismatch = self.provider.mismatch(&from, &to, &sent.envelope);
            let client = &mut self.people.devices[reader].client;
            let again = client.retarget(&to, &sent.id, &mismatch, now, &mut self.rng);
            let bundles = self.provider.bundles_for(Some(&from), &account, &[]);
            let _ = client.start(&account, &bundles, now, &mut self.rng);
            let roster = client.roster_of(&account)?.ok_or("no roster")?;
            let is_sealed = again.is_ok_and(|again| {
                let fanout = fanout_of(&again.envelope);
                let is_own = from.account == account;
                fanout.slot(is_own, ghost.device).is_some()
            });
            if is_sealed || roster.device(ghost.device.0).is_some() {
                self.outcome.ghosts_accepted += 1;
            }
            client.delete_message(&to, &sent.id)?;
        }
        self.provider.be_honest();
        Ok(())
    }

    /// Someone who copied a manager signs another roster of the next version. The relay shows that
    /// one to a peer, and the genuine one to everyone else. Both sides notice with the next
    /// message.
    pub fn split_view(&mut self, owner: usize, peer: usize) -> Result<()> {
        let laptop = self.link(owner)?;
        let account = self.people.persons[owner].account.clone();
        let peer_account = self.people.persons[peer].account.clone();
        let manager = self.people.persons[owner].devices[0];
        let phone = self.people.persons[peer].devices[0];
        self.write(manager, &peer_account, "I have a laptop.".to_owned())?;
        self.write(phone, &account, "Fine.".to_owned())?;
        self.settle()?;
        let mut thief = copy_of(&self.people.devices[manager].client)?;
        let id = self.people.devices[laptop].me().device;
        let later = time(self.network.now_ms() + 1_000);
        let other = thief.remove_device(id, later)?;
        self.remove(owner, laptop)?;
        self.provider.lie(Some(&peer_account), &account, other);
        for device in self.people.persons[peer].devices.clone() {
            self.provider
                .show_roster(&mut self.people.devices[device].client, &account);
        }
        self.write(phone, &account, "Are you there?".to_owned())?;
        self.write(manager, &peer_account, "Are you there?".to_owned())?;
        self.settle()?;
        for device in [manager, phone] {
            self.outcome.split_views_tried += 1;
            let client = &self.people.devices[device].client;
            let notices = client.notices(None, 64)?.items;
            let is_noticed = notices.iter().any(
                |notice| matches!(notice, Notice::SplitView { account: of, .. } if *of == account),
            );
            self.outcome.split_views_noticed += u64::from(is_noticed);
        }
        self.provider.be_honest();
        // The next version ends it.
        self.link(owner)?;
        for device in self.people.persons[peer].devices.clone() {
            self.provider
                .show_roster(&mut self.people.devices[device].client, &account);
        }
        self.settle()
    }

    /// The relay goes on showing the roster of an account to a peer that the peer knows already,
    /// after a device was added. The peer learns of it from the account's next message, without the
    /// relay.
    pub fn frozen(&mut self, owner: usize, peer: usize) -> Result<()> {
        self.settle()?;
        let account = self.people.persons[owner].account.clone();
        let peer_account = self.people.persons[peer].account.clone();
        let (manager, phone) = (
            self.people.persons[owner].devices[0],
            self.people.persons[peer].devices[0],
        );
        self.provider
            .show_roster(&mut self.people.devices[phone].client, &account);
        // An account is told a roster at most once an hour.
        self.run(HOUR_MS)?;
        self.provider.freeze(Some(&peer_account), &account);
        self.link(owner)?;
        self.outcome.frozen_tried += 1;
        self.write(phone, &account, "Is your account as before?".to_owned())?;
        self.settle()?;
        self.write(manager, &peer_account, "See for yourself.".to_owned())?;
        self.settle()?;
        let newest = self
            .provider
            .rosters(&account)
            .last()
            .cloned()
            .ok_or("no roster")?;
        let known = self.people.devices[phone].client.roster_of(&account)?;
        let known = known.ok_or("no roster")?.signed().encode();
        self.outcome.frozen_noticed += u64::from(known == newest);
        self.provider.be_honest();
        self.settle()
    }
}
