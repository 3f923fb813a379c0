//! Decisions: the user declines a request or blocks its account, or nobody decides for 30 days.
//! What came is deleted then.

use rand_core::CryptoRng;
use waxseal_reporting::reporter::{DraftError, ModerationPublicKey, ReportDraft};
use waxseal_reporting::{AccountId, Timestamp};

use super::limits::REQUEST_MS;
use crate::client::delete::Begun;
use crate::client::notices::Kind;
use crate::client::peers::Peer;
use crate::client::unopened::is_accepted;
use crate::client::{Client, OutgoingReport, keys};
use crate::conversation::Conversation;
use crate::error::{ReportError, StateError};
use crate::store::{Store, Transaction};
use crate::sync::{Fact, subjects};

/// Why a request is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Drops {
    /// The user declined it.
    Declined,
    /// The user declined it on another device. An account that was accepted here and to which
    /// nobody wrote goes, too: the later decision counts.
    DeclinedElsewhere,
    /// The user blocked its account.
    Blocked,
    /// The user blocked its account on another device.
    BlockedElsewhere,
    /// Nobody decided.
    Old,
}

impl Drops {
    fn is_block(self) -> bool {
        matches!(self, Self::Blocked | Self::BlockedElsewhere)
    }
}

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
        let at = self.look(|client| client.time_of_decision(now))?;
        let fact = Fact::Decided {
            account: account.clone(),
            is_accepted: false,
            at,
        };
        self.drop_request(account, Drops::Declined, |client, transaction| {
            client.put_fact(transaction, fact.clone())
        })?;
        Ok(())
    }

    /// When a request is declined: by the provider's time as far as it is known, so that a wrong
    /// clock neither ends the decision at once nor makes it last for years.
    fn time_of_decision(&self, now: Timestamp) -> Result<Timestamp, StateError<S::Error>> {
        let newest_ms = self.counters()?.newest_accepted_ms;
        let most_ms = newest_ms.saturating_add(REQUEST_MS);
        let at_ms = now.as_millis().clamp(newest_ms, most_ms);
        Ok(Timestamp::from_millis(at_ms))
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
        self.block_and(&account, true, |_, transaction| {
            transaction.put_report_whole(&outgoing, &record, draft);
            Ok(())
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
            let is_dropped =
                self.drop_request(account, Drops::Blocked, |client, transaction| {
                    client.put_fact(transaction, fact.clone())?;
                    also(client, transaction)
                })?;
            if is_dropped {
                return Ok(());
            }
        }
        let is_done = self.run(|client| {
            if is_blocked && client.has_request(account)? {
                return Ok(false); // another process stored it meanwhile
            }
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
            Ok::<_, StateError<S::Error>>(true)
        })?;
        match is_done {
            true => Ok(()),
            false => self.block_and(account, is_blocked, also),
        }
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
            && (self.get(&keys::request(account))?.is_some()
                || self.has_messages(&account.into())?))
    }

    /// Deletes what an account made this device store, which the user has not accepted. Returns
    /// whether it did: not if it is to stay by the time of the first transaction.
    pub(in crate::client) fn drop_request(
        &mut self,
        account: &AccountId,
        drops: Drops,
        also: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<bool, StateError<S::Error>> {
        let conversation = &Conversation::from(account);
        loop {
            if self.look(|client| client.is_to_stay(account, drops))? {
                return Ok(false);
            }
            // An earlier deletion that was interrupted must not take the place of this one.
            self.finish_deletion_in_runs(conversation)?;
            let keeps = self.look(|client| client.keeps_contact(account))?;
            // CHK-597: whether it still is a request is decided in the transaction that begins to
            // drop it. Another process may have accepted the account meanwhile.
            let is_so = |client: &Self| {
                let is_to_stay = client.is_to_stay(account, drops)?;
                Ok::<_, StateError<S::Error>>(
                    !is_to_stay && client.keeps_contact(account)? == keeps,
                )
            };
            let begun = match keeps {
                true => {
                    self.delete_conversation_and(conversation, |client, numbering, transaction| {
                        if !is_so(client)? {
                            return Ok(false);
                        }
                        numbering.stranger_rows = 0;
                        numbering.is_accepted = false;
                        numbering.is_blocked |= drops.is_block();
                        client.delete_request(account, transaction)?;
                        also(client, transaction)?;
                        Ok(true)
                    })?
                }
                false => self.forget_contact_and(account, |client, transaction| {
                    if !is_so(client)? {
                        return Ok(false);
                    }
                    client.delete_request(account, transaction)?;
                    for kind in Kind::OF_ACCOUNTS {
                        transaction.delete(keys::notice(kind.number(), account));
                    }
                    transaction.delete(keys::item(&subjects::trust(account)));
                    let before = client.numbering(conversation)?;
                    let was_blocked = before.is_some_and(|before| before.is_blocked);
                    if drops.is_block() || was_blocked {
                        client.put_blocked(account, transaction)?;
                    }
                    also(client, transaction)?;
                    Ok(true)
                })?,
            };
            if begun == Begun::Done {
                return Ok(true);
            }
        }
    }

    /// Whether what an account sent is not to be dropped.
    fn is_to_stay(&self, account: &AccountId, drops: Drops) -> Result<bool, StateError<S::Error>> {
        if *account == self.me.account {
            return Ok(true);
        }
        let numbering = self.numbering(&account.into())?.unwrap_or_default();
        // What another device told counts before it is carried out.
        Ok(match drops {
            Drops::DeclinedElsewhere => numbering.has_written() || self.says_accepted(account)?,
            Drops::Old => {
                is_accepted(&numbering)
                    || self.says_accepted(account)?
                    || self.get(&keys::request(account))?.is_none()
            }
            Drops::BlockedElsewhere => is_accepted(&numbering) || !self.says_blocked(account)?,
            Drops::Declined | Drops::Blocked => is_accepted(&numbering),
        })
    }

    /// Whether the contact of an account stays when its request is dropped.
    fn keeps_contact(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let is_verified = match self.look_at_peer(account, |peer| peer.contact.is_verified) {
            Err(StateError::Damaged(_)) => return Ok(false),
            is_verified => is_verified?.unwrap_or_default(),
        };
        // Of an account of which nothing is known, nothing can stay.
        let is_known = self.numbering(&account.into())?.is_some() || self.is_contact_of(account)?;
        Ok(is_known && (is_verified || self.is_fellow(account)?))
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

    /// Drops the requests that nobody decided about for 30 days, by the times of deliveries.
    pub(in crate::client) fn drop_old_requests(
        &mut self,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (all, now_ms) = self.look(|client| {
            // What another device decided meanwhile comes before what was accepted later. So it is
            // heard before the request is too old.
            let newest_ms = client.counters()?.newest_accepted_ms;
            Ok((
                client.read_requests()?,
                client.learnt_ms(now)?.min(newest_ms),
            ))
        })?;
        for (account, request) in all {
            let until_ms = request.first_ms.saturating_add(REQUEST_MS);
            // CHK-587: a request that nobody decides about is dropped after 30 days.
            if !request.is_kept && until_ms <= now_ms {
                match self.drop_request(&account, Drops::Old, |_, _| Ok(())) {
                    // What is damaged costs only itself.
                    Ok(_) | Err(StateError::Damaged(_)) => {}
                    Err(error) => return Err(error),
                }
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
