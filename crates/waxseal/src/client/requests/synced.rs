//! What another device of the account decided about a request.

use waxseal_reporting::{AccountId, Timestamp};

use super::decisions::Drops;
use crate::client::sync::put_to_tell;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::store::{Store, Transaction};
use crate::sync::{Fact, subjects};

impl<S: Store> Client<S> {
    /// Blocks an account, or unblocks it, as another device did. Returns whether it is carried out:
    /// not if another process decided something else meanwhile.
    pub(in crate::client) fn apply_block(
        &mut self,
        account: &AccountId,
        is_blocked: bool,
        subject: &[u8],
    ) -> Result<bool, StateError<S::Error>> {
        if is_blocked && self.look(|client| client.has_request(account))? {
            let drops = Drops::BlockedElsewhere;
            let is_dropped = self.drop_request(account, drops, |_, transaction| {
                transaction.delete(keys::item_to_apply(subject));
                Ok(())
            })?;
            if is_dropped {
                return Ok(true);
            }
        }
        self.run(|client| {
            // CHK-597: what another process decided meanwhile is not undone.
            if client.says(subject)? != is_blocked {
                return Ok(false);
            }
            let mut known = client.peer_or_new(account)?;
            let mut transaction = Transaction::default();
            transaction.delete(keys::item_to_apply(subject));
            if known.conversation.is_blocked != is_blocked {
                known.note_blocked(is_blocked);
                known.put(account, &mut transaction);
            }
            client.commit(transaction)?;
            if known.is_stored() {
                client.keep_peer(account, known);
            }
            Ok(true)
        })
    }

    /// Accepts an account, or declines its request, as another device did. One to which the user
    /// wrote stays accepted, and the other devices are told so. Returns whether it is carried out:
    /// not if another process decided something else meanwhile.
    pub(in crate::client) fn apply_decision(
        &mut self,
        account: &AccountId,
        is_accepted: bool,
        subject: &[u8],
    ) -> Result<bool, StateError<S::Error>> {
        if !is_accepted && self.look(|client| client.is_unwritten(account))? {
            let drops = Drops::DeclinedElsewhere;
            let is_dropped = self.drop_request(account, drops, |_, transaction| {
                transaction.delete(keys::item_to_apply(subject));
                Ok(())
            })?;
            if is_dropped {
                return Ok(true);
            }
        }
        self.run(|client| {
            if client.says(subject)? != is_accepted {
                return Ok(false);
            }
            let mut transaction = Transaction::default();
            transaction.delete(keys::item_to_apply(subject));
            let Some(mut known) = client.take_peer(account)? else {
                client.commit(transaction)?;
                return Ok(true);
            };
            if is_accepted {
                known.conversation.is_accepted = true;
                known.put(account, &mut transaction);
            } else if known.conversation.has_written() {
                client.accept_after_all(account, &mut transaction)?;
                // The other device forgot the account's key with the request.
                put_to_tell(&mut transaction, subjects::trust(account));
            }
            client.commit(transaction)?;
            client.keep_peer(account, known);
            Ok(true)
        })
    }

    /// Whether the newest decision of any device accepts the account. It may be one that is not
    /// carried out here yet.
    pub(super) fn says_accepted(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        self.says(&subjects::decided(account))
    }

    /// Whether any device blocked the account last. It may be a block that is not carried out here
    /// yet.
    pub(super) fn says_blocked(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        self.says(&subjects::blocked(account))
    }

    /// Whether an item accepts or blocks its account.
    fn says(&self, subject: &[u8]) -> Result<bool, StateError<S::Error>> {
        let item = self.item(subject)?;
        Ok(item.is_some_and(|item| match item.fact {
            Fact::Decided { is_accepted, .. } => is_accepted,
            Fact::Blocked { is_blocked, .. } => is_blocked,
            _ => false,
        }))
    }

    /// Writes that the user accepted an account, if it was declined before. Writing to it says so.
    pub(in crate::client) fn accept_after_all(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        if !self.was_declined(account)? {
            return Ok(());
        }
        self.put_fact(transaction, self.accepted(account)?)
    }

    /// That the user accepted an account.
    pub(in crate::client) fn accepted(
        &self,
        account: &AccountId,
    ) -> Result<Fact, StateError<S::Error>> {
        Ok(Fact::Decided {
            account: account.clone(),
            is_accepted: true,
            at: Timestamp::from_millis(self.counters()?.newest_accepted_ms),
        })
    }

    /// Whether anything is stored of an account to which nobody wrote, besides that it is blocked.
    fn is_unwritten(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let numbering = match self.numbering(&account.into()) {
            Err(StateError::Damaged(_)) => return Ok(false),
            numbering => numbering?.unwrap_or_default(),
        };
        let is_accepted = numbering.has_accepted() && !numbering.has_written();
        Ok(is_accepted || self.has_request(account)?)
    }
}
