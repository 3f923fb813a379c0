//! What a provider does after an abuse report, and proof that it happened by the rules.

pub mod acts;
pub mod appeal;
pub mod audit;
pub mod case;
pub mod conformance;
pub mod decision;
pub mod desk;
pub mod emergency;
pub mod grant;
pub mod hold;
pub mod ids;
pub mod intake;
pub mod legal;
pub mod officer;
pub mod opening;
pub mod policy;
pub mod publish;
pub mod records;
pub mod retention;
pub mod sorting;
pub mod store;
pub mod upkeep;
pub mod vault;

mod checkpoints;
mod codec;
mod error;
mod following;
mod format;
mod grants;
mod hash;
mod labels;
mod notice;
mod receipts;
mod secret;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

pub use error::{DeskError, Refused};
pub use format::{DecodeError, VERSION};

#[doc = include_str!("../SPEC.md")]
pub mod spec {}
