//! What another device of the account decided about a request.

use waxseal_reporting::AccountId;

use crate::client::{Client, keys};
use crate::error::StateError;
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Blocks an account, or unblocks it, as another device did.
    pub(in crate::client) fn apply_block(
        &mut self,
        account: &AccountId,
        is_blocked: bool,
        subject: &[u8],
    ) -> Result<(), StateError<S::Error>> {
        if is_blocked && self.look(|client| client.has_request(account))? {
            return self.drop_request(account, true, |_, transaction| {
                transaction.delete(keys::item_to_apply(subject));
                Ok(())
            });
        }
        self.run(|client| {
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
            Ok(())
        })
    }

    /// Accepts an account, or declines its request, as another device did. One to which this device
    /// wrote stays accepted.
    pub(in crate::client) fn apply_decision(
        &mut self,
        account: &AccountId,
        is_accepted: bool,
        subject: &[u8],
    ) -> Result<(), StateError<S::Error>> {
        if !is_accepted && self.look(|client| client.has_request(account))? {
            return self.drop_request(account, false, |_, transaction| {
                transaction.delete(keys::item_to_apply(subject));
                Ok(())
            });
        }
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::item_to_apply(subject));
            let known = match is_accepted {
                true => client.take_peer(account)?,
                false => None,
            };
            if let Some(mut known) = known {
                known.conversation.is_accepted = true;
                known.put(account, &mut transaction);
                client.commit(transaction)?;
                client.keep_peer(account, known);
                return Ok(());
            }
            client.commit(transaction)
        })
    }
}
