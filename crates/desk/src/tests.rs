//! Tests that span several modules, and the world in which they happen.

mod insider;
mod vectors;
pub(crate) mod world;
