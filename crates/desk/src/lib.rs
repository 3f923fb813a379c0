//! What a provider does after an abuse report, and proof that it happened by the rules.

pub mod grant;
pub mod ids;
pub mod officer;
pub mod policy;
pub mod vault;

mod codec;
mod format;
mod hash;
mod labels;
mod secret;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

pub use format::{DecodeError, VERSION};

#[doc = include_str!("../SPEC.md")]
pub mod spec {}
