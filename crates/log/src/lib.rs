//! Transparency log of what a provider does with abuse reports.

pub mod checkpoint;
pub mod entry;
pub mod keys;
pub mod limits;
pub mod note;
pub mod proof;
pub mod tiles;
pub mod tree;
pub mod witness;

mod appender;
mod codec;
mod labels;
