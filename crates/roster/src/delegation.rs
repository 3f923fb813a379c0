//! Delegations: the account key names the devices that manage the roster.

use core::fmt;

use crate::account::AccountName;
use crate::account_key::{AccountKey, AccountKeyPair, signed, verifying_key};
use crate::codec::{Reader, put_short};
use crate::device::signing_half;
use crate::error::{DraftError, RosterError};
use crate::labels;
use crate::limits::{MAX_DELEGATION_LEN, MAX_MANAGERS};

#[cfg(test)]
mod tests;

/// Version byte of all formats of this crate.
pub(crate) const VERSION: u8 = 0x01;

/// The account key's statement which devices may sign the account's rosters in one epoch.
///
/// A new epoch has new managers. That is how an account gets rid of a stolen manager. Within an
/// epoch, the managers stay the same.
///
/// ```text
/// delegation        = 01 || len u8 || account || account key 32 || epoch be32
///                     || count u8 (1 to 4) || count x identity 64, ascending
/// signed delegation = delegation || signature 64
/// ```
///
/// # Size
/// At most [`MAX_DELEGATION_LEN`] bytes, and 179 for one manager and a name of 12 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedDelegation {
    bytes: Vec<u8>,
    signature: [u8; 64],
    account: AccountName,
    account_key: AccountKey,
    epoch: u32,
    managers: Vec<[u8; 64]>,
}

impl SignedDelegation {
    /// Reads a delegation and checks that the account key in it signed it.
    ///
    /// # Errors
    /// [`RosterError`] if the bytes are not a signed delegation.
    pub fn decode(bytes: &[u8]) -> Result<Self, RosterError> {
        // CHK-260: longer bytes than a delegation can have are refused unread.
        if bytes.len() > MAX_DELEGATION_LEN {
            return Err(RosterError::TooLong);
        }
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let (bytes, signature) = bytes.split_last_chunk().ok_or(RosterError::Malformed)?;
        let delegation = Self::parse(bytes, *signature)?;
        delegation.check()?;
        Ok(delegation)
    }

    /// The bytes of the delegation, then its signature.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&*self.bytes, &self.signature].concat()
    }

    /// The account's key, which signed the delegation.
    #[must_use]
    pub fn account_key(&self) -> &AccountKey {
        &self.account_key
    }

    /// Name of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account.as_str()
    }

    /// Number of the epoch, from 1. A higher epoch replaces a lower one.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Identities of the managers, ascending.
    #[must_use]
    pub fn managers(&self) -> &[[u8; 64]] {
        &self.managers
    }

    /// Reads a delegation without checking its signature.
    pub(crate) fn parse(bytes: &[u8], signature: [u8; 64]) -> Result<Self, RosterError> {
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let (account, mut reader) = header(bytes)?;
        let fields = |reader: &mut Reader<'_>| Some((reader.array()?, reader.u32()?, reader.u8()?));
        let (key, epoch, count) = fields(&mut reader).ok_or(RosterError::Malformed)?;
        let count = usize::from(count);
        // CHK-264: 1 to 4 managers, ascending by their Ed25519 keys, so each once.
        if count == 0 || count > MAX_MANAGERS {
            return Err(RosterError::Managers);
        }
        let mut managers = Vec::with_capacity(count);
        for _ in 0..count {
            managers.push(reader.array().ok_or(RosterError::Malformed)?);
        }
        if !ascending(&managers) {
            return Err(RosterError::Managers);
        }
        // CHK-262: whole, without further bytes, and epochs start at 1.
        reader.finish().ok_or(RosterError::Malformed)?;
        if epoch == 0 {
            return Err(RosterError::Malformed);
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            signature,
            account,
            account_key: AccountKey::of_unchecked(key),
            epoch,
            managers,
        })
    }

    /// Checks all keys and the signature.
    pub(crate) fn check(&self) -> Result<(), RosterError> {
        let key =
            verifying_key(self.account_key.as_bytes()).map_err(|_| RosterError::InvalidKey)?;
        for manager in &self.managers {
            verifying_key(signing_half(manager)).map_err(|_| RosterError::InvalidKey)?;
        }
        // CHK-270: the account key signed the delegation.
        if !signed(&key, labels::DELEGATION, &self.bytes, &self.signature) {
            return Err(RosterError::DelegationSignature);
        }
        Ok(())
    }

    pub(crate) fn name(&self) -> &AccountName {
        &self.account
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    pub(crate) fn is_manager(&self, identity: &[u8; 64]) -> bool {
        self.managers.contains(identity)
    }
}

impl fmt::Debug for SignedDelegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedDelegation")
            .field("account_key", &self.account_key)
            .field("epoch", &self.epoch)
            .field("managers", &self.managers.len())
            .finish_non_exhaustive()
    }
}

impl AccountKeyPair {
    /// Signs which devices may sign the account's rosters in an epoch. The order of the managers
    /// does not matter.
    ///
    /// Epochs start at 1. For a later epoch, take the number after that of the newest roster.
    ///
    /// # Errors
    /// [`DraftError`] if the name or a manager is unusable, if there are not 1 to 4 managers, each
    /// once, or if the epoch is 0.
    ///
    /// # Security
    /// Sign one delegation for each epoch. Peers refuse a second one with other managers.
    pub fn delegate(
        &self,
        account: &str,
        epoch: u32,
        managers: &[[u8; 64]],
    ) -> Result<SignedDelegation, DraftError> {
        let account = AccountName::new(account).ok_or(DraftError::AccountName)?;
        let mut managers = managers.to_vec();
        managers.sort_unstable();
        let count = u8::try_from(managers.len()).unwrap_or(u8::MAX);
        if count == 0 || managers.len() > MAX_MANAGERS || !ascending(&managers) {
            return Err(DraftError::Managers);
        }
        if epoch == 0 {
            return Err(DraftError::Number);
        }
        for manager in &managers {
            verifying_key(signing_half(manager)).map_err(|_| DraftError::Identity)?;
        }
        let account_key = self.public();
        let mut bytes = vec![VERSION];
        put_short(&mut bytes, account.as_bytes());
        bytes.extend_from_slice(account_key.as_bytes());
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.push(count);
        for manager in &managers {
            bytes.extend_from_slice(manager);
        }
        let signature = self.sign(labels::DELEGATION, &bytes);
        Ok(SignedDelegation {
            bytes,
            signature,
            account,
            account_key,
            epoch,
            managers,
        })
    }
}

/// Whether the Ed25519 keys of identities ascend.
fn ascending(identities: &[[u8; 64]]) -> bool {
    identities.is_sorted_by(|one, next| signing_half(one) < signing_half(next))
}

/// Checks the version byte.
pub(crate) fn version(bytes: &[u8]) -> Result<(), RosterError> {
    match bytes.first() {
        Some(&VERSION) => Ok(()),
        Some(&version) => Err(RosterError::UnknownVersion { version }),
        None => Err(RosterError::Malformed),
    }
}

/// Reads what delegations and rosters start with: version byte and name of the account.
pub(crate) fn header(bytes: &[u8]) -> Result<(AccountName, Reader<'_>), RosterError> {
    let mut reader = Reader::new(bytes);
    reader.u8().ok_or(RosterError::Malformed)?;
    let name = reader.short().ok_or(RosterError::Malformed)?;
    let name = AccountName::from_bytes(name).ok_or(RosterError::AccountName)?;
    Ok((name, reader))
}
