//! Accounts with several devices, and groups of accounts.
//!
//! An account key vouches for a signed list of devices, the roster. So no relay can add a device,
//! and linking one changes no safety number. A log of signed entries says who is in a group: see
//! [`group`]. So no relay can add a member either.
//!
//! The main type is [`Roster`]. The devices' own keys are in `waxseal-core`, which makes the proofs
//! and signatures of devices: `phone` stands for an `IdentityKeyPair`.
//!
//! ```
//! # use ed25519_dalek::{Signer, SigningKey};
//! # use waxseal_roster::*;
//! # struct Phone(SigningKey);
//! # impl Phone {
//! #     fn identity(&self) -> [u8; 64] {
//! #         [self.0.verifying_key().to_bytes(), [9; 32]].concat().try_into().unwrap()
//! #     }
//! #     fn sign(&self, label: &str, message: &[u8]) -> [u8; 64] {
//! #         self.0.sign(&[label.as_bytes(), message].concat()).to_bytes()
//! #     }
//! #     fn prove_device(&self, context: &[u8]) -> [u8; 64] {
//! #         self.sign("waxseal/2/core/device-proof", context)
//! #     }
//! #     fn sign_roster(&self, roster: &[u8]) -> [u8; 64] {
//! #         self.sign("waxseal/2/core/roster", roster)
//! #     }
//! # }
//! # let (phone, now_ms) = (Phone(SigningKey::from_bytes(&[1; 32])), 1_790_000_000_000);
//! let key = AccountKeyPair::generate(&mut rand::rng());
//! let manager = key.delegate("bob", 1, &[phone.identity()])?;
//! let proof = phone.prove_device(&proof_context("bob", &key.public(), 1));
//! let device = DeviceEntry::new(1, phone.identity(), proof);
//! let draft = RosterDraft::first("bob", manager, device, now_ms)?;
//! let signature = phone.sign_roster(&draft.to_sign());
//! let bytes = draft.sign(signature).encode();
//!
//! let roster = SignedRoster::decode(&bytes)?.verify("bob")?; // a peer
//! # assert_eq!(Pinned::first(roster).account_key(), &key.public());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`AccountKey`], [`AccountKeyPair`] | the key of an account, which peers pin |
//! | [`RecoverySecret`] | the same key, as a user keeps it |
//! | [`SignedDelegation`] | the account key names the devices that manage the roster |
//! | [`DeviceEntry`] | a device, with its proof that it agreed to be listed |
//! | [`RosterDraft`] | the list of devices, not signed yet |
//! | [`SignedRoster`], [`Roster`] | the list of devices, unverified and verified |
//! | [`Pinned`] | what a client or relay keeps of an account, and which rosters replace it |
//! | [`LinkCode`], [`LinkBundle`], [`link_digits`] | linking a new device |
//! | [`group`] | who is in a group: states, entries, logs, and the devices to which messages go |
//! | [`limits`] | all limits |
//!
//! With the feature `words`, a recovery secret can be written as 24 English words.
//!
//! The crate has no clock, no randomness and no I/O of its own, and does not panic on any input.

pub mod group;
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

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
