//! Given requests: what a device gets with the history of accounts that the user has not accepted.

use waxseal_reporting::AccountId;
use waxseal_reporting::recipient::Evidence;

use super::bounds::message_len;
use super::limits::{MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES, REQUEST_MS};
use crate::client::peers::Peer;
use crate::client::unopened::is_accepted;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::RequestRecord;
use crate::store::{Store, Transaction};

impl RequestRecord {
    /// Counts a message of a history that ends at this time.
    pub(in crate::client) fn count_given(&mut self, evidence: &Evidence, until_ms: u64) {
        let accepted_ms = evidence.accepted_at().as_millis();
        self.first_ms = match self.messages {
            0 => accepted_ms,
            _ => self.first_ms.min(accepted_ms),
        };
        self.last_ms = self.last_ms.max(accepted_ms);
        self.messages = self.messages.saturating_add(1);
        let len = message_len(evidence);
        self.message_bytes = self.message_bytes.saturating_add(len);
        // A request of an earlier version stays: the giving device did not drop it either.
        self.is_kept |= self.first_ms.saturating_add(REQUEST_MS) < until_ms
            || self.messages > MAX_REQUEST_MESSAGES
            || self.message_bytes > MAX_REQUEST_BYTES;
    }
}

impl<S: Store> Client<S> {
    /// Writes that what came with a chunk of the history is a request, if its account is not
    /// accepted. It ends as any other one.
    pub(in crate::client) fn put_given_request(
        &self,
        account: &AccountId,
        known: &Peer,
        given: Option<RequestRecord>,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let Some(given) = given.filter(|_| !is_accepted(&known.conversation)) else {
            return Ok(());
        };
        let request: Option<RequestRecord> = self.readable(&keys::request(account))?;
        let mut request = request.unwrap_or_default();
        request.first_ms = match request.account.is_empty() {
            true => given.first_ms,
            false => request.first_ms.min(given.first_ms),
        };
        account.as_str().clone_into(&mut request.account);
        request.last_ms = request.last_ms.max(given.last_ms);
        request.messages = request.messages.saturating_add(given.messages);
        request.message_bytes = request.message_bytes.saturating_add(given.message_bytes);
        request.is_kept |= given.is_kept;
        transaction.put_record(keys::request(account), &request);
        Ok(())
    }
}
