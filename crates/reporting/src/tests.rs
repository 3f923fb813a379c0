//! Tests that span several modules: limits, properties, published attacks and vectors.

mod limits;
mod properties;
mod salamander;
mod vectors;
pub(crate) mod world;
