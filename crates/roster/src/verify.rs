//! Verifies signed rosters.

use crate::account_key::{signed, verifying_key};
use crate::device::signing_half;
use crate::error::RosterError;
use crate::labels;
use crate::roster::Roster;
use crate::signed::SignedRoster;

#[cfg(test)]
mod tests;

impl SignedRoster {
    /// Checks that this is a roster of the account, and all its signatures.
    ///
    /// # Errors
    /// [`RosterError`] if the roster is of another account or a signature does not verify.
    ///
    /// # Security
    /// Any key can sign a roster for any account name. A verified roster means nothing before
    /// [`Pinned::take`](crate::Pinned::take) compared its account key with the pinned one.
    pub fn verify(self, account: &str) -> Result<Roster, RosterError> {
        let (body, delegation) = (&self.body, &self.delegation);
        // CHK-267: the roster is of the account that it was asked for.
        if body.account.as_str() != account {
            return Err(RosterError::OtherAccount);
        }
        // CHK-269: the delegation is for the same account, account key and epoch.
        if delegation.name() != &body.account
            || delegation.account_key() != &body.account_key
            || delegation.epoch() != body.epoch
        {
            return Err(RosterError::OtherDelegation);
        }
        delegation.check()?;
        // CHK-271: the signer is in the roster.
        let signer = body.device(body.signer).ok_or(RosterError::UnknownSigner)?;
        // CHK-272: the signer is a manager.
        if !delegation.is_manager(&signer.identity) {
            return Err(RosterError::NotManager);
        }
        let key = verifying_key(signing_half(&signer.identity));
        let key = key.map_err(|_| RosterError::InvalidKey)?;
        // CHK-273: the signer signed this roster.
        if !signed(&key, labels::ROSTER, &body.bytes, &self.signature) {
            return Err(RosterError::RosterSignature);
        }
        for device in &body.devices {
            let agreed = device.agreed(&body.account, &body.account_key);
            // CHK-274: each device agreed to be in this account under its id.
            if !agreed.map_err(|_| RosterError::InvalidKey)? {
                return Err(RosterError::DeviceProof { device: device.id });
            }
        }
        Ok(Roster::of_verified(self))
    }
}
