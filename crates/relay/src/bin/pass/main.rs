//! Makes passes for users who answered the relay's challenge. The operator's page runs it.

#![allow(clippy::print_stdout, reason = "its output")]

use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use waxseal_interface::{MAX_PASS_MS, account_name};
use waxseal_relay::{read_pass_key, write_pass_key};

/// Makes passes with which a user can write to more new contacts than the relay allows in a day.
///
/// FILE is the key of the passes. Give it to the relay too (`relay --pass-key`). Anyone who can
/// read it can make passes, and nothing else.
#[derive(Parser)]
#[command(after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin pass -- --key pass.key keygen
  cargo run --release -p waxseal-relay --bin pass -- --key pass.key make alice")]
struct Options {
    /// The key of the passes
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE
    Keygen,
    /// Print a pass for an account. The relay takes it once
    Make {
        /// The account that may use the pass
        account: String,
        /// For how many minutes the pass is valid, by the clocks of this machine and the relay
        #[arg(long, value_name = "MINUTES", default_value_t = 60,
              value_parser = clap::value_parser!(u16).range(1..=MAX_MINUTES))]
        minutes: u16,
    },
}

/// The relay takes no pass that is valid for longer. Ten minutes of the day are for clocks that
/// differ.
const MAX_MINUTES: i64 = (MAX_PASS_MS / 60_000 - 10) as i64;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let failed = |error| format!("{}: {error}", options.key.display());
    match options.command {
        Command::Keygen => Ok(write_pass_key(&options.key).map_err(failed)?),
        Command::Make { account, minutes } => {
            let key = read_pass_key(&options.key).map_err(failed)?;
            let account = account_name(&account)?;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            let now_ms = u64::try_from(now.as_millis())?;
            let expires_at_ms = now_ms.saturating_add(u64::from(minutes) * 60_000);
            let pass = key.pass(&account, expires_at_ms);
            println!("{}", pass.ok_or("the name is too long")?.to_text());
            Ok(())
        }
    }
}
