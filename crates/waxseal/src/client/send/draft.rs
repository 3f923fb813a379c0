//! Drafts: what a message says, before it is sealed.

use waxseal_reporting::message::{Attachment, Content, Payload, PayloadError, PayloadHeader};
use waxseal_reporting::{FrankingTag, Timestamp};
use zeroize::Zeroizing;

use crate::client::{Client, tag_of};
use crate::error::SendError;
use crate::records::ConversationRecord;
use crate::store::{Key, Store, Transaction};

/// A message about to be sent: its content, its attachments and its header fields. The content is
/// erased from memory when the draft is dropped.
#[derive(Clone, Debug)]
pub struct Draft {
    content: Zeroizing<Content>,
    attachments: Vec<Attachment>,
    reply_to: Option<FrankingTag>,
    forward_count: u8,
    /// `None` for the timer of the conversation.
    expires_after_secs: Option<u32>,
    /// The record of an upload that ends when the message is stored.
    ends: Option<Key>,
}

impl Draft {
    /// Makes a draft with this content and no attachments.
    pub fn new(content: Content) -> Self {
        Self {
            content: Zeroizing::new(content),
            attachments: Vec::new(),
            reply_to: None,
            forward_count: 0,
            expires_after_secs: None,
            ends: None,
        }
    }

    /// Attaches the descriptor of an encrypted file that is stored elsewhere.
    pub fn attach(mut self, attachment: impl Into<Attachment>) -> Self {
        self.attachments.push(attachment.into());
        self
    }

    /// Marks the message as an answer to another message.
    pub fn reply_to(mut self, message: FrankingTag) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// Records how often the content was forwarded before.
    pub fn forwarded(mut self, times: u8) -> Self {
        self.forward_count = times;
        self
    }

    /// Makes the message disappear this many seconds after it was read, on each device by itself,
    /// and on the devices of its author after the provider accepted it: see [`Client::expire`]. 0
    /// is never. Without this call, a text and the application's own content take the
    /// [timer](Client::timer) of the conversation, and other content stays.
    pub fn expires_after_secs(mut self, seconds: u32) -> Self {
        self.expires_after_secs = Some(seconds);
        self
    }

    /// Gives a text of this account another text. Its attachments stay, and it disappears when it
    /// would have.
    pub fn edit(of: FrankingTag, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(Content::Edit { of, text })
    }

    /// Takes back a message of this account: others do not show it any more. They may have read it,
    /// and can report it for some days.
    pub fn delete(of: FrankingTag) -> Self {
        Self::new(Content::Deletion { of })
    }

    /// Reacts to a message, in place of an earlier reaction of this account: at most 64 bytes. An
    /// empty one takes the earlier one back.
    pub fn react(to: FrankingTag, reaction: impl Into<String>) -> Self {
        let reaction = reaction.into();
        Self::new(Content::Reaction { to, reaction })
    }
}

impl Draft {
    /// The draft that a payload was made of. Sequence, time and last message seen are left out.
    #[cfg(feature = "courier")]
    pub(in crate::client) fn of_payload(payload: &Payload) -> Self {
        let header = payload.header();
        Self {
            attachments: payload.attachments().to_vec(),
            reply_to: header.reply_to,
            forward_count: header.forward_count,
            expires_after_secs: Some(header.expires_after_secs),
            ..Self::new(payload.content().clone())
        }
    }

    /// The same draft without its only attachment, a file. `None` if it does not have exactly one.
    #[cfg(feature = "courier")]
    pub(in crate::client) fn without_file(mut self) -> Option<Self> {
        let attachments = std::mem::take(&mut self.attachments);
        let is_one = matches!(attachments.as_slice(), [one] if one.file().is_some());
        is_one.then_some(self)
    }

    /// The same draft, which ends the upload of its file in the transaction that stores it.
    #[cfg(feature = "courier")]
    pub(in crate::client) fn ending(mut self, upload: Key) -> Self {
        self.ends = Some(upload);
        self
    }

    /// Ends the upload of the draft's file. If it has ended already, the message was stored, or the
    /// user does not want it any more.
    pub(in crate::client) fn end_upload<S: Store>(
        &self,
        client: &Client<S>,
        transaction: &mut Transaction,
    ) -> Result<(), SendError<S::Error>> {
        let Some(upload) = &self.ends else {
            return Ok(());
        };
        // CHK-530: a message with a file is stored in the transaction that ends its upload, once.
        if client.get(upload)?.is_none() {
            return Err(SendError::UploadEnded);
        }
        transaction.delete(upload.clone());
        Ok(())
    }

    pub(in crate::client) fn content(&self) -> &Content {
        &self.content
    }

    /// The payload of this draft as the next message of a conversation.
    pub(in crate::client) fn payload(
        self,
        conversation: &ConversationRecord,
        now: Timestamp,
    ) -> Result<Payload, PayloadError> {
        let mut header = PayloadHeader::new(conversation.next_sequence, now);
        header.last_seen = tag_of(&conversation.last_seen);
        header.reply_to = self.reply_to;
        header.forward_count = self.forward_count;
        header.expires_after_secs =
            self.expires_after_secs
                .unwrap_or_else(|| match &*self.content {
                    Content::Text(_) | Content::Application { .. } => conversation.timer_secs(),
                    _ => 0,
                });
        let content = (*self.content).clone();
        Payload::with_attachments(header, content, self.attachments)
    }
}

impl From<&str> for Draft {
    /// Makes a draft of a text message.
    fn from(text: &str) -> Self {
        Self::new(Content::Text(text.to_owned()))
    }
}

impl From<Content> for Draft {
    fn from(content: Content) -> Self {
        Self::new(content)
    }
}
