//! Looks for secrets of Waxseal where they should not be. Not published: nothing here is part of the library, and the library is
//! looked at as it is shipped.
//!
//! `cargo test -p waxseal-leaks` looks at memory after use: key bytes that are left in any heap block, freed or not. Its positive
//! controls are leaks made on purpose, which must be found.

pub mod arena;
pub mod layout;
pub mod secrets;
pub mod taint;
