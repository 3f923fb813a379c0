//! Tests of the whole crate.

mod attacks;
mod journey;
mod properties;
pub(crate) mod raw;
pub(crate) mod support;
mod vectors;
