//! The session with the provider: its card, a challenge, then registering or signing in.

use rand_core::CryptoRng;
use waxseal_interface::{
    Register, Request as Call, Session, SignIn, TOKEN_MS, register_context, seal_delivery_key,
    session_context,
};
use waxseal_reporting::Timestamp;
use waxseal_roster::RosterVersion;

use super::next::Aim;
use super::rosters::ToRegister;
use super::{Courier, Event};
use crate::error::StateError;
use crate::records::CourierRecord;
use crate::store::Store;

/// How long a card is used before it is fetched again: a day. It may have another moderation key.
const CARD_AGE_MS: u64 = 24 * 3_600_000;

/// How long a token is used before it is replaced: 50 minutes. It is valid for [`TOKEN_MS`] by the
/// relay's clock, which may differ from this one.
const TOKEN_AGE_MS: u64 = 50 * 60_000;

/// How soon two tokens do not expire one after the other: a minute.
pub(super) const TOKENS_APART_MS: u64 = 60_000;

/// The token of a session with the provider.
pub(super) struct Token {
    pub(super) text: String,
    /// When it came, by this device's clock. The time at which the relay says that it expires is of
    /// no use here, because the two clocks can differ by any time.
    since: Timestamp,
    /// When it was made, by the relay's clock.
    made_at: Timestamp,
    /// Whether the relay has answered a request with it. If it refuses a new token, another one
    /// does not help.
    pub(super) is_proven: bool,
}

impl<S: Store> Courier<S> {
    /// The present time by the relay's clock: when the relay made the token, and what has passed
    /// since. A clock of this device that jumps counts for no longer than a token is used. `None`
    /// without a token.
    pub(super) fn time_of_session(&self, now: Timestamp) -> Option<Timestamp> {
        let token = self.token.as_ref()?;
        let passed_ms = now.as_millis().saturating_sub(token.since.as_millis());
        let at_ms = token.made_at.as_millis();
        let at_ms = at_ms.saturating_add(passed_ms.min(TOKEN_AGE_MS));
        Some(Timestamp::from_millis(at_ms))
    }

    pub(super) fn choose_session(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let age = |at: &Timestamp| now.as_millis().checked_sub(at.as_millis());
        // A time that is still to come counts as long ago.
        let is_fresh = |at: &Timestamp| age(at).is_some_and(|age| age < CARD_AGE_MS);
        let card = self.card.as_ref().filter(|(_, at)| is_fresh(at));
        let Some((card, _)) = card.cloned() else {
            return Ok(Some((Aim::Card, Call::Card)));
        };
        self.make_account_key(now, rng)?;
        let is_due = self.must_register || self.client.is_delivery_key_due(now);
        // If the clock was set back, the relay says when the token has expired.
        let is_valid = |token: &Token| age(&token.since).is_none_or(|age| age < TOKEN_AGE_MS);
        if !is_due && self.token.as_ref().is_some_and(is_valid) {
            return Ok(None);
        }
        let Some(challenge) = self.challenge.take() else {
            return Ok(Some((Aim::Challenge, Call::Challenge)));
        };
        let me = self.client.me().clone();
        let name = me.account.as_str().to_owned();
        let device = me.device.0;
        if !is_due {
            let context = session_context(&card.relay_key, &challenge, &me);
            let sign_in = SignIn {
                name,
                device,
                proof: self.client.prove_account(&context),
                challenge,
            };
            return Ok(Some((Aim::SignIn, Call::SignIn(sign_in))));
        }
        // The key is stored before the relay has it, and used once the relay has said so.
        let key = self.client.renew_delivery_key(rng)?;
        let sealed = card
            .sealing_key()
            .ok()
            .and_then(|to| seal_delivery_key(&to, &key, &me, rng).ok());
        let Some(sealed_delivery_key) = sealed else {
            self.card = None; // a verified card has a usable key
            self.pause.lengthen(now, 0, rng);
            return Ok(None);
        };
        let ToRegister { signed, own } = self.roster_to_register()?;
        let identity = self.client.identity().to_bytes();
        let context = register_context(
            &card.relay_key,
            &challenge,
            &me,
            &identity,
            &sealed_delivery_key,
        );
        let register = Register {
            name,
            device,
            identity,
            proof: self.client.prove_account(&context),
            sealed_delivery_key,
            challenge,
            roster: signed,
        };
        Ok(Some((Aim::Register(key, own), Call::Register(register))))
    }

    /// Uses a new token. Learns from the mark in the session whether the store was set back, before
    /// anything is posted.
    pub(super) fn take_session(
        &mut self,
        session: Session,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        if let Some(mark) = &session.mark
            && let Some(set_back) = self.client.check_mark(mark, now, rng)?
        {
            self.replace_prekeys(now)?;
            self.tell(Event::SetBack(set_back));
        }
        self.client.check_clock(self.relay_time(now), now)?;
        self.renew_roster(now)?;
        if !self.is_compared {
            self.ask_all_groups()?;
        }
        self.is_compared = true;
        self.token = Some(Token {
            text: session.token,
            since: now,
            made_at: Timestamp::from_millis(session.expires_at_ms.saturating_sub(TOKEN_MS)),
            is_proven: false,
        });
        Ok(())
    }

    /// Uses the delivery key that the relay has registered.
    pub(super) fn take_registration(
        &mut self,
        (key, own): (
            &waxseal_reporting::relay::DeliveryKey,
            Option<RosterVersion>,
        ),
        session: Session,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        self.client.confirm_delivery_key(key, now)?;
        self.must_register = false;
        // The relay may have lost the account, and the prekeys with it.
        self.prekeys_at = Some(now);
        self.put(CourierRecord {
            has_uploaded: false,
            ..self.record.clone()
        })?;
        if let Some(own) = own {
            self.note_sent(own)?;
        }
        self.publish();
        self.take_session(session, now, rng)?;
        // The relay ends a connection under the earlier key.
        self.stream.close();
        self.tell(Event::Registered);
        Ok(())
    }
}
