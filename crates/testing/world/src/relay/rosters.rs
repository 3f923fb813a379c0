//! Rosters: taken one after the other, and handed out.

use waxseal::{AccountId, DeviceAddress};
use waxseal_interface::{ErrorBody, ErrorCode, MAX_ROSTER_LEN, RosterConflict};
use waxseal_roster::{RosterVersion, SignedRoster};

use super::{Answered, IntoBody, Relay};
use crate::provider::RosterRefused;

impl Relay {
    pub(super) fn put_roster(&mut self, me: &DeviceAddress, signed: &[u8]) -> Answered {
        let identity = self.devices[me];
        self.take_roster(me, &identity, signed, false)?;
        Ok((204, Vec::new(), Vec::new()))
    }

    /// Takes a roster that a device sends. When the device registers, an older roster is ignored.
    pub(super) fn take_roster(
        &mut self,
        me: &DeviceAddress,
        identity: &[u8; 64],
        signed: &[u8],
        registers: bool,
    ) -> Result<(), Box<ErrorBody>> {
        if signed.len() > MAX_ROSTER_LEN {
            return Err(ErrorCode::TooLarge.into_body());
        }
        let account = &me.account;
        let roster = SignedRoster::decode(signed);
        let roster = roster.and_then(|roster| roster.verify(account.as_str()));
        let roster = roster.map_err(|_| ErrorCode::BadRoster.into_body())?;
        match self.provider.newest_roster(account) {
            None => {
                let listed = roster.device(me.device.0);
                if listed.is_none_or(|listed| listed.identity != *identity) {
                    return Err(ErrorCode::BadRoster.into_body());
                }
            }
            Some(newest) => {
                let same_key = newest.account_key() == roster.account_key();
                if registers && same_key && roster.stamp() < newest.stamp() {
                    return Ok(());
                }
            }
        }
        let gone = self.provider.put_roster(account, signed);
        let gone = gone.map_err(|refused| match refused {
            RosterRefused::BadRoster => ErrorCode::BadRoster.into_body(),
            RosterRefused::AccountTaken => ErrorCode::AccountTaken.into_body(),
            RosterRefused::ClockDiffers => self.clock_differs(),
            RosterRefused::Conflict(roster) => Box::new(ErrorBody {
                conflict: Some(Box::new(RosterConflict { roster })),
                ..ErrorBody::of_code(ErrorCode::RosterConflict)
            }),
        })?;
        for device in gone {
            self.drop_device(&device);
        }
        Ok(())
    }

    /// Forgets a device that is gone from the roster of its account, or left.
    pub(super) fn drop_device(&mut self, device: &DeviceAddress) {
        if let Some(identity) = self.devices.remove(device) {
            self.removed.insert(device.clone(), identity);
        }
        self.queues.remove(device);
        self.connections.retain(|_, one| one.me != *device);
    }

    pub(super) fn roster(&self, me: &DeviceAddress, account: &AccountId) -> Answered {
        if !self.is_account(account) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        let shown = self.provider.shown(Some(&me.account), account);
        let shown = shown.ok_or_else(|| ErrorCode::NoRoster.into_body())?;
        Ok((200, shown.bytes, Vec::new()))
    }

    /// The version of the newest roster of an account.
    #[must_use]
    pub fn roster_version(&self, account: &AccountId) -> Option<RosterVersion> {
        Some(self.provider.newest_roster(account)?.stamp())
    }
}
