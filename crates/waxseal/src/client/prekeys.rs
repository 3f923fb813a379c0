//! Prekeys: the public keys with which peers start conversations while this device is offline.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_core::errors::PreKeyError;
use waxseal_core::export::OneTimeId;
use waxseal_core::limits::{MAX_KEPT_ONE_TIME_PREKEYS, MAX_ONE_TIME_PREKEYS};
use waxseal_core::{IdentityKey, IdentityKeyPair, PreKeyUpload, PreKeys, ReplayMemory};

use super::{Client, keys};
use crate::error::{Damage, PublishError, StateError};
use crate::records::UploadRecord;
use crate::store::{Listed, Store, Transaction};

/// The version byte of prekeys that are stored in one piece. The next write stores them in parts.
const WHOLE_VERSION: u8 = 0x01;

/// One-time prekeys or replay memories that one call to the store reads, each of up to 4,181 bytes.
const ROWS_AT_ONCE: usize = 64;

/// Maximum number of calls to the store in which a rotation looks for memories to delete. Bounds
/// its work: 65,536 senders. Those beyond are looked at by the rotations after it.
const MAX_LISTS: usize = 1_024;

impl<S: Store> Client<S> {
    /// Makes the one-time prekeys that the provider lacks, and returns what to upload.
    ///
    /// The upload holds the base bundle and every one-time part that [`Client::confirm_prekeys`]
    /// has not confirmed yet. `at_provider` is how many one-time parts the provider says it has
    /// left: 0 after [`Client::create`]. Call this after `create`, when an upload may have been
    /// lost, whenever the provider has few left, and once a day.
    ///
    /// The provider hands out the newest base bundle with at most one one-time part. It hands out
    /// each one-time part only once, even if the part was uploaded twice.
    ///
    /// # Errors
    /// [`PublishError`]. Nothing was changed, unless the commit failed: then only the store knows.
    pub fn publish_prekeys(
        &mut self,
        at_provider: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<PreKeyUpload, PublishError<S::Error>> {
        self.run(|client| {
            let mut waiting = client.waiting_upload()?;
            client.change_prekeys(|prekeys, identity, transaction| {
                let there = at_provider.saturating_add(waiting.one_time.len());
                let missing = MAX_ONE_TIME_PREKEYS.saturating_sub(there);
                let made = prekeys.replenish(identity, missing, rng)?;
                let all = prekeys.upload(identity)?;
                waiting.one_time.extend(made);
                // A part that a peer used did reach the provider, and must not be handed out again.
                waiting.one_time.retain(|part| all.one_time.contains(part));
                transaction.put_record(keys::prekey_upload(), &waiting);
                Ok(PreKeyUpload {
                    base: all.base,
                    one_time: waiting.one_time,
                })
            })
        })
    }

    /// Returns the prekeys that the provider shall have, to upload in place of those that it has.
    ///
    /// A store that was set back has other prekeys than the provider, and may not know it. So call
    /// this when a delivery did not open ([`AskAgain`](crate::Advice::AskAgain)), at most once an
    /// hour: anyone can make such deliveries. The provider first deletes the one-time parts that it
    /// still has. Then call [`Client::confirm_prekeys`].
    ///
    /// # Size
    /// The base bundle and up to 100 one-time parts: 170 kB.
    ///
    /// # Errors
    /// [`PublishError`]. Nothing was changed, unless the commit failed: then only the store knows.
    pub fn republish_prekeys(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<PreKeyUpload, PublishError<S::Error>> {
        self.run(|client| {
            client.change_prekeys(|prekeys, identity, transaction| {
                let missing = MAX_ONE_TIME_PREKEYS.saturating_sub(prekeys.one_time_left());
                prekeys.replenish(identity, missing, rng)?;
                let mut all = prekeys.upload(identity)?;
                // The oldest come first, and were handed out first.
                let more = all.one_time.len().saturating_sub(MAX_ONE_TIME_PREKEYS);
                all.one_time.drain(..more);
                let waiting = UploadRecord {
                    one_time: all.one_time.clone(),
                };
                transaction.put_record(keys::prekey_upload(), &waiting);
                Ok(all)
            })
        })
    }

    /// Records that the provider has this upload, so that its one-time parts are not uploaded
    /// again.
    ///
    /// After a [set-back](Self::check_mark), this also ends what that call returns, if the upload
    /// has the present base bundle.
    pub fn confirm_prekeys(&mut self, upload: &PreKeyUpload) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut waiting = client.waiting_upload()?;
            waiting
                .one_time
                .retain(|part| !upload.one_time.contains(part));
            let mut transaction = Transaction::default();
            transaction.put_record(keys::prekey_upload(), &waiting);
            let mut counters = client.counters()?;
            if counters.set_back_ms != 0 && client.is_base(&upload.base)? {
                counters.set_back_ms = 0;
                transaction.put_record(keys::counters(), &counters);
            }
            client.commit(transaction)
        })
    }

    /// Replaces the signed prekeys, and returns the new base bundle to upload.
    ///
    /// The previous signed prekeys are kept for messages that are still on their way. Rotating once
    /// a week is usual. Do not rotate again before the provider has the last base bundle. If an
    /// upload may have been lost, [`Client::publish_prekeys`] returns the same base bundle again.
    ///
    /// # Errors
    /// [`PublishError`]. Nothing was changed, unless the commit failed: then only the store knows.
    pub fn rotate_prekeys(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<PreKeyUpload, PublishError<S::Error>> {
        self.run(|client| {
            let mut prekeys = client.take_prekeys()?;
            prekeys.rotate(&client.identity, rng)?;
            let upload = PreKeyUpload {
                one_time: Vec::new(),
                ..prekeys.upload(&client.identity)?
            };
            let mut transaction = Transaction::default();
            client.forget_replays(&prekeys, &mut transaction)?;
            client.commit_prekeys(prekeys, transaction)?;
            Ok(upload)
        })
    }

    /// Counts the one-time prekeys that no peer has used yet, as far as this device knows.
    pub fn one_time_prekeys_left(&mut self) -> Result<usize, StateError<S::Error>> {
        self.run(|client| {
            let prekeys = client.take_prekeys()?;
            let left = prekeys.one_time_left();
            client.prekeys = Some(prekeys);
            Ok(left)
        })
    }

    /// Whether this is the base bundle that the provider should hand out.
    fn is_base(&mut self, base: &[u8]) -> Result<bool, StateError<S::Error>> {
        let prekeys = self.take_prekeys()?;
        let upload = prekeys.upload(&self.identity);
        self.prekeys = Some(prekeys);
        Ok(upload.is_ok_and(|upload| upload.base == base))
    }

    fn change_prekeys(
        &mut self,
        change: impl FnOnce(
            &mut PreKeys,
            &IdentityKeyPair,
            &mut Transaction,
        ) -> Result<PreKeyUpload, PreKeyError>,
    ) -> Result<PreKeyUpload, PublishError<S::Error>> {
        let mut prekeys = self.take_prekeys()?;
        let mut transaction = Transaction::default();
        let upload = change(&mut prekeys, &self.identity, &mut transaction)?;
        self.commit_prekeys(prekeys, transaction)?;
        Ok(upload)
    }

    fn commit_prekeys(
        &mut self,
        mut prekeys: PreKeys,
        mut transaction: Transaction,
    ) -> Result<(), StateError<S::Error>> {
        put_prekeys(&mut prekeys, &mut transaction);
        self.commit(transaction)?;
        self.prekeys = Some(prekeys);
        Ok(())
    }

    /// Takes the prekeys out of memory, or reads them from the store, so that the caller can change
    /// them.
    ///
    /// The caller puts them back only when they are the same in memory and in the store again.
    pub(super) fn take_prekeys(&mut self) -> Result<PreKeys, StateError<S::Error>> {
        if let Some(prekeys) = self.prekeys.take() {
            return Ok(prekeys);
        }
        let damaged = || StateError::Damaged(Damage::PreKeys);
        let state = self.get(&keys::prekeys())?.ok_or_else(damaged)?;
        if state.first() == Some(&WHOLE_VERSION) {
            return PreKeys::import(&state).map_err(|_| damaged());
        }
        let (mut one_time, mut after) = (Vec::new(), None);
        while one_time.len() <= MAX_KEPT_ONE_TIME_PREKEYS {
            let table = keys::one_time_prekeys();
            let rows = self.store.list(&table, after.as_ref(), ROWS_AT_ONCE);
            let rows = rows.map_err(|error| match S::is_damage(&error) {
                true => damaged(),
                false => StateError::Store(error),
            })?;
            let Some(last) = rows.last() else { break };
            after = Some(last.cursor.clone());
            // One that is damaged counts as spent.
            one_time.extend(rows.into_iter().filter_map(|Listed { value, .. }| value));
        }
        PreKeys::import_parts(&state, &one_time)
            .or_else(|_| {
                let mut ids = BTreeSet::new();
                one_time.retain(|part| {
                    let id = OneTimeId::of_part(part);
                    let is_read = PreKeys::import_parts(&state, [part]).is_ok();
                    is_read && id.is_ok_and(|id| ids.insert(id))
                });
                PreKeys::import_parts(&state, &one_time)
            })
            .map_err(|_| damaged())
    }

    /// Reads what is remembered of the first messages of this sender.
    pub(super) fn replay_memory(
        &self,
        sender: &IdentityKey,
    ) -> Result<ReplayMemory, StateError<S::Error>> {
        match self.get(&keys::replay_memory(sender))? {
            None => Ok(ReplayMemory::new()),
            Some(bytes) => ReplayMemory::import(&bytes)
                .ok()
                .filter(|memory| memory.sender() == Some(sender))
                .ok_or(StateError::Damaged(Damage::PreKeys)),
        }
    }

    /// Deletes the memories of which every signed prekey is destroyed. One that cannot be read
    /// stays.
    fn forget_replays(
        &self,
        prekeys: &PreKeys,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let (table, mut after) = (keys::replay_memories(), None);
        for _ in 0..MAX_LISTS {
            let page = self.page(&table, after.as_ref(), ROWS_AT_ONCE, |cursor, bytes| {
                Some((cursor.clone(), ReplayMemory::import(bytes).ok()?))
            })?;
            for (cursor, memory) in page.items {
                if !prekeys.needs(&memory) {
                    transaction.delete_at(table.clone(), cursor);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn waiting_upload(&self) -> Result<UploadRecord, StateError<S::Error>> {
        match self.get_record(&keys::prekey_upload()) {
            // What waited is not known any more. Parts that did not reach the provider are never
            // used, and `publish_prekeys` makes others.
            Err(StateError::Damaged(_)) => Ok(UploadRecord::default()),
            waiting => Ok(waiting?.unwrap_or_default()),
        }
    }
}

/// Writes what changed in the prekeys since they were last written or read: usually nothing.
///
/// The prekeys return each change only once. So if the transaction is not committed, they must be
/// dropped and read again.
pub(super) fn put_prekeys(prekeys: &mut PreKeys, transaction: &mut Transaction) {
    let parts = prekeys.export_parts();
    if let Some(state) = parts.state {
        transaction.put(keys::prekeys(), state);
    }
    for change in parts.one_time {
        let key = keys::one_time_prekey(&change.id);
        match change.bytes {
            Some(bytes) => transaction.put(key, bytes),
            None => transaction.delete(key),
        }
    }
}
