//! Records of what is neither an act of an officer nor a case's step: policies that come into
//! force, data that leaves, keys that are created and destroyed.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, KeyKind, Number, PublishedPolicy, Target};
use waxseal_reporting::Timestamp;

use crate::acts::name;
use crate::desk::{Desk, detail};
use crate::error::{DeskError, Refused};
use crate::ids::CaseId;
use crate::policy::Policy;
use crate::store::{KeyEpochRow, MetaRow, PolicyRow, Store};
use crate::{hash, labels};

/// Maximum length of a public key or of the identifier of a secret key, in bytes.
pub const MAX_KEY_LEN: usize = 2_048;

impl<S: Store> Desk<S> {
    /// Puts a policy into force, which the policy key signed.
    ///
    /// # Errors
    /// [`Refused::Policy`] if it is for another log, is not signed, or is not newer than the policy
    /// in force, or the store's.
    pub fn publish_policy(
        &mut self,
        policy: &Policy,
        published: &PublishedPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let keys = &self.setup.keys;
        // CHK-204: the policy is for this log, is the one that the policy key signed, and is newer
        // than the one in force.
        let is_signed = policy.origin() == keys.origin()
            && published.version == policy.version()
            && published.digest == policy.digest()
            && keys
                .policy()
                .is_some_and(|key| published.verify(keys.origin(), key).is_ok());
        let is_newer = self
            .policy
            .as_ref()
            .is_none_or(|old| old.version() < policy.version());
        if !is_signed || !is_newer {
            return Err(Refused::Policy.into());
        }
        let mut batch = self.begin(now);
        let (number, event) = (Number::generate(rng), Event::PolicyPublished(*published));
        let digest = policy.digest().as_bytes().to_vec();
        let logged = batch.log(number, event, detail(digest, rng)?);
        batch.add(PolicyRow {
            version: policy.version(),
            document: policy.encode().to_vec(),
            signature: published.signature,
            log_index: logged.index,
            published_at_ms: now.as_millis(),
        });
        self.commit(batch)?;
        self.policy = Some(policy.clone());
        Ok(())
    }

    /// Enters that data of a case left the provider by other means than the
    /// [outbox](crate::outbox): `sent` is what left, byte for byte. Only its
    /// digest is kept.
    ///
    /// # Errors
    /// [`Refused::NoCase`], or the store's.
    pub fn exported(
        &mut self,
        case: &CaseId,
        target: Target,
        sent: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        self.store.case(case.as_bytes())?.ok_or(Refused::NoCase)?;
        let number = Number::generate(rng);
        let digest = export_digest(sent);
        let mut batch = self.begin(now);
        batch.log(
            number,
            Event::Exported { target },
            detail(digest.to_vec(), rng)?,
        );
        batch.add(export_meta(case, target, now, &number, &digest));
        self.commit(batch)
    }

    /// Enters that a key was created. `public` is the public key, or the identifier of a secret
    /// key.
    ///
    /// # Errors
    /// [`Refused::TooLong`], [`StoreError::Conflict`](crate::store::StoreError::Conflict) if the
    /// epoch exists already, or the store's.
    pub fn key_created(
        &mut self,
        key: KeyKind,
        epoch: u64,
        public: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        if public.len() > MAX_KEY_LEN {
            return Err(Refused::TooLong.into());
        }
        let row = KeyEpochRow {
            key_kind: key.number(),
            epoch,
            public: public.to_vec(),
            created_at_ms: now.as_millis(),
            destroyed_at_ms: None,
        };
        let mut batch = self.begin(now);
        let digest = epoch_digest(&row).to_vec();
        batch.log(
            Number::generate(rng),
            Event::KeyEpochCreated { key },
            detail(digest, rng)?,
        );
        batch.add(row);
        self.commit(batch)
    }

    /// Enters that a key was destroyed.
    ///
    /// # Errors
    /// [`Refused::NoKey`] if there is no such key or it was destroyed before, or the store's.
    pub fn key_destroyed(
        &mut self,
        key: KeyKind,
        epoch: u64,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let before = epoch.checked_sub(1);
        let mut rows = self.store.key_epochs(key.number(), before, 1)?.into_iter();
        // CHK-205: a key is destroyed once, after it was created.
        let is = |row: &KeyEpochRow| row.epoch == epoch && row.destroyed_at_ms.is_none();
        let old = rows.next().filter(is).ok_or(Refused::NoKey)?;
        let mut batch = self.begin(now);
        let digest = epoch_digest(&old).to_vec();
        batch.log(
            Number::generate(rng),
            Event::KeyEpochDestroyed { key },
            detail(digest, rng)?,
        );
        let new = KeyEpochRow {
            destroyed_at_ms: Some(now.as_millis()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }
}

/// What the entry `exported` is about: `SHA-256("waxseal/desk/1/export" || what left)`.
pub fn export_digest(sent: &[u8]) -> [u8; 32] {
    hash::digest(labels::EXPORT, &[sent])
}

/// The value that keeps what an entry `exported` is about.
pub(crate) fn export_meta(
    case: &CaseId,
    target: Target,
    now: Timestamp,
    number: &Number,
    digest: &[u8; 32],
) -> MetaRow {
    let mut value = case.as_bytes().to_vec();
    value.push(target.number());
    value.extend_from_slice(&now.as_millis().to_be_bytes());
    value.extend_from_slice(digest);
    MetaRow {
        name: name("export", number.as_bytes()),
        value,
    }
}

/// What the entries about a key are about:
/// `SHA-256("waxseal/desk/1/key-epoch" || kind u8 || epoch be64 || public key)`.
pub(crate) fn epoch_digest(row: &KeyEpochRow) -> [u8; 32] {
    let epoch = row.epoch.to_be_bytes();
    hash::digest(labels::KEY_EPOCH, &[&[row.key_kind], &epoch, &row.public])
}

#[cfg(test)]
mod tests;
