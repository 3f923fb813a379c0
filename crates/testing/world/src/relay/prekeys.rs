//! Prekeys: stored, counted and handed out.

use waxseal::core::PreKeyUpload;
use waxseal::{AccountId, DeviceAddress};
use waxseal_interface::{
    Bundle, ErrorCode, MAX_PREKEY_LEN, MAX_PREKEYS_UPLOADED, PreKeys, PreKeysLeft,
};

use super::{Answered, IntoBody, Relay, json};

impl Relay {
    pub(super) fn prekeys_left(&self, me: &DeviceAddress) -> Answered {
        let prekeys = self.provider.prekeys.get(&me.account);
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
        let identity = self
            .accounts
            .get(&me.account)
            .map(|account| account.identity);
        let named = base.get(3..67); // after version and the field's header
        if named != identity.as_ref().map(<[u8; 64]>::as_slice) {
            return Err(ErrorCode::OtherIdentity.into_body());
        }
        if replace {
            self.provider.forget_one_time(&me.account);
        }
        let upload = PreKeyUpload { base, one_time };
        self.provider.publish(&me.account, &upload);
        Ok((204, Vec::new(), Vec::new()))
    }

    pub(super) fn bundle(&mut self, peer: &AccountId) -> Answered {
        if !self.accounts.contains_key(peer) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        if !self.provider.prekeys.contains_key(peer) {
            return Err(ErrorCode::NoPreKeys.into_body());
        }
        let (base, one_time) = self.provider.bundle(peer);
        json(
            200,
            &Bundle {
                base,
                one_time,
                held_back: false,
            },
        )
    }

    /// Hands out all one-time prekeys of an account but this many.
    pub fn use_up_prekeys(&mut self, account: &AccountId, but: usize) {
        while self.provider.one_time_left(account) > but {
            self.provider.bundle(account);
        }
    }
}
