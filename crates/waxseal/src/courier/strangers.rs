//! Strangers: to how many accounts this one may write that do not know it, and what it shows the
//! relay of those that do.

use std::collections::BTreeSet;

use waxseal_interface::{ContactHeaders, ContactPass, ContactToken, ErrorBody};
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::{AccountId, Timestamp};

use super::outbox::UNKNOWN_MS;
use super::pause::later;
use super::{Courier, Event};
use crate::client::Outgoing;
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

/// How long a message to a stranger waits at least, if the budget is spent: a minute.
const LEAST_MS: u64 = 60_000;

/// What the relay said of the budget of strangers.
#[derive(Default)]
pub(super) struct Strangers {
    /// The accounts to which messages wait because it is spent.
    spent: BTreeSet<AccountId>,
    /// What the user got for the relay's challenge.
    pass: Option<ContactPass>,
}

impl<S: Store> Courier<S> {
    /// Takes what the user got for the challenge of [`Event::StrangerBudget`]: a pass of the
    /// provider. The messages that waited go out with it. Returns whether it is one.
    ///
    /// A pass lifts the limit once. It is kept in memory, until a message went out with it or the
    /// relay refused it.
    pub fn answer_challenge(&mut self, text: &str) -> bool {
        let Some(pass) = ContactPass::from_text(text) else {
            return false;
        };
        self.strangers.pass = Some(pass);
        self.release_strangers();
        true
    }

    fn release_strangers(&mut self) {
        for account in &self.strangers.spent {
            self.outbox.release(&account.into());
        }
        self.outbox.look_again();
    }

    /// What a posted envelope shows the relay of this account and its recipient.
    pub(super) fn contact_headers(
        &self,
        outgoing: &Outgoing,
    ) -> Result<ContactHeaders, StateError<S::Error>> {
        let Some(recipient) = outgoing.to.account() else {
            return Ok(ContactHeaders::default());
        };
        let message = match self.client.message(&outgoing.to, &outgoing.id) {
            Err(StateError::Damaged(_)) => None,
            message => message?,
        };
        // CHK-595: only what the user writes says that the user accepts the recipient. Receipts and
        // refusals do not.
        let accepts = message.is_some() && *recipient != self.client.me().account;
        // CHK-596: only a message that was refused for the budget has the pass.
        let is_spent = self.strangers.spent.contains(recipient);
        Ok(ContactHeaders {
            accepts,
            token: self.client.contact_token(recipient)?,
            pass: self.strangers.pass.filter(|_| is_spent),
        })
    }

    /// The relay took a message to an account.
    pub(super) fn stranger_accepted(&mut self, to: &Conversation) {
        let is_spent = to
            .account()
            .is_some_and(|to| self.strangers.spent.remove(to));
        // The pass gave the account a budget, so the others may go out too.
        if is_spent && self.strangers.pass.take().is_some() {
            self.release_strangers();
        }
    }

    /// The relay refused a message because this account wrote to too many strangers. It waits, and
    /// holds up no other conversation.
    pub(super) fn budget_spent(&mut self, to: &Conversation, body: &ErrorBody, now: Timestamp) {
        let asked_secs = body.retry_after_secs.unwrap_or_default();
        let asked_ms = asked_secs.saturating_mul(1_000);
        self.outbox
            .block(to, now, asked_ms.clamp(LEAST_MS, UNKNOWN_MS));
        let Some(account) = to.account() else {
            return;
        };
        let is_new = self.strangers.spent.insert(account.clone());
        // One with a pass was refused as well, so the pass is used up.
        let is_refused = !is_new && self.strangers.pass.take().is_some();
        if is_new && self.strangers.pass.is_some() {
            self.outbox.release(to);
        } else if is_new || is_refused {
            let challenge = body.challenge.as_deref();
            self.tell(Event::StrangerBudget {
                to: account.clone(),
                until: later(now, asked_ms),
                challenge: challenge.map(|text| text.as_str().to_owned()),
            });
        }
    }

    /// Keeps the token that came with a delivery which was received.
    pub(super) fn take_contact_token(
        &mut self,
        delivery: &[u8],
        token: &ContactToken,
    ) -> Result<(), StateError<S::Error>> {
        let (key, me) = (self.client.delivery_key(), self.client.me());
        let sender = Delivery::decode(delivery).ok().and_then(|delivery| {
            let delivery = delivery.authenticate_in_groups(key, me, |_| true).ok()?;
            let is_of_other = !delivery.is_own_copy();
            is_of_other.then(|| delivery.claim().context().sender.account.clone())
        });
        match sender.map(|sender| self.client.note_contact_token(&sender, token)) {
            Some(Err(StateError::Damaged(_))) | None => Ok(()),
            Some(noted) => noted,
        }
    }
}
