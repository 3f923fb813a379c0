//! Tests of the whole crate.

mod above;
mod attacks;
mod journey;
pub(crate) mod support;
