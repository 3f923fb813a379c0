//! Attacks that must fail.
