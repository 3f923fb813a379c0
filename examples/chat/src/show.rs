//! Shows messages: as lines for people or as JSON for programs. A new message is shown once, or
//! again if the process was stopped before it recorded that.

use std::io::{self, Write};

use serde::Serialize;
use waxseal::transport::now;
use waxseal::{Content, Conversation, Direction, GroupId, Message, Status, Timestamp};

use crate::chat::Chat;
use crate::conversations::{name_of, short_id};
use crate::failure::Outcome;
use crate::files;
use crate::text::{hex, printable, printable_json, quoted, said, short, utc};

/// A message that was not shown yet: a received one, or one that the user sent from another device.
pub struct Unseen {
    pub with: Conversation,
    pub message: Message,
}

impl Chat {
    /// Reads the messages that were not shown yet from the store: those that others sent, and those
    /// that other devices of the account sent. Each is there before the relay deletes it. A history
    /// that another device gave is not new.
    pub fn unseen(&mut self) -> Outcome<Vec<Unseen>> {
        let this_device = self.client().me().device;
        let mut unseen = Vec::new();
        for with in self.conversations()? {
            let key = memory_key(&with);
            let shown = self.home.memory.unseen_from.get(&key).copied();
            let first = shown.map_or_else(|| self.client().first_ordinal(&with), Ok)?;
            let known = unseen.len();
            self.each_message(&with, first, |message| {
                let is_mine = message.direction() == Direction::Sent
                    && message.sender().device == this_device;
                if !is_mine && is_shown(&message) {
                    unseen.push(Unseen {
                        with: with.clone(),
                        message,
                    });
                }
            })?;
            if unseen.len() == known {
                // The new messages have nothing to show, so they need not be read again.
                let next = self.client().next_ordinal(&with)?;
                self.home.memory.unseen_from.insert(key, next);
            }
        }
        Ok(unseen)
    }

    /// Records that a message was shown. The other devices of the account learn how far the user
    /// read, and the sender of a direct message learns what was opened.
    pub fn seen(&mut self, shown: &Unseen) -> Outcome<()> {
        let next = shown.message.ordinal().saturating_add(1);
        let key = memory_key(&shown.with);
        self.home.memory.unseen_from.insert(key, next);
        let (with, id) = (&shown.with, shown.message.id());
        let now = now();
        self.courier.mark_read(with, id, now)?;
        self.courier.opened(with, id, now)?;
        self.home.note()
    }

    /// Formats a message that was not shown yet, for people or for programs.
    pub fn shown(&self, unseen: &Unseen, json: bool) -> Outcome<String> {
        let Unseen { with, message } = unseen;
        if json {
            return json_line(self, with, message, message.direction() == Direction::Sent);
        }
        let from = message.sender().account.as_str();
        Ok(match (with, message.direction()) {
            (Conversation::Direct(_), Direction::Received) => line(from, message),
            (Conversation::Direct(with), Direction::Sent) => {
                line(&format!("{from} to {}", with.as_str()), message)
            }
            (Conversation::Group(_), _) => {
                line(&format!("{from} in {}", self.conversation(with)), message)
            }
        })
    }
}

/// What the home folder calls a conversation. No account name has such a character.
fn memory_key(with: &Conversation) -> String {
    match with {
        Conversation::Direct(account) => account.as_str().to_owned(),
        Conversation::Group(group) => format!("#{}", hex(&group.to_bytes())),
    }
}

/// Whether there is something to show of a message. One without text may only have moved a peer to
/// a new session.
fn is_shown(message: &Message) -> bool {
    message.text().is_some() || did(message).is_some()
}

/// What the sender of a message did with it, if it has no text.
fn did(message: &Message) -> Option<String> {
    let id = |group: &[u8; 32]| GroupId::from_bytes(*group);
    Some(match message.content() {
        Content::Invitation { group, title } => {
            let group = id(group.as_bytes());
            let short = short_id(&group);
            format!(
                "invites you to {}: group accept {short}",
                name_of(&group, title)
            )
        }
        Content::Acceptance { group } => {
            let group = id(group.as_bytes());
            format!("accepts the invitation to group {}", short_id(&group))
        }
        Content::GroupLeave => "leaves".to_owned(),
        Content::GroupProfile { title, .. } => format!("calls the group {}", quoted(title)),
        _ => return None,
    })
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
    let all = match peer {
        Some(peer) => match peer.strip_prefix('#') {
            Some(group) => vec![chat.group(group)?.id.into()],
            None => vec![chat.peer(peer)?.into()],
        },
        None => chat.conversations()?,
    };
    let me = chat.client().me().account.as_str();
    let mut lines = Vec::new();
    for with in &all {
        let name = chat.conversation(with);
        chat.each_message(with, 0, |message| {
            if !is_shown(&message) {
                return;
            }
            let from = message.sender().account.as_str();
            let between = match (with, message.direction()) {
                (Conversation::Group(_), _) => format!("{from} in {name}"),
                (_, Direction::Sent) => format!("{from} to {name}"),
                (_, Direction::Received) => format!("{from} to {me}"),
            };
            lines.push(match json {
                true => json_line(chat, with, &message, true),
                false => Ok(line(&between, &message)),
            });
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
    let (from, id) = (printable(from), short(message.id()));
    // No account name has a space, so no text can pass for one of these.
    if let Some(did) = did(message) {
        return format!("{time}  {from} {did}  [{id}]");
    }
    let text = message.text().unwrap_or_default();
    let line = said(
        &format!("{time}  {from}: "),
        &format!("{text}  [{id}]"),
        "    ",
    );
    let line = match line.contains('\n') {
        true => said(&format!("{time}  {from}  [{id}]:"), text, "    "),
        false => line,
    };
    line + &files::lines(message)
}

/// A message as JSON.
#[derive(Serialize)]
struct Object<'a> {
    id: String,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// The id of the group that it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    text: Option<&'a str>,
    /// What the sender did with it, if it has no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    did: Option<String>,
    /// Its files, in the order in which `save --file` counts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<AttachedFile<'a>>,
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

/// A file of a message as JSON. Everything but the size is as claimed by the sender.
#[derive(Serialize)]
struct AttachedFile<'a> {
    name: &'a str,
    bytes: u64,
    media_type: &'a str,
    /// The part of the message that describes it, for `report --redact` and `--chunks`.
    part: usize,
}

fn attached(message: &Message) -> Vec<AttachedFile<'_>> {
    let files = files::files_of(message).into_iter();
    let files = files.map(|(place, file)| {
        let descriptor = file.descriptor();
        AttachedFile {
            name: descriptor.name(),
            bytes: descriptor.size_bytes(),
            media_type: descriptor.media_type(),
            part: files::part_of(message, place),
        }
    });
    files.collect()
}

/// Formats a message for programs, as JSON on one line. `names_recipient` says whether it has the
/// account that the message was sent to.
fn json_line(
    chat: &Chat,
    with: &Conversation,
    message: &Message,
    names_recipient: bool,
) -> Outcome<String> {
    let to = match (with.account(), message.direction()) {
        (Some(with), Direction::Sent) => Some(with.as_str()),
        (Some(_), Direction::Received) => Some(chat.client().me().account.as_str()),
        (None, _) => None,
    };
    let object = Object {
        id: hex(message.id().as_bytes()),
        from: message.sender().account.as_str(),
        to: to.filter(|_| names_recipient),
        group: with.group().map(|group| hex(&group.to_bytes())),
        text: message.text(),
        did: did(message),
        files: attached(message),
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
