//! Tests that span several modules, and the world in which they happen.

mod insider;
pub(crate) mod world;
