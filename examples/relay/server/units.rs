//! The unit tests of the modules that stand alone: an example that is built as a test is not built to be run.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "modules of a program"
)]

mod database;
mod errors;
mod keys;
mod limits;
mod serve;
mod tokens;
