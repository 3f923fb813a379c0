//! Takes reports of spam through a provider's desk, publishes its log, and lets an insider attack.
//!
//! `cargo run --release --example desk -- [FILE] [--seed N] [--folder DIR] [--json]`

mod appeals;
mod arguments;
mod insider;
mod keys;
mod lines;
mod numbers;
mod office;
mod officers;
mod outcome;
mod people;
mod published;
mod receipts;
mod registers;
mod story;
mod support;
mod work;

use std::process::ExitCode;

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// Every random choice comes from generators of this type, with seeds that follow from `--seed`.
pub type Rng = rand_chacha::ChaCha20Rng;

/// What went wrong, in words.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments = match arguments::read() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS, // it was asked for help
        Err(error) => {
            eprintln!("desk: {error}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match story::run(&arguments) {
        Ok(outcome) => {
            outcome.print(arguments.json);
            if outcome.holds() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("desk: {error}");
            ExitCode::FAILURE
        }
    }
}
