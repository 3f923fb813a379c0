//! Measures Waxseal alongside comparable libraries. See README.md.

use std::process::ExitCode;

use clap::Parser;
use waxseal_benches::allocations::Counting;
use waxseal_benches::commands::Command;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    match Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
