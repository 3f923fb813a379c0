//! Devices: what the provider hands out of an account's devices, and what this device knows of
//! them.

use waxseal_core::IdentityKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Roster;

use super::Client;
use super::peers::Peer;
use super::times::{RosterTime, since};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

/// How long no other bundle is fetched of a device whose last one was unusable: one hour.
const UNUSABLE_PAUSE_MS: u64 = 3_600_000;

/// What the provider hands out of an account: its roster, and prekey bundles of its devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundles {
    /// The account's signed roster, as the provider has it.
    pub roster: Vec<u8>,
    /// Bundles of the devices that were asked for.
    pub devices: Vec<DeviceBundle>,
}

/// The prekey bundle of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceBundle {
    /// The device.
    pub device: DeviceId,
    /// The base bundle.
    pub base: Vec<u8>,
    /// A one-time part. `None` if the provider has none left.
    pub one_time: Option<Vec<u8>>,
}

/// What the provider answers to a message whose devices are not those of the present rosters.
/// Pass it to [`Client::retarget`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Signed rosters that differ from those that the message named.
    pub rosters: Vec<Vec<u8>>,
    /// Bundles of devices that the message left out.
    pub bundles: Vec<(AccountId, DeviceBundle)>,
}

/// Devices of an account whose prekey bundles are needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedBundles {
    /// The account.
    pub account: AccountId,
    /// The devices. Empty for all.
    pub devices: Vec<DeviceId>,
}

/// What [`Client::start`] started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// Devices with which there is a new session.
    pub devices: Vec<DeviceId>,
    /// Devices whose bundle is unusable. Messages leave them out until they ask.
    pub unusable: Vec<DeviceId>,
}

impl<S: Store> Client<S> {
    /// The newest roster of this device's own account. `None` in a store of an earlier version,
    /// until [`create_account_key`](Self::create_account_key) was called.
    pub fn own_roster(&self) -> Result<Option<Roster>, StateError<S::Error>> {
        self.roster_of(&self.me.account)
    }

    /// The newest roster that this device knows of an account. `None` if it knows none.
    pub fn roster_of(&self, account: &AccountId) -> Result<Option<Roster>, StateError<S::Error>> {
        self.look(|client| {
            let roster = client.look_at_peer(account, |peer| peer.roster().cloned())?;
            Ok(roster.flatten())
        })
    }

    /// The devices that this device knows of an account, in ascending order.
    pub fn devices(
        &self,
        account: &AccountId,
    ) -> Result<Vec<(DeviceId, IdentityKey)>, StateError<S::Error>> {
        let roster = self.roster_of(account)?;
        let devices = roster.iter().flat_map(|roster| roster.devices());
        let known = devices.filter_map(|entry| {
            let identity = IdentityKey::from_bytes(&entry.identity).ok()?;
            Some((DeviceId(entry.id), identity))
        });
        Ok(known.collect())
    }

    /// Whether there is a session with a device, of a peer or of the own account, on which this
    /// device may send.
    pub fn has_session_with(&self, device: &DeviceAddress) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let can_send = client.look_at_peer(&device.account, |peer| {
                let known = peer.devices.get(&device.device);
                known.is_some_and(|known| known.can_send())
            })?;
            Ok(can_send.unwrap_or_default())
        })
    }

    /// The devices to which a message would not be sealed, because there is no session with them:
    /// devices of the recipient, and other ones of the own account.
    ///
    /// Fetch their prekey bundles and call [`start`](Self::start) before the message is sent. Else
    /// they get it later, when they ask for it. A device whose last bundle was unusable is left out
    /// for an hour.
    pub fn missing(
        &self,
        conversation: impl Into<Conversation>,
        now: Timestamp,
    ) -> Result<Vec<WantedBundles>, StateError<S::Error>> {
        let conversation = conversation.into();
        if let Some(group) = conversation.group() {
            return self.look(|client| client.missing_in_group(group, now));
        }
        self.look(|client| {
            let me = &client.me;
            let time = client.roster_time(now)?;
            let mut all = Vec::new();
            let peer = conversation.account().filter(|peer| **peer != me.account);
            let accounts = peer.into_iter().chain([&me.account]);
            for account in accounts {
                let found = client.look_at_peer(account, |known| {
                    let devices = known.missing(time, now);
                    let others = devices
                        .into_iter()
                        .filter(|device| DeviceAddress::new(account.clone(), *device) != *me);
                    others.collect::<Vec<_>>()
                })?;
                let devices = found.unwrap_or_default();
                if !devices.is_empty() {
                    all.push(WantedBundles {
                        account: account.clone(),
                        devices,
                    });
                }
            }
            Ok(all)
        })
    }
}

impl Peer {
    fn missing(&self, time: RosterTime, now: Timestamp) -> Vec<DeviceId> {
        let roster = self.roster().into_iter();
        let counting = roster.flat_map(|roster| time.counting(roster));
        let missing = counting.map(|entry| DeviceId(entry.id));
        missing.filter(|id| self.lacks_session(*id, now)).collect()
    }

    /// Whether a bundle of a device is to be fetched, because there is no session with it.
    pub(super) fn lacks_session(&self, id: DeviceId, now: Timestamp) -> bool {
        self.devices.get(&id).is_none_or(|device| {
            let unusable_ms = device.record.unusable_ms;
            let age = since(unusable_ms, now);
            let is_paused = unusable_ms != 0 && age.is_some_and(|age| age < UNUSABLE_PAUSE_MS);
            !device.can_send() && !is_paused
        })
    }
}
