//! Forgetting a contact, with everything that is known of it.

use waxseal_reporting::{AccountId, DeviceId};

use super::{Begun, mark, time_after_last};
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::{Store, Transaction};
use crate::sync::subjects;

impl<S: Store> Client<S> {
    /// Forgets a contact: [its conversation](Client::delete_conversation), its pinned account key,
    /// all sessions with its devices, and the numbering. `peer` is then unknown, as before the
    /// first contact. The own account cannot be forgotten: then nothing happens.
    ///
    /// This works for a damaged contact too. A new first message from the peer is a first contact,
    /// and pins its account key without a warning: forget nobody whose change of account key you
    /// would want to see. Messages on the sessions that were forgotten do not open.
    /// Those accepted before are a [`Duplicate`](crate::Received::Duplicate). For later ones the
    /// advice is [`AskAgain`](crate::Advice::AskAgain), as from any stranger: acknowledge them.
    ///
    /// To keep a peer from writing, block it at the provider. This call does not.
    ///
    /// ```rust
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # provider.exchange(&mut alice, &mut bob, "Hello!");
    /// # let alice_id = alice.me().account.clone();
    /// bob.forget_contact(&alice_id)?;
    /// bob.compact()?;
    /// assert!(bob.peers(None, 10)?.items.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError::Store`]. Either nothing changed, or the contact is gone and its history is
    /// hidden, and deleted as after a crash.
    ///
    /// # Security
    /// After this call, the store says no more of the contact than this:
    ///
    /// - What is remembered of its first messages stays until
    ///   [`rotate_prekeys`](Client::rotate_prekeys) has destroyed the prekeys that they used: after
    ///   three rotations at most. It has the contact's public identity, and no account. Without
    ///   it, the relay could deliver an old first message again, and it would be shown as new.
    /// - The time at which the provider accepted the last message from a forgotten contact, without
    ///   saying from which.
    /// - A report that waits for the provider's intake, with the draft that it was sealed from: the
    ///   account, the reason, the note, and the messages that it shows, whole, with their evidence.
    ///   [`confirm_report`](Client::confirm_report) deletes both.
    /// - In a store of an earlier version, digests of messages deleted before the contact.
    ///
    /// This call does not protect against:
    ///
    /// - A thief of the file and its key, until [`compact`](Client::compact) was called: deleted
    ///   rows are only marked as free space. Flash memory can keep old copies of what was
    ///   overwritten, and so can backups. Only destroying the store's key erases for certain.
    /// - The provider, who knows who wrote to whom and when, and may have kept the ciphertexts.
    /// - The peer, who has the conversation and can report it.
    /// - Copies that the application made, for example for a search or in notifications.
    pub fn forget_contact(&mut self, peer: &AccountId) -> Result<(), StateError<S::Error>> {
        self.forget_contact_and(peer, |_, transaction| {
            let decided = &subjects::decided(peer);
            transaction.delete(keys::item(decided));
            transaction.delete(keys::item_to_tell(decided));
            transaction.delete(keys::request(peer));
            Ok(true)
        })?;
        Ok(())
    }

    /// Forgets a contact, and writes something else in the first transaction. `also` says whether
    /// it is still to be forgotten.
    pub(in crate::client) fn forget_contact_and(
        &mut self,
        peer: &AccountId,
        also: impl Fn(&Self, &mut Transaction) -> Result<bool, StateError<S::Error>>,
    ) -> Result<Begun, StateError<S::Error>> {
        let conversation = &Conversation::from(peer);
        let begun = self.run(|client| {
            if *peer == client.me.account {
                return Ok(Begun::Refused);
            }
            let mut transaction = Transaction::default();
            if !client.is_known(peer)? {
                if !also(client, &mut transaction)? {
                    return Ok(Begun::Refused);
                }
                client.commit(transaction)?;
                return Ok(Begun::Done);
            }
            // Its keys are wiped from memory.
            drop(client.peers.take(peer));
            mark(&mut transaction, conversation);
            if let Some(last) = client.readable(&keys::conversation(conversation))? {
                let mut counters = client.counters()?;
                let before = &mut counters.forgotten_before_ms;
                *before = (*before).max(time_after_last(&last));
                transaction.put_record(keys::counters(), &counters);
            }
            transaction.delete(keys::contact(peer));
            transaction.delete(keys::conversation(conversation));
            transaction.delete(keys::earlier_peer(peer));
            transaction.delete(keys::recent(conversation));
            transaction.delete(keys::item_to_tell(&subjects::trust(peer)));
            for device in client.device_numbers(peer)? {
                client.delete_each(&keys::skipped_keys(peer, device), &mut transaction)?;
            }
            client.delete_each(&keys::devices(peer), &mut transaction)?;
            if !also(client, &mut transaction)? {
                return Ok(Begun::Refused);
            }
            client.commit(transaction)?;
            Ok(Begun::Done)
        })?;
        self.finish_deletion_in_runs(conversation)?;
        Ok(begun)
    }

    /// Whether any record of the peer is there, damaged or not.
    fn is_known(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        let conversation = &Conversation::from(peer);
        let keys = [
            keys::contact(peer),
            keys::conversation(conversation),
            keys::earlier_peer(peer),
            keys::upkeep(peer), // an account of which only a message came that did not open
        ];
        for key in &keys {
            match self.get(key) {
                Ok(None) => {}
                Ok(Some(_)) | Err(StateError::Damaged(_)) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        for table in [
            keys::messages(conversation),
            keys::indices(conversation),
            keys::devices(peer),
            keys::skipped_keys(peer, DeviceId(0)),
        ] {
            if !self.first_rows(&table, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
