//! Shows messages: as lines for people or as JSON for programs. A new message is shown once, or
//! again if the process was stopped before it recorded that.

use std::io::{self, Write};

use serde::Serialize;
use waxseal::{AccountId, Direction, Message, Status, Timestamp};

use crate::chat::Chat;
use crate::failure::Outcome;
use crate::text::{hex, printable, printable_json, said, short, utc};

/// A message that was not shown yet: a received one, or one that the user sent from another device.
pub struct Unseen {
    pub with: AccountId,
    pub message: Message,
}

impl Chat {
    /// Reads the messages that were not shown yet from the store: those that others sent, and those
    /// that other devices of the account sent. Each is there before the relay deletes it. A history
    /// that another device gave is not new.
    pub fn unseen(&mut self) -> Outcome<Vec<Unseen>> {
        let this_device = self.client().me().device;
        let mut unseen = Vec::new();
        for with in self.peers()? {
            let shown = self.home.memory.unseen_from.get(with.as_str()).copied();
            let first = shown.map_or_else(|| self.client().first_ordinal(&with), Ok)?;
            let known = unseen.len();
            self.each_message(&with, first, |message| {
                let is_mine = message.direction() == Direction::Sent
                    && message.sender().device == this_device;
                if !is_mine && message.text().is_some() {
                    unseen.push(Unseen {
                        with: with.clone(),
                        message,
                    });
                }
            })?;
            if unseen.len() == known {
                // The new messages have no text to show, so they need not be read again.
                let next = self.client().next_ordinal(&with)?;
                self.home
                    .memory
                    .unseen_from
                    .insert(with.as_str().to_owned(), next);
            }
        }
        Ok(unseen)
    }

    /// Records that a message was shown. The other devices of the account learn how far the user
    /// read, and the sender learns what was opened.
    pub fn seen(&mut self, shown: &Unseen) -> Outcome<()> {
        let next = shown.message.ordinal().saturating_add(1);
        let with = shown.with.as_str().to_owned();
        self.home.memory.unseen_from.insert(with, next);
        let (with, id) = (&shown.with, shown.message.id());
        let client = self.courier.client_mut();
        client.mark_read(with, id)?;
        client.opened(with, id)?;
        self.home.note()
    }

    /// Formats a message that was not shown yet, for people or for programs.
    pub fn shown(&self, unseen: &Unseen, json: bool) -> Outcome<String> {
        let Unseen { with, message } = unseen;
        let (me, with) = (self.client().me().account.as_str(), with.as_str());
        Ok(match (message.direction(), json) {
            (Direction::Received, true) => json_line(self, with, None, message)?,
            (Direction::Sent, true) => json_line(self, me, Some(with), message)?,
            (Direction::Received, false) => line(with, message),
            (Direction::Sent, false) => line(&format!("{me} to {with}"), message),
        })
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
    let time = match message.is_from_removed_device() {
        true => format!("{time}  FROM A REMOVED DEVICE:"),
        false => time,
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
    /// Whether the device that sent it was removed from its account before the message arrived.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    from_removed_device: bool,
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
        from_removed_device: message.is_from_removed_device(),
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
