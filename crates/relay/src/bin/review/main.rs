//! The reviewer's command: makes the keys, lists the reports that a relay accepted, and opens them.
//!
//! Read `open.rs` first: it verifies a report and shows what it proves.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod keys;
mod list;
mod open;
mod text;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waxseal_relay::{RelayClient, ReviewerKeys, Session};

use crate::text::printable;

/// Reviews the reports that a Waxseal relay accepted.
#[derive(Parser)]
#[command(after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin review -- --key mod.key keygen
  cargo run --release -p waxseal-relay --bin relay -- --data relay-data --moderation-key mod.key.pub
  cargo run --release -p waxseal-relay --bin review -- --key mod.key list
  cargo run --release -p waxseal-relay --bin review -- --key mod.key open REPORT_ID")]
struct Options {
    /// The address of the relay
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7600")]
    relay: String,
    /// The file with the reviewer's secret keys; FILE.pub holds the public keys for the relay
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE and FILE.pub, and print the moderation key's fingerprint
    Keygen,
    /// List the accepted reports; the relay records that you listed them
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Verify a report and show it; the relay records that you opened it
    Open {
        /// The report's id, as `list` shows it
        report_id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The error may quote the relay, so it is made safe to print.
            eprintln!("review: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    match &options.command {
        Command::Keygen => {
            let public = keys::generate(&options.key)?;
            println!("moderation key {}", public.moderation_fingerprint());
        }
        Command::List { json } => list::list(&Reviewer::sign_in(options)?, *json)?,
        Command::Open { report_id, json } => {
            return open::open(&Reviewer::sign_in(options)?, report_id, *json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The reviewer, signed in at the relay.
struct Reviewer {
    keys: ReviewerKeys,
    relay: RelayClient,
    relay_key: [u8; 32],
    session: Session,
}

impl Reviewer {
    fn sign_in(options: &Options) -> Result<Self, Box<dyn Error>> {
        let keys = keys::read(&options.key)?;
        let relay = RelayClient::new(&options.relay)?;
        let card = relay.card()?;
        keys::pin(&options.key, &card)?;
        let relay_key = card.relay_key;
        let session = relay.reviewer_sign_in(&relay_key, |context| keys.prove(context));
        let session =
            session.map_err(|error| format!("this relay does not accept this key: {error}"))?;
        Ok(Self {
            keys,
            relay,
            relay_key,
            session,
        })
    }
}
