//! Mailboxes: what devices without a session leave for one another.

use waxseal_interface::{ErrorCode, MAX_MAILBOX_LEN, parse_mailbox};

use super::{Answered, IntoBody, Relay};

/// How long the content of a slot is kept.
const KEPT_MS: u64 = 600_000;

/// Reads the mailbox and the slot of a path.
fn place(mailbox: &str, slot: &str) -> Result<([u8; 16], u8), ErrorCode> {
    let mailbox = parse_mailbox(mailbox).ok_or(ErrorCode::NotFound)?;
    let number: u8 = slot.parse().map_err(|_| ErrorCode::NotFound)?;
    match number.to_string() == slot {
        true => Ok((mailbox, number)),
        false => Err(ErrorCode::NotFound),
    }
}

impl Relay {
    pub(super) fn put_mailbox(&mut self, mailbox: &str, slot: &str, content: &[u8]) -> Answered {
        let place = place(mailbox, slot).map_err(ErrorCode::into_body)?;
        if content.len() > MAX_MAILBOX_LEN {
            return Err(ErrorCode::TooLarge.into_body());
        }
        self.empty_mailboxes();
        match self.mailboxes.get(&place) {
            Some((_, there)) if there == content => {}
            Some(_) => return Err(ErrorCode::SlotTaken.into_body()),
            None if self.mailboxes.len() >= self.max_slots => {
                return Err(ErrorCode::MailboxFull.into_body());
            }
            None => {
                let put = (self.provider.now, content.to_vec());
                self.mailboxes.insert(place, put);
            }
        }
        Ok((204, Vec::new(), Vec::new()))
    }

    pub(super) fn mailbox(&mut self, mailbox: &str, slot: &str) -> Answered {
        let place = place(mailbox, slot).map_err(ErrorCode::into_body)?;
        self.empty_mailboxes();
        let content = self.mailboxes.get(&place);
        let (_, content) = content.ok_or_else(|| ErrorCode::NoSuchMailbox.into_body())?;
        Ok((200, content.clone(), Vec::new()))
    }

    fn empty_mailboxes(&mut self) {
        let now_ms = self.provider.now.as_millis();
        self.mailboxes
            .retain(|_, (put, _)| now_ms.saturating_sub(put.as_millis()) < KEPT_MS);
    }

    /// Replaces what is in a slot of a mailbox, as a hostile relay can.
    pub fn swap_mailbox(&mut self, mailbox: &[u8; 16], slot: u8, content: Vec<u8>) {
        let put = (self.provider.now, content);
        self.mailboxes.insert((*mailbox, slot), put);
    }

    /// What is in a slot of a mailbox, as the relay can read it.
    #[must_use]
    pub fn in_mailbox(&self, mailbox: &[u8; 16], slot: u8) -> Option<&[u8]> {
        let (_, content) = self.mailboxes.get(&(*mailbox, slot))?;
        Some(content)
    }
}
