//! The desk's server. It takes in reports from the relay, carries out what officers sign, keeps the
//! log, and publishes it. It holds no key that opens a report.
//!
//! Read `signed.rs` first, then `routes.rs`, `office.rs` and `rounds.rs`.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a program, not a library"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod acts;
mod asks;
mod blobs;
mod cases;
mod clock;
mod coop;
mod coop_key;
mod database;
mod errors;
mod export_targets;
mod exports;
mod files;
mod gauges;
mod health;
mod items;
mod keeper;
mod log;
mod mark;
#[path = "../relay/network.rs"]
mod network;
mod nonces;
mod office;
mod opened;
mod openings;
mod outbox;
mod policy;
mod readers;
mod relay;
mod reporters;
mod room;
mod rounds;
mod routes;
#[path = "../relay/serve.rs"]
#[cfg_attr(
    test,
    expect(dead_code, reason = "`serve_one` is for tests of the relay")
)]
mod serve;
mod setup;
mod signed;
mod start;
mod state;
#[path = "../relay/tls.rs"]
mod tls;
mod todo;
mod vault;
mod witnesses;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::policy::PolicyCommand;
use crate::setup::{InitOptions, PinOptions};
use crate::start::ServeOptions;

/// The desk's server: what a provider does with abuse reports, and proof that it was done by the
/// rules.
///
/// The keys that open reports are with the vault, a process of its own (`waxseal-desk vault`). The
/// keys of officers are with the officers (`officer`).
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a desk's folder with its keys
    Init(InitOptions),
    /// Take the keys of the log with the line of the vault
    Pin(PinOptions),
    /// Make, sign and publish the access policy
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Run the desk until stopped; prints "listening on URL" when ready
    Serve(ServeOptions),
}

fn main() -> ExitCode {
    let done = match &Options::parse().command {
        Command::Init(options) => setup::init(options),
        Command::Pin(options) => setup::pin(options),
        Command::Policy { command } => policy::run(command),
        Command::Serve(options) => start::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("desk: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Replaces characters that a terminal could take for commands.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect()
}
