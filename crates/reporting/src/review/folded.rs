//! Folds the messages of a report, and compares what they say about forwards.

use super::{VerifiedMessage, VerifiedPart, VerifiedReport};
use crate::attachment::is_key_or_preview;
use crate::fold::{Author, Foldable, Folded, Order, Role, fold};

impl VerifiedReport {
    /// What edits, deletions and reactions change, by the rules that clients follow. Indices are
    /// those of [`messages`](Self::messages): read in this order, they tell what a recipient was
    /// shown, one after the other.
    ///
    /// # Security
    /// Show each edit with the message it edits, and both with their devices. Three things may make
    /// it differ from what the recipient saw:
    /// - The report may leave messages out, such as the newest edit or a deletion.
    /// - The account alone decides who may edit, since account keys are not in a report. A client
    ///   also asks for the same account key.
    /// - A message of which the content is withheld may be any. It is shown by itself, and what
    ///   refers to it [may count](crate::fold::Outcome::MayCount), or not. Its
    ///   [view](crate::fold::View::is_certain) says so too.
    ///
    /// The number of edits is that of the report, of which the recipient may have seen more.
    pub fn folded(&self) -> &Folded {
        &self.folded
    }
}

/// What the messages show together. The intake saw that they are all of one conversation.
pub(super) fn folded(messages: &[VerifiedMessage]) -> Folded {
    let foldable = messages.iter().map(|message| Foldable {
        author: Author::new(message.sender().account.clone()),
        order: Order {
            sent_at: message.sent_at(),
            device: message.sender().device,
            sequence: message.sequence(),
            tag: *message.tag(),
        },
        role: role(message),
    });
    fold(&foldable.collect::<Vec<_>>())
}

fn role(message: &VerifiedMessage) -> Role {
    message.content().map_or(Role::Withheld, Role::of)
}

/// How often the content of a message was forwarded before.
///
/// The sender committed to the number, and nobody verified it: a modified client can claim any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardCount {
    /// As claimed by the sender. Nothing in the report contradicts it.
    Claimed(u8),
    /// As claimed by the sender, and an earlier message of another account has the same content and
    /// attachments and does not claim less. A client that forwards that message counts one more.
    ///
    /// This proves no lie: the sender may have forwarded the content from elsewhere. Earlier means
    /// that the relay accepted it earlier, and that it does not claim to be sent later: a message
    /// that is sealed again is accepted after the forwards of it. A count of 0 is contradicted only
    /// if there is a file, since a text can be written twice. A count of 255 can be no higher and
    /// is never contradicted. If the relay's clock
    /// [stepped back](VerifiedReport::clock_stepped_back), no count is.
    Contradicted {
        /// The number as claimed.
        claimed: u8,
        /// Index of the earlier message.
        by: usize,
    },
}

impl ForwardCount {
    /// The number as claimed by the sender.
    pub fn claimed(self) -> u8 {
        match self {
            Self::Claimed(claimed) | Self::Contradicted { claimed, .. } => claimed,
        }
    }
}

impl VerifiedMessage {
    /// How often the content was forwarded before, as claimed by the sender.
    pub fn forwards(&self) -> ForwardCount {
        self.forwards
    }
}

/// Compares the forward count of each message with those of earlier ones. The accepted times have
/// to be in order.
pub(super) fn compare_forwards(messages: &mut [VerifiedMessage]) {
    let found = messages.iter().map(|message| {
        let mut others = messages.iter();
        others.position(|other| contradicts(other, message))
    });
    let found: Vec<_> = found.collect();
    for (message, by) in messages.iter_mut().zip(found) {
        let claimed = message.header.forward_count;
        if let Some(by) = by {
            message.forwards = ForwardCount::Contradicted { claimed, by };
        }
    }
}

/// Whether `earlier` contradicts the forward count of `message`.
fn contradicts(earlier: &VerifiedMessage, message: &VerifiedMessage) -> bool {
    // CHK-557: a forward count below the highest is contradicted by a message of another account
    // with the same content and attachments only, which was accepted earlier and not sent later,
    // and whose count is not lower; a count of 0 only if there is an attachment.
    let (count, before) = (message.header.forward_count, earlier.header.forward_count);
    if earlier.accepted_at() >= message.accepted_at()
        // One that is sealed again is accepted after the forwards of it.
        || earlier.sent_at() > message.sent_at()
        || earlier.sender().account == message.sender().account
        || before < count
        || count == u8::MAX
    {
        return false;
    }
    let (Some(one), Some(other)) = (said(earlier), said(message)) else {
        return false;
    };
    one == other && (count > 0 || one.len() > 1)
}

/// The content and the attachments, without parts that are keys or previews. `None` if the message
/// is no base, or if the report withholds a part other than a key: it may be an attachment.
fn said(message: &VerifiedMessage) -> Option<Vec<&[u8]>> {
    match role(message) {
        Role::Text | Role::Other => {}
        Role::Note | Role::Reference(_) | Role::Withheld => return None,
    }
    let mut said = Vec::new();
    let mut after_descriptor = false;
    for (number, part) in message.parts.iter().enumerate().skip(1) {
        let VerifiedPart::Shown(part) = part else {
            // What follows the descriptor of a file is its key.
            if !core::mem::take(&mut after_descriptor) {
                return None;
            }
            continue;
        };
        after_descriptor = message.files.iter().any(|file| file.part() == number);
        if number == 1 || !is_key_or_preview(message.format, part) {
            said.push(part.as_slice());
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests;
