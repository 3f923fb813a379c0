//! Looks for secrets of Waxseal where they should not be. Not published: nothing here is part of the library, and the library is
//! looked at as it is shipped.
//!
//! | looks at | command | finds |
//! |---|---|---|
//! | memory after use | `cargo test -p waxseal-leaks` | key bytes left in any heap block of the process, freed or not; what `Debug` prints |
//! | branches and addresses | `.ci/constant-time` | those that depend on a secret, by valgrind's memcheck |
//! | running times | `.ci/timing` | a difference between two classes of secrets, by Welch's t-test |
//!
//! Each has positive controls: leaks made on purpose, which must be found. What is covered and what is not: SECURITY.md, “Side
//! channels”.

pub mod arena;
pub mod clear;
pub mod layout;
pub mod secrets;
pub mod taint;
