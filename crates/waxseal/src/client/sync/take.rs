//! Taking: what another device of the account tells.

use std::collections::BTreeMap;

use waxseal_reporting::{DeviceId, Timestamp};

use super::{put_item, put_to_tell};
use crate::client::receive::{Arrival, Batch, Received};
use crate::client::requests::REQUEST_MS;
use crate::client::synced::Synced;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{ExportRecord, ImportRecord, SubjectRecord, SyncRecord};
use crate::store::{Store, Transaction};
use crate::sync::history::{Offer, Request, RequestId};
use crate::sync::{Entry, Fact, Item, Record, subjects};

/// How much later than a sync record the provider may have accepted the messages that it speaks of:
/// ten minutes, since its times are not the same for all senders.
pub(super) const AHEAD_MS: u64 = 10 * 60_000;

/// How much later than a sync record a request can have been declined: as far as `decline` takes
/// the word of a clock.
const DECIDED_AHEAD_MS: u64 = REQUEST_MS + AHEAD_MS;

/// How often the rest of one history is given.
const MAX_ROUNDS: u32 = 1_000;

impl<S: Store> Client<S> {
    /// Takes a sync record of another device of this account.
    ///
    /// The items are stored with the batch; [`apply_synced`](Self::apply_synced) then carries them
    /// out.
    pub(in crate::client) fn take_sync(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        bytes: &[u8],
    ) -> Result<Received, StateError<S::Error>> {
        let device = arrival.sender.device;
        // CHK-341: only a device of the own roster is heard, in a note to the own devices. One that
        // was removed is not, even for what it told before.
        let me = &self.me.account;
        let is_own = arrival.is_own && arrival.with == *me && arrival.sender.account == *me;
        let entry = batch.peer(me).and_then(|own| own.entry(device));
        let Some(identity) = entry.filter(|_| is_own).map(|entry| entry.identity) else {
            return Ok(arrival.skipped());
        };
        let Ok(record) = Record::decode(bytes) else {
            return Ok(arrival.skipped());
        };
        let mut sync = self.sync_record()?;
        let (highest, mut taken) = (sync.clock, BTreeMap::new());
        let mut changes = Vec::new();
        for entry in record.entries {
            match entry {
                Entry::Item(item) => {
                    let (changes, at_ms) = (&mut batch.transaction, arrival.accepted_ms);
                    self.take_item(changes, &mut taken, &mut sync, item, highest, at_ms)?;
                }
                Entry::StateWanted => sync.note_lacking(device),
                Entry::HistoryWanted(request) => {
                    changes.extend(self.take_request(batch, device, request)?);
                }
                Entry::HistoryOffered(offer) => {
                    let by = (device, &identity, arrival.accepted_ms);
                    changes.extend(self.take_offer(batch, by, offer)?);
                }
                Entry::HistoryEnded(request) => {
                    changes.extend(self.take_end(batch, device, request)?);
                }
                // CHK-362: a device says only of itself that it leaves, and the own roster lists
                // it.
                Entry::Leaves => {
                    if let Some(roster) = batch.peer(me).and_then(|own| own.roster()) {
                        sync.note_leaver(device, roster);
                    }
                }
            }
        }
        for (subject, item) in taken {
            put_item(&mut batch.transaction, &item, arrival.accepted_ms);
            if needs_applying(&item.fact) {
                let key = keys::item_to_apply(&subject);
                let record = SubjectRecord { subject };
                batch.transaction.put_record(key, &record);
            }
            changes.push(Synced::Fact(item.fact));
        }
        batch.transaction.put_record(keys::sync(), &sync);
        Ok(Received::Synced { device, changes })
    }

    /// Takes an item, if it counts.
    fn take_item(
        &self,
        transaction: &mut Transaction,
        taken: &mut BTreeMap<Vec<u8>, Item>,
        sync: &mut SyncRecord,
        item: Item,
        highest: u64,
        accepted_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        // CHK-342: the number is not far above the highest known one, and the item speaks of no
        // messages that came after it. A removed device could otherwise have the last word. Nothing
        // is shared about the own account, with which there is no conversation.
        let is_of_own = item.fact.account() == Some(&self.me.account);
        if is_of_own || !item.written.follows(highest) || item.fact.is_after(accepted_ms, AHEAD_MS)
        {
            return Ok(());
        }
        sync.clock = sync.clock.max(item.written.number);
        let subject = item.fact.subject();
        let known = match taken.get(&subject) {
            Some(known) => Some(known.clone()),
            None => self.item(&subject)?,
        };
        match known {
            // The other device forgot the account's key with the request, and is told it again.
            Some(known) if !item.wins_over(&known) => {
                if let (Some(true), Some(false)) = (known.fact.decided(), item.fact.decided())
                    && let Some(account) = item.fact.account()
                {
                    put_to_tell(transaction, subjects::trust(account));
                }
            }
            _ => drop(taken.insert(subject, item)),
        }
        Ok(())
    }

    /// Takes a request for the history: a new one, or one for the rest.
    fn take_request(
        &self,
        batch: &mut Batch,
        device: DeviceId,
        request: Request,
    ) -> Result<Option<Synced>, StateError<S::Error>> {
        let export: Option<ExportRecord> = self.readable(&keys::export())?;
        let Some(mut export) = export.filter(|export| export.request == request.id.0) else {
            let request = request.id;
            return Ok(Some(Synced::HistoryWanted { device, request }));
        };
        // CHK-347: only the device to which the user agreed gets the rest.
        let is_possible = export.device == device.0 && request.first <= export.next;
        if !is_possible || export.round >= MAX_ROUNDS {
            return Ok(None);
        }
        export.round = export.round.saturating_add(1);
        (export.first, export.at, export.tells) = (request.first, request.first, true);
        batch.transaction.put_record(keys::export(), &export);
        Ok(Some(Synced::HistoryResumed))
    }

    /// Takes an offer of the history that this device asked for.
    fn take_offer(
        &self,
        batch: &mut Batch,
        (device, identity, accepted_ms): (DeviceId, &[u8; 64], u64),
        offer: Offer,
    ) -> Result<Option<Synced>, StateError<S::Error>> {
        let import: Option<ImportRecord> = self.readable(&keys::import())?;
        let Some(mut import) = import else {
            return Ok(None);
        };
        // CHK-347: an offer answers the request of this device. The first one that comes counts,
        // and after it only those of the same device, for the rest. One that comes late does not
        // lead back to an earlier round.
        let is_first = import.key.is_empty();
        let is_same = import.device == device.0
            && import.identity == identity
            && import.key == offer.key.as_bytes()
            && import.round <= offer.round;
        let is_answer = import.request == offer.request.0 && !import.is_done;
        if !is_answer || !is_first && !is_same || offer.first > import.next {
            return Ok(None);
        }
        import.key = offer.key.as_bytes().to_vec();
        (import.device, import.identity) = (device.0, identity.to_vec());
        (import.round, import.offered_ms) = (offer.round, accepted_ms);
        batch.transaction.put_record(keys::import(), &import);
        Ok(Some(Synced::HistoryOffered))
    }

    /// Takes the word of a device that it has the history, or wants no more of it.
    fn take_end(
        &self,
        batch: &mut Batch,
        device: DeviceId,
        request: RequestId,
    ) -> Result<Option<Synced>, StateError<S::Error>> {
        let export: Option<ExportRecord> = self.readable(&keys::export())?;
        let ends =
            export.is_some_and(|export| export.request == request.0 && export.device == device.0);
        if ends {
            // Where its chunks began is deleted with the next history, and says nothing.
            batch.transaction.delete(keys::export());
        }
        Ok(ends.then_some(Synced::HistoryEnded))
    }
}

/// Whether something is to be done about a fact, besides storing it.
fn needs_applying(fact: &Fact) -> bool {
    !matches!(fact, Fact::Setting { .. })
}

impl Fact {
    /// Whether the user accepted an account, if the fact is about that.
    pub(super) fn decided(&self) -> Option<bool> {
        match self {
            Self::Decided { is_accepted, .. } => Some(*is_accepted),
            _ => None,
        }
    }

    /// Whether the fact speaks of messages that the provider accepted more than `ahead_ms` after
    /// this time.
    fn is_after(&self, accepted_ms: u64, ahead_ms: u64) -> bool {
        let at = match self {
            Self::Read { up_to, .. } => up_to.at,
            Self::ConversationDeleted { until, .. } => *until,
            Self::Decided { at, .. } => {
                let most_ms = accepted_ms.saturating_add(DECIDED_AHEAD_MS);
                return *at > Timestamp::from_millis(most_ms);
            }
            _ => return false,
        };
        at > Timestamp::from_millis(accepted_ms.saturating_add(ahead_ms))
    }
}
