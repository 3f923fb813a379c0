//! Tests of the whole crate.

mod attacks;
mod journey;
pub(crate) mod support;
