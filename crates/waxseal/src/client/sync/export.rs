//! Giving the history: the messages of this device with their evidence, in sealed chunks.

use rand_core::CryptoRng;
use waxseal_reporting::fold::Reference;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::{AccountId, DeviceId, Timestamp};
use zeroize::Zeroizing;

use super::{cursor_bytes, cursor_of};
use crate::client::page::number_of;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{HistoryError, StateError};
use crate::records::{
    self, ConversationRecord, ExportRecord, MessageRecord, MessageState, PositionRecord,
};
use crate::store::{Cursor, Store, Transaction};
use crate::sync::HistoryKey;
use crate::sync::history::{BodyWriter, HistoryMessage, Place, RequestId};
use crate::sync::limits::MAX_CHUNKS;

/// Messages that are read at once, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 32;

/// Rows that one transaction deletes.
const ROWS_AT_ONCE: usize = 256;

/// A history that this device gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryExport {
    /// The device that asked.
    pub device: DeviceId,
    /// The request.
    pub request: RequestId,
    /// The round: it goes up by one each time that the rest is asked for. The chunks of each round
    /// are posted in mailboxes of their own.
    pub round: u32,
    /// The first chunk to post in this round.
    pub first: u32,
    /// Where to go on in this round: the chunk that was made last.
    pub at: u32,
    /// How many chunks there are. `None` until the last one was made.
    pub count: Option<u32>,
}

/// A chunk of a history, to post in its mailbox.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryChunk {
    /// The chunk's number, from 0.
    pub number: u32,
    /// Where to post it.
    pub place: Place,
    /// The bytes to post, at most [`MAX_CHUNK_LEN`](crate::sync::limits::MAX_CHUNK_LEN).
    pub bytes: Vec<u8>,
    /// Whether it is the last chunk.
    pub is_last: bool,
}

impl std::fmt::Debug for HistoryChunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryChunk")
            .field("number", &self.number)
            .field("len", &self.bytes.len())
            .field("is_last", &self.is_last)
            .finish_non_exhaustive()
    }
}

impl ExportRecord {
    fn key(&self) -> Option<HistoryKey> {
        Some(HistoryKey::from_bytes(self.key.as_slice().try_into().ok()?))
    }

    fn request(&self) -> Option<RequestId> {
        Some(RequestId(self.request.as_slice().try_into().ok()?))
    }
}

impl<S: Store> Client<S> {
    /// Gives the history to another device of the account that asked for it. The user must have
    /// agreed, knowing that this device is theirs.
    ///
    /// The next [`upkeep`](Self::upkeep) tells the device a one-time key. Then post each chunk that
    /// [`history_chunk`](Self::history_chunk) returns, from
    /// [`first`](field@HistoryExport::first) to the last. A history that was given before ends.
    ///
    /// # Errors
    /// [`HistoryError::OtherDevice`] if the device is not in the own roster.
    pub fn offer_history(
        &mut self,
        device: DeviceId,
        request: RequestId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), HistoryError<S::Error>> {
        self.end_history_export()?;
        self.run(|client| {
            let me = &client.me;
            let identity = client.look_at_peer(&me.account, |own| {
                own.entry(device).map(|entry| entry.identity.to_vec())
            })?;
            let identity = identity.flatten().filter(|_| device != me.device);
            let identity = identity.ok_or(HistoryError::OtherDevice)?;
            let record = ExportRecord {
                request: request.0.to_vec(),
                device: device.0,
                key: HistoryKey::generate(rng).as_bytes().to_vec(),
                round: 0,
                first: 0,
                next: 0,
                count: 0,
                tells: true,
                offered_ms: now.as_millis(),
                at: 0,
                identity,
            };
            let mut transaction = Transaction::default();
            transaction.put_record(keys::export(), &record);
            let begin = PositionRecord::default();
            transaction.put_record(keys::chunk_start(0), &begin);
            Ok(client.commit(transaction)?)
        })
    }

    /// The history that this device gives, if there is one. An application that was stopped goes on
    /// with it.
    pub fn history_export(&self) -> Result<Option<HistoryExport>, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<ExportRecord> = client.readable(&keys::export())?;
            Ok(record.and_then(|record| {
                Some(HistoryExport {
                    device: DeviceId(record.device),
                    request: record.request()?,
                    round: record.round,
                    first: record.first,
                    at: record.at.max(record.first),
                    count: (record.count != 0).then_some(record.count),
                })
            }))
        })
    }

    /// Makes a chunk of the history that this device gives: any one that was made before, or the
    /// next. Reads some 100 kB of messages, whatever the length of the history.
    ///
    /// A chunk that is made again has other bytes, and leaves out what was deleted meanwhile.
    /// Messages without evidence are left out, and those that were deleted by their authors, have
    /// expired or count down until they do, with what refers to them.
    ///
    /// # Errors
    /// [`HistoryError::None`] if no history is given. [`HistoryError::NoSuchChunk`] after the last
    /// chunk, and before the one before was made. [`HistoryError::OtherDevice`] if the device was
    /// removed from the account meanwhile.
    pub fn history_chunk(
        &mut self,
        number: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<HistoryChunk, HistoryError<S::Error>> {
        self.run(|client| {
            let record: Option<ExportRecord> = client.readable(&keys::export())?;
            let mut record = record.ok_or(HistoryError::None)?;
            let (key, request) = record
                .key()
                .zip(record.request())
                .ok_or(HistoryError::None)?;
            // CHK-347: a device that was removed has the key, and gets nothing more.
            if !client.is_own_device(record.device, &record.identity)? {
                return Err(HistoryError::OtherDevice);
            }
            let is_known = record.count != 0;
            if number > record.next || is_known && number >= record.count || number >= MAX_CHUNKS {
                return Err(HistoryError::NoSuchChunk);
            }
            let start = client
                .chunk_start(number)?
                .ok_or(HistoryError::NoSuchChunk)?;
            let follower = number.checked_add(1).ok_or(HistoryError::NoSuchChunk)?;
            // What was made once ends where it ended, since the next chunk goes on there.
            let stop = client.chunk_start(follower)?;
            let (body, end) = client.fill_chunk(start, stop.as_ref())?;
            let is_last = match is_known {
                true => follower == record.count,
                false => end.is_none(),
            };
            let mut transaction = Transaction::default();
            let is_new = record.next < follower;
            if is_new {
                record.next = follower;
                match end {
                    Some(end) => transaction.put_record(keys::chunk_start(follower), &end),
                    None => record.count = follower,
                }
            }
            if is_new || record.at < number {
                record.at = record.at.max(number);
                transaction.put_record(keys::export(), &record);
                client.commit(transaction)?;
            }
            let bytes = key.seal_chunk(request, number, is_last, &body, rng);
            Ok(HistoryChunk {
                number,
                place: key.place(record.round, number),
                bytes: bytes.ok_or(HistoryError::NoSuchChunk)?,
                is_last,
            })
        })
    }

    /// Ends giving the history, and destroys its key. The other device keeps what it has.
    pub fn end_history_export(&mut self) -> Result<(), StateError<S::Error>> {
        loop {
            let is_more = self.run(|client| {
                let record: Option<ExportRecord> = client.readable(&keys::export())?;
                let mut transaction = Transaction::default();
                if record.is_some() {
                    transaction.delete(keys::export());
                }
                let table = keys::chunk_starts();
                for row in client.first_rows(&table, ROWS_AT_ONCE)? {
                    transaction.delete_at(table.clone(), row.cursor);
                }
                let is_more = !transaction.changes().is_empty();
                if is_more {
                    client.commit(transaction)?;
                }
                Ok::<_, StateError<S::Error>>(is_more)
            })?;
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Whether a device with this identity is in the own roster.
    pub(super) fn is_own_device(
        &self,
        device: u32,
        identity: &[u8],
    ) -> Result<bool, StateError<S::Error>> {
        let is_own = self.look_at_peer(&self.me.account, |own| {
            let entry = own.entry(DeviceId(device));
            entry.is_some_and(|entry| entry.identity == identity)
        })?;
        Ok(is_own == Some(true))
    }

    fn chunk_start(&self, number: u32) -> Result<Option<PositionRecord>, StateError<S::Error>> {
        self.readable(&keys::chunk_start(number))
    }

    /// Fills a chunk with the messages from a position on, to the stop or until it is full. Returns
    /// where the next one begins, or `None` at the end of the history.
    #[expect(clippy::type_complexity, reason = "the records, and where they end")]
    fn fill_chunk(
        &self,
        mut at: PositionRecord,
        stop: Option<&PositionRecord>,
    ) -> Result<(Zeroizing<Vec<u8>>, Option<PositionRecord>), StateError<S::Error>> {
        let mut body = BodyWriter::new();
        let mut begun = false;
        loop {
            if stop.is_some_and(|stop| at.is_at(stop)) {
                return Ok((body.finish(), Some(at)));
            }
            let Some(conversation) = Conversation::of_record(&at.account, &at.group) else {
                match self.next_conversation(&at)? {
                    Some(next) => (at, begun) = (next, false),
                    None => return Ok((body.finish(), None)),
                }
                continue;
            };
            let after = at.ordinal.map(Cursor::Number);
            let table = keys::messages(&conversation);
            let page = match self.is_deleting(&conversation)? {
                true => Default::default(),
                false => self.page(&table, after.as_ref(), MESSAGES_AT_ONCE, |at, bytes| {
                    Some((number_of(at)?, exported(bytes, &self.me.account)))
                })?,
            };
            for (ordinal, message) in page.items {
                let is_over = stop.is_some_and(|stop| {
                    (&stop.account, &stop.group) == (&at.account, &at.group)
                        && Some(ordinal) > stop.ordinal
                });
                if is_over {
                    return Ok((body.finish(), stop.cloned()));
                }
                let message = match message {
                    Some(message) if self.is_given(&conversation, &message)? => Some(message),
                    _ => None,
                };
                if let Some(message) = message {
                    let has_room =
                        (begun || body.conversation(&conversation)) && body.message(&message);
                    if !has_room {
                        return Ok((body.finish(), Some(at)));
                    }
                    begun = true;
                }
                at.ordinal = Some(ordinal);
            }
            match page.next {
                Some(Cursor::Number(next)) => at.ordinal = Some(next),
                _ => {
                    // The conversation is finished.
                    (at.account, at.group, at.ordinal) = (String::new(), Vec::new(), None);
                }
            }
        }
    }

    /// The conversation after the one at a position.
    fn next_conversation(
        &self,
        at: &PositionRecord,
    ) -> Result<Option<PositionRecord>, StateError<S::Error>> {
        let mut after = cursor_of(&at.conversation);
        loop {
            let table = keys::conversations();
            let page = self.page(&table, after.as_ref(), 1, |at, bytes| {
                let record: ConversationRecord = records::decode(bytes)?;
                Some((at.clone(), record.account, record.group))
            })?;
            for (place, account, group) in page.items {
                if account != self.me.account.as_str() {
                    return Ok(Some(PositionRecord {
                        conversation: cursor_bytes(&place),
                        account,
                        ordinal: None,
                        group,
                    }));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether another device gets a message.
    fn is_given(
        &self,
        conversation: &Conversation,
        message: &HistoryMessage,
    ) -> Result<bool, StateError<S::Error>> {
        // CHK-573: what disappears here does not live on there, nor does what refers to it.
        let content = message.evidence.content().map(Zeroizing::new);
        let reference = content.as_ref().and_then(|content| Reference::of(content));
        let Some(reference) = reference else {
            let index = self.index(conversation, message.evidence.tag())?;
            return Ok(index.is_none_or(|index| index.due.is_none()));
        };
        let of = self.index(conversation, &reference.to)?;
        Ok(
            of.is_none_or(|of| {
                of.due.is_none() && (of.ordinal.is_some() || !of.renewed.is_empty())
            }),
        )
    }
}

/// A stored message as it is given. `None` if it has no evidence.
fn exported(bytes: &[u8], me: &AccountId) -> Option<HistoryMessage> {
    let record: MessageRecord = records::decode(bytes)?;
    let Some(MessageState::Stamped(evidence)) = &record.state else {
        return None;
    };
    let evidence = Evidence::decode(evidence).ok()?;
    Some(HistoryMessage {
        is_sent: evidence.sender().account == *me,
        delivered_ms: record.delivered_ms,
        opened_ms: record.opened_ms,
        not_delivered: u8::try_from(record.not_delivered).unwrap_or_default(),
        from_removed_device: record.from_removed_device,
        account_key: record.account_key.as_slice().try_into().ok(),
        evidence,
    })
}

impl PositionRecord {
    fn is_at(&self, other: &Self) -> bool {
        self.conversation == other.conversation
            && self.account == other.account
            && self.group == other.group
            && self.ordinal >= other.ordinal
    }
}
