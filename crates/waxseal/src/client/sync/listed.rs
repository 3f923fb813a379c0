//! Listing: contacts get the items that tell another device what is shared of them.

use waxseal_reporting::{AccountId, Timestamp};

use super::{ITEMS_AT_ONCE, cursor_bytes, cursor_of, put_item};
use crate::client::unopened::is_accepted;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, ContactRecord, SyncRecord};
use crate::store::{Store, Transaction};
use crate::sync::Fact;

impl<S: Store> Client<S> {
    /// Gives contacts their items, which they do not have while the account has one device.
    pub(super) fn list_contacts(
        &mut self,
        sync: &mut SyncRecord,
    ) -> Result<(), StateError<S::Error>> {
        let mut transaction = Transaction::default();
        let (table, after) = (keys::contacts(), cursor_of(&sync.listed_to));
        let page = self.page(&table, after.as_ref(), ITEMS_AT_ONCE, |_, bytes| {
            let contact: ContactRecord = records::decode(bytes)?;
            AccountId::new(&contact.account).ok()
        })?;
        for account in page.items {
            if account == self.me.account {
                continue;
            }
            let facts = match self.facts_of(&account) {
                Err(StateError::Damaged(_)) => continue,
                facts => facts?,
            };
            for fact in facts {
                let known = self.item(&fact.subject())?;
                // The user wrote to an account after declining it, and no fact says so: a store of
                // an earlier version.
                let known_fact = known.as_ref().map(|known| &known.fact);
                let is_void = known_fact.and_then(Fact::decided) == Some(false);
                if known.is_none() || is_void {
                    put_item(&mut transaction, &self.number(sync, fact), 0);
                }
            }
        }
        sync.has_listed = page.next.is_none();
        sync.has_decisions = sync.has_listed;
        sync.listed_to = page.next.as_ref().map(cursor_bytes).unwrap_or_default();
        transaction.put_record(keys::sync(), sync);
        self.commit(transaction)
    }

    /// What is shared of a contact.
    pub(super) fn facts_of(&self, account: &AccountId) -> Result<Vec<Fact>, StateError<S::Error>> {
        let facts = self.look_at_peer(account, |peer| {
            let account = account.clone();
            let trust = peer.account_key().map(|account_key| Fact::Trust {
                account: account.clone(),
                account_key,
                is_verified: peer.contact.is_verified,
            });
            let at = Timestamp::from_millis(peer.conversation.last_accepted_ms);
            let decided = is_accepted(&peer.conversation).then_some(Fact::Decided {
                account: account.clone(),
                is_accepted: true,
                at,
            });
            let is_blocked = peer.conversation.is_blocked;
            let blocked = is_blocked.then_some(Fact::Blocked {
                account,
                is_blocked,
            });
            trust.into_iter().chain(blocked).chain(decided).collect()
        })?;
        Ok(facts.unwrap_or_default())
    }
}
