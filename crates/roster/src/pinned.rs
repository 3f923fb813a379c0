//! What clients and relays keep of an account, and which rosters replace it.

use core::cmp::Ordering;
use core::fmt;

use thiserror::Error;

use crate::account_key::AccountKey;
use crate::codec::{Reader, put_medium};
use crate::delegation::{VERSION, version};
use crate::error::RosterError;
use crate::limits::{MAX_ID_STEP, MAX_PINNED_LEN, MAX_VERSION_STEP};
use crate::roster::Roster;
use crate::signed::SignedRoster;

#[cfg(test)]
mod tests;

/// What a client or relay keeps of an account: its key, its newest roster, and the largest device
/// id seen in the roster's epoch.
///
/// Only a newer roster under the same account key moves it.
///
/// ```text
///   Pinned::first ──> (epoch, version) ──take──> (epoch, higher version)   at most 1,000 higher
///                                      ──take──> (higher epoch, any version)
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pinned {
    roster: Roster,
    /// Largest id seen in the roster's epoch.
    highest: u32,
}

impl Pinned {
    /// Pins an account by the first roster that is seen of it.
    ///
    /// # Security
    /// This trusts the roster's account key. Users compare safety numbers to check it. If another
    /// key was pinned before, warn the user first.
    #[must_use]
    pub fn first(roster: Roster) -> Self {
        Self {
            highest: largest_id(&roster),
            roster,
        }
    }

    /// The newest roster.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The pinned key.
    #[must_use]
    pub fn account_key(&self) -> &AccountKey {
        self.roster.account_key()
    }

    /// Smallest id that a new device can have in this epoch. `None` if the ids are used up, which
    /// the next epoch mends.
    #[must_use]
    pub fn next_id(&self) -> Option<u32> {
        self.highest.checked_add(1)
    }

    /// Takes a roster if it is newer than the known one.
    ///
    /// # Errors
    /// [`PinError`] if no honest manager would sign the roster after the known one. The state is
    /// unchanged.
    pub fn take(&mut self, roster: Roster) -> Result<Change, PinError> {
        let known = &self.roster;
        if roster.account() != known.account() {
            return Err(PinError::OtherAccount);
        }
        // CHK-275: the account key never changes.
        if roster.account_key() != known.account_key() {
            return Err(PinError::OtherAccountKey);
        }
        let same_epoch = roster.epoch() == known.epoch();
        // CHK-276: all rosters of an epoch have the same managers.
        if same_epoch && roster.delegation().bytes() != known.delegation().bytes() {
            return Err(PinError::ManagersChanged);
        }
        match roster.stamp().cmp(&known.stamp()) {
            Ordering::Less => return Ok(Change::Older),
            Ordering::Equal if roster.hash() == known.hash() => return Ok(Change::Same),
            // CHK-277: each epoch and version has one roster.
            Ordering::Equal => return Err(PinError::Conflict),
            Ordering::Greater => {}
        }
        let mut highest = largest_id(&roster);
        if same_epoch {
            self.follows(&roster, highest)?;
            highest = highest.max(self.highest);
        }
        let change = Change::between(known, &roster);
        *self = Self { roster, highest };
        Ok(change)
    }

    /// Checks a newer roster of the same epoch, whose largest id is given.
    fn follows(&self, roster: &Roster, largest: u32) -> Result<(), PinError> {
        let step = roster.version().saturating_sub(self.roster.version());
        // CHK-278: at most 1,000 versions and 100 ids further.
        if step > MAX_VERSION_STEP || largest.saturating_sub(self.highest) > MAX_ID_STEP {
            return Err(PinError::TooFar);
        }
        for device in roster.devices() {
            // CHK-279: an id keeps its identity, and a new device has an id above all seen.
            let fits = match self.roster.device(device.id) {
                Some(known) => known.identity == device.identity,
                None => device.id > self.highest,
            };
            if !fits {
                return Err(PinError::IdUsed { device: device.id });
            }
        }
        Ok(())
    }

    /// Writes the state, to store it.
    ///
    /// ```text
    /// 01 || largest id be32 || len be16 || signed roster
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.highest.to_be_bytes());
        put_medium(&mut out, &self.roster.signed().encode());
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`RosterError`] for anything else.
    ///
    /// # Security
    /// Only for one's own storage: it trusts that the signatures were verified before.
    pub fn decode(bytes: &[u8]) -> Result<Self, RosterError> {
        // CHK-260: longer bytes than the state can have are refused unread.
        if bytes.len() > MAX_PINNED_LEN {
            return Err(RosterError::TooLong);
        }
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let mut reader = Reader::new(bytes);
        let fields = |reader: &mut Reader<'_>| {
            reader.u8()?;
            Some((reader.u32()?, reader.medium()?.to_vec()))
        };
        let (highest, signed) = fields(&mut reader).ok_or(RosterError::Malformed)?;
        // CHK-262: whole, without further bytes, and the largest id is not below those listed.
        reader.finish().ok_or(RosterError::Malformed)?;
        let roster = Roster::of_verified(SignedRoster::decode(&signed)?);
        if largest_id(&roster) > highest {
            return Err(RosterError::Malformed);
        }
        Ok(Self { roster, highest })
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("roster", &self.roster)
            .field("highest", &self.highest)
            .finish()
    }
}

/// What a roster changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is the known roster.
    Same,
    /// It is older than the known one, which stays. Its sender may need the known one.
    Older,
    /// It is newer, and is the known one from now on.
    Newer {
        /// Ids that were not listed before.
        added: Vec<u32>,
        /// Ids that are listed no more.
        removed: Vec<u32>,
        /// Ids that have another identity. Only a new epoch can do that. Destroy the sessions with
        /// these devices.
        replaced: Vec<u32>,
    },
}

impl Change {
    fn between(old: &Roster, new: &Roster) -> Self {
        let (mut added, mut removed, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for device in new.devices() {
            match old.device(device.id) {
                None => added.push(device.id),
                Some(known) if known.identity != device.identity => replaced.push(device.id),
                Some(_) => {}
            }
        }
        for device in old.devices() {
            if new.device(device.id).is_none() {
                removed.push(device.id);
            }
        }
        Self::Newer {
            added,
            removed,
            replaced,
        }
    }
}

/// No honest manager would sign this roster after the known one. The known one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PinError {
    /// The caller passed a roster of another account.
    #[error("the roster is of another account")]
    OtherAccount,
    /// The account has another key. Warn the user, and pin the new key only if the user agrees.
    #[error("the account has another key; warn the user")]
    OtherAccountKey,
    /// The roster's epoch is known with other managers. Warn the user.
    #[error("the managers changed within an epoch; warn the user")]
    ManagersChanged,
    /// Another roster of the same epoch and version is known. Keep both as evidence, and do not
    /// send until a higher version arrives.
    #[error("there are two rosters of one version; do not send before a higher one arrives")]
    Conflict,
    /// The version or an id is too far above the known one. The next epoch mends it.
    #[error("the version or an id is too far above the known one")]
    TooFar,
    /// The id belonged to another identity, or to a device that was removed.
    #[error("the id {device} belonged to another device")]
    IdUsed {
        /// The id.
        device: u32,
    },
}

/// The largest id in a roster.
fn largest_id(roster: &Roster) -> u32 {
    // A roster has at least one device, and ids ascend.
    roster.devices().last().map_or(0, |device| device.id)
}
