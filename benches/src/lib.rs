//! What the benches and the `compare`, `model` and `growth` commands share. See README.md.

pub mod allocations;
pub mod chart;
pub mod clock;
pub mod commands;
pub mod committing;
pub mod compare;
pub mod growth;
pub mod machine;
pub mod measure;
pub mod model;
pub mod primitives;
pub mod provider;
pub mod results;
pub mod systems;

/// Plaintext sizes in bytes at which messages are measured.
pub const SIZES: [usize; 3] = [64, 1_024, 65_536];
