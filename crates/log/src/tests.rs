//! Tests that concern the whole crate.

mod vectors;
pub(crate) mod world;
