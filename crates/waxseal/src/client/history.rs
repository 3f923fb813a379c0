//! History: the stored messages of a conversation, in the order in which this device saw them.

mod ordinals;
mod request;

use waxseal_reporting::message::{Attachment, Content, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{DeviceAddress, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::page::Page;
use super::status::{NotDelivered, Status, Told};
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{Damage, StateError};
use crate::records::{self, IndexRecord, MessageRecord, MessageState};
use crate::store::{Cursor, Store};

/// Which side of a conversation wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A device of this account wrote the message: this one or another.
    Sent,
    /// The peer wrote the message.
    Received,
}

/// One stored message of a conversation.
///
/// A received message comes with the evidence that a report of it needs. A sent message gets its
/// evidence when the relay's receipt is [confirmed](Client::confirm).
#[derive(Clone)]
pub struct Message {
    ordinal: u64,
    direction: Direction,
    content: Zeroizing<Content>,
    attachments: Vec<Attachment>,
    state: State,
    told: Told,
    from_removed_device: bool,
    is_request: bool,
    /// The account key under which it came, if it is known.
    account_key: Option<[u8; 32]>,
}

#[derive(Clone)]
enum State {
    Sent(SentMessage),
    Stamped(Evidence),
}

impl State {
    fn direction(&self, me: &DeviceAddress) -> Direction {
        match self {
            Self::Stamped(evidence) if evidence.sender().account != me.account => {
                Direction::Received
            }
            _ => Direction::Sent,
        }
    }
}

impl Message {
    /// A message with its evidence, as it was just stored.
    pub(super) fn stamped(
        ordinal: u64,
        content: Content,
        attachments: Vec<Attachment>,
        evidence: Evidence,
        me: &DeviceAddress,
    ) -> Self {
        let state = State::Stamped(evidence);
        Self {
            ordinal,
            direction: state.direction(me),
            content: Zeroizing::new(content),
            attachments,
            state,
            told: Told::default(),
            from_removed_device: false,
            is_request: false,
            account_key: None,
        }
    }

    pub(super) fn with_removed_device(mut self, from_removed_device: bool) -> Self {
        self.from_removed_device = from_removed_device;
        self
    }

    /// The message's identifier, the same on every device and in every report.
    pub fn id(&self) -> &FrankingTag {
        match &self.state {
            State::Sent(sent) => sent.tag(),
            State::Stamped(evidence) => evidence.tag(),
        }
    }

    /// The message's number in this device's record of the conversation, for paging.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The device that wrote the message, as the provider authenticated it.
    pub fn sender(&self) -> &DeviceAddress {
        match &self.state {
            State::Sent(sent) => sent.sender(),
            State::Stamped(evidence) => evidence.sender(),
        }
    }

    /// Whether the sending device was no longer in the roster of its account when the message
    /// arrived. The provider had accepted the message before.
    pub fn is_from_removed_device(&self) -> bool {
        self.from_removed_device
    }

    pub(super) fn account_key(&self) -> Option<&[u8; 32]> {
        self.account_key.as_ref()
    }

    /// Whether a device of this account or the peer wrote the message.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The message's header: sequence number, time as claimed by the sender, reply, expiry.
    pub fn header(&self) -> &PayloadHeader {
        match &self.state {
            State::Sent(sent) => sent.header(),
            State::Stamped(evidence) => evidence.header(),
        }
    }

    /// The message's content.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The message's text, or `None` if its content is not a text.
    pub fn text(&self) -> Option<&str> {
        match &*self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The descriptors of the files attached to the message.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// When the provider accepted the message. `None` for a sent message whose receipt is not
    /// confirmed yet.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.evidence().map(Evidence::accepted_at)
    }

    /// Where a sent message is: with the relay, with the peer, or not delivered. `None` for a
    /// received message.
    ///
    /// Only the peer's device can say that a message arrived, and it says so only if its user
    /// accepted this account. The relay cannot say it in its place.
    pub fn status(&self) -> Option<Status> {
        let at = Timestamp::from_millis;
        match (self.direction, &self.state, self.told) {
            (Direction::Received, ..) => None,
            (_, _, told) if told.opened_ms != 0 => Some(Status::Opened {
                at: at(told.opened_ms),
            }),
            (_, _, told) if told.delivered_ms != 0 => Some(Status::Delivered {
                at: at(told.delivered_ms),
            }),
            (_, state, told) => Some(match (NotDelivered::of(told.not_delivered), state) {
                (Some(reason), _) => Status::NotDelivered(reason),
                (None, State::Sent(_)) => Status::Waiting,
                (None, State::Stamped(_)) => Status::Accepted,
            }),
        }
    }

    /// The evidence that a report of the message needs. `None` for a sent message whose receipt is
    /// not confirmed yet.
    pub fn evidence(&self) -> Option<&Evidence> {
        match &self.state {
            State::Sent(_) => None,
            State::Stamped(evidence) => Some(evidence),
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("ordinal", &self.ordinal)
            .field("direction", &self.direction)
            .field("reportable", &self.evidence().is_some())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` messages of a conversation, in the order in which this device saw them.
    ///
    /// The list starts after the ordinal `after`. If `after` is `None`, it starts with the first
    /// message.
    pub fn messages(
        &self,
        conversation: impl Into<Conversation>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Message, u64>, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| client.read_messages(&conversation, after, limit))
    }

    /// The message with this identifier, if it is in this conversation, and neither withheld nor
    /// deleted.
    pub fn message(
        &self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
    ) -> Result<Option<Message>, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| client.read_message(&conversation, id))
    }

    pub(super) fn read_messages(
        &self,
        conversation: &Conversation,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Message, u64>, StateError<S::Error>> {
        if self.is_deleting(conversation)? {
            return Ok(Page::default());
        }
        let after = after.map(Cursor::Number);
        let is_request = self.is_request(conversation)?;
        let page = self.page(
            &keys::messages(conversation),
            after.as_ref(),
            limit,
            |at, bytes| {
                let message = self.message_of(records::decode(bytes)?)?;
                let is_at = *at == Cursor::Number(message.ordinal);
                is_at.then_some(message.of_request(is_request))
            },
        );
        Ok(page?.numbered())
    }

    fn read_message(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Option<Message>, StateError<S::Error>> {
        self.message_at(conversation, self.index(conversation, id)?)
    }

    /// The message that is stored at a place.
    pub(super) fn message_at(
        &self,
        conversation: &Conversation,
        place: Option<IndexRecord>,
    ) -> Result<Option<Message>, StateError<S::Error>> {
        let Some(ordinal) = place.and_then(|index| index.ordinal) else {
            return Ok(None);
        };
        let record = self.get_record(&keys::message(conversation, ordinal))?;
        let message = record.and_then(|record| self.message_of(record));
        let is_request = self.is_request(conversation)?;
        message
            .map(|message| Some(message.of_request(is_request)))
            .ok_or_else(|| damaged_message(conversation))
    }

    pub(super) fn message_of(&self, record: MessageRecord) -> Option<Message> {
        let (content, attachments, state) = match record.state.as_ref()? {
            MessageState::Sent(bytes) => {
                let sent = SentMessage::decode(bytes).ok()?;
                (sent.content()?, sent.attachments(), State::Sent(sent))
            }
            MessageState::Stamped(bytes) => {
                let evidence = Evidence::decode(bytes).ok()?;
                let attachments = evidence.attachments();
                (evidence.content()?, attachments, State::Stamped(evidence))
            }
        };
        Some(Message {
            ordinal: record.ordinal,
            direction: state.direction(&self.me),
            content: Zeroizing::new(content),
            attachments,
            state,
            told: Told {
                delivered_ms: record.delivered_ms,
                opened_ms: record.opened_ms,
                not_delivered: record.not_delivered,
            },
            from_removed_device: record.from_removed_device,
            is_request: false,
            account_key: record.account_key.as_slice().try_into().ok(),
        })
    }

    /// Where the message with this tag is stored. `None` if it was never sent or received in this
    /// conversation, or if the conversation was deleted.
    pub(super) fn index(
        &self,
        conversation: &Conversation,
        tag: &FrankingTag,
    ) -> Result<Option<IndexRecord>, StateError<S::Error>> {
        if self.is_deleting(conversation)? {
            return Ok(None);
        }
        let mut index = self.get_record(&keys::index(conversation, tag));
        if let (Ok(None), Conversation::Direct(peer)) = (&index, conversation)
            && self.has_earlier
        {
            index = self.get_record(&keys::earlier_index(peer, tag));
        }
        match index {
            Err(StateError::Damaged(_)) => self.find(conversation, tag).map(Some),
            index => index,
        }
    }

    /// As [`Client::index`], for a message that the application names because it is listed. If the
    /// record of where it is was lost, looks through the history and the outbox.
    ///
    /// Not for what a peer names, who could let this device search its history again and again.
    pub(super) fn search(
        &self,
        conversation: &Conversation,
        tag: &FrankingTag,
    ) -> Result<Option<IndexRecord>, StateError<S::Error>> {
        if let Some(index) = self.index(conversation, tag)? {
            return Ok(Some(index));
        }
        let found = self.find(conversation, tag)?;
        let is_found = found.ordinal.is_some() || found.outbox.is_some();
        Ok(is_found.then_some(found))
    }

    /// Looks through the history and the outbox for a message, because the record of where it is
    /// cannot be read.
    fn find(
        &self,
        conversation: &Conversation,
        tag: &FrankingTag,
    ) -> Result<IndexRecord, StateError<S::Error>> {
        let (mut found, mut after) = (IndexRecord::default(), None);
        while found.ordinal.is_none() {
            let page = self.read_messages(conversation, after, 64)?;
            if let Some(message) = page.items.iter().find(|message| message.id() == tag) {
                found.ordinal = Some(message.ordinal());
                if let Some(row) = self.find_due(conversation, tag)? {
                    (found.due, found.wipes) = (Some(row.number), row.wipes);
                    found.expires_ms = row.expires_ms;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        found.outbox = self.number_in_outbox(tag)?;
        Ok(found)
    }
}

pub(super) fn damaged_message<E: std::error::Error>(conversation: &Conversation) -> StateError<E> {
    StateError::Damaged(Damage::Message(conversation.clone()))
}
