//! Verified rosters: the devices of an account.

use core::fmt;
use core::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use crate::account_key::AccountKey;
use crate::device::DeviceEntry;
use crate::labels;
use crate::limits::{MAX_ROSTER_AGE_MS, MAX_ROSTER_AHEAD_MS, RENEW_AFTER_MS};
use crate::signed::SignedRoster;

#[cfg(test)]
mod tests;

/// The devices of an account, as one of its managers signed them.
///
/// All signatures were verified: the account key named the managers, a manager signed the list, and
/// each device agreed to be in it. Whether it is the newest roster is not known:
/// [`Pinned`](crate::Pinned) decides that.
#[derive(Clone, PartialEq, Eq)]
pub struct Roster {
    signed: SignedRoster,
    hash: [u8; 32],
}

impl Roster {
    /// Takes a roster whose signatures were verified.
    pub(crate) fn of_verified(signed: SignedRoster) -> Self {
        let mut hash = Sha256::new_with_prefix(labels::ROSTER_HASH);
        hash.update(&signed.body.bytes);
        Self {
            hash: hash.finalize().into(),
            signed,
        }
    }

    /// Name of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        self.signed.body.account.as_str()
    }

    /// Key of the account, which peers pin.
    #[must_use]
    pub fn account_key(&self) -> &AccountKey {
        &self.signed.body.account_key
    }

    /// Number of the epoch, from 1. The managers change with the epoch.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.signed.body.epoch
    }

    /// Number of the roster in its epoch, from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.signed.body.version
    }

    /// Epoch and version together, which compare.
    #[must_use]
    pub fn stamp(&self) -> RosterVersion {
        RosterVersion {
            epoch: self.epoch(),
            version: self.version(),
        }
    }

    /// SHA-256 over a label and the signed bytes. The next roster names it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// First half of the [`hash`](Self::hash), which messages carry.
    #[must_use]
    pub fn short_hash(&self) -> [u8; 16] {
        // A hash of 32 bytes always has a first half.
        *self.hash.first_chunk().unwrap_or(&[0; 16])
    }

    /// Hash of the roster before this one. 32 zero bytes for the first of an account.
    #[must_use]
    pub fn previous(&self) -> [u8; 32] {
        self.signed.body.previous
    }

    /// When the manager signed it by its own clock, in milliseconds since 1970-01-01, UTC.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.signed.body.at_ms
    }

    /// Id of the device that signed it.
    #[must_use]
    pub fn signer(&self) -> u32 {
        self.signed.body.signer
    }

    /// All devices, with ascending ids. Those to send to are [`counting`](Self::counting).
    #[must_use]
    pub fn devices(&self) -> &[DeviceEntry] {
        &self.signed.body.devices
    }

    /// The device with this id.
    #[must_use]
    pub fn device(&self, id: u32) -> Option<&DeviceEntry> {
        self.signed.body.device(id)
    }

    /// The device with this identity.
    #[must_use]
    pub fn device_of(&self, identity: &[u8; 64]) -> Option<&DeviceEntry> {
        self.devices()
            .iter()
            .find(|device| device.identity == *identity)
    }

    /// Identities of the epoch's managers, ascending. Not all need to be in the roster.
    #[must_use]
    pub fn managers(&self) -> &[[u8; 64]] {
        self.signed.delegation.managers()
    }

    /// Whether a device with this identity may sign rosters of this epoch.
    #[must_use]
    pub fn is_manager(&self, identity: &[u8; 64]) -> bool {
        self.signed.delegation.is_manager(identity)
    }

    /// The devices to send to now: all, or only the managers if the roster is older than
    /// [`MAX_ROSTER_AGE_MS`], or dated more than [`MAX_ROSTER_AHEAD_MS`] ahead.
    ///
    /// A relay can hold back the news that a device was removed, but not for longer.
    pub fn counting(&self, now_ms: u64) -> impl Iterator<Item = &DeviceEntry> {
        // CHK-280: a roster older than 60 days, or dated more than a week ahead, counts for its
        // managers alone.
        let old = now_ms.saturating_sub(self.at_ms()) > MAX_ROSTER_AGE_MS;
        let is_off = old || self.is_ahead(now_ms);
        let devices = self.devices().iter();
        devices.filter(move |device| !is_off || self.is_manager(&device.identity))
    }

    /// The times at which the same devices [count](Self::counting) as now.
    #[must_use]
    pub fn counting_during(&self, now_ms: u64) -> RangeInclusive<u64> {
        let first = self.at_ms().saturating_sub(MAX_ROSTER_AHEAD_MS);
        let last = self.at_ms().saturating_add(MAX_ROSTER_AGE_MS);
        match now_ms {
            _ if now_ms < first => 0..=first.saturating_sub(1),
            _ if now_ms > last => last.saturating_add(1)..=u64::MAX,
            _ => first..=last,
        }
    }

    /// Whether a manager should sign the roster again, with a new time.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms()) >= RENEW_AFTER_MS || self.is_ahead(now_ms)
    }

    fn is_ahead(&self, now_ms: u64) -> bool {
        self.at_ms().saturating_sub(now_ms) > MAX_ROSTER_AHEAD_MS
    }

    /// The delegation that names the managers.
    #[must_use]
    pub fn delegation(&self) -> &crate::delegation::SignedDelegation {
        &self.signed.delegation
    }

    /// The roster with its signatures, to send it to others.
    #[must_use]
    pub fn signed(&self) -> &SignedRoster {
        &self.signed
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster")
            .field("epoch", &self.epoch())
            .field("version", &self.version())
            .field("devices", &self.devices())
            .finish_non_exhaustive()
    }
}

/// Epoch and version of a roster. They compare as a pair: a roster of a higher epoch is newer,
/// whatever its version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterVersion {
    /// Number of the epoch.
    pub epoch: u32,
    /// Number of the roster in its epoch.
    pub version: u32,
}
