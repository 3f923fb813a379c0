//! Sending: a message is sealed now, or kept until it can be.

use rand_core::CryptoRng;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::Courier;
use crate::client::Draft;
use crate::conversation::Conversation;
use crate::error::SendError;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Writes a message to all devices of the recipient, or of all members of a group, and returns
    /// its identifier. The other devices of this account get copies. It is stored when this
    /// returns, and posted by [`next`](Self::next). Without a session it
    /// [waits](crate::Client::hold) for one, which the courier starts. It also waits before the
    /// first sign-in of this process: only then the courier knows that the store was not set back.
    /// If it was, the message gets another identifier, which [`Event::Accepted`] names.
    ///
    /// [`Message::status`](crate::Message::status) and the [`Event`]s tell where it is.
    ///
    /// [`Event`]: super::Event
    /// [`Event::Accepted`]: super::Event::Accepted
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(
        &mut self,
        to: impl Into<Conversation>,
        message: impl Into<Draft>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        let (to, message) = (to.into(), message.into());
        if self.is_compared {
            match self.client.send(&to, message.clone(), now, rng) {
                Err(error) if self.can_wait(&to, &error, now) => {}
                sent => return self.sent(sent.map(|sent| sent.id)),
            }
        }
        let held = match self.is_unsure(now) {
            true => self.client.hold_unsure(&to, message, now, rng),
            false => self.client.hold(to, message, now, rng),
        };
        self.sent(held)
    }

    /// Looks at the outbox once more, because there may be something new in it.
    pub(super) fn sent<T>(&mut self, sent: T) -> T {
        self.outbox.look_again();
        sent
    }

    /// Whether the store was not compared with the relay's mark yet. What is sealed before could
    /// hide that it was set back.
    pub(super) fn is_unsure(&mut self, now: Timestamp) -> bool {
        if !self.is_compared {
            self.upkeep_at = Some(now);
        }
        !self.is_compared
    }

    /// Whether a message that was not sealed can wait until it is, and asks for what it lacks.
    pub(super) fn can_wait(
        &mut self,
        to: &Conversation,
        error: &SendError<S::Error>,
        now: Timestamp,
    ) -> bool {
        match error {
            SendError::NoSession | SendError::Session(_) => {
                self.upkeep_at = Some(now); // asks for the peer's prekeys
                true
            }
            // Nothing is sent before there is a roster, or a newer one.
            SendError::RosterConflict | SendError::NoAccountKey => {
                let me = self.client.me().account.clone();
                for account in to.account().into_iter().chain([&me]) {
                    self.bundles.want_roster(account);
                }
                true
            }
            SendError::UnknownMembers => {
                to.group()
                    .iter()
                    .for_each(|group| self.groups.want_members(group));
                true
            }
            _ => false,
        }
    }
}
