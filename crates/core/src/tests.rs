//! Tests that do not belong to a single file: the limits, the test vectors, and the devices that
//! many tests share.

mod limits;
mod set_back;
pub(crate) mod support;
pub(crate) mod vectors;
