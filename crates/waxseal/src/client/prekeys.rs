//! Prekeys: what others start conversations with while this device is offline.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKeyPair, MAX_ONE_TIME_PREKEYS, PreKeyError, PreKeyUpload, PreKeys};

use super::Client;
use crate::error::{OpenAccountError, PeerError};
use crate::records::{self, UploadRecord};
use crate::store::{Key, Store, Transaction};

impl<S: Store> Client<S> {
    /// Makes the one-time prekeys that the provider lacks and returns what it must hand out: the base bundle and
    /// the one-time parts that no [`Client::confirm_prekeys`] has named yet.
    ///
    /// `at_provider` is how many one-time parts the provider says it has left: 0 after [`Client::create`]. Call it
    /// then, when an upload may have been lost, and whenever few are left. The provider hands out the newest base
    /// with at most one one-time part, and each one-time part once, even if it was uploaded twice.
    pub fn publish_prekeys(
        &mut self,
        at_provider: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<PreKeyUpload, OpenAccountError<S::Error>> {
        let mut waiting = self.waiting_upload()?;
        self.change_prekeys(|prekeys, identity, transaction| {
            let there = at_provider.saturating_add(waiting.one_time.len());
            let missing = MAX_ONE_TIME_PREKEYS.saturating_sub(there);
            let made = prekeys.replenish(identity, missing, rng)?;
            let all = prekeys.upload(identity)?;
            waiting.one_time.extend(made);
            // One that was used did arrive, and must not be handed out again.
            waiting.one_time.retain(|part| all.one_time.contains(part));
            transaction.put(Key::PreKeyUpload, records::encode(&waiting));
            Ok(PreKeyUpload {
                base: all.base,
                one_time: waiting.one_time,
            })
        })
    }

    /// Takes the provider's word that it has this upload: its one-time parts are not published again.
    pub fn confirm_prekeys(
        &mut self,
        upload: &PreKeyUpload,
    ) -> Result<(), OpenAccountError<S::Error>> {
        let mut waiting = self.waiting_upload()?;
        waiting
            .one_time
            .retain(|part| !upload.one_time.contains(part));
        let mut transaction = Transaction::default();
        transaction.put(Key::PreKeyUpload, records::encode(&waiting));
        self.store
            .commit(transaction)
            .map_err(OpenAccountError::Store)
    }

    /// Replaces the signed prekeys, keeping the previous ones for messages under way, and returns the new base
    /// bundle to hand out. Once a week is usual; not again before the provider has the last one.
    ///
    /// If the upload may have been lost, [`Client::publish_prekeys`] returns the same base again.
    pub fn rotate_prekeys(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<PreKeyUpload, OpenAccountError<S::Error>> {
        self.change_prekeys(|prekeys, identity, _| {
            prekeys.rotate(identity, rng)?;
            Ok(PreKeyUpload {
                one_time: Vec::new(),
                ..prekeys.upload(identity)?
            })
        })
    }

    /// One-time prekeys nobody has used yet, as far as this device knows.
    pub fn one_time_prekeys_left(&mut self) -> Result<usize, PeerError<S::Error>> {
        let prekeys = self.take_prekeys()?;
        let left = prekeys.one_time_left();
        self.prekeys = Some(prekeys);
        Ok(left)
    }

    fn change_prekeys(
        &mut self,
        change: impl FnOnce(
            &mut PreKeys,
            &IdentityKeyPair,
            &mut Transaction,
        ) -> Result<PreKeyUpload, PreKeyError>,
    ) -> Result<PreKeyUpload, OpenAccountError<S::Error>> {
        let mut prekeys = self.take_prekeys().map_err(|error| match error {
            PeerError::Store(error) => OpenAccountError::Store(error),
            _ => OpenAccountError::Damaged,
        })?;
        let mut transaction = Transaction::default();
        let upload = change(&mut prekeys, &self.identity, &mut transaction)?;
        transaction.put(Key::PreKeys, prekeys.export());
        self.store
            .commit(transaction)
            .map_err(OpenAccountError::Store)?;
        self.prekeys = Some(prekeys);
        Ok(upload)
    }

    /// The prekeys, taken out while they may change: put back only when memory and store agree again.
    pub(super) fn take_prekeys(&mut self) -> Result<PreKeys, PeerError<S::Error>> {
        if let Some(prekeys) = self.prekeys.take() {
            return Ok(prekeys);
        }
        let bytes = self
            .store
            .get(&Key::PreKeys)
            .map_err(PeerError::Store)?
            .ok_or(PeerError::Damaged)?;
        PreKeys::import(&bytes).map_err(|_| PeerError::Damaged)
    }

    fn waiting_upload(&self) -> Result<UploadRecord, OpenAccountError<S::Error>> {
        let bytes = self
            .store
            .get(&Key::PreKeyUpload)
            .map_err(OpenAccountError::Store)?;
        bytes.map_or(Ok(UploadRecord::default()), |bytes| {
            records::decode(&bytes).ok_or(OpenAccountError::Damaged)
        })
    }
}
