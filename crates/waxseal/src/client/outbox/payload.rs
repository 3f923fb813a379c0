//! Reads what a message of the outbox says.

use waxseal_reporting::FrankingTag;
use waxseal_reporting::message::{Content, Payload};
use waxseal_reporting::sender::SentMessage;

use crate::records::{MessageRecord, MessageState};

/// A message that was not confirmed.
pub(in crate::client) fn waiting_sent(record: &MessageRecord) -> Option<SentMessage> {
    match &record.state {
        Some(MessageState::Sent(sent)) => SentMessage::decode(sent).ok(),
        _ => None,
    }
}

/// The payload of a message that was not confirmed. Its references to messages that were sealed
/// again name the tags that these have at present.
pub(super) fn payload_of<E>(
    record: &MessageRecord,
    present: impl Fn(&FrankingTag) -> Result<FrankingTag, E>,
) -> Result<Option<Payload>, E> {
    let Some(payload) = waiting_sent(record).and_then(|sent| sent.payload()) else {
        return Ok(None);
    };
    let mut header = payload.header().clone();
    let mut content = payload.content().clone();
    if let Some(tag) = &mut header.reply_to {
        *tag = present(tag)?;
    }
    match &mut content {
        Content::Edit { of: tag, .. }
        | Content::Deletion { of: tag }
        | Content::Reaction { to: tag, .. } => *tag = present(tag)?,
        _ => {}
    }
    Ok(Payload::with_attachments(header, content, payload.attachments().to_vec()).ok())
}
