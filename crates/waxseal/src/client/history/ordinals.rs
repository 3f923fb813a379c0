//! Ordinals: how the messages of a conversation are numbered on this device.

use crate::client::Client;
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

impl<S: Store> Client<S> {
    /// The ordinal that the next message of a conversation gets.
    ///
    /// To read the newest page of `len` messages, call [`messages`](Self::messages) with
    /// `next.checked_sub(len + 1)` as `after` and `len` as `limit`. The page is shorter if some of
    /// these messages were deleted.
    pub fn next_ordinal(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<u64, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| {
            let numbering = client.numbering(&conversation)?.unwrap_or_default();
            Ok(numbering.next_ordinal)
        })
    }

    /// The ordinal of the first message of a conversation that this device itself sent or received.
    /// Messages with smaller ones are from a history that another device of the account gave, so
    /// they are not new to the user.
    pub fn first_ordinal(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<u64, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| {
            let numbering = client.numbering(&conversation)?.unwrap_or_default();
            Ok(numbering.first_ordinal)
        })
    }
}
