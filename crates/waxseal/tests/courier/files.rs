//! Files: sent by one courier, saved by another, through whatever goes wrong in between.

mod hostile;
mod media;
mod reports;
mod resuming;
mod saving;
mod sending;
mod sources;

use waxseal::courier::{Event, FileFailure, NewFile, UploadId};
use waxseal::{Attachment, Conversation, Direction, FrankingTag, Message};
use waxseal_world::{Asked, account};

use self::media::{Memory, Shared};
use crate::phone::{MINUTE_MS, Phone, Town};

/// Bytes of which no two chunks are equal.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub(crate) fn photo() -> NewFile {
    NewFile {
        name: "photo.jpg".to_owned(),
        media_type: "image/jpeg".to_owned(),
        preview: Some(("image/webp".to_owned(), vec![7; 300])),
        label: "/home/alice/photo.jpg".to_owned(),
    }
}

impl Phone {
    /// The files in a conversation: message, index of the attachment, direction.
    pub(crate) fn files(&self, with: &Conversation) -> Vec<(FrankingTag, usize, Direction)> {
        let page = self.courier.client().messages(with, None, 500).unwrap();
        let mut messages = page.items;
        messages.sort_by_key(Message::ordinal);
        let mut files = Vec::new();
        for message in &messages {
            for (index, attachment) in message.attachments().iter().enumerate() {
                if matches!(attachment, Attachment::File(_)) {
                    files.push((*message.id(), index, message.direction()));
                }
            }
        }
        files
    }

    pub(crate) fn failures(&self) -> Vec<FileFailure> {
        let failure = |event: &Event| match event {
            Event::FileFailed { why, .. } => Some(why.clone()),
            _ => None,
        };
        self.events.iter().filter_map(failure).collect()
    }

    pub(crate) fn sent_files(&self) -> usize {
        self.count(|event| matches!(event, Event::FileSent { .. }))
    }

    pub(crate) fn saved_files(&self) -> usize {
        self.count(|event| matches!(event, Event::FileSaved { .. }))
    }

    /// Begins to save the last file of a conversation.
    pub(crate) fn save_to(&mut self, with: &Conversation, target: &Shared) {
        let (message, index, _) = *self.files(with).last().unwrap();
        let target = Box::new(target.clone());
        let saved = self.courier.save_file(with, &message, index, target);
        saved.unwrap();
    }

    fn begin(&mut self, to: impl Into<Conversation>, content: &[u8], town_now: u64) -> UploadId {
        let now = waxseal::Timestamp::from_millis(town_now);
        let source = Box::new(Memory::new(content));
        let Self { courier, rng, .. } = self;
        let upload = courier.send_file(to, "look", photo(), source, now, rng);
        upload.unwrap()
    }
}

impl Town {
    pub(crate) fn send_file(
        &mut self,
        who: usize,
        to: impl Into<Conversation>,
        content: &[u8],
    ) -> UploadId {
        let now = self.now().as_millis();
        self.phones[who].begin(to, content, now)
    }

    /// One phone saves the last file of a conversation.
    pub(crate) fn save(&mut self, who: usize, with: impl Into<Conversation>) -> Vec<u8> {
        let (target, with) = (Shared::default(), with.into());
        let before = self.phones[who].saved_files();
        self.phones[who].save_to(&with, &target);
        self.live(MINUTE_MS);
        let phone = &self.phones[who];
        assert_eq!(phone.saved_files(), before + 1, "{:?}", phone.events);
        target.finished()
    }

    /// How many requests of this kind were made.
    pub(crate) fn asked(&self, method: &str, path: &str) -> usize {
        let is_it = |asked: &&Asked| asked.is(method, path);
        self.relay.asked.iter().filter(is_it).count()
    }
}

/// Alice and Bob, and a file that Alice has sent.
pub(crate) fn with_file(content: &[u8]) -> Town {
    let mut town = Town::of_two();
    town.send_file(0, account("bob"), content);
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[0].sent_files(),
        1,
        "{:?}",
        town.phones[0].events
    );
    town
}
