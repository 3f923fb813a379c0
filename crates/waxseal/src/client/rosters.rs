//! Rosters: the own account's first one, and those that arrive.

use rand_core::CryptoRng;
use waxseal_core::IdentityKeyPair;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::{
    AccountKeyPair, DeviceEntry, DraftError, PinError, Roster, RosterDraft, SignedRoster,
    proof_context,
};

use super::edit_roster::nothing_pending;
use super::notices::Kind;
use super::peers::{Peer, Taken};
use super::receive::Batch;
use super::{Client, keys};
use crate::channel::RosterClaim;
use crate::error::{AccountKeyError, StartError, StateError, TakeRosterError};
use crate::records::{SecretRecord, UpkeepRecord};
use crate::store::{Store, Transaction};

/// How far this device's clock may be off the provider's for rosters to age by it: one day.
const MAX_CLOCK_OFF_MS: u64 = 24 * 3_600_000;

/// What a roster changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RosterChange {
    /// It is the known one, or an older one.
    Unchanged,
    /// It is the first one of this account.
    First,
    /// It is newer than the known one.
    Changed {
        /// Devices that were added.
        added: Vec<DeviceId>,
        /// Devices that were removed.
        removed: Vec<DeviceId>,
    },
}

/// A roster that was not taken, although it verifies.
#[derive(Debug)]
pub(super) struct NotTaken {
    pub(super) error: PinError,
    pub(super) roster: Roster,
}

impl<E: std::error::Error> From<NotTaken> for TakeRosterError<E> {
    fn from(NotTaken { error, roster }: NotTaken) -> Self {
        match error {
            PinError::OtherAccountKey => Self::IdentityChanged {
                new: *roster.account_key(),
            },
            PinError::Conflict | PinError::ManagersChanged => Self::Conflict,
            error => Self::Refused(error),
        }
    }
}

impl<E: std::error::Error> From<TakeRosterError<E>> for StartError<E> {
    fn from(error: TakeRosterError<E>) -> Self {
        match error {
            TakeRosterError::IdentityChanged { new } => Self::IdentityChanged { new },
            TakeRosterError::State(error) => Self::State(error),
            error => Self::NotTaken(error),
        }
    }
}

/// Makes an account key, and the first roster, with this device as its only manager.
pub(super) fn first_roster(
    me: &DeviceAddress,
    identity: &IdentityKeyPair,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<(Roster, SecretRecord), DraftError> {
    let account = me.account.as_str();
    let key = AccountKeyPair::generate(rng);
    let own = identity.public().to_bytes();
    let delegation = key.delegate(account, 1, &[own])?;
    let context = proof_context(account, &key.public(), me.device.0);
    let entry = DeviceEntry {
        id: me.device.0,
        identity: own,
        since: 1,
        proof: identity.prove_device(&context),
    };
    let draft = RosterDraft::first(account, delegation, entry, now.as_millis())?;
    let signature = identity.sign_roster(&draft.to_sign());
    // What was just signed verifies.
    let roster = draft.sign(signature).verify(account);
    let secret = SecretRecord {
        secret: key.secret().to_bytes().to_vec(),
    };
    Ok((roster.map_err(|_| DraftError::AccountName)?, secret))
}

impl<S: Store> Client<S> {
    /// Makes the account key of a store that an earlier version of this crate made, and the first
    /// roster, with this device. Give the roster to the provider.
    ///
    /// # Errors
    /// [`AccountKeyError::AlreadyExists`] if the store knows the own account's key.
    pub fn create_account_key(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Roster, AccountKeyError<S::Error>> {
        self.run(|client| {
            let me = client.me.account.clone();
            let own = client.take_peer(&me)?;
            let mut own = own.unwrap_or_else(|| Peer::own(&me));
            if own.account_key().is_some() {
                return Err(AccountKeyError::AlreadyExists);
            }
            let (roster, secret) = first_roster(&client.me, &client.identity, now, rng)?;
            let mut record = client.account_record()?;
            record.account_key = roster.account_key().to_bytes().to_vec();
            let mut transaction = Transaction::default();
            client.put_first_roster(&mut own, &roster, &secret, &mut transaction);
            transaction.put_record(keys::account(), &record);
            client.commit(transaction)?;
            client.keep_peer(&me, own);
            Ok(roster)
        })
    }

    /// Writes the first roster of the own account, and the secret half of its key.
    pub(super) fn put_first_roster(
        &self,
        own: &mut Peer,
        roster: &Roster,
        secret: &SecretRecord,
        transaction: &mut Transaction,
    ) {
        let me = &self.me.account;
        // Nothing is pinned yet, so this pins the roster.
        let _ = own.take_roster(me, roster, 0, transaction);
        own.put(me, transaction);
        transaction.put_record(keys::account_secret(), secret);
        transaction.put_record(keys::signing(), &nothing_pending(roster));
    }

    /// Takes a roster that the provider handed out, of a peer or of the own account.
    ///
    /// Of an account without a contact, the roster is kept for its first message, and nothing is
    /// pinned. The same holds if the pinned key was lost to damage.
    ///
    /// # Errors
    /// [`TakeRosterError`]. The known roster stays; a [notice](Self::notices) can be new.
    pub fn take_roster(
        &mut self,
        account: &AccountId,
        roster: &[u8],
        now: Timestamp,
    ) -> Result<RosterChange, TakeRosterError<S::Error>> {
        self.run(|client| {
            let roster = SignedRoster::decode(roster)?.verify(account.as_str())?;
            let mut transaction = Transaction::default();
            let known = client.take_peer(account)?;
            let Some(mut known) = known.filter(|known| !known.is_unpinned()) else {
                // CHK-315: the account key of the own account never comes from the provider.
                if *account == client.me.account {
                    return Err(TakeRosterError::Refused(PinError::OtherAccountKey));
                }
                return client.keep_offered(account, &roster, now);
            };
            // Also if the roster is refused, none is fetched soon.
            let mut upkeep = client.upkeep_or_new(account)?;
            upkeep.fetched_ms = now.as_millis().max(1);
            transaction.put_record(keys::upkeep(account), &upkeep);
            let learnt_ms = client.learnt_ms(now)?;
            let taken =
                client.take_in_call(&mut known, account, &roster, learnt_ms, &mut transaction)?;
            upkeep.wants_roster = false;
            if taken != Taken::Known {
                upkeep.fetched_ms = 0;
            }
            client.judge_claimed(&known, &mut upkeep, &mut transaction);
            transaction.put_record(keys::upkeep(account), &upkeep);
            known.put(account, &mut transaction);
            client.commit(transaction)?;
            client.keep_peer(account, known);
            let ids = |ids: Vec<u32>| ids.into_iter().map(DeviceId).collect();
            Ok(match taken {
                Taken::First => RosterChange::First,
                Taken::Known => RosterChange::Unchanged,
                Taken::Newer { added, removed } => RosterChange::Changed {
                    added: ids(added),
                    removed: ids(removed),
                },
            })
        })
    }

    /// Compares the own roster that the provider handed out with the newest one that others go by.
    ///
    /// A thief of a manager's key can sign a roster that lists one more device. A relay that helps
    /// shows it to peers alone. It has another version, so only the claims of peers reveal it.
    fn judge_claimed(&self, own: &Peer, upkeep: &mut UpkeepRecord, transaction: &mut Transaction) {
        let claimed = RosterClaim::from_bytes(&upkeep.claimed);
        let Some((claimed, roster)) = claimed.zip(own.roster()) else {
            return;
        };
        let known = RosterClaim::of(roster);
        // CHK-330: the provider hands out the own roster that others go by. The first fetch may
        // have been on its way before the claim came.
        let is_missing = claimed.stamp > known.stamp;
        if is_missing && !upkeep.is_claim_missed {
            (upkeep.is_claim_missed, upkeep.wants_roster) = (true, true);
            return;
        }
        if is_missing || claimed.stamp == known.stamp && claimed.hash != known.hash {
            let (me, kind) = (&self.me.account, Kind::SplitView);
            self.put_notice(
                transaction,
                kind,
                me,
                &roster.signed().encode(),
                &claimed.hash,
            );
        }
        upkeep.claimed.clear();
        upkeep.is_claim_missed = false;
    }

    /// Keeps the roster of an account without a contact for its first message.
    fn keep_offered(
        &mut self,
        account: &AccountId,
        roster: &Roster,
        now: Timestamp,
    ) -> Result<RosterChange, TakeRosterError<S::Error>> {
        if self.has_no_room_in(&mut Batch::default(), account)? {
            return Err(TakeRosterError::NoRoom);
        }
        let mut upkeep = self.upkeep_or_new(account)?;
        let offered = roster.signed().encode();
        upkeep.fetched_ms = match upkeep.offered == offered {
            true => now.as_millis().max(1),
            false => 0,
        };
        upkeep.offered = offered;
        upkeep.is_stranger = true;
        upkeep.offered_ms = now.as_millis().max(1);
        upkeep.wants_roster = false;
        let mut transaction = Transaction::default();
        transaction.put_record(keys::upkeep(account), &upkeep);
        self.commit(transaction)?;
        Ok(RosterChange::First)
    }

    /// Takes a verified roster in a call of the application. If it is refused, what is to be told
    /// about it is committed, and nothing else.
    pub(super) fn take_in_call(
        &mut self,
        known: &mut Peer,
        account: &AccountId,
        roster: &Roster,
        learnt_ms: u64,
        transaction: &mut Transaction,
    ) -> Result<Taken, TakeRosterError<S::Error>> {
        match self.take_verified(known, account, roster, learnt_ms, transaction)? {
            Ok(taken) => Ok(taken),
            Err(not_taken) => {
                let mut notices = std::mem::take(transaction);
                if known.is_stored() {
                    known.put(account, &mut notices);
                }
                self.commit(notices)?;
                Err(not_taken.into())
            }
        }
    }

    /// Takes a verified roster, and writes what is to be told about it. The caller writes the peer.
    pub(super) fn take_verified(
        &self,
        known: &mut Peer,
        account: &AccountId,
        roster: &Roster,
        learnt_ms: u64,
        transaction: &mut Transaction,
    ) -> Result<Result<Taken, NotTaken>, StateError<S::Error>> {
        // CHK-315: no call takes the account key of the own account from the provider.
        if *account == self.me.account && known.account_key().is_none() {
            let (error, roster) = (PinError::OtherAccountKey, roster.clone());
            return Ok(Err(NotTaken { error, roster }));
        }
        let before = known.roster().map(|roster| roster.signed().encode());
        let taken = match known.take_roster(account, roster, learnt_ms, transaction) {
            Ok(taken) => taken,
            Err(error) => {
                let bytes = roster.signed().encode();
                let known = before.unwrap_or_default();
                match error {
                    PinError::OtherAccountKey => {
                        let new = roster.account_key().to_bytes();
                        self.put_notice(transaction, Kind::IdentityChanged, account, &[], &new);
                    }
                    PinError::Conflict | PinError::ManagersChanged => {
                        let kind = Kind::RosterConflict;
                        self.put_notice(transaction, kind, account, &known, &bytes);
                    }
                    _ => {}
                }
                let roster = roster.clone();
                return Ok(Err(NotTaken { error, roster }));
            }
        };
        if let Taken::Newer { added, removed } = &taken {
            if !added.is_empty() || !removed.is_empty() {
                self.put_devices_changed(transaction, account, added, removed)?;
            }
            if !removed.is_empty() {
                self.note_devices_removed(account, transaction)?;
            }
            if *account == self.me.account {
                match known.entry(self.me.device) {
                    None => self.put_notice(transaction, Kind::Removed, account, &[], &[]),
                    Some(_) => self.retract_own(transaction),
                }
            }
        }
        Ok(Ok(taken))
    }

    /// Compares this device's clock with the provider's. Call it at each sign-in.
    ///
    /// Rosters older than 60 days count for their managers alone. If the clocks are more than a day
    /// apart, rosters age by the newest time at which a message was sent that opened here.
    pub fn check_clock(
        &mut self,
        provider: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut counters = client.counters()?;
            let off_ms = provider.as_millis().abs_diff(now.as_millis());
            let is_off = off_ms > MAX_CLOCK_OFF_MS;
            if counters.is_clock_off != is_off {
                counters.is_clock_off = is_off;
                let mut transaction = Transaction::default();
                transaction.put_record(keys::counters(), &counters);
                client.commit(transaction)?;
            }
            Ok(())
        })
    }

    /// When something is learnt now, by the clock that also says when messages were accepted.
    pub(super) fn learnt_ms(&self, now: Timestamp) -> Result<u64, StateError<S::Error>> {
        let counters = self.counters()?;
        Ok(match counters.is_clock_off {
            true => counters.newest_accepted_ms,
            false => now.as_millis(),
        })
    }
}
