//! Requests: messages of accounts that the user has not accepted. Each request is bounded, waits
//! for the user's decision, and is dropped without one.

mod bounds;
mod decisions;
mod given;
mod limits;
mod reported;
mod synced;

use waxseal_reporting::{AccountId, Timestamp};

pub(super) use self::limits::REQUEST_MS;
pub use self::limits::{
    MAX_ALL_REQUESTS_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES, MAX_REQUESTS, REQUEST_DAYS,
};
use super::page::Page;
use super::unopened::is_accepted;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, RequestRecord};
use crate::store::{Cursor, Store};
use crate::sync::{Fact, subjects};

/// The request of an account: it wrote, and the user has neither accepted it nor written to it.
///
/// Its messages are those of the conversation with the account. Until the user
/// [accepts](Client::accept_contact) it, the account is told nothing, its files come without
/// previews and are not saved, and its messages are not forwarded. Show its links as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The account that wrote.
    pub account: AccountId,
    /// How many of its messages were stored: at most [`MAX_REQUEST_MESSAGES`], besides those of a
    /// history.
    pub messages: u32,
    /// Length of what is stored of it, in bytes: at most [`MAX_REQUEST_BYTES`], besides what came
    /// with a history.
    pub bytes: u64,
    /// When the provider accepted the first message.
    pub first: Timestamp,
    /// When the provider accepted the newest message.
    pub last: Timestamp,
    /// How many messages were dropped: there was no room for them, or their content was withheld.
    pub dropped: u64,
}

impl Request {
    fn of(record: &RequestRecord) -> Option<Self> {
        Some(Self {
            account: AccountId::new(&record.account).ok()?,
            messages: record.messages,
            bytes: record.bytes(),
            first: Timestamp::from_millis(record.first_ms),
            last: Timestamp::from_millis(record.last_ms),
            dropped: record.dropped,
        })
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` requests that wait for the user's decision, after `after`. The order has
    /// no meaning. At most [`MAX_REQUESTS`] wait, besides those of a history.
    ///
    /// | the user | call |
    /// |---|---|
    /// | answers, or wants to be found | [`send`](Self::send), or [`accept_contact`] |
    /// | does not want it | [`decline`](Self::decline) |
    /// | wants nothing of this account again | [`block`](Self::block) |
    /// | reports it | [`block_and_report`], or [`draft_report`] and [`report`] |
    ///
    /// [`accept_contact`]: Self::accept_contact
    /// [`block_and_report`]: Self::block_and_report
    /// [`draft_report`]: Self::draft_report
    /// [`report`]: Self::report
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn requests(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Request>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::requests(), after, limit, |_, bytes| {
                Request::of(&records::decode(bytes)?)
            })
        })
    }

    /// How many messages of strangers this device dropped without storing anything of them, because
    /// there were too many [requests](Self::requests). Tell the user, who can decide about some.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn dropped_strangers(&self) -> Result<u64, StateError<S::Error>> {
        self.look(|client| Ok(client.counters()?.dropped_strangers))
    }

    /// Whether the user has not accepted the peer of a conversation. A group is accepted, and so is
    /// the own account.
    pub(super) fn is_request(
        &self,
        conversation: &Conversation,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(account) = conversation.account() else {
            return Ok(false);
        };
        if *account == self.me.account {
            return Ok(false);
        }
        match self.numbering(conversation) {
            Err(StateError::Damaged(_)) => Ok(true), // until it is known better
            numbering => Ok(!numbering?.as_ref().is_some_and(is_accepted)),
        }
    }

    /// What the user decided about the request of an account, and when. Another device may have
    /// told it.
    pub(super) fn decision(
        &self,
        account: &AccountId,
    ) -> Result<Option<(bool, Timestamp)>, StateError<S::Error>> {
        let item = self.item(&subjects::decided(account))?;
        Ok(item.and_then(|item| match item.fact {
            Fact::Decided {
                is_accepted, at, ..
            } => Some((is_accepted, at)),
            _ => None,
        }))
    }

    /// Whether the user declined the account, and has not accepted it since.
    pub(super) fn was_declined(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let decision = self.decision(account)?;
        Ok(decision.is_some_and(|(is_accepted, _)| !is_accepted))
    }
}
