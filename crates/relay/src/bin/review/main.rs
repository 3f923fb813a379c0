//! The reviewer's command: lists the reports that a relay accepted, has the vault open them, and
//! verifies what they show. It holds no key that opens a report.
//!
//! Read `open.rs` first: it verifies a report and shows what it proves.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod blob;
mod context;
mod files;
mod files_text;
mod folding;
mod json;
mod kept;
mod list;
mod open;
mod reach;
mod said;
mod save;
mod show_json;
mod show_text;
mod text;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waxseal_relay::{RelayClient, ReviewerKey, ReviewerSession, system_rng};
use waxseal_reporting::Rejection;

use crate::reach::RelayOptions;
use crate::save::Which;
use crate::text::printable;

/// Reviews the reports that a Waxseal relay accepted.
#[derive(Parser)]
#[command(after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin vault -- --key vault.key keygen
  cargo run --release -p waxseal-relay --bin review -- --key review.key keygen
  cargo run --release -p waxseal-relay --bin relay -- --data relay-data --vault-key vault.key.pub --reviewer-key review.key.pub
  cargo run --release -p waxseal-relay --bin vault -- --key vault.key serve --socket vault.sock
  cargo run --release -p waxseal-relay --bin review -- --key review.key list
  cargo run --release -p waxseal-relay --bin review -- --key review.key open --vault vault.sock REPORT_ID")]
struct Options {
    #[command(flatten)]
    relay: RelayOptions,
    /// The file with the reviewer's secret key, which signs in; FILE.pub is for the relay
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE and FILE.pub, and print the reviewer key's fingerprint
    Keygen,
    /// List the accepted reports; the relay records that you listed them
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// End the review of a report: the relay deletes its content, so save what `open --json` shows
    /// if you need it later. Its messages stay reported
    Close {
        /// The report's id, as `list` shows it
        report_id: String,
    },
    /// Give a report up because the vault has lost its moderation key for good: the reporter's app
    /// seals it again, to the present key. The relay keeps its content
    Unreadable {
        /// The report's id, as `list` shows it
        report_id: String,
    },
    /// Have the vault open a report, verify it and show it; the relay records that you opened it
    Open {
        /// The socket on which the vault serves
        #[arg(long, value_name = "PATH", default_value = "vault.sock")]
        vault: PathBuf,
        /// The report's id, as `list` shows it
        report_id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Fetch what a report shows of a sealed file, verify it and write it to a new file; the relay
    /// records that you fetched it. Open it only where it can do no harm
    Save {
        /// The socket on which the vault serves
        #[arg(long, value_name = "PATH", default_value = "vault.sock")]
        vault: PathBuf,
        /// The report's id, as `list` shows it
        report_id: String,
        /// The message's number, as `open` shows it
        message: usize,
        /// The number of the part that describes the file, as `open` shows it
        part: usize,
        /// The file to make; what the report withholds is zeros in it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
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
            let key = ReviewerKey::generate(&mut system_rng());
            files::write_keys(&options.key, &key.export(), &key.public())?;
            println!("reviewer key {}", key.public().reviewer_fingerprint());
        }
        Command::Close { report_id } => {
            let reviewer = Reviewer::sign_in(options)?;
            let Reviewer { relay, session, .. } = &reviewer;
            relay.close_report(session, report_id)?;
            println!("closed");
        }
        Command::Unreadable { report_id } => {
            let Reviewer { relay, session, .. } = &Reviewer::sign_in(options)?;
            let check = Rejection::OtherModerationKey.check();
            relay.report_rejected(session, report_id, check)?;
            println!("unreadable");
        }
        Command::List { json } => list::list(&Reviewer::sign_in(options)?, *json)?,
        Command::Open {
            vault,
            report_id,
            json,
        } => return open::open(&Reviewer::sign_in(options)?, vault, report_id, *json),
        Command::Save {
            vault,
            report_id,
            message,
            part,
            out,
        } => {
            let (message, part) = (*message, *part);
            let which = Which {
                report_id,
                message,
                part,
            };
            return save::save(&Reviewer::sign_in(options)?, vault, &which, out);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The reviewer, signed in at the relay.
struct Reviewer {
    relay: RelayClient,
    relay_key: [u8; 32],
    session: ReviewerSession,
}

impl Reviewer {
    fn sign_in(options: &Options) -> Result<Self, Box<dyn Error>> {
        let key = ReviewerKey::import(&files::read_secret(&options.key)?);
        let key = key
            .ok_or_else(|| format!("{} was not made by `review keygen`", options.key.display()))?;
        let relay = options.relay.client()?;
        let card = relay.card()?;
        files::pin(&options.key, &card.relay_key)?;
        let relay_key = card.relay_key;
        let session = relay.reviewer_sign_in(&relay_key, |context| key.prove(context));
        let session =
            session.map_err(|error| format!("this relay does not accept this key: {error}"))?;
        Ok(Self {
            relay,
            relay_key,
            session,
        })
    }
}
