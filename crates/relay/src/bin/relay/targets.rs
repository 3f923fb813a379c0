//! The devices to which a message must go: those of the recipient, and the other devices of the
//! sender. What the relay knows of them is read in the transaction that queues the message.

use std::collections::BTreeSet;
use std::sync::Arc;

use waxseal_interface::{ErrorCode, Mismatch, TargetBundle};
use waxseal_reporting::relay::AuthenticFanout;
use waxseal_reporting::sender::RosterStamp;
use waxseal_reporting::{DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Pinned;

use crate::errors::Refusal;
use crate::limits::once::Once;
use crate::state::{Account, Device, Relay};
use crate::store::sending::{Facts, Party};
use crate::store::{Connection, devices};
use crate::{prekeys, rosters};

/// How far the clocks of sender and relay may differ about whether a roster counts for its managers
/// alone.
pub const AGE_SLACK_MS: u64 = 2 * 86_400_000;

/// The devices of sender and recipient.
pub struct Targets {
    own: Side,
    /// `None` if the message is for the sender's own account.
    peer: Option<Side>,
    /// The device that sends.
    sender: DeviceAddress,
}

/// One account: its newest roster, and the devices in it.
struct Side {
    account: i64,
    name: String,
    newest: Arc<Pinned>,
    /// The rows of those that have not left.
    rows: Vec<(DeviceId, i64)>,
    /// The devices in it that left by themselves.
    left: BTreeSet<DeviceId>,
}

impl Targets {
    /// Reads the rosters of both accounts.
    pub fn read(db: &Connection, sender: &Device, peer: &Account) -> Result<Self, Refusal> {
        let own = Side::read(db, sender.account, sender.me.account.as_str())?;
        let peer = match peer.id == sender.account {
            true => None,
            false => Some(Side::read(db, peer.id, peer.name.as_str())?),
        };
        Self::between(own, peer, sender)
    }

    /// Takes the rosters of both accounts from what is known.
    pub fn of(facts: &Facts<'_>, sender: &Device, peer: &Account) -> Result<Self, Refusal> {
        let own = Side::of(sender.account, sender.me.account.as_str(), facts.own);
        let is_own = peer.id == sender.account;
        let peer = (!is_own).then(|| Side::of(peer.id, peer.name.as_str(), facts.peer));
        Self::between(own, peer, sender)
    }

    fn between(own: Side, peer: Option<Side>, sender: &Device) -> Result<Self, Refusal> {
        // CHK-304: the newest roster lists the device. It may have been removed, or have left,
        // since its token was looked at.
        if !own.rows.contains(&(sender.me.device, sender.id)) {
            return Err(ErrorCode::Removed.into());
        }
        Ok(Self {
            own,
            peer,
            sender: sender.me.clone(),
        })
    }

    /// Whether a message names the newest rosters, and goes to exactly their devices.
    pub fn are_those_of(&self, message: &AuthenticFanout, now: Timestamp) -> bool {
        let sides = self.sides(message);
        let mut sides = sides.iter();
        sides.all(|(side, version)| {
            let named = self.named(side, message);
            side.version() == *version && side.accepts(&named, self.except(side), now)
        })
    }

    /// What the sender of a message for other devices lacks. The one-time parts in it are handed
    /// out. It takes a roster of the relay's limits once.
    pub fn mismatch(
        &self,
        db: &Connection,
        (relay, roster): (&Relay, &Once),
        message: &AuthenticFanout,
    ) -> Result<Mismatch, Refusal> {
        if let Some(peer) = &self.peer {
            roster.take(|| relay.limits.roster(self.own.account, peer.account))?;
        }
        let mut mismatch = Mismatch::default();
        for (side, version) in self.sides(message) {
            if side.version() != version {
                mismatch.rosters.push(rosters::encoded(&side.newest));
            }
            let named = self.named(side, message);
            let counting = side.counting(relay.now(), 0, self.except(side));
            for device in counting.difference(&named) {
                let row = side.row(*device);
                let row = row.ok_or_else(|| Refusal::internal(&"a listed device has no row"))?;
                let to = self.own.account;
                let bundle = prekeys::bundle(db, relay, device.0, row, to)?;
                let name = side.name.clone();
                let target = bundle.map(|bundle| TargetBundle { name, bundle });
                mismatch.bundles.extend(target);
            }
        }
        Ok(mismatch)
    }

    /// The row of a device.
    pub fn row(&self, device: &DeviceAddress) -> Option<i64> {
        self.side(device).row(device.device)
    }

    fn side(&self, device: &DeviceAddress) -> &Side {
        match &self.peer {
            Some(peer) if device.account.as_str() == peer.name => peer,
            _ => &self.own,
        }
    }

    /// Whether a device left by itself. What is for it is dropped.
    pub fn has_left(&self, device: &DeviceAddress) -> bool {
        self.side(device).left.contains(&device.device)
    }

    /// Whether a device is one of those for whom the message is, and not one of the sender's that
    /// get a copy.
    pub fn is_of_recipient(&self, device: &DeviceAddress) -> bool {
        self.peer.is_none() || device.account != self.sender.account
    }

    /// Both sides, with the versions of their rosters that a message names.
    fn sides(&self, message: &AuthenticFanout) -> Vec<(&Side, RosterStamp)> {
        let peer = self
            .peer
            .as_ref()
            .map(|side| (side, message.peer_version()));
        peer.into_iter()
            .chain([(&self.own, message.own_version())])
            .collect()
    }

    /// The devices of one side to which a message goes, without those that left.
    fn named(&self, side: &Side, message: &AuthenticFanout) -> BTreeSet<DeviceId> {
        let targets = message.targets().into_iter();
        let of_side = targets.filter(|(device, _)| device.account.as_str() == side.name);
        let devices = of_side.map(|(device, _)| device.device);
        // CHK-364: a message may have a slot for a device that left, or none.
        devices
            .filter(|device| !side.left.contains(device))
            .collect()
    }

    /// The device of one side to which no message goes: the sending one.
    fn except(&self, side: &Side) -> Option<DeviceId> {
        (side.account == self.own.account).then_some(self.sender.device)
    }
}

impl Side {
    fn read(db: &Connection, account: i64, name: &str) -> Result<Self, Refusal> {
        let newest = devices::pinned(db, account)?.ok_or(ErrorCode::NoRoster)?;
        let party = Party {
            newest: Arc::new(newest),
            listed: devices::listed(db, account)?,
        };
        Ok(Self::of(account, name, &party))
    }

    fn of(account: i64, name: &str, party: &Party) -> Self {
        let (mut here, mut left) = (Vec::new(), BTreeSet::new());
        for device in &party.listed {
            let number = DeviceId(device.number);
            match device.has_left {
                true => _ = left.insert(number),
                false => here.push((number, device.id)),
            }
        }
        Self {
            account,
            name: name.to_owned(),
            newest: party.newest.clone(),
            rows: here,
            left,
        }
    }

    fn version(&self) -> RosterStamp {
        let stamp = self.newest.roster().stamp();
        RosterStamp::new(stamp.epoch, stamp.version)
    }

    fn row(&self, device: DeviceId) -> Option<i64> {
        let mut rows = self.rows.iter();
        rows.find(|(number, _)| *number == device)
            .map(|(_, row)| *row)
    }

    /// Whether these are the devices that count now. Close to the age at which the managers alone
    /// count, either set will do, because the sender's clock may be another.
    fn accepts(
        &self,
        named: &BTreeSet<DeviceId>,
        except: Option<DeviceId>,
        now: Timestamp,
    ) -> bool {
        let ahead = i64::try_from(AGE_SLACK_MS).unwrap_or(i64::MAX);
        [-ahead, ahead]
            .iter()
            .any(|off| self.counting(now, *off, except) == *named)
    }

    /// The devices that count at a time that is this far from `now`, without those that left.
    fn counting(
        &self,
        now: Timestamp,
        off_ms: i64,
        except: Option<DeviceId>,
    ) -> BTreeSet<DeviceId> {
        let now_ms = now.as_millis().saturating_add_signed(off_ms);
        let counting = self.newest.roster().counting(now_ms);
        counting
            .map(|device| DeviceId(device.id))
            .filter(|device| Some(*device) != except && !self.left.contains(device))
            .collect()
    }
}

#[cfg(test)]
mod tests;
