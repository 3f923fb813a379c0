//! A stolen laptop, and a stolen manager.

use waxseal::errors::EditRosterError;
use waxseal::roster::RecoverySecret;
use waxseal::{EditError, Received};
use waxseal_world::{envelope_in, fanout_of};

use crate::Result;
use crate::people::write;
use crate::relay::World;
use crate::support::linking::{copy_of, put};

/// More than the time for which clocks of a relay and a device may differ.
const LATER_MS: u64 = 900_000;

impl World {
    /// A laptop is stolen and removed. Its thief writes on, reads on, and signs a roster, with the
    /// help of the relay.
    pub fn stolen_laptop(&mut self, owner: usize, peer: usize) -> Result<()> {
        let laptop = self.link(owner)?;
        let account = self.people.persons[owner].account.clone();
        let peer_account = self.people.persons[peer].account.clone();
        self.write(laptop, &peer_account, "From my new laptop.".to_owned())?;
        let phone = self.people.persons[peer].devices[0];
        self.write(phone, &account, "Nice!".to_owned())?;
        self.settle()?;
        let address = self.people.devices[laptop].me().clone();
        let mut thief = copy_of(&self.people.devices[laptop].client)?;
        self.remove(owner, laptop)?;
        // The peers learn of it from the next message of another device.
        let owners = self.people.persons[owner].devices[0];
        self.write(owners, &peer_account, "My laptop was stolen.".to_owned())?;
        self.settle()?;
        self.network.pass(LATER_MS);
        self.run(0)?;

        // A laptop signs no roster.
        self.outcome.thefts_tried += 1;
        let now = self.provider.now;
        let manager = self.people.devices[owners].me().device;
        let signed = thief.remove_device(manager, now);
        if !matches!(signed, Err(EditRosterError::Edit(EditError::NotManager))) {
            self.wrong("a laptop signed a roster".to_owned());
        }
        // It writes on, and the relay stamps it.
        self.outcome.thefts_tried += 1;
        self.provider
            .register_key(&address, thief.delivery_key().clone());
        let sent = write(
            &mut thief,
            &peer_account,
            "Hello",
            &mut self.provider,
            &mut self.rng,
        )?;
        if self
            .provider
            .fan_out(&address, &peer_account, &sent.envelope)
            .is_ok()
        {
            self.wrong("the relay took a message of a removed device".to_owned());
        }
        let fanout = fanout_of(&sent.envelope);
        for (number, slot) in fanout.slots().iter().enumerate() {
            let account = if slot.own { &account } else { &peer_account };
            let target = waxseal::DeviceAddress::new(account.clone(), slot.device);
            let Some(to) = self.people.find(&target) else {
                continue;
            };
            if slot.is_empty() || self.people.devices[to].is_removed {
                continue;
            }
            let envelope = envelope_in(&fanout, number);
            let (delivery, _) = self.provider.stamp_as(&address, &target, &envelope);
            let received = self.people.devices[to].client.receive(&delivery);
            if matches!(
                received,
                Ok(Received::Message { .. } | Received::Sent { .. })
            ) {
                self.outcome.taken_from_removed += 1;
            }
        }
        // It reads on: the relay hands it what is for the owner's other devices.
        self.outcome.thefts_tried += 1;
        let text = "A secret.".to_owned();
        let client = &mut self.people.devices[phone].client;
        let sent = write(client, &account, &text, &mut self.provider, &mut self.rng)?;
        let from = client.me().clone();
        let (stamped, _) = self
            .provider
            .fan_out(&from, &account, &sent.envelope)
            .map_err(|error| error.to_string())?;
        client.delete_message(&account, &sent.id)?;
        for (_, stamped) in &stamped {
            let delivery = self.provider.deliver(&address, &stamped.encode());
            if matches!(
                thief.receive(&delivery),
                Ok(Received::Message { .. } | Received::Sent { .. })
            ) {
                self.outcome.opened_by_removed += 1;
            }
        }
        Ok(())
    }

    /// The manager of an account is stolen, after it forgot the account's secret. Another device
    /// takes over with the secret on paper. The thief then signs rosters of the old epoch.
    pub fn stolen_manager(&mut self, owner: usize, peer: usize) -> Result<()> {
        while self.people.persons[owner].devices.len() < 3 {
            self.link(owner)?;
        }
        self.settle()?;
        let devices = self.people.persons[owner].devices.clone();
        let (stolen, next, last) = (devices[0], devices[1], devices[2]);
        let account = self.people.persons[owner].account.clone();
        self.device(stolen).client.forget_account_secret()?;
        let mut thief = copy_of(&self.people.devices[stolen].client)?;
        if thief.account_secret()?.is_some() {
            self.wrong("a forgotten secret was stolen".to_owned());
        }
        let secret = RecoverySecret::from_bytes(&self.people.persons[owner].secret);
        let now = self.provider.now;
        let lost = [self.people.devices[stolen].me().device];
        let client = &mut self.people.devices[next].client;
        let roster = client.take_over(&secret, &lost, now)?;
        put(&mut self.provider, client, roster)?;
        self.gone(stolen);

        let signed = thief.remove_device(self.people.devices[last].me().device, now)?;
        self.outcome.rollbacks_tried += 1;
        if self.provider.put_roster(&account, &signed).is_ok() {
            self.outcome.rollbacks_accepted += 1;
        }
        let peer_account = self.people.persons[peer].account.clone();
        self.write(next, &peer_account, "My phone was stolen.".to_owned())?;
        self.settle()?;
        let reader = self.people.persons[peer].devices[0];
        self.offer_roster(reader, owner, &signed)
    }
}
