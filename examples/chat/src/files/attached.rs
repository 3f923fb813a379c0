//! The files of a message.

use waxseal::reporting::message::FileAttachment;
use waxseal::{Attachment, Message};

use super::bar::amount;
use crate::text::{printable, quoted};

/// The files of a message that this version can save, each with its place among the attachments.
pub fn files_of(message: &Message) -> Vec<(usize, &FileAttachment)> {
    let attachments = message.attachments().iter().enumerate();
    attachments
        .filter_map(|(place, attachment)| match attachment {
            Attachment::File(file) => Some((place, file)),
            _ => None,
        })
        .collect()
}

/// The first part of the message that an attachment takes, by its place among the attachments.
pub fn part_of(message: &Message, place: usize) -> usize {
    let before = message.attachments().iter().take(place);
    before.fold(2, |part, attachment| {
        part.saturating_add(attachment.part_count())
    })
}

/// Describes the files of a message for people, each on a line of its own.
pub fn lines(message: &Message) -> String {
    let mut lines = String::new();
    for (number, (_, file)) in (1..).zip(files_of(message)) {
        let file = file.descriptor();
        let (name, size) = (quoted(file.name()), amount(file.size_bytes()));
        let kind = printable(file.media_type());
        lines += &format!("\n    file {number}: {name}, {size}, {kind}");
    }
    let known = files_of(message).len();
    let others = message.attachments().len().saturating_sub(known);
    if others > 0 {
        lines += &format!("\n    and {others} attachments that this version cannot show");
    }
    lines
}
