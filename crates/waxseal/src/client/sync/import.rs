//! Taking the history: messages of another device of the account, verified one by one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;
use waxseal_reporting::message::Content;
use waxseal_reporting::{AccountId, DeviceId, Timestamp};
use waxseal_roster::group::GroupId;
use zeroize::Zeroizing;

use super::apply::deleted_until;
use super::take::AHEAD_MS;
use crate::client::peers::Peer;
use crate::client::view::Stored;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{HistoryError, StateError};
use crate::records::{ConversationRecord, ImportRecord, IndexRecord, MessageRecord, RequestRecord};
use crate::store::{Store, Transaction};
use crate::sync::HistoryKey;
use crate::sync::history::{ChunkError, HistoryMessage, HistoryRecord, Place, RequestId, records};

/// A history that this device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryImport {
    /// The request.
    pub request: RequestId,
    /// The device that gives the history. `None` before the offer.
    pub device: Option<DeviceId>,
    /// The number of the next chunk.
    pub next: u32,
    /// Where to fetch it. `None` before the offer.
    pub place: Option<Place>,
}

/// How far a history was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryProgress {
    /// The number of the next chunk.
    pub next: u32,
    /// Messages that were taken so far.
    pub taken: u64,
    /// Messages that were here before, or that the user deleted.
    pub known: u64,
    /// Messages that are not of this account, or whose evidence does not hold.
    pub refused: u64,
    /// Whether that was the last chunk.
    pub is_done: bool,
}

impl ImportRecord {
    fn key(&self) -> Option<HistoryKey> {
        Some(HistoryKey::from_bytes(self.key.as_slice().try_into().ok()?))
    }

    fn request(&self) -> Option<RequestId> {
        Some(RequestId(self.request.as_slice().try_into().ok()?))
    }
}

/// The peers and the messages of one chunk.
#[derive(Default)]
struct Taking {
    peers: BTreeMap<AccountId, (Peer, Option<Timestamp>)>,
    groups: BTreeMap<GroupId, (ConversationRecord, Option<Timestamp>)>,
    /// When the newest profile of each group was accepted, with title and picture.
    profiles: BTreeMap<GroupId, (u64, String, Vec<u8>)>,
    tags: BTreeSet<(Conversation, [u8; 32])>,
    /// The present account keys, where messages come without.
    keys: BTreeMap<Conversation, BTreeMap<AccountId, [u8; 32]>>,
    /// What came of accounts that are not accepted, by account.
    requests: BTreeMap<AccountId, RequestRecord>,
    /// No message that the provider accepted later is taken.
    until_ms: u64,
    transaction: Transaction,
}

impl<S: Store> Client<S> {
    /// Asks the other devices of the account for the history, with the next
    /// [`upkeep`](Self::upkeep). The user agrees on one of them.
    ///
    /// If a history is under way, asks for the rest of it: chunks stay with the provider for some
    /// minutes, so some can be lost.
    pub fn ask_history(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<RequestId, StateError<S::Error>> {
        self.run(|client| {
            let record: Option<ImportRecord> = client.readable(&keys::import())?;
            let under_way = record.filter(|record| !record.is_done && record.request().is_some());
            let mut record = under_way.unwrap_or_else(|| {
                let mut request = [0; 16];
                rng.fill_bytes(&mut request);
                let mut record = ImportRecord::default();
                record.request.extend_from_slice(&request);
                record
            });
            let request = record.request().unwrap_or(RequestId([0; 16])); // it is there
            record.tells = true;
            record.asked_ms = now.as_millis();
            let mut transaction = Transaction::default();
            transaction.put_record(keys::import(), &record);
            client.commit(transaction)?;
            Ok(request)
        })
    }

    /// The history that this device takes, if it asked for one and does not have all of it.
    pub fn history_import(&self) -> Result<Option<HistoryImport>, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<ImportRecord> = client.readable(&keys::import())?;
            Ok(record.filter(|record| !record.is_done).and_then(|record| {
                let key = record.key();
                Some(HistoryImport {
                    request: record.request()?,
                    device: key.is_some().then_some(DeviceId(record.device)),
                    next: record.next,
                    place: key.map(|key| key.place(record.round, record.next)),
                })
            }))
        })
    }

    /// Takes the next chunk of the history, in one transaction.
    ///
    /// Each message comes with its evidence, so that it can be reported from this device. The
    /// evidence is verified: a message that is not what its tag commits to, or not of this account
    /// and its conversation, is refused alone. Only the provider can verify the stamp, which it
    /// does when the message is reported. A message that is here already is not taken again, nor is
    /// one that was deleted.
    ///
    /// The messages come before those that this device has seen itself, unless its conversation
    /// began while the account had no other device: then they come after them. After the last chunk
    /// the key is destroyed.
    ///
    /// # Errors
    /// [`HistoryError::Chunk`] if it is not the next chunk; [`HistoryError::None`] if no history is
    /// under way; [`HistoryError::OtherDevice`] if the device that gives it was removed from the
    /// account. Nothing changed.
    pub fn import_history(
        &mut self,
        chunk: &[u8],
    ) -> Result<HistoryProgress, HistoryError<S::Error>> {
        self.run(|client| {
            let record: Option<ImportRecord> = client.readable(&keys::import())?;
            let record = record.filter(|record| !record.is_done);
            let mut record = record.ok_or(HistoryError::None)?;
            let (key, request) = record
                .key()
                .zip(record.request())
                .ok_or(HistoryError::None)?;
            // CHK-347: a device that was removed has the key, and is not heard.
            if !client.is_own_device(record.device, &record.identity)? {
                return Err(HistoryError::OtherDevice);
            }
            let opened = key.open_chunk(request, record.next, chunk)?;
            let mut taking = Taking {
                until_ms: record.offered_ms.saturating_add(AHEAD_MS),
                ..Taking::default()
            };
            let mut conversation = None;
            for one in records(&opened.body) {
                match one? {
                    HistoryRecord::Conversation(named) => conversation = Some(named),
                    HistoryRecord::Refused => record.refused = record.refused.saturating_add(1),
                    HistoryRecord::Message(message) => {
                        let to = conversation.as_ref().ok_or(ChunkError::Malformed)?;
                        let count = match client.take_given(&mut taking, to, *message)? {
                            Given::Taken => &mut record.taken,
                            Given::Known => &mut record.known,
                            Given::Refused => &mut record.refused,
                        };
                        *count = count.saturating_add(1);
                    }
                }
            }
            record.next = record.next.saturating_add(1);
            record.is_done = opened.is_last;
            if record.is_done {
                record.key.clear();
            }
            let mut transaction = taking.transaction;
            transaction.put_record(keys::import(), &record);
            for (account, (known, _)) in &mut taking.peers {
                let given = taking.requests.remove(account);
                client.put_given_request(account, known, given, &mut transaction)?;
                known.put(account, &mut transaction);
            }
            for (group, (numbering, _)) in &taking.groups {
                transaction.put_record(keys::conversation(&group.into()), numbering);
            }
            for (id, (accepted_ms, title, picture)) in &taking.profiles {
                // A damaged group costs its own profile only.
                let known = match client.take_group(id) {
                    Err(StateError::Damaged(_)) => None,
                    known => known?,
                };
                if let Some(mut group) = known
                    && group.note_profile(title, picture, *accepted_ms)
                {
                    group.put(&mut transaction);
                }
            }
            client.commit(transaction)?;
            for (account, (known, _)) in taking.peers {
                client.keep_peer(&account, known);
            }
            Ok(HistoryProgress {
                next: record.next,
                taken: record.taken,
                known: record.known,
                refused: record.refused,
                is_done: record.is_done,
            })
        })
    }

    /// Stops taking the history, and destroys its key. What was taken stays.
    pub fn cancel_history_import(&mut self) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let record: Option<ImportRecord> = client.readable(&keys::import())?;
            let Some(mut record) = record else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            // The other device is told, so that it stops.
            (record.is_done, record.tells) = (true, false);
            record.key.clear();
            transaction.put_record(keys::import(), &record);
            client.commit(transaction)
        })
    }

    /// Takes one message of the history.
    fn take_given(
        &mut self,
        taking: &mut Taking,
        to: &Conversation,
        message: HistoryMessage,
    ) -> Result<Given, StateError<S::Error>> {
        // CHK-346: the message is of this account and this conversation.
        if !message.belongs(&self.me.account, to) {
            return Ok(Given::Refused);
        }
        let evidence = &message.evidence;
        let tag = *evidence.tag();
        let Some(content) = evidence.content().map(Zeroizing::new) else {
            return Ok(Given::Refused); // it was looked at above
        };
        let is_known =
            !taking.tags.insert((to.clone(), *tag.as_bytes())) || self.index(to, &tag)?.is_some();
        let until_ms = taking.until_ms;
        let account_key = self.given_key(taking, to, &message)?;
        // A damaged record costs the messages of its conversation.
        let (conversation, until) = match self.given_to(taking, to) {
            Ok(Some(known)) => known,
            Ok(None) | Err(StateError::Damaged(_)) => return Ok(Given::Refused),
            Err(error) => return Err(error),
        };
        let accepted_at = evidence.accepted_at();
        if is_known || until.is_some_and(|until| accepted_at <= until) {
            return Ok(Given::Known);
        }
        // CHK-346: the provider accepted the message before the offer. This device gets later ones
        // itself, and a false time would outlive the device that gave it.
        if accepted_at.as_millis() > until_ms {
            return Ok(Given::Refused);
        }
        let Some(ordinal) = conversation.next_given() else {
            return Ok(Given::Refused);
        };
        let accepted_ms = accepted_at.as_millis();
        let last = match message.is_sent {
            true => {
                conversation.is_accepted = true; // the user wrote to it
                &mut conversation.last_copied_ms
            }
            false => &mut conversation.last_accepted_ms,
        };
        *last = (*last).max(accepted_ms);
        let index = IndexRecord {
            ordinal: Some(ordinal),
            ..IndexRecord::default()
        };
        let stored = Stored {
            id: tag,
            ordinal,
            sender: evidence.sender(),
            account_key: &account_key,
            header: evidence.header(),
            content: &content,
            accepted_at: Some(accepted_at),
            from_removed_device: message.from_removed_device,
        };
        conversation.note_timer(&stored);
        let transaction = &mut taking.transaction;
        self.put_stored(transaction, to, &stored, index)?;
        let told = |value: u64| if message.is_sent { value } else { 0 };
        let mut record = MessageRecord::stamped(ordinal, evidence, account_key);
        record.from_removed_device = message.from_removed_device;
        record.delivered_ms = told(message.delivered_ms);
        record.opened_ms = told(message.opened_ms);
        record.not_delivered =
            u32::try_from(told(message.not_delivered.into())).unwrap_or_default();
        transaction.put_message(to, &record);
        if let Conversation::Direct(account) = to {
            let request = taking.requests.entry(account.clone()).or_default();
            request.count_given(evidence, taking.until_ms);
        }
        if let (Conversation::Group(group), Content::GroupProfile { title, picture }) =
            (to, &*content)
        {
            let newest = taking.profiles.entry(*group).or_default();
            let this = (accepted_ms, title.clone(), picture.clone());
            *newest = std::mem::take(newest).max(this);
        }
        Ok(Given::Taken)
    }

    /// The account key under which a message came. What an earlier version gives says none, and
    /// counts as written under the present one.
    fn given_key(
        &self,
        taking: &mut Taking,
        to: &Conversation,
        message: &HistoryMessage,
    ) -> Result<Vec<u8>, StateError<S::Error>> {
        if let Some(account_key) = message.account_key {
            return Ok(account_key.to_vec());
        }
        let keys = match taking.keys.entry(to.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unread) => unread.insert(self.present_keys(to)?),
        };
        let known = keys.get(&message.evidence.sender().account);
        Ok(known.map_or_else(Vec::new, |key| key.to_vec()))
    }

    /// The numbering of the conversation that a message is of, and until when it was deleted.
    #[expect(clippy::type_complexity, reason = "both of them")]
    fn given_to<'a>(
        &mut self,
        taking: &'a mut Taking,
        to: &Conversation,
    ) -> Result<Option<(&'a mut ConversationRecord, Option<Timestamp>)>, StateError<S::Error>> {
        Ok(match to {
            Conversation::Direct(peer) => {
                if !taking.peers.contains_key(peer) {
                    let known = self.peer_or_new(peer)?;
                    let until = deleted_until(self, to)?;
                    taking.peers.insert(peer.clone(), (known, until));
                }
                let known = taking.peers.get_mut(peer);
                known.map(|(peer, until)| (&mut peer.conversation, *until))
            }
            Conversation::Group(group) => {
                if !taking.groups.contains_key(group) {
                    let known = self.group_numbering(group)?;
                    let until = deleted_until(self, to)?;
                    taking.groups.insert(*group, (known, until));
                }
                let known = taking.groups.get_mut(group);
                known.map(|(numbering, until)| (numbering, *until))
            }
        })
    }
}

/// What became of a message of the history.
enum Given {
    Taken,
    Known,
    Refused,
}

impl ConversationRecord {
    /// The ordinal of the next message of a history: below those of this device while there is
    /// room, else after them. `None` if the numbers are used up.
    fn next_given(&mut self) -> Option<u64> {
        let next = match self.next_imported < self.first_ordinal {
            true => &mut self.next_imported,
            false => &mut self.next_ordinal,
        };
        let ordinal = *next;
        *next = ordinal.checked_add(1)?;
        Some(ordinal)
    }
}
