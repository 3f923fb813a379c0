//! Sends files from one account to another through a faulty network, with breaks in the middle,
//! alters what the relay keeps, and reports the files as a whole and in part.
//!
//! `cargo run --release --example files -- [FILE...] [--json]`

mod alter;
mod arguments;
mod compare;
mod journey;
mod memory;
mod outcome;
mod phone;
mod reports;
mod town;

use std::process::ExitCode;

/// Every random choice comes from generators of this type, with seeds that follow from `--seed`.
pub type Rng = rand_chacha::ChaCha20Rng;

/// What went wrong, in words.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments = match arguments::read() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS, // it was asked for help
        Err(error) => {
            eprintln!("files: {error}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match journey::all(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("files: {error}");
            ExitCode::FAILURE
        }
    }
}
