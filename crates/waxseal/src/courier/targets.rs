//! Targets: a message goes to exactly the devices that both accounts have.

use rand_core::CryptoRng;
use waxseal_interface::Request as Call;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};

use super::next::Aim;
use super::outbox::UNKNOWN_MS;
use super::{Courier, Event, bundles};
use crate::client::{Mismatch, NotDelivered, Outgoing};
use crate::conversation::Conversation;
use crate::error::{RetargetError, StateError};
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Asks for the prekeys of devices for which a message was not sealed, because there was no
    /// session with them. `None` if there is nothing to ask for, or they gave none lately.
    pub(super) fn complete(
        &mut self,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if outgoing.without.is_empty() {
            return Ok(None);
        }
        let missing = match self.client.missing(&outgoing.to, now) {
            Err(StateError::Damaged(_)) => return Ok(None),
            missing => missing?,
        };
        let mut missing = missing.into_iter();
        let wanted = missing.find_map(|wanted| self.bundles.askable(wanted, now));
        Ok(wanted.map(|wanted| bundles::ask(wanted, true)))
    }

    /// Seals a message for the devices with which there is a session since it was written. Returns
    /// whether it goes to more devices now.
    pub(super) fn completed(
        &mut self,
        outgoing: &Outgoing,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, StateError<S::Error>> {
        let mut can_seal = false;
        for device in &outgoing.without {
            can_seal |= match self.client.has_session_with(device) {
                Err(StateError::Damaged(_)) => false,
                has_session => has_session?,
            };
        }
        if !can_seal {
            return Ok(false);
        }
        let (to, id) = (&outgoing.to, &outgoing.id);
        match self.client.complete(to, id, now, rng) {
            Ok(completed) => Ok(completed.without.len() < outgoing.without.len()),
            Err(RetargetError::State(StateError::Store(error))) => Err(StateError::Store(error)),
            Err(_) => Ok(false), // the devices that got no key ask for one
        }
    }

    /// Seals a message for the devices that the relay names.
    pub(super) fn retarget(
        &mut self,
        to: &Conversation,
        id: &FrankingTag,
        mismatch: waxseal_interface::Mismatch,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let bundles = mismatch.bundles.into_iter();
        let bundles = bundles.filter_map(|one| {
            let account = AccountId::new(&one.name).ok()?;
            Some((account, bundles::bundle_of(one.bundle)))
        });
        let mismatch = Mismatch {
            bundles: bundles.collect(),
            rosters: mismatch.rosters,
        };
        match self.client.retarget(to, id, &mismatch, now, rng) {
            // It was deleted meanwhile.
            Ok(_) | Err(RetargetError::NotSent) => {}
            Err(RetargetError::TooManyRounds) => {
                let (to, id, reason) = (to.clone(), *id, NotDelivered::Targets);
                self.tell(Event::NotDelivered { to, id, reason });
            }
            Err(RetargetError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(_) => self.outbox.block(to, now, UNKNOWN_MS),
        }
        self.tell_notices()
    }
}
