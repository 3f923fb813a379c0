//! Rosters that a manager is about to sign.

use core::fmt;

use crate::account::AccountName;
use crate::delegation::SignedDelegation;
use crate::device::DeviceEntry;
use crate::error::DraftError;
use crate::limits::MAX_DEVICES;
use crate::roster::{Roster, RosterVersion};
use crate::signed::{Body, SignedRoster};

#[cfg(test)]
mod tests;

/// A roster that is not signed yet. A manager changes it, signs [`to_sign`](Self::to_sign) with the
/// device's identity, and posts the result.
#[derive(Clone)]
pub struct RosterDraft {
    body: Body,
    delegation: SignedDelegation,
}

impl RosterDraft {
    /// Starts the first roster of an account, with its only device. The device must be a manager.
    ///
    /// # Errors
    /// [`DraftError`] if the delegation is for another account, or the device is no manager or did
    /// not agree.
    pub fn first(
        account: &str,
        delegation: SignedDelegation,
        device: DeviceEntry,
        at_ms: u64,
    ) -> Result<Self, DraftError> {
        let account = AccountName::new(account).ok_or(DraftError::AccountName)?;
        if delegation.name() != &account {
            return Err(DraftError::OtherDelegation);
        }
        if !delegation.is_manager(&device.identity) {
            return Err(DraftError::NotManager);
        }
        let body = Body {
            bytes: Vec::new(),
            account,
            account_key: *delegation.account_key(),
            epoch: delegation.epoch(),
            version: 1,
            previous: [0; 32],
            at_ms,
            signer: device.id,
            devices: Vec::new(),
        };
        let mut draft = Self { body, delegation };
        draft.push(device)?;
        Ok(draft)
    }

    /// Raises the version above that of an earlier roster of the same epoch. Call this before
    /// devices are added.
    ///
    /// A manager calls this with the newest roster that it ever signed, which may never have
    /// reached the relay. So it never signs two rosters of one version, which peers would take for
    /// an attack.
    ///
    /// # Errors
    /// [`DraftError::Number`] if the versions of the epoch are used up. The draft is unchanged.
    pub fn above(&mut self, signed: RosterVersion) -> Result<(), DraftError> {
        if signed.epoch == self.body.epoch {
            let next = signed.version.checked_add(1).ok_or(DraftError::Number)?;
            self.body.version = self.body.version.max(next);
            self.body.encode();
        }
        Ok(())
    }

    /// Adds a device, which must have agreed to it. Its `since` is filled in.
    ///
    /// # Errors
    /// [`DraftError`] if the roster is full, the id is not above all ids in the roster, or the
    /// identity is unusable, is in the roster, or did not agree. The draft is unchanged.
    ///
    /// # Security
    /// Take the id from [`Pinned::next_id`](crate::Pinned::next_id): within an epoch, peers refuse
    /// the id of a device that was removed.
    pub fn add(&mut self, device: DeviceEntry) -> Result<(), DraftError> {
        if self.body.devices.len() >= MAX_DEVICES {
            return Err(DraftError::TooManyDevices);
        }
        if self
            .body
            .devices
            .last()
            .is_some_and(|last| last.id >= device.id)
        {
            return Err(DraftError::IdUsed);
        }
        self.push(device)
    }

    fn push(&mut self, mut device: DeviceEntry) -> Result<(), DraftError> {
        let body = &mut self.body;
        if body.has_identity(&device.identity) {
            return Err(DraftError::Identity);
        }
        let agreed = device.agreed(&body.account, &body.account_key);
        if !agreed.map_err(|_| DraftError::Identity)? {
            return Err(DraftError::DeviceProof);
        }
        device.since = body.version;
        body.devices.push(device);
        body.encode();
        Ok(())
    }

    /// Removes a device. Signing it makes every peer stop sending to the device.
    ///
    /// # Errors
    /// [`DraftError::NoSuchDevice`] if no device has this id, [`DraftError::NotManager`] if it is
    /// the signer. The draft is unchanged.
    pub fn remove(&mut self, id: u32) -> Result<(), DraftError> {
        if self.body.device(id).is_none() {
            return Err(DraftError::NoSuchDevice);
        }
        if id == self.body.signer {
            return Err(DraftError::NotManager);
        }
        self.body.devices.retain(|device| device.id != id);
        self.body.encode();
        Ok(())
    }

    /// The devices of the draft, with ascending ids.
    #[must_use]
    pub fn devices(&self) -> &[DeviceEntry] {
        &self.body.devices
    }

    /// The bytes that the signer's identity signs: `IdentityKeyPair::sign_roster` of `waxseal-core`
    /// takes them.
    #[must_use]
    pub fn to_sign(&self) -> Vec<u8> {
        self.body.bytes.clone()
    }

    /// The roster, for tests that put into it what no draft takes.
    #[cfg(test)]
    pub(crate) fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Joins the draft with its signature. [`SignedRoster::verify`] checks it.
    #[must_use]
    pub fn sign(self, signature: [u8; 64]) -> SignedRoster {
        SignedRoster {
            body: self.body,
            signature,
            delegation: self.delegation,
        }
    }
}

impl Roster {
    /// Starts the next roster of the same epoch, with the same devices. `signer` is the id of the
    /// device that signs it.
    ///
    /// # Errors
    /// [`DraftError::NotManager`] if the signer is not in the roster or no manager,
    /// [`DraftError::Number`] if the versions of the epoch are used up.
    pub fn next(&self, at_ms: u64, signer: u32) -> Result<RosterDraft, DraftError> {
        let version = self.version().checked_add(1).ok_or(DraftError::Number)?;
        let mut draft = self.draft(self.delegation().clone(), at_ms, signer, version);
        match draft.body.device(signer) {
            Some(device) if self.is_manager(&device.identity) => {}
            _ => return Err(DraftError::NotManager),
        }
        draft.body.encode();
        Ok(draft)
    }

    /// Starts the first roster of the next epoch, which the delegation begins. It has the same
    /// devices: remove those that are to go.
    ///
    /// The signer may be a device that is not in the roster yet. In that case, add it: verifying
    /// the signed roster fails otherwise. Ids may start again, since peers forget those of the
    /// earlier epoch.
    ///
    /// # Errors
    /// [`DraftError::OtherDelegation`] if the delegation is not for the next epoch of this account.
    pub fn next_epoch(
        &self,
        delegation: SignedDelegation,
        at_ms: u64,
        signer: u32,
    ) -> Result<RosterDraft, DraftError> {
        if delegation.account() != self.account()
            || delegation.account_key() != self.account_key()
            || Some(delegation.epoch()) != self.epoch().checked_add(1)
        {
            return Err(DraftError::OtherDelegation);
        }
        let mut draft = self.draft(delegation, at_ms, signer, 1);
        draft.body.epoch = draft.delegation.epoch();
        for device in &mut draft.body.devices {
            device.since = 1;
        }
        draft.body.encode();
        Ok(draft)
    }

    fn draft(
        &self,
        delegation: SignedDelegation,
        at_ms: u64,
        signer: u32,
        version: u32,
    ) -> RosterDraft {
        let body = Body {
            version,
            previous: self.hash(),
            at_ms,
            signer,
            ..self.signed().body.clone()
        };
        RosterDraft { body, delegation }
    }
}

impl fmt::Debug for RosterDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RosterDraft")
            .field("epoch", &self.body.epoch)
            .field("version", &self.body.version)
            .field("devices", &self.body.devices)
            .finish_non_exhaustive()
    }
}
