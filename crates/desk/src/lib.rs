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

pub use format::{DecodeError, VERSION};
