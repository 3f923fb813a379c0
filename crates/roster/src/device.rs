//! Devices as a roster lists them, and the proofs that they agreed to it.

use core::fmt;

use crate::account::AccountName;
use crate::account_key::{AccountKey, InvalidKey, signed, verifying_key};
use crate::codec::{Reader, put_short};
use crate::labels;

/// Length of an encoded device in bytes.
pub(crate) const DEVICE_LEN: usize = 137;

/// One device in a roster.
///
/// ```text
/// id be32 || identity 64 || flags u8 (0) || since be32 || proof 64
/// ```
///
/// # Size
/// 137 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Number of the device in its account. It never gets another identity within an epoch.
    pub id: u32,
    /// Identity of the device: Ed25519 public key 32, X25519 public key 32.
    pub identity: [u8; 64],
    /// Version of the first roster of the epoch that listed the device.
    /// [`RosterDraft`](crate::RosterDraft) fills it in.
    pub since: u32,
    /// The device's signature over [`proof_context`]: it agrees to be in the account.
    pub proof: [u8; 64],
}

impl DeviceEntry {
    /// Describes a device that is added to a roster.
    #[must_use]
    pub fn new(id: u32, identity: [u8; 64], proof: [u8; 64]) -> Self {
        Self {
            id,
            identity,
            since: 0,
            proof,
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.identity);
        out.push(0);
        out.extend_from_slice(&self.since.to_be_bytes());
        out.extend_from_slice(&self.proof);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let id = reader.u32()?;
        let identity = reader.array()?;
        // No flag has a meaning yet.
        if reader.u8()? != 0 {
            return None;
        }
        Some(Self {
            id,
            identity,
            since: reader.u32()?,
            proof: reader.array()?,
        })
    }

    /// Whether the device agreed to be in this account under its id. A manager asks before it adds
    /// the device to a roster.
    #[must_use]
    pub fn agrees(&self, account: &str, key: &AccountKey) -> bool {
        let name = AccountName::new(account);
        name.is_some_and(|name| self.agreed(&name, key) == Ok(true))
    }

    /// Whether the device agreed to be in this account under its id.
    pub(crate) fn agreed(
        &self,
        account: &AccountName,
        key: &AccountKey,
    ) -> Result<bool, InvalidKey> {
        let identity = verifying_key(signing_half(&self.identity))?;
        let context = proof_context(account.as_str(), key, self.id);
        Ok(signed(
            &identity,
            labels::DEVICE_PROOF,
            &context,
            &self.proof,
        ))
    }
}

impl fmt::Debug for DeviceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceEntry")
            .field("id", &self.id)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// What a device signs to agree that it is in an account: `IdentityKeyPair::prove_device` of
/// `waxseal-core` takes it.
///
/// ```text
/// len u8 || account || account key 32 || id be32
/// ```
///
/// A proof for one account, account key or id does not count for another. No roster accepts a proof
/// for a name that no account can have.
#[must_use]
pub fn proof_context(account: &str, key: &AccountKey, id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put_short(&mut out, account.as_bytes());
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out
}

/// The Ed25519 key of an identity.
pub(crate) fn signing_half(identity: &[u8; 64]) -> &[u8; 32] {
    // An array of 64 bytes always has a first half.
    identity.first_chunk().unwrap_or(&[0; 32])
}
