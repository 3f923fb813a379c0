//! Tests that belong to no single file: limits, test vectors, and the devices that many tests share.

mod limits;
pub(crate) mod support;
pub(crate) mod vectors;
