//! First contact: to how many strangers an account may write, and the tokens of those that are
//! none.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use waxseal::reporting::relay::{EPOCH_MS, StampedEnvelope};
use waxseal::{AccountId, Timestamp};
use waxseal_interface::{
    CONTACT_PASS_LEN, ContactHeaders, ContactKey, ContactPass, ContactToken, ErrorBody, ErrorCode,
    PassKey, STRANGERS_A_DAY, StrangerChallenge,
};
use waxseal_roster::group::GroupOp;
use zeroize::Zeroizing;

use super::Relay;

const DAY_MS: u64 = 86_400_000;

/// To whom an account wrote as a stranger, when, and whether that still counts.
pub(super) type Written = BTreeMap<(AccountId, AccountId), (Timestamp, bool)>;

/// What the relay knows of strangers.
pub(super) struct Contacts {
    key: ContactKey,
    passes: PassKey,
    used: BTreeSet<[u8; CONTACT_PASS_LEN]>,
    written: Written,
    /// How many strangers an account may write to within 24 hours.
    max: usize,
    challenge: Option<StrangerChallenge>,
    /// How far the clock is ahead with which tokens are handed out.
    days_ahead: u32,
}

/// What an accepted message costs.
pub(super) enum Cost {
    Nothing,
    Stranger(Option<ContactPass>),
}

impl Contacts {
    /// The keys follow from a secret of the relay.
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self {
            key: ContactKey::derive(secret),
            passes: PassKey::from_bytes(Zeroizing::new(Sha256::digest(secret).into())),
            used: BTreeSet::new(),
            written: BTreeMap::new(),
            max: STRANGERS_A_DAY,
            challenge: None,
            days_ahead: 0,
        }
    }
}

impl Relay {
    /// Sets to how many strangers an account may write within 24 hours, and what users are told who
    /// have.
    ///
    /// # Panics
    /// If the text is no challenge.
    pub fn limit_strangers(&mut self, max: usize, challenge: Option<&str>) {
        self.contacts.max = max;
        let challenge = challenge.map(|text| StrangerChallenge::new(text.to_owned()).unwrap());
        self.contacts.challenge = challenge;
    }

    /// The relay hands out tokens with a clock that is this many days ahead.
    pub fn set_token_days_ahead(&mut self, days: u32) {
        self.contacts.days_ahead = days;
    }

    /// A pass for an account, which is valid for an hour.
    ///
    /// # Panics
    /// If the name is longer than any.
    #[must_use]
    pub fn pass(&self, account: &AccountId) -> ContactPass {
        let expires_at_ms = self.provider.now.as_millis() + 3_600_000;
        self.contacts.passes.pass(account, expires_at_ms).unwrap()
    }

    /// The token with which an account can write to another, for a message of the present day.
    ///
    /// # Panics
    /// If a name is longer than any.
    #[must_use]
    pub fn token(&self, writer: &AccountId, acceptor: &AccountId) -> ContactToken {
        let day = self.day();
        self.contacts.key.token(day, writer, acceptor).unwrap()
    }

    /// The token that an account gets with a message that is handed out on this day.
    pub(super) fn token_for(
        contacts: &Contacts,
        day: u32,
        recipient: &AccountId,
        stamped: &StampedEnvelope,
    ) -> Option<ContactToken> {
        let sender = &stamped.claim().context().sender.account;
        let day = day.saturating_add(contacts.days_ahead);
        contacts.key.token(day, recipient, sender)
    }

    /// Whether an account may write to another, and what that costs.
    pub(super) fn cost(
        &self,
        writer: &AccountId,
        to: &AccountId,
        contact: &ContactHeaders,
    ) -> Result<Cost, Box<ErrorBody>> {
        let (contacts, day) = (&self.contacts, self.day());
        let is_known = |token| contacts.key.is_valid(&token, writer, to, day, day);
        if writer == to || contact.token.is_some_and(is_known) {
            return Ok(Cost::Nothing);
        }
        let now_ms = self.provider.now.as_millis();
        let is_recent = |at: &Timestamp| at.as_millis() + DAY_MS > now_ms;
        let of_writer = contacts.written.iter();
        let of_writer = of_writer.filter(|((by, _), (at, _))| by == writer && is_recent(at));
        let of_writer: Vec<_> = of_writer.collect();
        if of_writer.iter().any(|((_, other), _)| other == to) {
            return Ok(Cost::Nothing);
        }
        // An account that wrote to the writer within seven days can be answered at no cost.
        let theirs = contacts.written.get(&(to.clone(), writer.clone()));
        if theirs.is_some_and(|(at, _)| at.as_millis() + 7 * DAY_MS > now_ms) {
            return Ok(Cost::Nothing);
        }
        let counted = of_writer.iter().filter(|(_, (_, counts))| *counts);
        if counted.clone().count() < contacts.max {
            return Ok(Cost::Stranger(None));
        }
        let is_usable = |pass: &ContactPass| {
            let is_used = contacts.used.contains(pass.as_bytes());
            !is_used && contacts.passes.is_valid(pass, writer, now_ms)
        };
        if let Some(pass) = contact.pass.filter(is_usable) {
            return Ok(Cost::Stranger(Some(pass)));
        }
        let first = counted.map(|(_, (at, _))| at.as_millis()).min();
        let free_ms = first.unwrap_or(now_ms) + DAY_MS;
        Err(Box::new(ErrorBody {
            retry_after_secs: Some((free_ms - now_ms).div_ceil(1_000).max(1)),
            challenge: contacts.challenge.clone().map(Box::new),
            ..ErrorBody::of_code(ErrorCode::StrangerBudget)
        }))
    }

    /// Counts a message that was accepted.
    pub(super) fn count(&mut self, writer: &AccountId, to: &AccountId, cost: Cost) {
        let Cost::Stranger(pass) = cost else {
            return;
        };
        let contacts = &mut self.contacts;
        if let Some(pass) = pass {
            contacts.used.insert(*pass.as_bytes());
            let written = contacts.written.iter_mut();
            for (_, (_, counts)) in written.filter(|((by, _), _)| by == writer) {
                *counts = false;
            }
        }
        let between = (writer.clone(), to.clone());
        contacts.written.insert(between, (self.provider.now, true));
    }

    /// Counts the accounts that an entry adds, which have these tokens.
    pub(super) fn count_added(
        &mut self,
        by: &AccountId,
        ops: &[GroupOp],
        tokens: &[Option<ContactToken>],
    ) -> Result<(), Box<ErrorBody>> {
        let added = ops.iter().filter_map(|op| match op {
            GroupOp::Add { account, .. } => AccountId::new(account).ok(),
            _ => None,
        });
        let tokens = tokens.iter().copied().chain(std::iter::repeat(None));
        for (account, token) in added.zip(tokens) {
            let contact = ContactHeaders {
                token,
                ..ContactHeaders::default()
            };
            let cost = self.cost(by, &account, &contact)?;
            self.count(by, &account, cost);
        }
        Ok(())
    }

    pub(super) fn written(&self) -> Written {
        self.contacts.written.clone()
    }

    pub(super) fn set_written(&mut self, written: Written) {
        self.contacts.written = written;
    }

    pub(super) fn day(&self) -> u32 {
        u32::try_from(self.provider.now.as_millis() / EPOCH_MS).unwrap()
    }
}
