//! Decisions: the user declines a request or blocks its account, or nobody decides for 30 days.
//! What came is deleted then.

use rand_core::CryptoRng;
use waxseal_reporting::reporter::{DraftError, ModerationPublicKey, ReportDraft};
use waxseal_reporting::{AccountId, Timestamp};

use super::limits::REQUEST_MS;
use crate::client::notices::Kind;
use crate::client::peers::Peer;
use crate::client::unopened::is_accepted;
use crate::client::{Client, OutgoingReport, keys};
use crate::conversation::Conversation;
use crate::error::{ReportError, StateError};
use crate::store::{Store, Transaction};
use crate::sync::{Fact, subjects};

impl<S: Store> Client<S> {
    /// Declines the request of an account. What came is deleted, with the sessions. What the
    /// account sends within [`REQUEST_DAYS`](super::REQUEST_DAYS) is dropped, and it is told
    /// nothing. After that it can make another request, and
    /// [`Nudge::DeclinedBefore`](crate::Nudge::DeclinedBefore) tells that the user declined. The
    /// other devices of the own account do the same.
    ///
    /// The contact stays if this account is in a group with it, or its safety number was compared.
    /// Nothing happens if the user accepted the account.
    ///
    /// Takes several transactions, like [`delete_conversation`](Self::delete_conversation).
    ///
    /// # Errors
    /// [`StateError`].
    pub fn decline(
        &mut self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        if self.look(|client| client.is_accepted(account))? {
            return Ok(());
        }
        let fact = Fact::Decided {
            account: account.clone(),
            is_accepted: false,
            at: now,
        };
        self.drop_request(account, false, |client, transaction| {
            client.put_fact(transaction, fact.clone())
        })
    }

    /// Blocks an account and seals a report of it, in one transaction. If the user has not accepted
    /// the account, what came is deleted, as [`block`](Self::block) does. The report has what it
    /// needs.
    ///
    /// The account is that of the first message in the draft that is not of the own account, or the
    /// one that the draft is about.
    ///
    /// # Errors
    /// [`ReportError`]. [`DraftError::Empty`] if the draft names no other account.
    pub fn block_and_report(
        &mut self,
        draft: &ReportDraft,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        self.block_with(draft, Some(moderation_key), rng)
    }

    /// Blocks an account and keeps a report of it like [`keep_report`](Self::keep_report), in one
    /// transaction. See [`block_and_report`](Self::block_and_report).
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn block_and_keep_report(
        &mut self,
        draft: &ReportDraft,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        self.block_with(draft, None, rng)
    }

    fn block_with(
        &mut self,
        draft: &ReportDraft,
        moderation_key: Option<&ModerationPublicKey>,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        let account = self.reported_account(draft).ok_or(DraftError::Empty)?;
        let (outgoing, record) = self.new_report(draft, moderation_key, rng)?;
        // CHK-588: the block and the report are stored together, or neither is.
        self.block_and(&account, true, |client, transaction| {
            client.put_report_whole(transaction, &outgoing, &record)
        })?;
        Ok(outgoing)
    }

    /// The account that a draft accuses.
    fn reported_account(&self, draft: &ReportDraft) -> Option<AccountId> {
        let preview = draft.preview();
        let senders = preview.messages().iter();
        let mut senders = senders.map(|message| &message.sender().account);
        let other = senders.find(|account| **account != self.me.account);
        other.or(preview.about_account()).cloned()
    }

    /// Blocks an account, or unblocks it, and writes something else in the first transaction.
    pub(in crate::client) fn block_and(
        &mut self,
        account: &AccountId,
        is_blocked: bool,
        also: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<(), StateError<S::Error>> {
        let fact = Fact::Blocked {
            account: account.clone(),
            is_blocked,
        };
        if is_blocked && self.look(|client| client.has_request(account))? {
            return self.drop_request(account, true, |client, transaction| {
                client.put_fact(transaction, fact.clone())?;
                also(client, transaction)
            });
        }
        self.run(|client| {
            let mut known = match client.take_peer(account)? {
                Some(known) => known,
                None => client.new_peer(account)?,
            };
            let mut transaction = Transaction::default();
            if known.conversation.is_blocked != is_blocked {
                known.note_blocked(is_blocked);
                known.put(account, &mut transaction);
                client.put_fact(&mut transaction, fact.clone())?;
            }
            also(client, &mut transaction)?;
            if !transaction.changes().is_empty() {
                client.commit(transaction)?;
            }
            client.keep_peer(account, known);
            Ok(())
        })
    }

    /// Whether anything is stored of an account that is not accepted, besides that it is blocked.
    pub(in crate::client) fn has_request(
        &self,
        account: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        let numbering = match self.numbering(&account.into()) {
            Err(StateError::Damaged(_)) => return Ok(false),
            numbering => numbering?,
        };
        let Some(numbering) = numbering.filter(|_| *account != self.me.account) else {
            return Ok(false);
        };
        Ok(!is_accepted(&numbering)
            && (numbering.next_ordinal > numbering.first_ordinal
                || self.get(&keys::request(account))?.is_some()))
    }

    /// Deletes what an account made this device store, which the user has not accepted.
    pub(in crate::client) fn drop_request(
        &mut self,
        account: &AccountId,
        is_blocked: bool,
        also: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<(), StateError<S::Error>> {
        if *account == self.me.account {
            return Ok(());
        }
        let conversation = &Conversation::from(account);
        // An earlier deletion that was interrupted must not take the place of this one.
        self.finish_deletion_in_runs(conversation)?;
        let keeps = self.look(|client| client.keeps_contact(account))?;
        match keeps {
            true => self.delete_conversation_and(conversation, |client, numbering, transaction| {
                numbering.stranger_rows = 0;
                numbering.is_blocked |= is_blocked;
                client.delete_request(account, transaction)?;
                also(client, transaction)
            }),
            false => self.forget_contact_and(account, |client, transaction| {
                client.delete_request(account, transaction)?;
                for kind in Kind::OF_ACCOUNTS {
                    transaction.delete(keys::notice(kind.number(), account));
                }
                transaction.delete(keys::item(&subjects::trust(account)));
                if is_blocked {
                    client.put_blocked(account, transaction)?;
                }
                also(client, transaction)
            }),
        }
    }

    /// Whether the contact of an account stays when its request is dropped.
    fn keeps_contact(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let is_verified = match self.look_at_peer(account, |peer| peer.contact.is_verified) {
            Err(StateError::Damaged(_)) => return Ok(false),
            is_verified => is_verified?.unwrap_or_default(),
        };
        Ok(is_verified || self.is_fellow(account)?)
    }

    /// Deletes the record of a request, and the invitations to groups that came with it.
    fn delete_request(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        transaction.delete(keys::request(account));
        self.forget_invitations(account, transaction)
    }

    /// Writes a contact of which nothing is known but that it is blocked.
    fn put_blocked(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut known = self.new_peer(account)?;
        known.conversation.is_blocked = true;
        known.put(account, transaction);
        Ok(())
    }

    /// Drops the requests that nobody decided about for 30 days.
    pub(in crate::client) fn drop_old_requests(
        &mut self,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (all, now_ms) =
            self.look(|client| Ok((client.read_requests()?, client.learnt_ms(now)?)))?;
        for (account, request) in all {
            let until_ms = request.first_ms.saturating_add(REQUEST_MS);
            // CHK-587: a request that nobody decides about is dropped after 30 days.
            if !request.is_kept && until_ms <= now_ms {
                self.drop_request(&account, false, |_, _| Ok(()))?;
            }
        }
        Ok(())
    }
}

impl Peer {
    /// Notes that the user blocks the account, or does not any more. What came meanwhile was opened
    /// and dropped.
    pub(in crate::client) fn note_blocked(&mut self, is_blocked: bool) {
        let conversation = &mut self.conversation;
        conversation.is_blocked = is_blocked;
        if !is_blocked && conversation.last_accepted_ms != 0 {
            let after_last = conversation.last_accepted_ms.saturating_add(1);
            let before_ms = &mut conversation.deleted_before_ms;
            *before_ms = (*before_ms).max(after_last);
        }
    }
}
