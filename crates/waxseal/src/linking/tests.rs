//! Whole links, and attacks on them.

mod attacks;
mod checks;
mod export;
mod support;
mod vectors;
