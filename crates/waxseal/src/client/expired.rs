//! Expired queues: the provider dropped deliveries for this device, and sessions start over.

use waxseal_reporting::AccountId;

use super::{Client, keys};
use crate::error::StateError;
use crate::records::{self, ContactRecord};
use crate::store::{Cursor, Store, Transaction};

/// Number of accounts whose sessions are left in one transaction.
const ACCOUNTS_AT_ONCE: usize = 16;

impl<S: Store> Client<S> {
    /// Has sessions start over with the next message to each device. Call it when the provider says
    /// that it dropped deliveries for this device: they may be messages that the sessions need.
    ///
    /// What is on its way still opens. [`has_session`](Self::has_session) says `false` for each
    /// peer, until [`start`](Self::start) was called or the peer started a session. A damaged peer
    /// is left as it is.
    ///
    /// # Errors
    /// [`StateError::Store`]. Some sessions may have been left.
    pub fn leave_sessions(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::contacts();
            after = self.run(|client| {
                let page = client.page(&table, after.as_ref(), ACCOUNTS_AT_ONCE, |_, bytes| {
                    let contact: ContactRecord = records::decode(bytes)?;
                    AccountId::new(&contact.account).ok()
                })?;
                let (mut transaction, mut left) = (Transaction::default(), Vec::new());
                for account in page.items {
                    let mut peer = match client.take_peer(&account) {
                        Ok(Some(peer)) => peer,
                        Ok(None) | Err(StateError::Damaged(_)) => continue,
                        Err(error) => return Err(error),
                    };
                    peer.leave_sessions();
                    peer.put(&account, &mut transaction);
                    left.push((account, peer));
                }
                client.commit(transaction)?;
                for (account, peer) in left {
                    client.keep_peer(&account, peer);
                }
                Ok::<_, StateError<S::Error>>(page.next)
            })?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
