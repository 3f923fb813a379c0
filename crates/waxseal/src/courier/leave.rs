//! Leaving the account with this device: first its own devices are told, then the relay.

use rand_core::CryptoRng;
use waxseal_interface::{Leave, Request as Call, leave_context};
use waxseal_reporting::Timestamp;

use super::Courier;
use super::next::Aim;
use crate::client::Leaving;
use crate::error::{LeaveError, StateError};
use crate::store::Store;

/// How far this device leaves its account, as far as this process knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The store says.
    Look,
    /// It does not leave.
    Stay,
    /// The relay is to be told.
    Ask,
}

impl<S: Store> Courier<S> {
    /// Leaves the account with this device, which is no manager. The other devices are told first,
    /// and what the relay takes of the outbox is posted. Then the relay stops this device, and
    /// [`Event::Removed`](super::Event::Removed) tells. A manager signs a roster without it when it
    /// is next online.
    ///
    /// It goes on after a restart, and cannot be taken back.
    ///
    /// # Errors
    /// As for [`Client::leave`](crate::Client::leave).
    pub fn leave(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), LeaveError<S::Error>> {
        self.leave = Step::Look;
        self.look_again();
        match self.is_compared {
            true => self.client.leave(now, rng).map(|_| ()),
            // What is sealed before the first sign-in could hide that the store was set back.
            false => self.client.begin_to_leave(),
        }
    }

    /// Tells the relay that this device leaves, once it accepted the note to the own devices.
    pub(super) fn choose_leave(&mut self) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if self.leave == Step::Look {
            self.leave = match self.client.leaving()? {
                Leaving::No => Step::Stay,
                Leaving::Telling => Step::Look,
                Leaving::Told => Step::Ask,
            };
        }
        let Some(relay_key) = self.relay_key().filter(|_| self.leave == Step::Ask) else {
            return Ok(None);
        };
        let Some(challenge) = self.challenge.take() else {
            return Ok(Some((Aim::Challenge, Call::Challenge)));
        };
        let me = self.client.me().clone();
        let context = leave_context(&relay_key, &challenge, &me);
        let leave = Leave {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            proof: self.client.prove_account(&context),
            challenge,
        };
        Ok(Some((Aim::Leave, Call::Leave(leave))))
    }

    /// When the relay is to be told.
    pub(super) fn leave_at(&self) -> Option<Timestamp> {
        (self.leave == Step::Ask).then_some(Timestamp::from_millis(0))
    }
}
