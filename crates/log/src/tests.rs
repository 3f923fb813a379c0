//! Tests that concern the whole crate.

pub(crate) mod rfc6962;
mod vectors;
pub(crate) mod world;
