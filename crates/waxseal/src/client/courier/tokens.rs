//! Contact tokens: with the token of an account, this one writes to it without being a stranger.

use waxseal_interface::ContactToken;
use waxseal_reporting::AccountId;

use crate::client::Client;
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Keeps the token that came with a delivery of an account, in the place of the kept one. Of an
    /// account without a contact nothing is kept.
    pub(crate) fn note_contact_token(
        &mut self,
        account: &AccountId,
        token: &ContactToken,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            if *account == client.me.account {
                return Ok(());
            }
            let Some(mut known) = client.take_peer(account)? else {
                return Ok(());
            };
            let kept = token_of(&known.conversation.contact_token);
            // CHK-594: of two tokens of an account, the one that came last is kept. The relay's
            // clock may have been ahead when it made the other one.
            if kept.as_ref() != Some(token) {
                known.conversation.contact_token = token.as_bytes().to_vec();
                let mut transaction = Transaction::default();
                known.put(account, &mut transaction);
                client.commit(transaction)?;
            }
            client.keep_peer(account, known);
            Ok(())
        })
    }

    /// The token with which this account writes to another one.
    pub(crate) fn contact_token(
        &self,
        account: &AccountId,
    ) -> Result<Option<ContactToken>, StateError<S::Error>> {
        self.look(|client| {
            let numbering = match client.numbering(&Conversation::from(account)) {
                Err(StateError::Damaged(_)) => None,
                numbering => numbering?,
            };
            Ok(numbering.and_then(|numbering| token_of(&numbering.contact_token)))
        })
    }
}

fn token_of(bytes: &[u8]) -> Option<ContactToken> {
    Some(ContactToken::from_bytes(bytes.try_into().ok()?))
}
