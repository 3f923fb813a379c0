//! Lets a group talk over a faulty network while its members come and go, with insiders and a relay
//! that attack it.
//!
//! `cargo run --release --example groups -- [--members N] [--devices M] [--messages K] [FILE]`

mod arguments;
mod attacks;
mod courier;
mod lines;
mod members;
mod network;
mod outcome;
mod people;
mod relay;
mod reports;
mod story;
mod support;
mod waiting;
mod world;

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
            eprintln!("groups: {error}\n\n{}", arguments::USAGE);
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
            eprintln!("groups: {error}");
            ExitCode::FAILURE
        }
    }
}
