//! Messages of requests: what they come without.

use waxseal_reporting::message::{Attachment, FileAttachment};

#[cfg(doc)]
use super::Client;
use super::{Direction, Message};

impl Message {
    /// The message as one of a request, if it is of one: its files have no previews.
    pub(in crate::client) fn of_request(mut self, is_request: bool) -> Self {
        // CHK-589: what an account sends that is not accepted comes without previews.
        if is_request && self.direction == Direction::Received {
            self.is_request = true;
            self.attachments = self.attachments.into_iter().map(bare).collect();
        }
        self
    }

    /// Whether the message is part of a [request](Client::requests): the user has not accepted its
    /// sender. Then its [`attachments`](Self::attachments) have no previews, and its files are not
    /// saved. Show its links as text, and do not follow them to show what they lead to.
    pub fn is_request(&self) -> bool {
        self.is_request
    }
}

/// The attachment without a preview.
fn bare(attachment: Attachment) -> Attachment {
    match attachment {
        Attachment::File(file) => {
            let (descriptor, key) = (file.descriptor().clone(), file.key().clone());
            FileAttachment::new(descriptor, key, None).into()
        }
        other => other,
    }
}
