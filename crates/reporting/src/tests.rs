//! Tests wider than one module: limits, properties, published attacks and vectors.

mod limits;
mod properties;
mod salamander;
mod vectors;
pub(crate) mod world;
