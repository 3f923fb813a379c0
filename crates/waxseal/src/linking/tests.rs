//! Whole links, and attacks on them.

mod attacks;
mod checks;
mod export;
mod support;
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod vectors;
