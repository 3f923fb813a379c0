#![doc = include_str!("../../../command.md")]
#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod files;
mod folder;
mod follow;
mod keys;
mod meaning;
mod numbers;
mod problem;
mod receipt;
mod reference;
mod shown;
mod story;
mod text;
mod usage;
mod vault;
mod verify_log;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use crate::problem::{Outcome, Unusable};

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)) {
        Ok(outcome) => {
            // A reader that closes the pipe has seen enough.
            let _ = std::io::stdout().write_all(outcome.text.as_bytes());
            let _ = std::io::stderr().write_all(outcome.problems.to_string().as_bytes());
            match outcome.problems.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(1),
            }
        }
        Err(Unusable(why)) => {
            let _ = writeln!(std::io::stderr(), "waxseal-desk: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<Outcome, Unusable> {
    let mut parser = Parser::from_args(arguments);
    match parser.next()? {
        Some(Arg::Value(command)) => match command.to_str() {
            Some("verify-log") => verify_log::run(parser),
            Some("verify-receipt") => receipt::run(parser),
            Some("transparency") => numbers::run(parser),
            Some("vault") => vault::run(parser),
            _ => Err(usage::refuse(&usage::ALL, "there is no such command")),
        },
        Some(Arg::Long("help") | Arg::Short('h')) => Ok(usage::ALL.show()),
        Some(other) => Err(other.unexpected().into()),
        None => Err(usage::refuse(&usage::ALL, "say what to do")),
    }
}
