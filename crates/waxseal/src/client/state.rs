//! State: how a call reads records, and how it writes them, in one commit.

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag};
use zeroize::Zeroizing;

use super::delivery_key::DeliveryKeys;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, AccountRecord, CountersRecord, IndexRecord, MessageRecord, NUMBERS};
use crate::store::{Change, Key, Store, Transaction};

/// Reads a value, and tells damage from a store that failed.
pub(super) fn get<S: Store>(
    store: &S,
    key: &Key,
) -> Result<Option<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
    let value = store.get(key);
    value.map_err(|error| match S::is_damage(&error) {
        true => StateError::Damaged(keys::damage(key)),
        false => StateError::Store(error),
    })
}

/// Reads a value of a store that no client has read yet.
pub(super) fn first_get<S: Store>(
    store: &S,
    key: &Key,
) -> Result<Option<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
    // Once is enough, unless other processes commit without a pause.
    for _ in 0..16 {
        store.refresh().map_err(StateError::Store)?;
        match get(store, key) {
            Err(StateError::Store(error)) if S::is_stale(&error) => {}
            read => return read,
        }
    }
    get(store, key)
}

/// Who this device is, by its record.
pub(super) fn account_of(
    record: &AccountRecord,
) -> Option<(DeviceAddress, IdentityKeyPair, DeliveryKeys)> {
    let account = AccountId::new(&record.account).ok()?;
    let identity = IdentityKeyPair::import(&record.identity).ok()?;
    Some((
        DeviceAddress::new(account, DeviceId(record.device)),
        identity,
        DeliveryKeys::of(record)?,
    ))
}

impl<S: Store> Client<S> {
    pub(super) fn get(
        &self,
        key: &Key,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
        get(&self.store, key)
    }

    pub(super) fn get_record<R: prost::Message + Default>(
        &self,
        key: &Key,
    ) -> Result<Option<R>, StateError<S::Error>> {
        let bytes = self.get(key)?;
        let damaged = || StateError::Damaged(keys::damage(key));
        let record = bytes.map(|bytes| records::decode(&bytes).ok_or_else(damaged));
        record.transpose()
    }

    /// Reads the counters from the store each time, because after a failed commit only the store
    /// knows whether a number is taken.
    pub(super) fn counters(&self) -> Result<CountersRecord, StateError<S::Error>> {
        match self.get_record(&keys::counters()) {
            // They are damaged, or nothing was sent yet.
            Ok(None) | Err(StateError::Damaged(_)) => {
                let account: Option<AccountRecord> = self.readable(&keys::account())?;
                let restarts = account.map_or(0, |account| account.restarts);
                let after_last = self.number_after_last(&keys::outbox())?;
                Ok(CountersRecord {
                    next_outbox: after_last.max(restarts.saturating_mul(NUMBERS)),
                    ..CountersRecord::default()
                })
            }
            counters => Ok(counters?.unwrap_or_default()),
        }
    }

    /// Writes where the message with a tag is, and deletes the record at its earlier key.
    pub(super) fn put_index(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        tag: FrankingTag,
        index: &IndexRecord,
    ) {
        if let (true, Conversation::Direct(peer)) = (self.has_earlier, conversation) {
            transaction.delete(keys::earlier_index(peer, &tag));
        }
        transaction.put_record(keys::index(conversation, &tag), index);
    }

    pub(super) fn commit(&mut self, transaction: Transaction) -> Result<(), StateError<S::Error>> {
        self.groups.forget_changed(&transaction);
        self.store.commit(transaction).map_err(StateError::Store)
    }
}

impl Transaction {
    /// What this transaction does to a key: `Some(Some(value))` if it writes a value, `Some(None)`
    /// if it deletes the row, `None` if it leaves the row alone. Does not see rows that are
    /// deleted by their position.
    pub(super) fn pending(&self, key: &Key) -> Option<Option<&[u8]>> {
        self.changes().iter().rev().find_map(|change| match change {
            Change::Put(at, value) if at == key => Some(Some(value.as_slice())),
            Change::Delete(at) if at == key => Some(None),
            _ => None,
        })
    }

    pub(super) fn put_record(&mut self, key: Key, record: &impl prost::Message) {
        self.put(key, records::encode(record));
    }

    pub(super) fn put_message(&mut self, conversation: &Conversation, message: &MessageRecord) {
        self.put_record(keys::message(conversation, message.ordinal), message);
    }
}
