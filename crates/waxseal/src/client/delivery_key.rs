//! The delivery key: agreed with the provider, and renewed from time to time.

use std::sync::atomic::Ordering;

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::DeliveryKey;
use zeroize::Zeroize;

use super::{Client, keys};
use crate::error::{Damage, StateError};
use crate::records::AccountRecord;
use crate::store::{Store, Transaction};

/// How long a delivery key is used before it is due to be renewed: 30 days. A thief of the key can
/// use it no longer than that.
const MAX_AGE_MS: u64 = 30 * 24 * 3_600_000;

/// The delivery keys of this device, as the store has them.
pub(super) struct DeliveryKeys {
    /// The key in use.
    pub(super) current: DeliveryKey,
    /// The key that the provider may have registered already.
    next: Option<DeliveryKey>,
    /// When the provider registered the key in use, if that is known.
    since: Option<Timestamp>,
}

impl DeliveryKeys {
    /// Reads the keys of an account's record. `None` if the record is damaged.
    pub(super) fn of(record: &AccountRecord) -> Option<Self> {
        let next = match record.next_delivery_key.as_slice() {
            [] => None,
            next => Some(key_of(next)?),
        };
        Some(Self {
            current: key_of(&record.delivery_key)?,
            next,
            since: match record.delivery_key_since_ms {
                0 => None,
                since_ms => Some(Timestamp::from_millis(since_ms)),
            },
        })
    }
}

fn key_of(bytes: &[u8]) -> Option<DeliveryKey> {
    bytes.try_into().ok().map(DeliveryKey::from_bytes)
}

impl<S: Store> Client<S> {
    /// The key with which the provider and this device authenticate each other's messages: the one
    /// given to [`Client::create`], or the last one confirmed.
    ///
    /// If another process confirmed one, this is the key of before until the next call that takes
    /// `&mut self`.
    pub fn delivery_key(&self) -> &DeliveryKey {
        &self.delivery_keys.current
    }

    /// Whether to register another delivery key before anything else is sent to the provider, or
    /// fetched from it.
    ///
    /// True if the key was confirmed 30 days ago or earlier, never, or at a time that is still to
    /// come; and as long as a renewal is unfinished.
    pub fn is_delivery_key_due(&self, now: Timestamp) -> bool {
        let DeliveryKeys { next, since, .. } = &self.delivery_keys;
        let now_ms = now.as_millis().max(1); // as it is stored
        let age = since.and_then(|since| now_ms.checked_sub(since.as_millis()));
        next.is_some() || age.is_none_or(|age| age >= MAX_AGE_MS)
    }

    /// Draws another delivery key for the provider to register, and stores it. Returns the same key
    /// until it is confirmed.
    ///
    /// Register it under a proof of [`Client::prove_account`], then call
    /// [`Client::confirm_delivery_key`]. Until then the client uses the key of before. After a
    /// crash or a broken connection, repeat all three steps: the provider may have either key, and
    /// has this one afterwards.
    ///
    /// # Security
    /// A renewal ends what a thief of the delivery key can do. A thief of the identity can register
    /// keys too. This device then fails to authenticate every answer of the provider, until it
    /// registers again.
    pub fn renew_delivery_key(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<DeliveryKey, StateError<S::Error>> {
        self.run(|client| {
            let mut record = client.account_record()?;
            if record.next_delivery_key.is_empty() {
                let next = DeliveryKey::generate(rng);
                record.next_delivery_key = next.to_bytes().to_vec();
            }
            client.put_account(record)?;
            let next = client.delivery_keys.next.clone();
            next.ok_or(StateError::Damaged(Damage::Account))
        })
    }

    /// Records that the provider has registered this key for this device, at the time `now`. The
    /// client uses it from now on: for messages and reports that wait to be sent too.
    ///
    /// Call this only after an answer of the provider that is authenticated.
    pub fn confirm_delivery_key(
        &mut self,
        registered: &DeliveryKey,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut record = client.account_record()?;
            let keys = DeliveryKeys::of(&record).ok_or(StateError::Damaged(Damage::Account))?;
            if keys.next.is_some_and(|next| next.is_same(registered)) {
                record.next_delivery_key.zeroize();
            }
            record.delivery_key.zeroize();
            record
                .delivery_key
                .extend_from_slice(&*registered.to_bytes());
            record.delivery_key_since_ms = now.as_millis().max(1); // 0 says that it is not known
            client.put_account(record)
        })
    }

    /// The delivery key that the store has, which another process may have confirmed.
    pub(super) fn stored_delivery_key(&self) -> Result<DeliveryKey, StateError<S::Error>> {
        if !self.is_behind.load(Ordering::Relaxed) {
            return Ok(self.delivery_key().clone());
        }
        let keys = DeliveryKeys::of(&self.account_record()?);
        Ok(keys.ok_or(StateError::Damaged(Damage::Account))?.current)
    }

    /// Reads the delivery keys again, because another process may have renewed them. If the account
    /// is damaged, they stay as they were.
    pub(super) fn read_delivery_keys(&mut self) -> Result<(), StateError<S::Error>> {
        match self.account_record() {
            Ok(record) => self.use_keys_of(&record),
            Err(StateError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn use_keys_of(&mut self, record: &AccountRecord) {
        if let Some(keys) = DeliveryKeys::of(record) {
            self.delivery_keys = keys;
        }
    }

    pub(super) fn account_record(&self) -> Result<AccountRecord, StateError<S::Error>> {
        let record = self.get_record(&keys::account())?;
        record.ok_or(StateError::Damaged(Damage::Account))
    }

    fn put_account(&mut self, record: AccountRecord) -> Result<(), StateError<S::Error>> {
        let mut transaction = Transaction::default();
        transaction.put_record(keys::account(), &record);
        let committed = self.commit(transaction);
        // After a failed commit only the store knows which keys it holds.
        let stored = match &committed {
            Ok(()) => Ok(record),
            Err(_) => self.account_record(),
        };
        if let Ok(record) = &stored {
            self.use_keys_of(record);
        }
        committed
    }
}
