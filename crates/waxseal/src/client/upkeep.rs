//! Upkeep: everything that the client has to say without the user, in one call.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;
use waxseal_reporting::{AccountId, DeviceId, FrankingTag, Timestamp};

use waxseal_roster::group::GroupId;

use super::devices::WantedBundles;
use super::notices::Kind;
use super::times::since;
use super::{Client, Outgoing, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, ContactRecord, UpkeepRecord};
use crate::store::{Cursor, Store, Transaction};

/// Number of envelopes after which a call of [`Client::upkeep`] ends.
const MAX_OUTGOING: usize = 64;

/// Number of accounts that are read at once.
const ACCOUNTS_AT_ONCE: usize = 64;

/// How long after a fetch of a roster that brought nothing newer none is fetched: one hour. So
/// false claims of a peer cost one fetch an hour. The own roster is told to an account once an
/// hour, too.
const ROSTER_PAUSE_MS: u64 = 3_600_000;

/// How long the roster of an account without a contact is kept for its first message: one day.
const OFFERED_MS: u64 = 24 * 3_600_000;

/// How long after this device learnt that a device was removed its last messages still open: seven
/// days.
const REMOVED_MS: u64 = 7 * 24 * 3_600_000;

/// How long after the user was told that the own roster is old it is not told again: seven days.
const TOLD_OLD_MS: u64 = 7 * 24 * 3_600_000;

/// What the application does after [`Client::upkeep`].
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Upkeep {
    /// What to post. All of it is in the [outbox](Client::outbox) too, until its receipt is
    /// [confirmed](Client::confirm).
    pub outgoing: Vec<Outgoing>,
    /// Accounts whose newest roster is needed. Fetch it from the provider and call
    /// [`Client::take_roster`], then let the provider deliver again what was not acknowledged.
    pub rosters: Vec<AccountId>,
    /// Devices with which a new session is needed. Fetch their prekey bundles and call
    /// [`Client::restart`].
    pub bundles: Vec<WantedBundles>,
    /// Messages that count as [lost](super::NotDelivered::Lost) from now on, each with its
    /// conversation. Their [status](super::Message::status) says so, too.
    pub lost: Vec<(Conversation, FrankingTag)>,
    /// Groups of which there may be news, each with the newest version that is known. Fetch what
    /// happened after it, and call [`Client::take_group_news`].
    pub groups: Vec<(GroupId, u64)>,
    /// Groups to which messages wait because of some members no roster is known. Fetch those of
    /// [`Client::members_without_roster`], and call [`Client::take_group_rosters`].
    pub group_rosters: Vec<GroupId>,
    /// Groups that this account left. Tell the provider, then call
    /// [`Client::confirm_group_leave`].
    pub left_groups: Vec<GroupId>,
    /// When to call again, if nothing arrives before. `None` if nothing waits for a time.
    pub again_at: Option<Timestamp>,
    /// The members of all groups, once they were looked for.
    pub(super) fellows: Option<BTreeSet<AccountId>>,
}

impl Upkeep {
    /// Notes that there is something to do at this time.
    pub(super) fn again_at(&mut self, at_ms: u64) {
        let at = Timestamp::from_millis(at_ms);
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }

    /// Notes that a session with this device is needed, or with all devices of the account.
    pub(super) fn want_bundles(&mut self, account: &AccountId, device: Option<DeviceId>) {
        self.bundles.push(WantedBundles {
            account: account.clone(),
            devices: device.into_iter().collect(),
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() >= MAX_OUTGOING
    }
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep")
            .field("outgoing", &self.outgoing.len())
            .field("rosters", &self.rosters.len())
            .field("bundles", &self.bundles.len())
            .field("lost", &self.lost.len())
            .field("groups", &self.groups.len())
            .field("again_at", &self.again_at)
            .finish()
    }
}

impl<S: Store> Client<S> {
    /// Does what keeps messages from being lost, and returns what the application has to do for it.
    ///
    /// The client asks authors for messages that did not open, seals messages again that their
    /// recipients could not open, tells peers what arrived, and tells the other devices of the
    /// account what they share. It also answers own devices from which it only receives.
    ///
    /// Call this when the relay has delivered everything, after each call of
    /// [`take_roster`](Self::take_roster) or [`restart`](Self::restart), and at the time that it
    /// names. One call seals some 64 envelopes; [`again_at`](field@Upkeep::again_at) is then `now`.
    ///
    /// ```rust
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # let (now, alice_id) = (provider.now, alice.me().account.clone());
    /// # let rng = &mut rand::rng();
    /// provider.exchange(&mut alice, &mut bob, "Hello!");
    /// bob.accept_contact(&alice_id)?; // only accepted peers learn what arrived
    /// provider.exchange(&mut alice, &mut bob, "Did it arrive?");
    /// let upkeep = bob.upkeep(now, rng)?;
    /// assert_eq!(upkeep.outgoing.len(), 1); // the receipt: post it like a message
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError::Store`]. What was sealed before is in the [outbox](Client::outbox). The record
    /// of a damaged peer costs that peer only.
    pub fn upkeep(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Upkeep, StateError<S::Error>> {
        let mut upkeep = Upkeep::default();
        self.run(|client| client.watch_own_roster(now))?;
        // A request that another device accepted is not old.
        self.apply_synced()?;
        self.drop_old_requests(now)?;
        self.run(|client| client.touch_own_devices(now, &mut upkeep))?;
        let mut accounts = self.accounts_with_upkeep()?;
        // Each call begins with another account, so that none uses up the hour's limit for all.
        let first = usize::try_from(rng.next_u32()).unwrap_or_default();
        let first = first.checked_rem(accounts.len()).unwrap_or_default();
        accounts.rotate_left(first);
        for account in accounts {
            if upkeep.is_full() {
                upkeep.again_at(now.as_millis());
                break;
            }
            match self.run(|client| client.attend(&account, now, rng, &mut upkeep)) {
                Err(StateError::Damaged(_)) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        self.tell_own_devices(now, rng, &mut upkeep)?;
        self.attend_groups(now, rng, &mut upkeep)?;
        self.attend_chains(now, rng, &mut upkeep)?;
        Ok(upkeep.once_each())
    }

    /// The accounts to which something is still to be said.
    fn accounts_with_upkeep(&mut self) -> Result<Vec<AccountId>, StateError<S::Error>> {
        let (mut accounts, mut after): (_, Option<Cursor>) = (Vec::new(), None);
        let mut has_looked = false;
        loop {
            let table = keys::upkeeps();
            let page = self.look(|client| {
                client.page(&table, after.as_ref(), ACCOUNTS_AT_ONCE, |_, bytes| {
                    let record: UpkeepRecord = records::decode(bytes)?;
                    AccountId::new(&record.account).ok()
                })
            })?;
            for row in &page.damaged {
                self.delete_damaged(row)?;
            }
            if !page.damaged.is_empty() && !has_looked {
                self.attend_all()?;
                (has_looked, after) = (true, None);
                accounts.clear();
                continue;
            }
            accounts.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(accounts);
            }
        }
    }

    /// Notes that something may have to be said to each contact, because damage cost such a note,
    /// and no one can tell of which contact.
    fn attend_all(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::contacts();
            after = self.run(|client| {
                let page = client.page(&table, after.as_ref(), ACCOUNTS_AT_ONCE, |_, bytes| {
                    let contact: ContactRecord = records::decode(bytes)?;
                    AccountId::new(&contact.account).ok()
                })?;
                let mut transaction = Transaction::default();
                for account in &page.items {
                    let upkeep = client.upkeep_or_new(account)?;
                    transaction.put_record(keys::upkeep(account), &upkeep);
                }
                client.commit(transaction)?;
                Ok::<_, StateError<S::Error>>(page.next)
            })?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Says what is to be said to one account.
    fn attend(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        self.finish_deletion(&account.into())?;
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(account))?;
        let Some(mut record) = record else {
            return Ok(());
        };
        let (is_asked, unopened_ms) = self.refuse(account, &mut record, now, rng, upkeep)?;
        let parts = [
            self.want_roster(account, &mut record, now, upkeep)?,
            is_asked,
            self.seal_held(account, now, rng, upkeep)?,
            self.seal_asked(account, now, rng, upkeep)?,
            self.tell(account, &mut record, now, rng, upkeep)?,
            self.give_up_awaited(account, unopened_ms, now, upkeep)?,
            self.forget_removed(account, now, upkeep)?,
            self.touch_member(account, now, upkeep)?,
        ];
        if parts == [true; 8] {
            let mut transaction = Transaction::default();
            transaction.delete(keys::upkeep(account));
            self.commit(transaction)?;
        }
        Ok(())
    }

    /// Lists the account if a newer roster of it is needed. Returns whether nothing is to be kept
    /// in mind about its roster.
    fn want_roster(
        &mut self,
        account: &AccountId,
        record: &mut UpkeepRecord,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        // A time that is still to come counts as never.
        let age = |at_ms: u64| since(at_ms, now).filter(|_| at_ms != 0);
        let is_recent = age(record.fetched_ms).is_some_and(|age| age < ROSTER_PAUSE_MS);
        if record.wants_roster {
            // CHK-319: after a fetch that brought nothing newer, none for an hour.
            match is_recent {
                true => upkeep.again_at(record.fetched_ms.saturating_add(ROSTER_PAUSE_MS)),
                false => upkeep.rosters.push(account.clone()),
            }
            return Ok(false);
        }
        // The record stays, so that the pauses are kept.
        let is_told = age(record.told_ms).is_some_and(|age| age < ROSTER_PAUSE_MS);
        let is_kept = age(record.offered_ms).is_some_and(|age| age < OFFERED_MS);
        Ok(!is_told && !is_kept && !is_recent)
    }

    /// Destroys the sessions with devices that were removed seven days ago. Returns whether there
    /// are no others.
    fn forget_removed(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let has_removed = self.look_at_peer(account, |peer| {
            let mut devices = peer.devices.values();
            devices.any(|device| device.record.removed_ms != 0)
        })?;
        if has_removed != Some(true) {
            return Ok(true);
        }
        let Some(mut peer) = self.take_peer(account)? else {
            return Ok(true);
        };
        let mut transaction = Transaction::default();
        let now_ms = self.learnt_ms(now)?;
        let before_ms = now_ms.saturating_sub(REMOVED_MS);
        let next = peer.expire_removed(account, before_ms, &mut transaction);
        peer.put(account, &mut transaction);
        if !transaction.changes().is_empty() {
            self.commit(transaction)?;
        }
        self.keep_peer(account, peer);
        if let Some(removed_ms) = next {
            upkeep.again_at(removed_ms.saturating_add(REMOVED_MS));
        }
        Ok(next.is_none())
    }

    /// Tells the user when the own roster is to be signed again.
    fn watch_own_roster(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let me = self.me.account.clone();
        let time = self.roster_time(now)?;
        let due = match self.look_at_peer(&me, |own| own.roster().map(|one| time.is_due(one))) {
            Err(StateError::Damaged(_)) => return Ok(()),
            due => due?.flatten() == Some(true),
        };
        let mut counters = self.counters()?;
        let told = since(counters.told_old_ms, now).filter(|_| counters.told_old_ms != 0);
        if due && told.is_none_or(|age| age >= TOLD_OLD_MS) {
            counters.told_old_ms = now.as_millis().max(1);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::counters(), &counters);
            self.put_notice(&mut transaction, Kind::RosterOld, &me, &[], &[]);
            self.commit(transaction)?;
        }
        Ok(())
    }
}

impl Upkeep {
    /// Names each account once: a call that started over named it before.
    pub(super) fn once_each(mut self) -> Self {
        let rosters: BTreeSet<_> = self.rosters.into_iter().collect();
        self.rosters = rosters.into_iter().collect();
        let mut wanted: BTreeMap<AccountId, BTreeSet<DeviceId>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for WantedBundles { account, devices } in self.bundles {
            if devices.is_empty() {
                all.insert(account.clone());
            }
            wanted.entry(account).or_default().extend(devices);
        }
        let bundles = wanted.into_iter().map(|(account, devices)| WantedBundles {
            devices: match all.contains(&account) {
                true => Vec::new(),
                false => devices.into_iter().collect(),
            },
            account,
        });
        self.bundles = bundles.collect();
        self
    }
}
