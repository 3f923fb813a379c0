//! The code that the benches and the commands `compare`, `model` and `growth` share. See README.md.
//!
//! | module | what it does |
//! |---|---|
//! | [`commands`] | the command line |
//! | [`compare`], [`growth`] | measure Waxseal and comparable libraries, and how costs grow |
//! | [`devices`], [`groups`] | measure what accounts with several devices cost, and groups |
//! | [`model`], [`primitives`] | compute the lower bound of an operation's cost from primitives |
//! | [`systems`], [`committing`], [`files`], [`provider`] | the operations that are measured |
//! | `relay` | loads relays with messages, and kills them |
//! | [`measure`], [`clock`], [`allocations`] | measure operations: samples, CPU time, heap use |
//! | [`machine`] | describes the machine on which a run is measured |
//! | [`results`], [`chart`] | print the results as JSON, tables and plots |

pub mod allocations;
pub mod chart;
pub mod clock;
pub mod commands;
pub mod committing;
pub mod compare;
pub mod devices;
pub mod files;
pub mod groups;
pub mod growth;
pub mod machine;
pub mod measure;
pub mod model;
pub mod primitives;
pub mod provider;
#[cfg(unix)]
pub mod relay;
pub mod results;
pub mod systems;

/// Plaintext sizes in bytes at which messages are measured.
pub const SIZES: [usize; 3] = [64, 1_024, 65_536];
