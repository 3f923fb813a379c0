//! The reviewer: makes the keys, lists the reports a relay accepted, and opens them.
//!
//! `keys.rs` makes and reads the files, `open.rs` does what matters: it verifies a report and shows what it proves.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod keys;
mod list;
mod open;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waxseal_relay::{RelayClient, ReviewerKeys, Session};

/// Reviews the reports a Waxseal relay accepted.
#[derive(Parser)]
#[command(after_help = "Example:
  review --key mod.key keygen
  relay --listen 127.0.0.1:7600 --data relay-data --moderation-key mod.key.pub
  review --relay http://127.0.0.1:7600 --key mod.key list
  review --relay http://127.0.0.1:7600 --key mod.key open REPORT_ID")]
struct Options {
    /// The relay
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7600")]
    relay: String,
    /// The reviewer's keys; FILE.pub is for the relay
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE and FILE.pub, and print the moderation key's fingerprint
    Keygen,
    /// List the accepted reports; the relay records that you looked
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Verify a report and show it; the relay records that you looked
    Open {
        report_id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("review: {}", plain(&error.to_string())); // a relay's own words may be among them
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
        Command::List { json } => list::list(&Desk::open(options)?, *json)?,
        Command::Open { report_id, json } => {
            return open::open(&Desk::open(options)?, report_id, *json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The reviewer, signed in at its relay.
struct Desk {
    keys: ReviewerKeys,
    relay: RelayClient,
    relay_key: [u8; 32],
    session: Session,
}

impl Desk {
    fn open(options: &Options) -> Result<Self, Box<dyn Error>> {
        let keys = keys::read(&options.key)?;
        let relay = RelayClient::new(&options.relay)?;
        let card = relay.card()?;
        keys::pin(&options.key, &card)?;
        let relay_key = card.relay_key;
        let session = relay.reviewer_sign_in(&relay_key, |context| keys.prove(context));
        let session =
            session.map_err(|error| format!("this relay is not for this key: {error}"))?;
        Ok(Self {
            keys,
            relay,
            relay_key,
            session,
        })
    }
}

/// Text from outside, for a terminal: without the control characters that would drive it, or reverse its direction.
fn plain(text: &str) -> String {
    let escaped = |c: char| match steers(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// JSON on one line with the same characters escaped: the text in it stays what it was.
fn plain_json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    // Outside of strings JSON has none of them.
    let escaped = |c: char| match steers(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    Ok(serde_json::to_string(value)?.chars().map(escaped).collect())
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
