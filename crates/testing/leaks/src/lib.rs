//! Looks for secrets of Waxseal where they should not be: in memory after use, in branches and
//! addresses, in running times, in `Debug` output.
//!
//! This crate is not published. The library has no hooks for these tests; they examine the code
//! that is shipped.
//!
//! | examined | command | finds |
//! |---|---|---|
//! | memory after use | `cargo test -p waxseal-leaks` | key bytes in any heap block, freed or not |
//! | `Debug` output | `cargo test -p waxseal-leaks` | secrets and texts that are printed |
//! | branches and addresses | `.ci/constant-time` | those that depend on a secret, with memcheck |
//! | running times | `.ci/timing` | differences between two classes of secrets, by Welch's t-test |
//!
//! The memory sweep, memcheck and the t-test have positive controls: leaks made on purpose, which
//! they must find. SECURITY.md, “Side channels”, says what is covered and what is not.

pub mod arena;
pub mod clear;
pub mod layout;
pub mod secrets;
pub mod taint;
