//! A chat client on one home folder, talking to the relay of `--example relay`.
//!
//! `cargo run --release --example chat -- --home DIR --relay URL register NAME`, then `send`, `receive`, `report`;
//! without a command it is interactive. `--help` tells the rest.

mod chat;
mod failure;
mod home;
mod identity;
mod interactive;
mod receive;
mod register;
mod report;
mod send;
mod show;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waxseal::Reason;

use chat::Chat;
use failure::Outcome;
use report::Redaction;

/// End-to-end encrypted chat with verifiable reports: a demonstration of Waxseal.
///
/// Without a command it is interactive: messages appear as they arrive, lines are sent.
#[derive(Parser)]
#[command(
    name = "chat",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the relay cannot be reached or asks to wait (what was to be sent \
                  waits in the home folder and goes out with the next command), 4 a peer's identity changed (nothing was \
                  sent to it; see accept-identity).\n\n\
                  The home folder holds the sealed store and, for this demonstration, the key it is sealed with: a real \
                  application keeps that key in the platform's key store. One process uses it at a time. Move it, never \
                  copy it."
)]
struct Arguments {
    /// The folder that holds the account; made by `register`
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The relay, as http://HOST:PORT; needed by `register` and remembered from then on
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Also tell of what needs nobody's attention: repeated deliveries, new prekeys
    #[arg(long, short)]
    verbose: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make an account, or finish making it after an interruption
    Register { name: String },
    /// Send a message; it waits in the home folder while the relay cannot be reached
    Send { peer: String, text: String },
    /// Show messages as they arrive, until none are left
    Receive {
        /// Go on waiting for more
        #[arg(long)]
        follow: bool,
        /// One JSON object a message: id, from, text, sent_at_ms, accepted_at_ms, reportable
        #[arg(long)]
        json: bool,
    },
    /// List every stored message, sent and received
    Messages {
        /// Only those exchanged with this peer
        peer: Option<String>,
        /// One JSON object a message, as `receive` has it, with `to`; accepted_at_ms is null until the relay took it
        #[arg(long)]
        json: bool,
    },
    /// Show the number to compare with a peer, in person or on the phone
    SafetyNumber { peer: String },
    /// Go on with a peer whose identity changed. Compare the safety number first
    AcceptIdentity {
        peer: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show moderators a message, after a preview of exactly what leaves this device
    Report {
        /// The message's id, or as much of its beginning as no other has
        message_id: String,
        /// One of: spam, scam, impersonation, harassment, threat, hate, doxxing_stalking, ncii, sextortion,
        /// unwanted_sexual, csam, grooming, trafficking, self_harm, terrorism, other
        #[arg(long, value_name = "R", hide_possible_values = true)]
        reason: Reason,
        /// Also show the N messages before it in the conversation
        #[arg(long, value_name = "N", default_value_t = 0)]
        with_context: usize,
        /// Withhold a part: 1 is the text, 2 and on attachments. Of another message of the report: ID:PART. Repeatable.
        /// Moderators learn that there is such a part
        #[arg(long, value_name = "PART")]
        redact: Vec<Redaction>,
        /// Your own words to the moderators
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chat: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: Arguments) -> Outcome<()> {
    let Arguments {
        home,
        relay,
        verbose,
        command,
    } = arguments;
    if let Some(Command::Register { name }) = command {
        return register::register(&home, relay.as_deref(), &name);
    }
    let mut chat = Chat::open(&home, relay.as_deref(), verbose)?;
    let Some(command) = command else {
        return interactive::run(chat);
    };
    let outcome = perform(&mut chat, command);
    chat.print_notices();
    outcome
}

/// One command, on the command line or after a slash in interactive mode.
fn perform(chat: &mut Chat, command: Command) -> Outcome<()> {
    match command {
        Command::Register { .. } => Err(failure::Failure::new("this home has its account already")),
        Command::Send { peer, text } => send::send(chat, &peer, &text),
        Command::Receive { follow, json } => receive::receive(chat, follow, json),
        Command::Messages { peer, json } => show::messages(chat, peer.as_deref(), json),
        Command::SafetyNumber { peer } => identity::safety_number(chat, &peer),
        Command::AcceptIdentity { peer, yes } => identity::accept(chat, &peer, yes),
        Command::Report {
            message_id,
            reason,
            with_context,
            redact,
            note,
            yes,
        } => {
            let (peer, draft) =
                report::draft(chat, &message_id, reason, with_context, &redact, &note)?;
            report::report(chat, &peer, &draft, yes)
        }
    }
}
