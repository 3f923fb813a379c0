//! Upkeep: everything that the client has to say without the user, in one call.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::{AccountId, Audience, FrankingTag, Timestamp};

use super::{Client, Outgoing, keys};
use crate::error::StateError;
use crate::records::{self, ContactRecord, OutboxRecord, UpkeepRecord};
use crate::store::{Cursor, Store, Transaction};

/// Number of envelopes after which a call of [`Client::upkeep`] ends.
const MAX_OUTGOING: usize = 64;

/// Number of accounts that are read at once.
const ACCOUNTS_AT_ONCE: usize = 64;

/// Number of rows that one transaction deletes.
const ROWS_AT_ONCE: usize = 256;

/// What the application does after [`Client::upkeep`].
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Upkeep {
    /// What to post. All of it is in the [outbox](Client::outbox) too, until its receipt is
    /// [confirmed](Client::confirm).
    pub outgoing: Vec<Outgoing>,
    /// Accounts whose identity is needed. Fetch it from the provider and call
    /// [`Client::learn_identity`].
    pub identities: Vec<AccountId>,
    /// Peers with which a new session is needed. Fetch a prekey bundle and call
    /// [`Client::restart`].
    pub bundles: Vec<AccountId>,
    /// Messages that count as [lost](super::NotDelivered::Lost) from now on, each with its
    /// recipient. Their [status](super::Message::status) says so, too.
    pub lost: Vec<(AccountId, FrankingTag)>,
    /// When to call again, if nothing arrives before. `None` if nothing waits for a time.
    pub again_at: Option<Timestamp>,
}

impl Upkeep {
    /// Notes that there is something to do at this time.
    pub(super) fn again_at(&mut self, at_ms: u64) {
        let at = Timestamp::from_millis(at_ms);
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() >= MAX_OUTGOING
    }
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep")
            .field("outgoing", &self.outgoing.len())
            .field("identities", &self.identities.len())
            .field("bundles", &self.bundles.len())
            .field("lost", &self.lost.len())
            .field("again_at", &self.again_at)
            .finish()
    }
}

/// How long ago a stored time is. `None` if it is still to come: it then counts as never, because
/// the clock was wrong when it was stored, or is now.
pub(super) fn since(at_ms: u64, now: Timestamp) -> Option<u64> {
    now.as_millis().checked_sub(at_ms)
}

impl<S: Store> Client<S> {
    /// Does what keeps messages from being lost, and returns what the application has to do for it.
    ///
    /// The client asks authors for messages that did not open, seals messages again that their
    /// recipients could not open, and tells peers what arrived. Call this when the relay has
    /// delivered everything, after each call of [`learn_identity`](Self::learn_identity) or
    /// [`restart`](Self::restart), and at the time that it names. One call seals some 64 envelopes;
    /// [`again_at`](field@Upkeep::again_at) is then `now`.
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
        self.finish_deletion(account)?;
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(account))?;
        let Some(mut record) = record else {
            return Ok(());
        };
        let (is_asked, unopened_ms) = self.refuse(account, &mut record, now, rng, upkeep)?;
        let parts = [
            is_asked,
            self.seal_held(account, now, rng, upkeep)?,
            self.seal_asked(account, now, rng, upkeep)?,
            self.tell(account, now, rng, upkeep)?,
            self.give_up_awaited(account, unopened_ms, now, upkeep)?,
        ];
        if parts == [true; 5] {
            let mut transaction = Transaction::default();
            transaction.delete(keys::upkeep(account));
            self.commit(transaction)?;
        } else if parts.get(3) == Some(&false) {
            upkeep.again_at(now.as_millis());
        }
        Ok(())
    }

    /// Deletes what is still to be said to a peer, a batch of rows at a time.
    pub(super) fn delete_upkeep(
        &self,
        peer: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        for table in [
            keys::all_unopened(peer),
            keys::all_asked(peer),
            keys::all_awaited(peer),
            keys::all_held(peer),
            keys::receipts(peer),
        ] {
            for row in self.first_rows(&table, ROWS_AT_ONCE)? {
                transaction.delete_at(table.clone(), row.cursor);
            }
        }
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(peer))?;
        if record.is_some() {
            transaction.delete(keys::upkeep(peer));
        }
        Ok(())
    }

    /// Puts an envelope of no message into the outbox: a refusal, or receipts. `None` if the
    /// numbers of the outbox are used up.
    pub(super) fn put_note(
        &self,
        transaction: &mut Transaction,
        recipient: &AccountId,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, StateError<S::Error>> {
        let mut counters = self.counters()?;
        let number = counters.next_outbox;
        let Some(next) = number.checked_add(1) else {
            return Ok(None);
        };
        counters.next_outbox = next;
        let entry = OutboxRecord {
            is_note: true,
            ..OutboxRecord::new(number, recipient, envelope)
        };
        transaction.put_record(keys::counters(), &counters);
        transaction.put_record(keys::envelope(number), &entry);
        let audience = Audience::Direct(recipient.clone());
        Ok(Some(Outgoing {
            id: *envelope.tag(),
            recipient: recipient.clone(),
            envelope: envelope.post(self.delivery_key(), &self.me, &audience, now),
            is_again: false,
        }))
    }
}

impl Upkeep {
    /// Names each account once: a call that started over named it before.
    fn once_each(mut self) -> Self {
        let of = |list: Vec<AccountId>| list.into_iter().collect::<BTreeSet<_>>();
        self.identities = of(self.identities).into_iter().collect();
        self.bundles = of(self.bundles).into_iter().collect();
        self
    }
}
