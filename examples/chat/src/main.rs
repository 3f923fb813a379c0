//! A chat client for the relay in `crates/relay`. Each account has its own home folder.
//!
//! Begin with `cargo run --release -p waxseal-chat -- --home DIR --relay URL register NAME`. Then
//! use `send`, `receive` and `report`. Without a command, the chat is interactive. `--help` lists
//! all commands.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a program, not a library"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod chat;
mod conversations;
mod devices;
mod failure;
mod files;
mod group;
mod home;
mod identity;
mod interactive;
mod kinds;
mod link;
mod notices;
mod reach;
mod receipts;
mod receive;
mod recovery;
mod register;
mod repair;
mod report;
mod requests;
mod send;
mod show;
mod sync;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use waxseal::DeviceId;

use chat::Chat;
use failure::Outcome;
use reach::RelayOptions;

/// End-to-end encrypted chat with verifiable reports: a demonstration of Waxseal.
///
/// Without a command, the chat is interactive: messages appear as they arrive, and each line you
/// type is sent.
#[derive(Parser)]
#[command(
    name = "chat",
    after_help = "Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  the relay cannot be reached or asks to wait; unsent messages stay in the home folder and go
     out with the next command
  4  a peer's identity changed; nothing was sent to it (see accept-identity)

The home folder holds the encrypted store. For this demonstration it also holds the store's key; a
real application keeps that key in the platform's key store. Only one process can use a home folder
at a time. You may move a home folder, but never copy it.

Example, from the Waxseal workspace:
  cargo run --release -p waxseal-chat -- --home bob --relay http://127.0.0.1:7600 register bob
  cargo run --release -p waxseal-chat -- --home bob send alice \"Hello\"
  cargo run --release -p waxseal-chat -- --home bob receive"
)]
struct Arguments {
    /// The folder that holds the account; created by `register`
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    relay: RelayOptions,
    /// Also print details that need no attention, such as repeated deliveries and new prekeys
    #[arg(long, short)]
    verbose: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Create an account, or finish creating it after an interruption
    Register {
        /// The account name: 1 to 128 ASCII letters, digits and . _ - + @
        name: String,
    },
    /// Add a device to an account: without CODE on the new device, with CODE on one that has the
    /// account
    Link {
        /// What the new device shows
        code: Option<String>,
    },
    /// List the devices of your account, or of a peer
    Devices { peer: Option<String> },
    /// Remove a device from your account: nothing is sent to it any more
    RemoveDevice {
        /// Its number, as `devices` lists it
        device: u32,
        /// Remove it without asking for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Get earlier messages from another device of your account: without an option on the new
    /// device, with --give on one that has the messages
    Sync {
        /// The number of the device that asked. It must be yours
        #[arg(long, value_name = "DEVICE")]
        give: Option<u32>,
    },
    /// Take this device out of your account: it then neither sends nor receives
    Leave {
        /// Leave without asking for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Show the words that bring the account back, or bring it back with them
    Recovery {
        #[command(subcommand)]
        action: recovery::Action,
    },
    /// Found groups, bring others in, and talk there
    Group {
        #[command(subcommand)]
        action: group::Action,
    },
    /// Send a message; if the relay cannot be reached, the message waits in the home folder
    Send {
        /// The account name of the recipient, or # and the title or the id of a group
        peer: String,
        text: String,
    },
    /// Answer a message
    Reply {
        /// The message's id, or enough of its beginning to be unique
        message_id: String,
        text: String,
    },
    /// Give a text that you sent another text
    Edit {
        /// The message's id, or enough of its beginning to be unique
        message_id: String,
        text: String,
    },
    /// Delete a message that you sent, for everyone. They can still report it for a week
    Delete {
        /// The message's id, or enough of its beginning to be unique
        message_id: String,
    },
    /// React to a message; without REACTION, take the reaction back
    React {
        /// The message's id, or enough of its beginning to be unique
        message_id: String,
        /// For example an emoji; at most 64 bytes
        reaction: Option<String>,
    },
    /// Pass a message on, to at most five conversations, or to one if it was forwarded often
    Forward {
        /// The message's id, or enough of its beginning to be unique
        message_id: String,
        /// Account names, or # and titles or ids of groups
        #[arg(required = true)]
        to: Vec<String>,
    },
    /// Show after which time messages of a conversation disappear, or set it for everyone
    Timer {
        /// The account name of a peer, or # and the title or the id of a group
        peer: String,
        /// How long after they are read: off, or a number and s, m, h, d or w, as in 8h
        after: Option<kinds::After>,
    },
    /// Send a file of up to 4 GiB. Interrupted, the same command goes on where it stopped
    SendFile(files::Sending),
    /// Save a file of a message. Interrupted, the same command goes on where it stopped
    Save(files::Saving),
    /// List files that were not sent to their end
    Files {
        /// Send them
        #[arg(long)]
        resume: bool,
        /// Do not send this one: enough of the beginning of its id to be unique
        #[arg(long, value_name = "ID", conflicts_with = "resume")]
        cancel: Option<String>,
    },
    /// Fetch and show all messages that wait at the relay
    Receive {
        /// Keep waiting for more messages
        #[arg(long)]
        follow: bool,
        /// Print one JSON object per message: id, from, text, sent_at_ms, accepted_at_ms,
        /// reportable. `to` and `status` are there if another device of yours sent it, and
        /// `from_removed_device` if its sender has removed the device. A message in a group has its
        /// id as `group`. Without text, `did` says what its sender did. `files` lists name, bytes,
        /// media_type and part of each file. `request` is there until you accept its sender.
        /// `reply_to`, `forwards`, `edits` and `reactions` are there if the message has any
        #[arg(long)]
        json: bool,
    },
    /// List all stored messages, sent and received
    Messages {
        /// List only messages exchanged with this peer, or # and the title or the id of a group
        peer: Option<String>,
        /// Print one JSON object per message, as `receive` does, always with `to` or `group`;
        /// accepted_at_ms is null until the relay has accepted the message. One that is not shown
        /// any more has `gone`, which is deleted or expired, and neither text nor sent_at_ms
        #[arg(long)]
        json: bool,
    },
    /// Show the safety number to compare with a peer, in person or on the phone
    SafetyNumber { peer: String },
    /// List the accounts that wrote without being known to you
    Requests,
    /// Accept an account that wrote: its files can be saved, and it learns what arrives
    Accept { peer: String },
    /// Decline an account that wrote: what it sent is deleted, and what it sends within 30 days is
    /// dropped
    Decline { peer: String },
    /// Drop everything that an account sends from now on; it is not told
    Block {
        /// Name of the account
        peer: String,
        /// End the block instead
        #[arg(long)]
        undo: bool,
    },
    /// Go on after you wrote to many strangers, with the pass that the relay's page gave you
    Pass { pass: String },
    /// Accept the new identity of a peer; compare the safety number first
    AcceptIdentity {
        peer: String,
        /// Accept the new identity without asking for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Repair a damaged store: delete what cannot be read, and start over where something was lost
    Repair {
        /// Repair without asking for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Report a message or an account to the moderators, after a preview of what leaves the device
    Report(report::Reporting),
    /// Show what was done with your reports, and what was decided against you, as the provider's
    /// log proves it
    Receipts {
        /// Print one JSON object per report and per case: about, report, state, openings,
        /// decisions, appeals, contradictions
        #[arg(long)]
        json: bool,
        /// Pin the keys of the log that the provider shows now, in place of the ones before
        #[arg(long, conflicts_with = "json")]
        accept_keys: bool,
        /// Pin them without asking for confirmation
        #[arg(long, requires = "accept_keys")]
        yes: bool,
    },
    /// Appeal against a decision. The provider can read the text
    Appeal {
        /// The number of the decision, as `receipts` lists it
        number: usize,
        text: String,
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
        return register::register(&home, &relay, &name);
    }
    if let Some(Command::Link { code: None }) = command {
        return link::join(&home, &relay);
    }
    if let Some(Command::Recovery {
        action: recovery::Action::Restore { name, keep },
    }) = command
    {
        return recovery::restore(&home, &relay, &name, &keep);
    }
    let mut chat = Chat::open(&home, &relay, verbose)?;
    let Some(command) = command else {
        return interactive::run(chat);
    };
    let receives = matches!(
        command,
        Command::Receive { .. }
            | Command::Repair { .. }
            | Command::Sync { .. }
            | Command::Group { .. }
    );
    chat.courier.listen(receives);
    let outcome = perform(&mut chat, command);
    chat.print_notices();
    chat.close();
    outcome
}

/// Runs one command, from the command line or from interactive mode.
fn perform(chat: &mut Chat, command: Command) -> Outcome<()> {
    match command {
        Command::Register { .. } => Err(failure::Failure::new("this home already has an account")),
        Command::Link { code: Some(code) } => link::add(chat, &code),
        Command::Link { code: None } => {
            Err(failure::Failure::new("this home already has an account"))
        }
        Command::Devices { peer } => devices::list(chat, peer.as_deref()),
        Command::RemoveDevice { device, yes } => devices::remove(chat, device, yes),
        Command::Sync { give: None } => sync::get(chat),
        Command::Sync { give: Some(device) } => sync::give(chat, DeviceId(device)),
        Command::Leave { yes } => devices::leave(chat, yes),
        Command::Recovery { action } => recovery::perform(chat, &action),
        Command::Group { action } => group::perform(chat, action),
        Command::Send { peer, text } => send::send(chat, &peer, &text),
        Command::Reply { message_id, text } => kinds::reply(chat, &message_id, &text),
        Command::Edit { message_id, text } => kinds::edit(chat, &message_id, &text),
        Command::Delete { message_id } => kinds::delete(chat, &message_id),
        Command::React {
            message_id,
            reaction,
        } => kinds::react(chat, &message_id, reaction.as_deref()),
        Command::Forward { message_id, to } => kinds::forward(chat, &message_id, &to),
        Command::Timer { peer, after } => kinds::timer(chat, &peer, after),
        Command::SendFile(sending) => files::send(chat, &sending),
        Command::Save(saving) => files::save(chat, &saving),
        Command::Files { resume: true, .. } => files::resume(chat),
        Command::Files {
            cancel: Some(id), ..
        } => files::cancel(chat, &id),
        Command::Files { .. } => files::list(chat),
        Command::Receive { follow, json } => receive::receive(chat, follow, json),
        Command::Messages { peer, json } => show::messages(chat, peer.as_deref(), json),
        Command::SafetyNumber { peer } => identity::safety_number(chat, &peer),
        Command::Requests => requests::list(chat),
        Command::Accept { peer } => requests::accept(chat, &peer),
        Command::Decline { peer } => requests::decline(chat, &peer),
        Command::Block { peer, undo } => requests::block(chat, &peer, !undo),
        Command::Pass { pass } => requests::answer_challenge(chat, &pass),
        Command::AcceptIdentity { peer, yes } => identity::accept(chat, &peer, yes),
        Command::Repair { yes } => repair::repair(chat, yes),
        Command::Report(reporting) => report::perform(chat, reporting),
        Command::Receipts {
            accept_keys: true,
            yes,
            ..
        } => receipts::accept_keys(chat, yes),
        Command::Receipts { json, .. } => receipts::list(chat, json),
        Command::Appeal { number, text } => receipts::appeal(chat, number, &text),
    }
}
