//! Recovery: a new device gets its account back with the recovery secret.

use rand_core::CryptoRng;
use waxseal_core::IdentityKeyPair;
use waxseal_interface::{
    Challenge, ErrorBody, ErrorCode, HttpAnswer, PinnedKeys, Register, Request as Call,
    register_context, seal_delivery_key,
};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::{RecoverySecret, Roster, SignedRoster};

use super::next::Request;
use super::stranger::Stranger;
use super::{Courier, Trouble};
use crate::client::Client;
use crate::error::JoinError;
use crate::store::Store;

/// Gets an account back on a new device, with everything that it asks a relay for. It does no I/O,
/// as a [`Courier`] does none, and it has the same calls.
///
/// ```rust
/// use waxseal::courier::{Courier, Recovering, Request};
/// use waxseal::{AccountId, MemoryStore};
/// # use waxseal::{DeviceId, Timestamp};
/// # use waxseal_interface::{HttpAnswer, HttpRequest};
/// # fn recover(call: impl Fn(&HttpRequest) -> Option<HttpAnswer>, now: Timestamp,
/// #     secret: waxseal_roster::RecoverySecret, keep: &[DeviceId])
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// # let rng = &mut rand::rng();
/// let mut recovering = Recovering::new(AccountId::new("alice")?, secret);
/// while let Some(Request::Call { id, http, .. }) = recovering.next(now, rng) {
///     recovering.answer(id, call(&http), now, rng);
/// }
/// // Show the devices of `roster`, of which the user keeps some, then:
/// let courier = recovering.into_courier(MemoryStore::new(), keep, now, rng)?;
/// # Ok(()) }
/// ```
///
/// # What it does
///
/// It tries to register, which the relay refuses with the account's newest roster.
/// [`into_courier`](Self::into_courier) signs the roster of the next epoch, which names this device
/// as its only manager, and the courier registers with it. The account key and the safety number
/// stay. The messages do not come back.
///
/// # Security
/// A relay can show an older roster, with devices that were removed since. So let the user choose
/// which devices to keep.
pub struct Recovering {
    account: AccountId,
    secret: RecoverySecret,
    stranger: Stranger<Aim>,
    challenge: Option<Vec<u8>>,
    newest: Option<Roster>,
    failure: Option<RecoveryFailure>,
}

enum Aim {
    Challenge,
    Register,
}

/// How far a [`Recovering`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveringState {
    /// It asks for the newest roster.
    Asking,
    /// The roster is there. Let the user choose among its devices, and call
    /// [`into_courier`](Recovering::into_courier).
    Found,
    /// The account cannot be recovered from this relay in this way.
    Failed(RecoveryFailure),
}

/// Why an account cannot be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryFailure {
    /// The relay has no such account, or it has no roster.
    #[error("the relay has no such account, or no roster of it")]
    NoAccount,
    /// The secret is that of another account key. Check what the user typed.
    #[error("the recovery secret is of another account key")]
    WrongSecret,
    /// The relay's roster does not verify. Suspect the relay.
    #[error("the roster does not verify")]
    Roster,
}

impl Recovering {
    /// Gets this account back.
    pub fn new(account: AccountId, secret: RecoverySecret) -> Self {
        Self {
            account,
            secret,
            stranger: Stranger::default(),
            challenge: None,
            newest: None,
            failure: None,
        }
    }

    /// Pins the keys of the provider, if the application knows them. Without this call, the keys
    /// that the relay shows first are pinned. Call it before [`next`](Self::next).
    pub fn pin(&mut self, keys: &PinnedKeys) {
        self.stranger.pin(keys);
    }

    /// The keys of the provider that are pinned. `None` before the first contact.
    pub fn pinned(&self) -> Option<&PinnedKeys> {
        self.stranger.pinned()
    }

    /// How far it is.
    pub fn state(&self) -> RecoveringState {
        match (&self.failure, &self.newest) {
            (Some(failure), _) => RecoveringState::Failed(*failure),
            (None, Some(_)) => RecoveringState::Found,
            (None, None) => RecoveringState::Asking,
        }
    }

    /// The newest roster of the account that the relay has. `None` before it came.
    pub fn roster(&self) -> Option<&Roster> {
        self.newest.as_ref()
    }

    /// Why the relay cannot be used at the moment. It is tried again by itself.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.stranger.trouble()
    }

    /// The next thing to send, always a [`Request::Call`]. `None` while an answer is awaited, and
    /// if there is nothing to do before [`wake_at`](Self::wake_at).
    pub fn next(&mut self, now: Timestamp, rng: &mut impl CryptoRng) -> Option<Request> {
        if !self.is_asking() {
            return None;
        }
        let register = match (self.stranger.card(), self.challenge.take()) {
            (Some(_), Some(challenge)) => self.register(challenge, rng),
            _ => None,
        };
        self.stranger.next(now, rng, || match register {
            Some(register) => Some((Aim::Register, Call::Register(register))),
            None => Some((Aim::Challenge, Call::Challenge)),
        })
    }

    fn is_asking(&self) -> bool {
        self.failure.is_none() && self.newest.is_none()
    }

    /// The request of a device that the account does not list, with keys of no further use. `None`
    /// if the relay's key is unusable.
    fn register(&self, challenge: Vec<u8>, rng: &mut impl CryptoRng) -> Option<Register> {
        let card = self.stranger.card()?;
        let me = DeviceAddress::new(self.account.clone(), DeviceId(u32::MAX));
        let identity = IdentityKeyPair::generate(rng);
        let key = DeliveryKey::generate(rng);
        let sealed_delivery_key =
            seal_delivery_key(&card.sealing_key().ok()?, &key, &me, rng).ok()?;
        let public = identity.public().to_bytes();
        let context = register_context(
            &card.relay_key,
            &challenge,
            &me,
            &public,
            &sealed_delivery_key,
        );
        Some(Register {
            name: self.account.as_str().to_owned(),
            device: me.device.0,
            identity: public,
            proof: identity.prove_account(&context),
            sealed_delivery_key,
            challenge,
            roster: None,
        })
    }

    /// Takes the answer to a request: `None` if there was none. An answer that comes too late, or
    /// twice, changes nothing.
    pub fn answer(
        &mut self,
        id: u64,
        answer: Option<HttpAnswer>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) {
        let Some((aim, answer)) = self.stranger.take(id, answer, now, rng) else {
            return;
        };
        match (aim, answer.is_success()) {
            (Aim::Challenge, true) => match answer.json::<Challenge>() {
                Ok(challenge) => self.challenge = Some(challenge.challenge),
                Err(_) => self.stranger.failed(Trouble::Unreachable, 0, now, rng),
            },
            // No honest relay registers a device that no roster lists.
            (Aim::Register, true) => self.failure = Some(RecoveryFailure::NoAccount),
            (aim, false) => self.refused(&aim, answer.error(), now, rng),
        }
    }

    fn refused(&mut self, aim: &Aim, body: ErrorBody, now: Timestamp, rng: &mut impl CryptoRng) {
        match (body.error, aim) {
            (ErrorCode::AccountTaken | ErrorCode::RosterConflict, Aim::Register) => {
                self.stranger.works();
                match body.conflict {
                    Some(conflict) => self.take_roster(&conflict.roster),
                    None => self.failure = Some(RecoveryFailure::NoAccount),
                }
            }
            (
                ErrorCode::BadRoster | ErrorCode::BadName | ErrorCode::NoSuchAccount,
                Aim::Register,
            ) => {
                self.failure = Some(RecoveryFailure::NoAccount);
            }
            _ => {
                let secs = body.retry_after_secs.unwrap_or_default();
                let trouble = Trouble::Refused {
                    code: body.error,
                    message: body.message,
                };
                self.stranger.failed(trouble, secs, now, rng);
            }
        }
    }

    fn take_roster(&mut self, signed: &[u8]) {
        let signed = SignedRoster::decode(signed);
        let verified = signed.and_then(|signed| signed.verify(self.account.as_str()));
        match verified {
            Err(_) => self.failure = Some(RecoveryFailure::Roster),
            Ok(roster) if *roster.account_key() != self.secret.key_pair().public() => {
                self.failure = Some(RecoveryFailure::WrongSecret);
            }
            Ok(roster) => self.newest = Some(roster),
        }
    }

    /// When to call [`next`](Self::next) again. `None` while an answer is awaited, and when nothing
    /// is to be asked any more.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.is_asking() {
            true => self.stranger.wake_at(now, Some(now)),
            false => None,
        }
    }

    /// Makes the courier of this device in an empty store. Of the devices in
    /// [`roster`](Self::roster), those in `keep` stay. The others lose the account once the courier
    /// has registered this one.
    ///
    /// # Errors
    /// As for [`Client::recover`]. The store is as it was.
    pub fn into_courier<S: Store>(
        self,
        store: S,
        keep: &[DeviceId],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Courier<S>, JoinError<S::Error>> {
        let newest = self.newest.as_ref().map(|newest| newest.signed().encode());
        let (newest, pinned) = (newest.unwrap_or_default(), self.stranger.pinned().cloned());
        // This key is replaced when the device is registered.
        let key = DeliveryKey::generate(rng);
        let (account, secret) = (&self.account, &self.secret);
        let client = Client::recover(store, account, secret, (&newest, keep), key, now, rng)?;
        let events = self.stranger.into_events();
        Ok(Courier::after_contact(client, pinned.as_ref(), events)?)
    }
}
