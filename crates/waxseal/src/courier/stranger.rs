//! Asks a relay that does not know this device yet: before a device joins an account, or recovers
//! one.

use rand_core::CryptoRng;
use waxseal_interface::{
    AskedRequest, CardError, HttpAnswer, PinnedKeys, RelayCard, Request as Call,
};
use waxseal_reporting::Timestamp;

use super::next::Request;
use super::pause::{Pause, later};
use super::pinned::{check_card, is_card_authentic};
use super::{Event, Trouble};

/// How often a mailbox is looked at, in milliseconds: as often as a user who waits for the next
/// step would want it, and seldom enough for a relay with many of them.
pub(super) const POLL_MS: u64 = 1_500;

/// Asks a relay without an account. It has one request on its way at a time, and takes only answers
/// of the relay whose keys are pinned. `A` is what a request is for.
pub(super) struct Stranger<A> {
    pinned: Option<PinnedKeys>,
    card: Option<RelayCard>,
    in_flight: Option<InFlight<A>>,
    next_id: u64,
    pause: Pause,
    trouble: Option<Trouble>,
    /// What the courier tells later.
    events: Vec<Event>,
}

struct InFlight<A> {
    id: u64,
    asked: AskedRequest,
    /// `None` if the card is asked for.
    aim: Option<A>,
}

impl<A> Default for Stranger<A> {
    fn default() -> Self {
        Self {
            pinned: None,
            card: None,
            in_flight: None,
            next_id: 0,
            pause: Pause::default(),
            trouble: None,
            events: Vec::new(),
        }
    }
}

impl<A> Stranger<A> {
    pub(super) fn pin(&mut self, keys: &PinnedKeys) {
        self.pinned = Some(keys.clone());
    }

    pub(super) fn pinned(&self) -> Option<&PinnedKeys> {
        self.pinned.as_ref()
    }

    pub(super) fn card(&self) -> Option<&RelayCard> {
        self.card.as_ref()
    }

    /// Why the relay cannot be used at the moment.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Whether nothing may be asked now.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    /// When to ask again. `None` while an answer is awaited.
    pub(super) fn wake_at(&self, now: Timestamp, next: Option<Timestamp>) -> Option<Timestamp> {
        if self.is_busy() {
            return None;
        }
        let next = if self.card.is_none() { Some(now) } else { next };
        next.map(|next| self.pause.until(now).map_or(next, |until| until.max(next)))
    }

    /// Makes the next request: for the card first, then what `choose` returns.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        choose: impl FnOnce() -> Option<(A, Call)>,
    ) -> Option<Request> {
        if self.is_busy() || self.pause.until(now).is_some() {
            return None;
        }
        let (aim, call) = match self.card {
            None => (None, Call::Card),
            Some(_) => choose().map(|(aim, call)| (Some(aim), call))?,
        };
        // These requests name no account and have no token, so each of them can be made.
        let (http, asked) = call.ask(None, rng).ok()?;
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.in_flight = Some(InFlight { id, asked, aim });
        Some(Request::Call { id, call, http })
    }

    /// Takes an answer. Returns it with what was asked for, if the relay made it and it is not the
    /// card.
    pub(super) fn take(
        &mut self,
        id: u64,
        answer: Option<HttpAnswer>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Option<(A, HttpAnswer)> {
        let flight = self.in_flight.take_if(|flight| flight.id == id)?;
        let pinned = self.pinned.as_ref().map(|keys| keys.relay_key);
        let is_authentic = |answer: &HttpAnswer| match (&flight.aim, pinned) {
            (None, _) => is_card_authentic(pinned, &flight.asked, answer),
            (Some(_), None) => false,
            (Some(_), Some(key)) => {
                let header = |name| answer.header(name);
                let (status, body) = (answer.status, &answer.body);
                flight.asked.is_authentic(&key, None, header, status, body)
            }
        };
        let Some(answer) = answer.filter(is_authentic) else {
            self.failed(Trouble::Unreachable, 0, now, rng);
            return None;
        };
        let Some(aim) = flight.aim else {
            match self.take_card(&answer) {
                Ok(()) => self.works(),
                Err(trouble) => self.failed(trouble, 0, now, rng),
            }
            return None;
        };
        Some((aim, answer))
    }

    fn take_card(&mut self, answer: &HttpAnswer) -> Result<(), Trouble> {
        let card: RelayCard = answer.json().map_err(|_| Trouble::Unreachable)?;
        check_card(self.pinned.as_ref(), &card).map_err(|error| match error {
            CardError::OtherRelay { fingerprint } => Trouble::OtherRelay { fingerprint },
            _ => Trouble::Unreachable,
        })?;
        if self.pinned.is_none() {
            self.events.push(Event::Pinned {
                relay: card.relay_fingerprint(),
                moderation: card.moderation_fingerprint(),
            });
            self.pinned = Some(PinnedKeys::of(&card));
        }
        self.card = Some(card);
        Ok(())
    }

    /// The relay did what it was asked for.
    pub(super) fn works(&mut self) {
        self.pause.end();
        self.trouble = None;
    }

    /// Something failed. It is tried again after a pause.
    pub(super) fn failed(
        &mut self,
        trouble: Trouble,
        at_least_secs: u64,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) {
        self.pause.lengthen(now, at_least_secs, rng);
        self.trouble = Some(trouble);
    }
}

/// When to look into a mailbox again.
pub(super) fn next_look(now: Timestamp) -> Timestamp {
    later(now, POLL_MS)
}
