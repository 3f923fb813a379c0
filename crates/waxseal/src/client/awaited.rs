//! Messages that the relay accepted and of which the peer has not said that they arrived.

use waxseal_reporting::{AccountId, DeviceId, FrankingTag, Timestamp};

use super::status::NotDelivered;
use super::times::since;
use super::upkeep::Upkeep;
use super::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, AskedRecord, AwaitedRecord};
use crate::store::{Cursor, Store, Transaction};

/// Rows that one transaction looks at.
const ROWS_AT_ONCE: usize = 256;

/// How long after it was accepted a message counts as lost, if the peer's device has a later one:
/// eight days, a day longer than the reference relay keeps a message.
const LOST_AFTER_MS: u64 = 8 * 24 * 3_600_000;

/// How long after its first receipt the peer is sure to tell of all that arrives: ten minutes. What
/// arrived before its user accepted this account may have been posted again since, and the clocks
/// of a provider's servers differ.
const TOLD_AFTER_MS: u64 = 10 * 60_000;

/// How long a receipt is waited for. A peer that did not accept this account sends none.
const MAX_AGE_MS: u64 = 30 * 24 * 3_600_000;

impl<S: Store> Client<S> {
    /// Notes that a message was accepted, and the peer has still to say that it arrived.
    pub(super) fn note_accepted(
        &self,
        transaction: &mut Transaction,
        peer: &AccountId,
        id: &FrankingTag,
        accepted_at: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let upkeep = self.upkeep_or_new(peer)?;
        let awaited = AwaitedRecord {
            id: id.as_bytes().to_vec(),
            accepted_ms: accepted_at.as_millis(),
            ..AwaitedRecord::default()
        };
        transaction.put_record(keys::upkeep(peer), &upkeep);
        transaction.put_record(keys::awaited(peer, id), &awaited);
        Ok(())
    }

    /// Takes messages for lost that the peer's device does not have although it has later ones.
    /// Returns whether none is awaited any more.
    ///
    /// Receipts of what was accepted before `unopened_ms` may be among what did not open. Of what
    /// arrived before its user accepted this account, the peer never tells, so what was accepted
    /// before its first receipt never counts as lost.
    pub(super) fn give_up_awaited(
        &mut self,
        peer: &AccountId,
        unopened_ms: u64,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let numbering = self.numbering(&peer.into())?.unwrap_or_default();
        let told_from_ms = numbering.first_told_ms.saturating_add(TOLD_AFTER_MS);
        let told_from_ms = told_from_ms.max(unopened_ms);
        let last_delivered_ms = numbering.last_delivered_ms;
        let (table, mut after): (_, Option<Cursor>) = (keys::all_awaited(peer), None);
        let mut is_done = true;
        loop {
            let page = self.page(&table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                let record: AwaitedRecord = records::decode(bytes)?;
                let conversation = Conversation::of_record(peer.as_str(), &record.group)?;
                Some((tag_of(&record.id)?, conversation, record.accepted_ms))
            })?;
            let (mut transaction, mut lost) = (Transaction::default(), Vec::new());
            for row in &page.damaged {
                row.delete_in(&mut transaction);
            }
            for (id, conversation, accepted_ms) in page.items {
                let age = since(accepted_ms, now).unwrap_or_default();
                let is_later_there = (told_from_ms..last_delivered_ms).contains(&accepted_ms);
                if age > MAX_AGE_MS {
                    transaction.delete(keys::awaited(peer, &id));
                } else if is_later_there
                    && age > LOST_AFTER_MS
                    && !self.is_sealed_again_soon(peer, &conversation, &id)?
                {
                    transaction.delete(keys::awaited(peer, &id));
                    if let Some(mut message) = self.sent_message(&conversation, &id)?
                        && message.not_delivered == 0
                    {
                        message.not_delivered = NotDelivered::Lost.number();
                        transaction.put_message(&conversation, &message);
                        lost.push((conversation, id));
                    }
                } else {
                    is_done = false;
                    if is_later_there && age <= LOST_AFTER_MS {
                        let lost_at = accepted_ms.saturating_add(LOST_AFTER_MS);
                        upkeep.again_at(lost_at.saturating_add(1));
                    }
                }
            }
            if !transaction.changes().is_empty() {
                self.commit(transaction)?;
            }
            upkeep.lost.extend(lost);
            after = page.next;
            if after.is_none() {
                return Ok(is_done);
            }
        }
    }

    /// Whether the peer asked for a message that is still to be sealed again, or to be posted.
    fn is_sealed_again_soon(
        &self,
        peer: &AccountId,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        let devices = self.look_at_peer(peer, |peer| {
            let listed = peer
                .roster()
                .into_iter()
                .flat_map(|roster| roster.devices());
            listed.map(|entry| DeviceId(entry.id)).collect::<Vec<_>>()
        })?;
        for device in devices.into_iter().flatten() {
            let asked: Option<AskedRecord> = self.readable(&keys::asked(peer, device, id))?;
            match asked {
                None => {}
                Some(asked) if asked.waits => return Ok(true),
                Some(_) => {
                    let index = self.index(conversation, id)?.unwrap_or_default();
                    if self.is_in_outbox(&index)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}
