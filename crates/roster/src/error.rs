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

/// Bytes are not a state, entry or chain of this group, or break a rule of groups. Nothing was
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The bytes are longer than their format allows.
    #[error("the bytes are too long")]
    TooLong,
    /// The version byte is unknown. A newer version of this crate may read the bytes.
    #[error("the version {version} is unknown")]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// The bytes do not have the form of a state, entry, chain or log.
    #[error("the state, entry, chain or log is malformed")]
    Malformed,
    /// A name is not one that an account can have.
    #[error("an account's name is 1 to 128 bytes of UTF-8 without control characters")]
    AccountName,
    /// A public key is not canonical, not on its curve, or of small order.
    #[error("a public key is unusable")]
    InvalidKey,
    /// The group has no or too many members, they are not in order, once each, or one joined in no
    /// version or a later one.
    #[error("a group has 1 to 1,024 members in ascending order, each since a version of the group")]
    Members,
    /// No admin is or would be left. Make another member an admin first.
    #[error("a group needs an admin")]
    NoAdmin,
    /// The key is not the first authority of this group.
    #[error("the group's id is of another authority")]
    OtherAuthority,
    /// The bytes are of another group. Ask for the right one.
    #[error("the bytes are of another group")]
    OtherGroup,
    /// The authority did not sign the entry.
    #[error("the authority did not sign the entry")]
    Signature,
    /// The entry's version is not the next one.
    #[error("the entry's version is not the next one")]
    NotNext,
    /// The entry follows another state.
    #[error("the entry follows another state")]
    OtherPrevious,
    /// An entry has no or too many operations.
    #[error("an entry has 1 to 64 operations")]
    Ops,
    /// An operation changes nothing, or does not fit the state.
    #[error("operation {number} does not fit the state")]
    OpDoesNotFit {
        /// Which operation, from 0.
        number: usize,
    },
    /// The actor is not an admin of the state before.
    #[error("the actor is not an admin")]
    Actor,
    /// An admin was removed or got another role, and the authority stayed the same.
    #[error("without an admin of before, the group needs a new authority")]
    SameAuthority,
    /// The entry makes another state than it says.
    #[error("the entry makes another state than it says")]
    StateHash,
    /// The chain is out of order, has an authority twice, or is too long. A group whose chain is
    /// full can change its authority no more: create another group.
    #[error("the changes of the authority are out of order, repeated, or too many")]
    Chain,
    /// State, newest entry and chain do not belong together.
    #[error("state, newest entry and chain do not belong together")]
    OtherState,
    /// The seed is not that of the state's authority.
    #[error("the seed is not that of the group's authority")]
    OtherSeed,
    /// The caller passed a sender who is not in the group.
    #[error("the account is not in the group")]
    NotMember,
    /// The message would go to more than 4,096 devices. Fewer members can be in this group.
    #[error("a message to a group goes to at most 4,096 devices")]
    TooManyTargets,
    /// The authority signed two entries or states of one version. Somebody was shown another group.
    /// Warn the user, do not send, and create another group.
    #[error("there are two entries or states of one version; warn the user")]
    Fork,
}
