//! Accounts with several devices. An account key vouches for a signed list of devices, so that no
//! relay can add one, and linking a device changes no safety number.

pub mod limits;

mod account;
mod account_key;
mod codec;
mod delegation;
mod device;
mod draft;
mod error;
mod labels;
mod link;
mod pinned;
mod recovery;
mod roster;
mod signed;
mod verify;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

pub use account_key::{AccountKey, AccountKeyPair, InvalidKey};
pub use delegation::SignedDelegation;
pub use device::{DeviceEntry, proof_context};
pub use draft::RosterDraft;
pub use error::{DraftError, RosterError};
pub use link::{LinkBundle, LinkCode, LinkError, link_digits};
pub use pinned::{Change, PinError, Pinned};
pub use recovery::RecoverySecret;
#[cfg(feature = "words")]
pub use recovery::WordsError;
pub use roster::{Roster, RosterVersion};
pub use signed::SignedRoster;
