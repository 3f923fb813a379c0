//! Transparency log of what a provider does with abuse reports.

pub mod audit;
pub mod checkpoint;
pub mod counts;
pub mod decision;
pub mod entry;
pub mod keys;
pub mod limits;
pub mod link;
pub mod note;
pub mod promise;
pub mod proof;
pub mod receipt;
pub mod report;
pub mod tiles;
pub mod tree;
pub mod witness;

mod appender;
mod codec;
mod labels;
mod order;

#[cfg(test)]
mod tests;
