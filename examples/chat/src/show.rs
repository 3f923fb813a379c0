//! Shows messages: as lines for people or as JSON for programs. A new message is shown once, or
//! again if the process was stopped before it recorded that.

use std::io::{self, Write};

use serde::Serialize;
use waxseal::{AccountId, Direction, Message, Status, Timestamp};

use crate::chat::Chat;
use crate::failure::Outcome;
use crate::text::{hex, printable, printable_json, said, short, utc};

/// A received message that was not shown yet.
pub struct Unseen {
    pub from: AccountId,
    pub message: Message,
}

impl Chat {
    /// Reads the received messages that were not shown yet from the store. Each message is there
    /// before the relay deletes it.
    pub fn unseen(&mut self) -> Outcome<Vec<Unseen>> {
        let mut unseen = Vec::new();
        for from in self.peers()? {
            let first = self.home.memory.unseen_from.get(from.as_str()).copied();
            let known = unseen.len();
            self.each_message(&from, first.unwrap_or(0), |message| {
                if message.direction() == Direction::Received && message.text().is_some() {
                    unseen.push(Unseen {
                        from: from.clone(),
                        message,
                    });
                }
            })?;
            if unseen.len() == known {
                // The new messages have no text to show, so they need not be read again.
                let next = self.client().next_ordinal(&from)?;
                self.home
                    .memory
                    .unseen_from
                    .insert(from.as_str().to_owned(), next);
            }
        }
        Ok(unseen)
    }

    /// Records that a message was shown.
    pub fn seen(&mut self, shown: &Unseen) -> Outcome<()> {
        let next = shown.message.ordinal().saturating_add(1);
        let from = shown.from.as_str().to_owned();
        self.home.memory.unseen_from.insert(from, next);
        let (from, id) = (&shown.from, shown.message.id());
        self.courier.client_mut().opened(from, id)?;
        self.home.note()
    }
}

/// Prints a line and flushes it.
pub fn print(line: &str) -> Outcome<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Asks the user a question. Any answer except yes means no.
pub fn ask(question: &str) -> io::Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Lists all stored messages, conversation by conversation.
pub fn messages(chat: &Chat, peer: Option<&str>, json: bool) -> Outcome<()> {
    let peers = match peer {
        Some(peer) => vec![chat.peer(peer)?],
        None => chat.peers()?,
    };
    let me = chat.client().me().account.as_str();
    let mut lines = Vec::new();
    for peer in &peers {
        chat.each_message(peer, 0, |message| {
            let (from, to) = match message.direction() {
                Direction::Sent => (me, peer.as_str()),
                Direction::Received => (peer.as_str(), me),
            };
            // A message without text only moved a peer to a new session, so there is nothing to
            // show.
            if message.text().is_some() {
                lines.push(if json {
                    json_line(chat, from, Some(to), &message)
                } else {
                    Ok(line(&format!("{from} to {to}"), &message))
                });
            }
        })?;
    }
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line?)?;
    }
    Ok(out.flush()?)
}

/// Formats a message for people, with the time when the relay accepted it and not the time that the
/// sender claims.
pub fn line(from: &str, message: &Message) -> String {
    let time = message
        .accepted_at()
        .map_or_else(|| "not sent yet".into(), utc);
    let time = match message.status() {
        Some(Status::Delivered { .. }) => format!("{time} delivered"),
        Some(Status::Opened { .. }) => format!("{time} opened"),
        Some(Status::NotDelivered(_)) => format!("{time} NOT DELIVERED"),
        _ => time,
    };
    let text = message.text().unwrap_or_default();
    let (from, id) = (printable(from), short(message.id()));
    let line = said(
        &format!("{time}  {from}: "),
        &format!("{text}  [{id}]"),
        "    ",
    );
    if line.contains('\n') {
        return said(&format!("{time}  {from}  [{id}]:"), text, "    ");
    }
    line
}

/// A message as JSON.
#[derive(Serialize)]
struct Object<'a> {
    id: String,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    text: Option<&'a str>,
    sent_at_ms: u64,
    /// `None` until the relay has accepted the message.
    accepted_at_ms: Option<u64>,
    reportable: bool,
    /// Where a sent message is.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// Formats a message for programs, as JSON on one line.
pub fn json_line(chat: &Chat, from: &str, to: Option<&str>, message: &Message) -> Outcome<String> {
    let object = Object {
        id: hex(message.id().as_bytes()),
        from,
        to,
        text: message.text(),
        sent_at_ms: message.header().sent_at.as_millis(),
        accepted_at_ms: message.accepted_at().map(Timestamp::as_millis),
        reportable: chat.is_reportable(message),
        status: message.status().map(status),
    };
    Ok(printable_json(&serde_json::to_string(&object)?))
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Delivered { .. } => "delivered",
        Status::Opened { .. } => "opened",
        Status::NotDelivered(_) => "not_delivered",
        _ => "accepted",
    }
}
