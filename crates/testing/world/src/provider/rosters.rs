//! Rosters: which devices each account has.

use waxseal::{AccountId, Client, DeviceAddress, DeviceId, Store};
use waxseal_roster::{AccountKey, Change, PinError, Pinned, Roster, SignedRoster};

use super::Provider;

/// How far the time at which a roster was signed may be from the provider's clock.
const DAY_MS: u64 = 86_400_000;

/// Why the provider did not take a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterRefused {
    /// The roster does not verify for this account.
    BadRoster,
    /// The account has another account key.
    AccountTaken,
    /// The roster does not follow the newest one, which is this.
    Conflict(Vec<u8>),
    /// The roster was signed more than a day from the provider's clock.
    ClockDiffers,
}

impl Provider {
    /// Takes a roster in place of the newest one of its account, if it follows that one. Returns
    /// the devices that are gone with it: their prekeys, marks and delivery keys are deleted.
    ///
    /// # Errors
    /// [`RosterRefused`]; the newest roster stays then.
    pub fn put_roster(
        &mut self,
        account: &AccountId,
        signed: &[u8],
    ) -> Result<Vec<DeviceAddress>, RosterRefused> {
        let roster = SignedRoster::decode(signed).map_err(|_| RosterRefused::BadRoster)?;
        let roster = roster.verify(account.as_str());
        let roster = roster.map_err(|_| RosterRefused::BadRoster)?;
        let at_ms = roster.at_ms();
        let is_near = self.now.as_millis().abs_diff(at_ms) <= DAY_MS;
        let Some(pinned) = self.rosters.get(account) else {
            if !is_near {
                return Err(RosterRefused::ClockDiffers);
            }
            self.rosters.insert(account.clone(), Pinned::first(roster));
            self.keep_roster(account, signed);
            return Ok(Vec::new());
        };
        let newest = pinned.roster().signed().encode();
        let conflict = || RosterRefused::Conflict(newest.clone());
        let (hash, previous) = (pinned.roster().hash(), roster.previous());
        let mut next = Pinned::decode(&pinned.encode()).unwrap();
        let change = match next.take(roster) {
            Ok(Change::Newer {
                removed, replaced, ..
            }) => [removed, replaced].concat(),
            Ok(Change::Same) => return Ok(Vec::new()),
            Err(PinError::OtherAccountKey) => return Err(RosterRefused::AccountTaken),
            Ok(_) | Err(_) => return Err(conflict()),
        };
        if previous != hash {
            return Err(conflict());
        }
        if !is_near {
            return Err(RosterRefused::ClockDiffers);
        }
        self.rosters.insert(account.clone(), next);
        self.keep_roster(account, signed);
        let gone = change.into_iter().map(DeviceId);
        let gone: Vec<_> = gone
            .map(|device| DeviceAddress::new(account.clone(), device))
            .collect();
        for device in &gone {
            self.prekeys.remove(device);
            self.marks.remove(device);
            self.keys.remove(device);
            self.left.remove(device);
        }
        Ok(gone)
    }

    /// A device leaves its account by itself: its prekeys, marks and delivery key are deleted, and
    /// messages need no slot for it.
    pub fn leave(&mut self, device: &DeviceAddress) {
        self.prekeys.remove(device);
        self.marks.remove(device);
        self.keys.remove(device);
        self.left.insert(device.clone());
    }

    /// Whether a device left by itself, and the newest roster still lists it.
    #[must_use]
    pub fn has_left(&self, device: &DeviceAddress) -> bool {
        self.left.contains(device)
    }

    fn keep_roster(&mut self, account: &AccountId, signed: &[u8]) {
        let earlier = self.earlier_rosters.entry(account.clone()).or_default();
        earlier.push(signed.to_vec());
    }

    /// Takes the roster that a client has of its own account.
    ///
    /// # Panics
    /// If the client has none, or the provider refuses it.
    pub fn take_own_roster<S: Store>(&mut self, client: &Client<S>) {
        let roster = client.own_roster().unwrap().expect("a roster of its own");
        let signed = roster.signed().encode();
        self.put_roster(&client.me().account, &signed).unwrap();
    }

    /// Gives a client the newest roster of an account, as after a request for it.
    ///
    /// # Panics
    /// If the client does not take it.
    pub fn show_roster<S: Store>(&mut self, client: &mut Client<S>, account: &AccountId) {
        let roster = self.roster_for(Some(&client.me().account), account);
        client.take_roster(account, &roster, self.now).unwrap();
    }

    /// The newest roster of an account, encoded.
    ///
    /// # Panics
    /// If the account has none.
    #[must_use]
    pub fn roster(&self, account: &AccountId) -> Vec<u8> {
        self.roster_for(None, account)
    }

    /// The roster that the provider shows to `viewer` as the newest one of an account.
    ///
    /// # Panics
    /// If the account has none.
    #[must_use]
    pub fn roster_for(&self, viewer: Option<&AccountId>, account: &AccountId) -> Vec<u8> {
        self.shown_to(viewer, account).bytes
    }

    /// The newest roster of an account, verified. `None` if the account has none.
    #[must_use]
    pub fn newest_roster(&self, account: &AccountId) -> Option<&Roster> {
        Some(self.rosters.get(account)?.roster())
    }

    /// Every roster of an account that the provider took, encoded, in order.
    #[must_use]
    pub fn rosters(&self, account: &AccountId) -> &[Vec<u8>] {
        self.earlier_rosters.get(account).map_or(&[], Vec::as_slice)
    }

    /// The key of an account.
    ///
    /// # Panics
    /// If the account has no roster.
    #[must_use]
    pub fn account_key(&self, account: &AccountId) -> AccountKey {
        *self.rosters[account].account_key()
    }

    /// Whether the newest roster of its account lists a device, which has not left. Also for
    /// accounts without a roster.
    #[must_use]
    pub fn is_listed(&self, device: &DeviceAddress) -> bool {
        let roster = self.newest_roster(&device.account);
        let is_listed = roster.is_none_or(|roster| roster.device(device.device.0).is_some());
        is_listed && !self.has_left(device)
    }

    /// The devices that an account has now, as its newest roster counts them.
    #[must_use]
    pub fn devices(&self, account: &AccountId) -> Vec<DeviceAddress> {
        let roster = self.newest_roster(account).into_iter();
        let devices = roster.flat_map(|roster| roster.counting(self.now.as_millis()));
        devices
            .map(|device| DeviceAddress::new(account.clone(), DeviceId(device.id)))
            .collect()
    }
}
