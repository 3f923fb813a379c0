//! What a provider does after an abuse report, and proof that it happened by the rules.

pub mod grant;
pub mod ids;
pub mod officer;
pub mod policy;

mod codec;
mod format;
mod hash;
mod labels;

pub use format::{DecodeError, VERSION};
