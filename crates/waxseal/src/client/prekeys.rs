//! Prekeys: the public keys with which peers start conversations while this device is offline.

use rand_core::CryptoRng;
use waxseal_core::errors::PreKeyError;
use waxseal_core::limits::MAX_ONE_TIME_PREKEYS;
use waxseal_core::{IdentityKeyPair, PreKeyUpload, PreKeys};

use super::{Client, keys};
use crate::error::{Damage, PublishError, StateError};
use crate::records::UploadRecord;
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Makes the one-time prekeys that the provider lacks, and returns what to upload.
    ///
    /// The upload holds the base bundle and every one-time part that [`Client::confirm_prekeys`]
    /// has not confirmed yet. `at_provider` is how many one-time parts the provider says it has
    /// left: 0 after [`Client::create`]. Call this after `create`, when an upload may have been
    /// lost, and whenever the provider has few left.
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

    /// Records that the provider has this upload, so that its one-time parts are not uploaded
    /// again.
    pub fn confirm_prekeys(&mut self, upload: &PreKeyUpload) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut waiting = client.waiting_upload()?;
            waiting
                .one_time
                .retain(|part| !upload.one_time.contains(part));
            let mut transaction = Transaction::default();
            transaction.put_record(keys::prekey_upload(), &waiting);
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
            client.change_prekeys(|prekeys, identity, _| {
                prekeys.rotate(identity, rng)?;
                Ok(PreKeyUpload {
                    one_time: Vec::new(),
                    ..prekeys.upload(identity)?
                })
            })
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
        transaction.put(keys::prekeys(), prekeys.export());
        self.commit(transaction)?;
        self.prekeys = Some(prekeys);
        Ok(upload)
    }

    /// Takes the prekeys out of memory, or reads them from the store, so that the caller can change
    /// them.
    ///
    /// The caller puts them back only when they are the same in memory and in the store again.
    pub(super) fn take_prekeys(&mut self) -> Result<PreKeys, StateError<S::Error>> {
        if let Some(prekeys) = self.prekeys.take() {
            return Ok(prekeys);
        }
        let bytes = self.get(&keys::prekeys())?;
        let bytes = bytes.ok_or(StateError::Damaged(Damage::PreKeys))?;
        PreKeys::import(&bytes).map_err(|_| StateError::Damaged(Damage::PreKeys))
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
