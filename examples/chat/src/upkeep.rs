//! Upkeep: asks for what did not open, seals again what others could not open, and tells peers what
//! arrived.

use waxseal::errors::StartError;
use waxseal::{AccountId, IdentityKey};
use waxseal_relay::system_rng;

use crate::chat::{Chat, now};
use crate::failure::{Failure, Outcome, TRY_LATER};

/// Maximum number of rounds. Each one may need an identity or a bundle from the relay.
const ROUNDS: usize = 8;

impl Chat {
    /// Does what the client's upkeep asks for. What cannot be done now is done at the next call.
    pub fn upkeep(&mut self) -> Outcome<()> {
        for _ in 0..ROUNDS {
            // By this device's clock, so that no relay can move its pauses. The outbox is posted by
            // the relay's.
            let upkeep = self.client.upkeep(now(), &mut system_rng())?;
            let mut goes_on = !upkeep.outgoing.is_empty();
            if goes_on {
                self.flush_outbox()?;
            }
            for account in &upkeep.identities {
                goes_on |= self.learn_identity(account)?;
            }
            for peer in &upkeep.bundles {
                goes_on |= self.restart(peer)?;
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Fetches the identity that a refusal is sealed to. Returns whether the relay has it.
    fn learn_identity(&mut self, account: &AccountId) -> Outcome<bool> {
        let fetched = self.with_session(|relay, session| relay.identity(session, account));
        let identity = match fetched {
            Ok(identity) => identity,
            Err(failure) => return self.put_off(failure),
        };
        let Ok(identity) = IdentityKey::from_bytes(&identity) else {
            return self.put_off(Failure::new("the relay named an invalid identity"));
        };
        self.client.learn_identity(account, &identity)?;
        Ok(true)
    }

    /// Starts another session with a peer that refused messages. Returns whether it did.
    fn restart(&mut self, peer: &AccountId) -> Outcome<bool> {
        let bundle = match self.with_session(|relay, session| relay.bundle(session, peer)) {
            Ok(bundle) => bundle,
            Err(failure) => return self.put_off(failure),
        };
        self.tell_of_missing_one_time(peer, &bundle);
        let (now, rng) = (now(), &mut system_rng());
        let one_time = bundle.one_time.as_deref();
        match self.client.restart(peer, &bundle.base, one_time, now, rng) {
            Ok(()) => {
                self.notice(format!("a new session with {} was started", peer.as_str()));
                Ok(true)
            }
            Err(StartError::IdentityChanged { .. }) => {
                self.warn_once(Some(peer));
                Ok(false)
            }
            Err(error) => self.put_off(error.into()),
        }
    }

    /// Leaves a step to the next call. Only a relay that cannot be reached ends this one.
    fn put_off(&mut self, failure: Failure) -> Outcome<bool> {
        if failure.code == TRY_LATER {
            return Err(failure);
        }
        self.detail(failure.message);
        Ok(false)
    }
}
