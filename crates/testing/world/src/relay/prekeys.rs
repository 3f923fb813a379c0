//! Prekeys: stored, counted and handed out.

use waxseal::core::PreKeyUpload;
use waxseal::{AccountId, DeviceAddress, DeviceId};
use waxseal_interface::{
    AskBundles, Bundles, DeviceBundle, ErrorCode, MAX_DEVICES_ASKED, MAX_PREKEY_LEN,
    MAX_PREKEYS_UPLOADED, PreKeys, PreKeysLeft,
};

use super::{Answered, IntoBody, Relay, json, name};

impl Relay {
    pub(super) fn prekeys_left(&self, me: &DeviceAddress) -> Answered {
        let prekeys = self.provider.prekeys.get(me);
        let one_time_left = prekeys.map_or(0, |(_, one_time)| one_time.len());
        let one_time_left = one_time_left + self.claimed_prekeys;
        json(200, &PreKeysLeft { one_time_left })
    }

    pub(super) fn put_prekeys(&mut self, me: &DeviceAddress, prekeys: PreKeys) -> Answered {
        let PreKeys {
            base,
            one_time,
            replace,
        } = prekeys;
        let fits = |part: &Vec<u8>| !part.is_empty() && part.len() <= MAX_PREKEY_LEN;
        if !fits(&base) || one_time.len() > MAX_PREKEYS_UPLOADED || !one_time.iter().all(fits) {
            return Err(ErrorCode::TooManyPreKeys.into_body());
        }
        let identity = self.devices.get(me);
        let named = base.get(3..67); // after version and the field's header
        if named != identity.map(<[u8; 64]>::as_slice) {
            return Err(ErrorCode::OtherIdentity.into_body());
        }
        if replace {
            self.provider.forget_one_time_of(me);
        }
        let upload = PreKeyUpload { base, one_time };
        self.provider.publish_of(me, &upload);
        Ok((204, Vec::new(), Vec::new()))
    }

    pub(super) fn bundles(&mut self, me: &DeviceAddress, asked: &AskBundles) -> Answered {
        let account = name(&asked.name)?;
        if !self.is_account(&account) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        if asked.devices.len() > MAX_DEVICES_ASKED {
            return Err(ErrorCode::Malformed.into_body());
        }
        let Some(shown) = self.provider.shown(Some(&me.account), &account) else {
            return Err(ErrorCode::NoRoster.into_body());
        };
        let devices: Vec<_> = asked.devices.iter().copied().map(DeviceId).collect();
        let found = self.provider.bundles_for(Some(me), &account, &devices);
        let is_self_alone = account == me.account && shown.devices.len() == 1;
        if found.devices.is_empty() && !is_self_alone {
            return Err(ErrorCode::NoPreKeys.into_body());
        }
        let devices = found.devices.into_iter().map(|found| DeviceBundle {
            device: found.device.0,
            base: found.base,
            one_time: found.one_time,
            held_back: false,
        });
        let bundles = Bundles {
            roster: found.roster,
            devices: devices.collect(),
        };
        json(200, &bundles)
    }

    /// Hands out all one-time prekeys of an account's first device but this many.
    pub fn use_up_prekeys(&mut self, account: &AccountId, but: usize) {
        while self.provider.one_time_left(account) > but {
            self.provider.bundle(account);
        }
    }
}
