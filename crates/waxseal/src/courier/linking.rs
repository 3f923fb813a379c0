//! The new device's side of a link, with its requests: from the code that it shows to its courier.

use rand_core::CryptoRng;
use waxseal_interface::{ErrorBody, ErrorCode, HttpAnswer, PinnedKeys, Request as Call};
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::DeliveryKey;
use zeroize::Zeroizing;

use super::event::LinkFailure;
use super::next::Request;
use super::pause::later;
use super::stranger::{POLL_MS, Stranger, next_look};
use super::{Courier, Trouble};
use crate::error::JoinError;
use crate::linking::{LINK_LIFETIME_MS, LinkDigits, LinkSlot, LinkingError, NewDevice, Offered};
use crate::store::Store;

/// How long the welcome is awaited after the digits were typed: twenty minutes. The manager has
/// until the end of the link to sign its roster, and the mailbox keeps the welcome for as long
/// again.
const WELCOME_MS: u64 = 2 * LINK_LIFETIME_MS;

/// A new device that joins an account, with everything that it asks a relay for. It does no I/O, as
/// a [`Courier`] does none, and it has the same calls.
///
/// ```rust
/// use waxseal::MemoryStore;
/// use waxseal::courier::{Linking, LinkingState, Request};
/// use waxseal::linking::LinkDigits;
/// # use waxseal::Timestamp;
/// # use waxseal_interface::{HttpAnswer, HttpRequest};
/// # fn link(call: impl Fn(&HttpRequest) -> Option<HttpAnswer>, now: Timestamp, typed: &str)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// # let rng = &mut rand::rng();
/// let mut linking = Linking::new(MemoryStore::new(), now, rng)?;
/// println!("scan this: {}", *linking.code()); // as a QR code
/// while let Some(Request::Call { id, http, .. }) = linking.next(now, rng)? {
///     linking.answer(id, call(&http), now, rng);
/// }
/// if let (LinkingState::Digits, Some(digits)) = (linking.state(), LinkDigits::parse(typed)) {
///     linking.type_digits(&digits, now, rng)?;
/// }
/// # Ok(()) }
/// ```
///
/// # What it does
///
/// It puts its prekeys into a mailbox of the relay, and looks every second or two for the offer of
/// the device that scanned the code. Then it shows the account and waits for the digits. Once the
/// account lists it, [`into_courier`](Self::into_courier) makes the courier, which registers it.
///
/// # What survives a crash
///
/// Everything, if the store does: [`new`](Self::new) goes on where the link was.
///
/// # Security
/// Show the account before the user types the digits.
pub struct Linking<S: Store> {
    device: NewDevice,
    store: S,
    /// Whether the store has the device as it is.
    is_kept: bool,
    stranger: Stranger<Aim>,
    /// What is in the mailbox of what this device puts there, as far as it knows.
    put: Option<LinkSlot>,
    look_at: Timestamp,
    /// Since when the welcome is awaited.
    answered_at: Option<Timestamp>,
    failure: Option<LinkFailure>,
}

enum Aim {
    Put(LinkSlot),
    Look(LinkSlot),
}

/// What comes next.
enum Awaits {
    Offer,
    Digits,
    Welcome,
    Nothing,
}

fn awaits(device: &NewDevice) -> Awaits {
    match device.message() {
        Some((LinkSlot::Bundle, _)) => Awaits::Offer,
        Some((LinkSlot::Reveal, _)) => Awaits::Digits,
        Some((LinkSlot::Answer, _)) => Awaits::Welcome,
        _ => Awaits::Nothing,
    }
}

/// How far a [`Linking`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkingState {
    /// Show [`code`](Linking::code). A device that manages the account scans it.
    Code,
    /// Show [`account`](Linking::account), and ask for the digits that the other device shows.
    /// Then call [`type_digits`](Linking::type_digits).
    Digits,
    /// The other device checks the digits, and adds this device to the account.
    Joining,
    /// The account lists this device: call [`into_courier`](Linking::into_courier).
    Welcome,
    /// The link is over. Start over with a new code.
    Failed(LinkFailure),
}

impl<S: Store> Linking<S> {
    /// Makes a new device with an identity of its own, in an empty store. If the store has a new
    /// device whose link is not over, goes on with that one.
    ///
    /// # Errors
    /// [`JoinError::AlreadyExists`] if the store has an account.
    ///
    /// # Security
    /// Pass the system's generator as `rng`, as for [`NewDevice::generate`].
    pub fn new(
        mut store: S,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, JoinError<S::Error>> {
        let kept = NewDevice::kept(&store)?.filter(|device| {
            let age_ms = device.made_at_ms().abs_diff(now.as_millis());
            let is_early = matches!(awaits(device), Awaits::Offer | Awaits::Digits);
            device.message().is_some() && (!is_early || age_ms <= LINK_LIFETIME_MS)
                || device.is_welcome()
        });
        let device = match kept {
            Some(device) => device,
            None => NewDevice::generate(now, rng)?,
        };
        device.keep(&mut store)?;
        Ok(Self {
            device,
            store,
            is_kept: true,
            stranger: Stranger::default(),
            put: None,
            look_at: Timestamp::from_millis(0),
            answered_at: None,
            failure: None,
        })
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

    /// The code as text, for a QR code or for the clipboard of the other device.
    ///
    /// # Security
    /// Someone who sees the code can offer another account to this device. The digits show it.
    pub fn code(&self) -> Zeroizing<String> {
        self.device.code().to_text()
    }

    /// The account that was offered. `None` before.
    pub fn account(&self) -> Option<Offered> {
        self.device.offered()
    }

    /// How far the link is.
    pub fn state(&self) -> LinkingState {
        match (&self.failure, awaits(&self.device)) {
            (Some(failure), _) => LinkingState::Failed(failure.clone()),
            (None, Awaits::Offer) => LinkingState::Code,
            (None, Awaits::Digits) => LinkingState::Digits,
            (None, Awaits::Welcome) => LinkingState::Joining,
            (None, Awaits::Nothing) if self.device.is_welcome() => LinkingState::Welcome,
            (None, Awaits::Nothing) => LinkingState::Failed(LinkingError::Over.into()),
        }
    }

    /// Why the relay cannot be used at the moment. It is tried again by itself.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.stranger.trouble()
    }

    /// Takes the digits that the user typed. There is one attempt. Until [`state`](Self::state)
    /// asks for digits, and after it did, they change nothing.
    ///
    /// # Errors
    /// As for [`NewDevice::accept`]. [`LinkingError::WrongDigits`] ends the link.
    pub fn type_digits(
        &mut self,
        typed: &LinkDigits,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), JoinError<S::Error>> {
        let accepted = self.device.accept(typed, now, rng);
        match &accepted {
            Ok(()) => self.answered_at = Some(now),
            Err(LinkingError::WrongStep) => {}
            Err(error) => self.fail(error.clone()),
        }
        self.is_kept = false;
        self.keep()?; // there is one attempt, also after a crash
        Ok(accepted?)
    }

    /// Stores the device as it is, if the store has it as it was.
    fn keep(&mut self) -> Result<(), JoinError<S::Error>> {
        if !self.is_kept {
            self.device.keep(&mut self.store)?;
            self.is_kept = true;
        }
        Ok(())
    }

    /// The next thing to send, always a [`Request::Call`]. `None` while an answer is awaited, and
    /// if there is nothing to do before [`wake_at`](Self::wake_at).
    ///
    /// # Errors
    /// [`JoinError::State`]. Nothing leaves before the store works.
    pub fn next(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Request>, JoinError<S::Error>> {
        self.check_time(now);
        self.keep()?;
        let chosen = self.choose(now);
        Ok(self.stranger.next(now, rng, || chosen))
    }

    fn choose(&self, now: Timestamp) -> Option<(Aim, Call)> {
        if self.failure.is_some() {
            return None;
        }
        let mailbox = self.device.code().mailbox();
        if let Some((slot, content)) = self.to_put() {
            let (slot_number, content) = (slot.number(), content.to_vec());
            let call = Call::PutMailbox {
                mailbox,
                slot: slot_number,
                content,
            };
            return Some((Aim::Put(slot), call));
        }
        let slot = self.awaited_slot()?;
        let is_due = self.look_at.as_millis().saturating_sub(now.as_millis());
        // A time that is too far ahead was chosen while the clock was wrong.
        if (1..=POLL_MS).contains(&is_due) {
            return None;
        }
        let call = Call::Mailbox {
            mailbox,
            slot: slot.number(),
        };
        Some((Aim::Look(slot), call))
    }

    /// What is to be put into the mailbox now.
    fn to_put(&self) -> Option<(LinkSlot, &[u8])> {
        self.device
            .message()
            .filter(|(slot, _)| self.put != Some(*slot))
    }

    fn awaited_slot(&self) -> Option<LinkSlot> {
        match awaits(&self.device) {
            Awaits::Offer => Some(LinkSlot::Offer),
            Awaits::Welcome => Some(LinkSlot::Welcome),
            Awaits::Digits | Awaits::Nothing => None,
        }
    }

    /// Ends the link when its time is over.
    fn check_time(&mut self, now: Timestamp) {
        if self.failure.is_some() {
            return;
        }
        let since = match awaits(&self.device) {
            Awaits::Offer | Awaits::Digits => Some((self.device.made_at_ms(), LINK_LIFETIME_MS)),
            Awaits::Welcome => {
                let at = self.answered_at.get_or_insert(now);
                Some((at.as_millis(), WELCOME_MS))
            }
            Awaits::Nothing => None,
        };
        if since.is_some_and(|(since, most)| since.abs_diff(now.as_millis()) > most) {
            self.fail(LinkingError::Expired);
        }
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
        if answer.is_success() {
            self.stranger.works();
            match aim {
                Aim::Put(slot) => self.put = Some(slot),
                Aim::Look(slot) => self.take(slot, &answer.body, now, rng),
            }
            return;
        }
        let body = answer.error();
        match (body.error, aim) {
            (ErrorCode::NoSuchMailbox, Aim::Look(_)) => {
                self.stranger.works();
                self.look_at = next_look(now);
            }
            // Someone else, who saw the code, was faster.
            (ErrorCode::SlotTaken, Aim::Put(_)) => self.failure = Some(LinkFailure::SlotTaken),
            _ => self.refused(body, now, rng),
        }
    }

    fn refused(&mut self, body: ErrorBody, now: Timestamp, rng: &mut impl CryptoRng) {
        let secs = body.retry_after_secs.unwrap_or_default();
        let trouble = Trouble::Refused {
            code: body.error,
            message: body.message,
        };
        self.stranger.failed(trouble, secs, now, rng);
    }

    fn take(&mut self, slot: LinkSlot, content: &[u8], now: Timestamp, rng: &mut impl CryptoRng) {
        let taken = match slot {
            LinkSlot::Offer => self.device.open_offer(content, now, rng).map(|_| ()),
            _ => self.device.take_welcome(content),
        };
        self.is_kept = false;
        // A slot is never replaced, so nothing else comes.
        if let Err(error) = taken {
            self.fail(error);
        }
    }

    /// Ends the link, if it is not over.
    fn fail(&mut self, error: LinkingError) {
        self.failure.get_or_insert(error.into());
    }

    /// When to call [`next`](Self::next) again. `None` while an answer is awaited, and if nothing
    /// waits for a time.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.failure.is_some() {
            return None;
        }
        let asks_at = match self.awaited_slot() {
            _ if self.to_put().is_some() => Some(now),
            Some(_) => Some(self.look_at.min(next_look(now))),
            None => None,
        };
        let ends_at = match awaits(&self.device) {
            Awaits::Digits => Some(later(
                Timestamp::from_millis(self.device.made_at_ms()),
                LINK_LIFETIME_MS.saturating_add(1),
            )),
            _ => None,
        };
        if asks_at.is_none() && ends_at.is_none() {
            return None;
        }
        self.stranger.wake_at(now, asks_at.or(ends_at))
    }

    /// Makes the courier of the device that has joined its account. It registers the device first.
    ///
    /// # Errors
    /// As for [`NewDevice::into_client`]. The store is as it was.
    pub fn into_courier(self, rng: &mut impl CryptoRng) -> Result<Courier<S>, JoinError<S::Error>> {
        let pinned = self.stranger.pinned().cloned();
        // This key is replaced when the device is registered.
        let key = DeliveryKey::generate(rng);
        let client = self.device.into_client(self.store, key, rng)?;
        let events = self.stranger.into_events();
        Ok(Courier::after_contact(client, pinned.as_ref(), events)?)
    }
}
