//! Lets accounts with several devices write to each other over a faulty network, with thieves and a
//! relay that lies.
//!
//! `cargo run --release --example devices -- [--accounts N] [--devices M] [--messages K] [--json]`

mod arguments;
mod attacks;
mod linking;
mod network;
mod outcome;
mod people;
mod relay;
mod reports;
mod story;
mod support;
mod thieves;
mod waiting;

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
            eprintln!("devices: {error}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match story::run(&arguments) {
        Ok(outcome) => {
            outcome.print(arguments.json);
            match outcome.wrong.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("devices: {error}");
            ExitCode::FAILURE
        }
    }
}
