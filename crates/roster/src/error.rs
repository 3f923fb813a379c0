//! Why rosters and delegations are refused, and why none can be made.

use thiserror::Error;

/// Bytes are not a signed roster or delegation of this account. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RosterError {
    /// The bytes are longer than any signed roster, or any signed delegation.
    #[error("the signed roster or delegation is too long")]
    TooLong,
    /// The version byte is unknown. A newer version of this crate may read the bytes.
    #[error("the version {version} is unknown")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The bytes do not have the form of a signed roster or delegation.
    #[error("the signed roster or delegation is malformed")]
    Malformed,
    /// A name is not one that an account can have.
    #[error("an account's name is 1 to 128 bytes of UTF-8 without control characters")]
    AccountName,
    /// The delegation names no or too many managers, or they are not in order, once each.
    #[error("a delegation has 1 to 4 managers in ascending order")]
    Managers,
    /// The roster lists no or too many devices, or they are not in order, once each.
    #[error("a roster has 1 to 8 devices in ascending order")]
    Devices,
    /// A device was listed in no version of the epoch, or in a later one.
    #[error("a device's first version is not one from 1 to the roster's")]
    Since,
    /// A public key is not canonical, not on its curve, or of small order.
    #[error("a public key is unusable")]
    InvalidKey,
    /// The roster is of another account. Ask for the right one.
    #[error("the roster is of another account")]
    OtherAccount,
    /// The delegation is for another account, account key or epoch than the roster.
    #[error("the delegation does not belong to the roster")]
    OtherDelegation,
    /// The account key did not sign the delegation.
    #[error("the account key did not sign the delegation")]
    DelegationSignature,
    /// The device that is named as signer is not in the roster.
    #[error("the signer is not in the roster")]
    UnknownSigner,
    /// The device that is named as signer is not a manager.
    #[error("the signer is not a manager")]
    NotManager,
    /// The manager did not sign the roster.
    #[error("the manager did not sign the roster")]
    RosterSignature,
    /// A device did not agree to be in the account under this id.
    #[error("device {device} did not agree to be in the account")]
    DeviceProof {
        /// Id of the device.
        device: u32,
    },
}

/// No such delegation or roster can be made. The draft is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The name is not one that an account can have.
    #[error("an account's name is 1 to 128 bytes of UTF-8 without control characters")]
    AccountName,
    /// The delegation is for another account, another account key or another epoch.
    #[error("the delegation is not for the next epoch of this account")]
    OtherDelegation,
    /// There must be 1 to 4 managers, each once.
    #[error("a delegation has 1 to 4 managers, each once")]
    Managers,
    /// The roster has 8 devices. Remove one first.
    #[error("an account has at most 8 devices; remove one first")]
    TooManyDevices,
    /// The id is not above all ids in the roster. Take the next free one.
    #[error("the id of a new device must be above all ids in the roster")]
    IdUsed,
    /// The identity is unusable, or is in the roster already.
    #[error("the identity is unusable or already in the roster")]
    Identity,
    /// No device has this id.
    #[error("no device has this id")]
    NoSuchDevice,
    /// The signer is not a manager of the delegation, or does not stay in the roster.
    #[error("only a manager that stays in the roster can sign it")]
    NotManager,
    /// The device did not agree to be in the account under this id.
    #[error("the device did not agree to be in the account under this id")]
    DeviceProof,
    /// Epochs and versions start at 1, and no number follows 4,294,967,295. If the versions of an
    /// epoch are used up, begin the next epoch.
    #[error("no epoch or version has this number")]
    Number,
}
