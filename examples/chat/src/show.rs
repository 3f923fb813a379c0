//! Shows messages: as lines for people or as JSON for programs. A new message is shown once, or
//! again if the process was stopped before it recorded that.

mod json;
mod line;

use std::io::{self, Write};

use waxseal::transport::now;
use waxseal::view::{MessageView, ViewState};
use waxseal::{Conversation, Direction, Message};

use crate::chat::{Chat, PAGE};
use crate::failure::Outcome;
use crate::text::hex;
use line::{did, line, view_line};

/// A message that was not shown yet: a received one, or one that the user sent from another device.
pub struct Unseen {
    pub with: Conversation,
    pub message: Message,
}

impl Chat {
    /// Reads the messages that were not shown yet from the store: those that others sent, and those
    /// that other devices of the account sent. Each is there before the relay deletes it. A history
    /// that another device gave is not new.
    /// What was deleted or has expired before it was shown is not shown.
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
                if !is_mine && has_something(&message) {
                    unseen.push(Unseen {
                        with: with.clone(),
                        message,
                    });
                }
            })?;
            if unseen.len() == known {
                // The new messages say nothing, so they need not be read again.
                let next = self.client().next_ordinal(&with)?;
                self.home.memory.unseen_from.insert(key, next);
            }
        }
        let mut shown = Vec::with_capacity(unseen.len());
        for unseen in unseen {
            let view = self
                .client()
                .view(&unseen.with, unseen.message.id(), now())?;
            if view.is_none_or(|view| *view.state() == ViewState::Shown) {
                shown.push(unseen);
            }
        }
        Ok(shown)
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
            return json::message(self, with, message, message.direction() == Direction::Sent);
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

/// Whether a message says something. One without text may only have moved a peer to a new session.
fn has_something(message: &Message) -> bool {
    message.text().is_some() || did(message).is_some()
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

/// Lists what all stored messages show, conversation by conversation.
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
        chat.each_view(with, |view| {
            if view
                .message()
                .is_some_and(|message| !has_something(message))
            {
                return;
            }
            let from = view.author().account.as_str();
            let between = match (with, view.direction()) {
                (Conversation::Group(_), _) => format!("{from} in {name}"),
                (_, Direction::Sent) => format!("{from} to {name}"),
                (_, Direction::Received) => format!("{from} to {me}"),
            };
            lines.push(match json {
                true => json::view(chat, with, &view),
                false => Ok(view_line(&between, &view)),
            });
        })?;
    }
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line?)?;
    }
    Ok(out.flush()?)
}

impl Chat {
    /// Calls `each` for what each stored message of a conversation shows, in order.
    fn each_view(&self, with: &Conversation, mut each: impl FnMut(MessageView)) -> Outcome<()> {
        let mut after = None;
        loop {
            let page = self.client().views(with, after, PAGE, now())?;
            if !page.damaged.is_empty() {
                let what = format!("messages with {}", self.conversation(with));
                self.notice_damage(&page.damaged, &what);
            }
            page.items.into_iter().for_each(&mut each);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
