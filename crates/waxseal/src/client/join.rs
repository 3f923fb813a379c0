//! How a device that did not create its account becomes a client of it: it was linked, or its user
//! has the recovery secret.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKeyPair, PreKeys};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::{DeviceEntry, RecoverySecret, Roster, SignedRoster, proof_context};
use zeroize::Zeroizing;

use super::delivery_key::DeliveryKeys;
use super::edit_roster::{first_pending, nothing_pending};
use super::peers::{OLDEST_SESSIONS, Peer};
use super::{Client, keys, prekeys, state};
use crate::error::{Damage, JoinError, StateError};
use crate::linking::{LinkingError, NewDevice};
use crate::records::{
    self, AccountRecord, CountersRecord, LAYOUT, LayoutRecord, LinkRecord, LinkStep, SecretRecord,
    SigningRecord, take_secret_bytes,
};
use crate::roster_edit::{EditError, RosterEdit};
use crate::store::{Store, Transaction};

impl NewDevice {
    /// Stores this device in the store that its client will have, so that the link goes on after a
    /// crash. Call this after each step, before its message leaves.
    ///
    /// # Errors
    /// [`JoinError::AlreadyExists`] if the store has an account.
    pub fn keep<S: Store>(&self, store: &mut S) -> Result<(), JoinError<S::Error>> {
        if Client::has_account(store)? {
            return Err(JoinError::AlreadyExists);
        }
        let mut transaction = Transaction::default();
        let step = Some(LinkStep::NewDevice(self.export().to_vec()));
        transaction.put_record(keys::link(), &LinkRecord { step });
        Ok(store.commit(transaction).map_err(StateError::Store)?)
    }

    /// The device that [`keep`](Self::keep) stored. `None` if there is none.
    pub fn kept<S: Store>(store: &S) -> Result<Option<Self>, JoinError<S::Error>> {
        let bytes = state::first_get(store, &keys::link())?;
        let record: Option<LinkRecord> = bytes.and_then(|bytes| records::decode(&bytes));
        Ok(match record.and_then(|mut record| record.step.take()) {
            Some(LinkStep::NewDevice(ref bytes)) => Self::import(bytes),
            _ => None,
        })
    }

    /// Makes the client of a device that is in the roster. Then register it with the provider, and
    /// publish its prekeys.
    ///
    /// `delivery_key` is agreed with the provider when the device is registered.
    ///
    /// # Errors
    /// [`LinkingError::NotWelcome`] before [`take_welcome`](Self::take_welcome).
    /// [`JoinError::AlreadyExists`] if the store has an account.
    pub fn into_client<S: Store>(
        self,
        store: S,
        delivery_key: DeliveryKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Client<S>, JoinError<S::Error>> {
        let (identity, device, roster) = self.into_welcomed().ok_or(LinkingError::NotWelcome)?;
        let account = AccountId::new(roster.account()).map_err(|_| LinkingError::Malformed)?;
        let me = DeviceAddress::new(account, DeviceId(device));
        let mut transaction = Transaction::default();
        transaction.delete(keys::link());
        if Client::has_account(&store)? {
            return Err(JoinError::AlreadyExists);
        }
        let founder = (store, me, identity);
        let signing = nothing_pending(&roster);
        let rosters = (&roster, &signing);
        Ok(Client::found(
            founder,
            rosters,
            delivery_key,
            transaction,
            rng,
        )?)
    }
}

impl<S: Store> Client<S> {
    /// Gets an account back on a new device with its recovery secret, in an empty store. The device
    /// is then the only manager.
    ///
    /// `newest` is the account's newest roster, which the provider names when a device tries to
    /// register that the roster does not list. `keep` are the devices of it that stay. Register
    /// with the [`pending_roster`](Self::pending_roster), then call
    /// [`confirm_roster`](Self::confirm_roster). If the provider has a newer one, call
    /// [`rebase_roster`](Self::rebase_roster).
    ///
    /// # Errors
    /// [`JoinError::WrongSecret`] if the secret is of another account key.
    /// [`JoinError::AlreadyExists`] if the store has an account.
    ///
    /// # Security
    /// The account key stays, so peers see no other safety number. If `newest` comes from a
    /// provider that holds back a newer roster, devices that were removed may be among those that
    /// are offered to keep: let the user choose.
    pub fn recover(
        store: S,
        account: &AccountId,
        secret: &RecoverySecret,
        (newest, keep): (&[u8], &[DeviceId]),
        delivery_key: DeliveryKey,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, JoinError<S::Error>> {
        if Self::has_account(&store)? {
            return Err(JoinError::AlreadyExists);
        }
        let newest = SignedRoster::decode(newest)?.verify(account.as_str())?;
        let key = secret.key_pair();
        // CHK-360: the secret is that of the account key.
        if key.public() != *newest.account_key() {
            return Err(JoinError::WrongSecret);
        }
        let identity = IdentityKeyPair::generate(rng);
        let own = identity.public().to_bytes();
        let highest = newest.devices().iter().map(|entry| entry.id).max();
        let id = highest.unwrap_or_default().checked_add(1);
        let id = id.ok_or(EditError::NumbersUsedUp)?;
        let devices = newest.devices().iter();
        let mut keep: Vec<_> = devices
            .filter(|entry| keep.iter().any(|kept| kept.0 == entry.id))
            .cloned()
            .collect();
        let context = proof_context(account.as_str(), newest.account_key(), id);
        keep.push(DeviceEntry::new(id, own, identity.prove_device(&context)));
        let epoch = newest
            .epoch()
            .checked_add(1)
            .ok_or(EditError::NumbersUsedUp)?;
        let delegation = key.delegate(account.as_str(), epoch, &[own]);
        let delegation = delegation.map_err(EditError::from)?;
        let edit = RosterEdit::TakeOver { delegation, keep };
        let me = DeviceAddress::new(account.clone(), DeviceId(id));
        let pending = first_pending(&me, &identity, &newest, &edit, now)?;
        let (founder, transaction) = ((store, me, identity), Transaction::default());
        Ok(Self::found(
            founder,
            (&newest, &pending),
            delivery_key,
            transaction,
            rng,
        )?)
    }

    /// Writes the account of this device into an empty store, with fresh prekeys, together with
    /// what the caller writes. The roster's account key is pinned as the own one.
    pub(super) fn found(
        (store, me, identity): (S, DeviceAddress, IdentityKeyPair),
        (roster, signing): (&Roster, &SigningRecord),
        delivery_key: DeliveryKey,
        mut transaction: Transaction,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, StateError<S::Error>> {
        let mut prekeys = PreKeys::generate(&identity, rng);
        let record = AccountRecord {
            account: me.account.as_str().to_owned(),
            device: me.device.0,
            identity: take_secret_bytes(identity.export()),
            delivery_key: delivery_key.to_bytes().to_vec(),
            next_delivery_key: Vec::new(),
            delivery_key_since_ms: 0,
            restarts: 0,
            account_key: roster.account_key().to_bytes().to_vec(),
        };
        let keys = DeliveryKeys::of(&record).ok_or(StateError::Damaged(Damage::Account))?;
        let mut client = Self::new(store, me, identity, keys);
        transaction.put_record(keys::account(), &record);
        transaction.put_record(keys::signing(), signing);
        prekeys::put_prekeys(&mut prekeys, &mut transaction);
        let counters = CountersRecord {
            oldest_sessions: OLDEST_SESSIONS,
            ..CountersRecord::default()
        };
        transaction.put_record(keys::counters(), &counters);
        let layout = LayoutRecord {
            layout: LAYOUT,
            has_earlier: false,
        };
        transaction.put_record(keys::layout(), &layout);
        let account = &client.me.account;
        let mut own = Peer::own(account);
        // Nothing is pinned yet, so this pins the roster.
        let _ = own.take_roster(account, roster, 0, &mut transaction);
        own.put(account, &mut transaction);
        client.commit(transaction)?;
        Ok(client)
    }

    /// The recovery secret, if this device has it: the device that created the account does, until
    /// it [forgets](Self::forget_account_secret) it.
    pub fn account_secret(&self) -> Result<Option<RecoverySecret>, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<SecretRecord> = client.get_record(&keys::account_secret())?;
            let bytes = record.and_then(|record| record.secret.as_slice().try_into().ok());
            let bytes = bytes.map(Zeroizing::new);
            Ok(bytes.map(|bytes| RecoverySecret::from_bytes(&bytes)))
        })
    }

    /// Forgets the recovery secret, after the user wrote it down. A thief of this device then does
    /// not have it either, and the account can be [taken over](Self::take_over) from the thief.
    pub fn forget_account_secret(&mut self) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::account_secret());
            client.commit(transaction)
        })
    }
}

#[cfg(test)]
mod tests;
