//! What a device changes in its account's roster, and how it signs that.
//!
//! The same edit can be made again on top of a newer roster, if another device changed the roster
//! meanwhile.

use waxseal_core::IdentityKeyPair;
use waxseal_roster::{
    DeviceEntry, DraftError, Pinned, Roster, RosterDraft, RosterVersion, SignedDelegation,
};

/// One change of the own roster.
#[derive(Clone)]
pub(crate) enum RosterEdit {
    /// Adds a device that agreed to it.
    Add(DeviceEntry),
    /// Removes a device that is no manager, by its number and identity.
    Remove(u32, [u8; 64]),
    /// Signs the roster again, because it is 30 days old.
    Renew,
    /// Begins the next epoch, with other managers.
    TakeOver {
        /// Names the managers, of which the signing device is one.
        delegation: SignedDelegation,
        /// The devices that stay, by number and identity. The signing device is one of them.
        keep: Vec<DeviceEntry>,
    },
}

/// Who signs a roster.
pub(crate) struct Signer<'a> {
    pub(crate) identity: &'a IdentityKeyPair,
    /// The number of this device.
    pub(crate) device: u32,
    /// The newest roster that this device ever signed. It may never have reached the provider.
    pub(crate) signed: RosterVersion,
}

/// Why the roster cannot be changed in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// This device does not manage the account. Use a manager, or the recovery secret.
    #[error("this device is not a manager of the account")]
    NotManager,
    /// A manager cannot be removed from the roster alone: its signature would still count. Call
    /// [`Client::take_over`](crate::Client::take_over) with the recovery secret.
    #[error("the device is a manager, which only the recovery secret removes")]
    IsManager,
    /// The account has no device with this number.
    #[error("the account has no such device")]
    NoSuchDevice,
    /// Another device has the new device's number by now, or its identity. Link it again.
    #[error("the number or the identity of the new device is taken")]
    Taken,
    /// The account has as many devices as it can have. Remove one first.
    #[error("the account has no room for another device")]
    Full,
    /// The account is in a later epoch: somebody else used the recovery secret. Do so again.
    #[error("somebody else took over the account")]
    Superseded,
    /// The versions of the epoch are used up. Call
    /// [`Client::take_over`](crate::Client::take_over) with the recovery secret.
    #[error("the versions of the epoch are used up")]
    NumbersUsedUp,
    /// The roster cannot be made: the device's consent does not verify, or a name is unusable.
    #[error("no such roster can be made")]
    Draft(DraftError),
}

impl From<DraftError> for EditError {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::NotManager => Self::NotManager,
            DraftError::TooManyDevices => Self::Full,
            DraftError::IdUsed | DraftError::Identity => Self::Taken,
            DraftError::NoSuchDevice => Self::NoSuchDevice,
            DraftError::OtherDelegation => Self::Superseded,
            DraftError::Number => Self::NumbersUsedUp,
            error => Self::Draft(error),
        }
    }
}

impl RosterEdit {
    /// Signs the roster that has this change on top of the newest known one. `None` if the newest
    /// known one has the change already.
    pub(crate) fn sign(
        &self,
        base: &Pinned,
        signer: &Signer<'_>,
        at_ms: u64,
    ) -> Result<Option<Roster>, EditError> {
        if self.is_made_in(base.roster(), at_ms) {
            return Ok(None);
        }
        let mut draft = match self {
            Self::TakeOver { delegation, .. } => {
                let epoch = delegation.clone();
                base.roster().next_epoch(epoch, at_ms, signer.device)?
            }
            _ => base.roster().next(at_ms, signer.device)?,
        };
        // CHK-359: no two rosters of one version are ever signed.
        draft.above(signer.signed)?;
        self.apply(&mut draft, base, signer)?;
        let signature = signer.identity.sign_roster(&draft.to_sign());
        let roster = draft.sign(signature).verify(base.roster().account());
        // A roster that this device just signed fails to verify only if this device is no manager.
        roster.map(Some).map_err(|_| EditError::NotManager)
    }

    fn is_made_in(&self, newest: &Roster, now_ms: u64) -> bool {
        match self {
            Self::Add(entry) => newest
                .device(entry.id)
                .is_some_and(|device| device.identity == entry.identity),
            Self::Remove(id, identity) => newest
                .device(*id)
                .is_none_or(|device| device.identity != *identity),
            Self::Renew => !newest.is_due(now_ms),
            Self::TakeOver { delegation, .. } => newest.delegation() == delegation,
        }
    }

    fn apply(
        &self,
        draft: &mut RosterDraft,
        base: &Pinned,
        signer: &Signer<'_>,
    ) -> Result<(), EditError> {
        match self {
            Self::Add(entry) => {
                // Within an epoch, peers refuse the number of a device that was removed.
                if base.next_id().is_none_or(|next| entry.id < next) {
                    return Err(EditError::Taken);
                }
                Ok(draft.add(entry.clone())?)
            }
            Self::Remove(id, identity) => {
                if base.roster().is_manager(identity) {
                    return Err(EditError::IsManager);
                }
                Ok(draft.remove(*id)?)
            }
            Self::Renew => Ok(()),
            Self::TakeOver { keep, .. } => {
                let is_kept = |device: &DeviceEntry| {
                    let mut kept = keep.iter();
                    kept.any(|kept| kept.id == device.id && kept.identity == device.identity)
                };
                let devices = base.roster().devices().iter();
                let gone = devices
                    .filter(|device| !is_kept(device))
                    .map(|device| device.id);
                for id in gone {
                    match id == signer.device {
                        // A device that came meanwhile has this device's number.
                        true => return Err(EditError::Taken),
                        false => draft.remove(id)?,
                    }
                }
                if base.roster().device(signer.device).is_none() {
                    let mut kept = keep.iter();
                    let me = kept.find(|device| device.id == signer.device);
                    draft.add(me.ok_or(EditError::NoSuchDevice)?.clone())?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
