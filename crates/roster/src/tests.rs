//! Tests of the whole crate.

mod above;
mod attacks;
mod attacks_groups;
mod journey;
mod properties;
mod properties_groups;
pub(crate) mod raw;
pub(crate) mod raw_group;
pub(crate) mod support;
mod vectors;
