//! The manager's side of a link: it scanned the code of a new device, and offers its account.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKey, IdentityKeyPair, PreKeyBundle, SessionSet};
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::limits::MAX_DEVICES;
use waxseal_roster::{AccountKey, DeviceEntry, LinkBundle, LinkCode, Roster};
use zeroize::Zeroizing;

use super::digits::HALF;
use super::messages::{
    AnswerContent, LinkMessage, LinkSlot, OfferContent, associated_data, decode_reveal,
};
use super::{LinkDigits, LinkingError, check_time};

mod export;

/// An account offered to a new device, on the manager's side. One offer takes one answer.
///
/// The manager scanned the new device's code and fetched the prekeys to which the code commits. The
/// new device answers the offer by revealing what it had committed to. Only then does the manager
/// draw the last four digits and show all eight. The user types them into the new device. If the
/// answer has the last four digits, the new device joins.
///
/// ```text
/// make        -> offered -> take_reveal -> shown -> take_answer -> over, with the new device
///                   a dishonest reveal, a wrong answer -> over, without
/// ```
///
/// A message that does not open leaves the offer as it was. Anything else that is wrong ends it,
/// and the new device starts over with a new code.
///
/// # Security
/// Export and store the offer after each call: before its message leaves, before its digits are
/// shown, and after a wrong answer.
pub struct Offer {
    secret: Zeroizing<[u8; 16]>,
    made_at_ms: u64,
    account: AccountId,
    account_key: AccountKey,
    device: u32,
    identity: IdentityKey,
    bundle: LinkBundle,
    message: Vec<u8>,
    stage: Stage,
}

enum Stage {
    Offered(Box<SessionSet>),
    Shown(Box<SessionSet>, LinkDigits),
    Over,
}

impl Offer {
    /// Offers the account of `roster` to the device whose code was scanned. `bundle` is what the
    /// mailbox of the code has in [`LinkSlot::Bundle`]. `device` is the number that the new device
    /// gets, above all that the account's devices had.
    ///
    /// # Errors
    /// [`LinkingError`] says why there is nothing to offer.
    pub fn make(
        identity: &IdentityKeyPair,
        roster: &Roster,
        device: u32,
        (code, bundle): (&LinkCode, &[u8]),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, LinkingError> {
        if !roster.is_manager(&identity.public().to_bytes()) {
            return Err(LinkingError::NotManager);
        }
        Self::make_by_any(identity, roster, device, (code, bundle), now, rng)
    }

    /// Makes the offer, whether or not this device manages the account.
    pub(super) fn make_by_any(
        identity: &IdentityKeyPair,
        roster: &Roster,
        device: u32,
        (code, bundle): (&LinkCode, &[u8]),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, LinkingError> {
        let account = AccountId::new(roster.account()).map_err(|_| LinkingError::Malformed)?;
        let bundle = fetched(code, bundle)?;
        let one_time = Some(bundle.one_time()).filter(|one_time| !one_time.is_empty());
        let prekeys = PreKeyBundle::decode(bundle.base(), one_time)?;
        let new = *prekeys.identity();
        if roster.device_of(&new.to_bytes()).is_some() {
            return Err(LinkingError::Listed);
        }
        if roster.devices().len() >= MAX_DEVICES {
            return Err(LinkingError::Full);
        }
        let mut sessions = SessionSet::initiate(identity, prekeys, rng)?;
        let content = OfferContent {
            account: account.clone(),
            device,
            roster: roster.signed().encode(),
        };
        let secret = code.secret();
        let message = seal(
            &mut sessions,
            secret,
            LinkSlot::Offer,
            &content.encode()?,
            rng,
        )?;
        Ok(Self {
            secret: Zeroizing::new(*secret),
            made_at_ms: now.as_millis(),
            account,
            account_key: *roster.account_key(),
            device,
            identity: new,
            bundle,
            message,
            stage: Stage::Offered(Box::new(sessions)),
        })
    }

    /// The offer, for [`LinkSlot::Offer`] of the mailbox. Always the same bytes.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The mailbox of the new device's code.
    #[must_use]
    pub fn mailbox(&self) -> [u8; 16] {
        LinkCode::new(&[], &self.secret).mailbox()
    }

    /// Whether the offer is over, for good.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The code's secret.
    pub(crate) fn secret(&self) -> &[u8; 16] {
        &self.secret
    }

    /// The number that the new device gets.
    #[must_use]
    pub fn device(&self) -> u32 {
        self.device
    }

    /// The new device's identity.
    #[must_use]
    pub fn identity(&self) -> &IdentityKey {
        &self.identity
    }

    /// The digits to show, once the new device revealed what it had committed to.
    #[must_use]
    pub fn digits(&self) -> Option<&LinkDigits> {
        match &self.stage {
            Stage::Shown(_, digits) => Some(digits),
            Stage::Offered(_) | Stage::Over => None,
        }
    }

    /// Whether the offer still waits for something of the new device.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> bool {
        !self.is_over() && check_time(self.made_at_ms, now).is_ok()
    }

    /// Takes what the new device had committed to, and draws the digits to show.
    ///
    /// # Errors
    /// [`LinkingError::Commitment`] or [`LinkingError::Malformed`] ends the offer. Any other error
    /// leaves it as it was.
    pub fn take_reveal(
        &mut self,
        identity: &IdentityKeyPair,
        message: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<LinkDigits, LinkingError> {
        self.check_open(now)?;
        let Stage::Offered(sessions) = &mut self.stage else {
            return Err(LinkingError::WrongStep);
        };
        let content = open(sessions, identity, &self.secret, LinkSlot::Reveal, message)?;
        // From here on the new device itself is dishonest.
        let Stage::Offered(sessions) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(LinkingError::WrongStep);
        };
        let opening = revealed(&self.bundle, &content)?;
        let first = first_digits(&sessions.digest(), &opening)?;
        let digits = LinkDigits::new(first, draw(rng)).ok_or(LinkingError::Malformed)?;
        self.stage = Stage::Shown(sessions, digits.clone());
        Ok(digits)
    }

    /// Takes the new device's answer. Returns its entry for the roster.
    ///
    /// # Errors
    /// [`LinkingError::WrongDigits`], [`LinkingError::Proof`] or [`LinkingError::Malformed`] ends
    /// the offer: there is one attempt. Any other error leaves it as it was.
    pub fn take_answer(
        &mut self,
        identity: &IdentityKeyPair,
        message: &[u8],
        now: Timestamp,
    ) -> Result<DeviceEntry, LinkingError> {
        self.check_open(now)?;
        let Stage::Shown(sessions, _) = &mut self.stage else {
            return Err(LinkingError::WrongStep);
        };
        let content = open(sessions, identity, &self.secret, LinkSlot::Answer, message)?;
        let Stage::Shown(_, digits) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(LinkingError::WrongStep);
        };
        let account = (self.account.as_str(), &self.account_key);
        let device = (self.device, self.identity.to_bytes());
        answered(&content, &digits, account, device)
    }

    fn check_open(&self, now: Timestamp) -> Result<(), LinkingError> {
        match self.stage {
            Stage::Over => Err(LinkingError::Over),
            Stage::Offered(_) | Stage::Shown(..) => check_time(self.made_at_ms, now),
        }
    }
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("device", &self.device)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Reads the prekeys that the mailbox of a scanned code has.
pub(super) fn fetched(code: &LinkCode, bundle: &[u8]) -> Result<LinkBundle, LinkingError> {
    // CHK-348: the prekeys are those to which the scanned code commits.
    if !code.fits(bundle) {
        return Err(LinkingError::OtherBundle);
    }
    Ok(LinkBundle::decode(bundle)?)
}

/// Reads the content of a reveal.
pub(super) fn revealed(
    bundle: &LinkBundle,
    content: &[u8],
) -> Result<Zeroizing<[u8; 16]>, LinkingError> {
    let opening = decode_reveal(content)?;
    // CHK-352: no digits before the new device opened what its code commits to.
    if !bundle.commits_to(&opening) {
        return Err(LinkingError::Commitment);
    }
    Ok(opening)
}

/// Reads the content of an answer to these digits, by a device with this number and identity.
pub(super) fn answered(
    content: &[u8],
    digits: &LinkDigits,
    (account, account_key): (&str, &AccountKey),
    (device, identity): (u32, [u8; 64]),
) -> Result<DeviceEntry, LinkingError> {
    let answer = AnswerContent::decode(content)?;
    // CHK-354: the answer has the digits that only this device's screen showed. One attempt.
    if !digits.last_is(answer.last) {
        return Err(LinkingError::WrongDigits);
    }
    let entry = DeviceEntry::new(device, identity, answer.proof);
    // CHK-355: the new device consents to this number in this account.
    if !entry.agrees(account, account_key) {
        return Err(LinkingError::Proof);
    }
    Ok(entry)
}

/// Seals a message of a link.
pub(super) fn seal(
    sessions: &mut SessionSet,
    secret: &[u8; 16],
    slot: LinkSlot,
    content: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, LinkingError> {
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    let ad = associated_data(secret, slot, &nonce);
    let ciphertext = sessions.encrypt(content, &ad, rng)?;
    Ok(LinkMessage::encode(slot, &nonce, &ciphertext))
}

/// Opens a message of a link in its session, which starts no other.
fn open(
    sessions: &mut SessionSet,
    identity: &IdentityKeyPair,
    secret: &[u8; 16],
    slot: LinkSlot,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, LinkingError> {
    let message = LinkMessage::decode(message, slot)?;
    let ad = associated_data(secret, slot, &message.nonce);
    Ok(sessions.decrypt_existing(identity, message.ciphertext, &ad)?)
}

/// The four digits that both sides compute.
pub(super) fn first_digits(
    session_digest: &[u8; 32],
    opening: &[u8; 16],
) -> Result<u16, LinkingError> {
    let digits = waxseal_roster::link_digits(session_digest, opening);
    digits.parse().map_err(|_| LinkingError::Malformed)
}

/// Draws four digits, each of them equally likely.
fn draw(rng: &mut impl CryptoRng) -> u16 {
    loop {
        // Of the 16,384 numbers, those from 10,000 on are drawn again.
        let [high, low] = [rng.next_u32(), rng.next_u32()].map(|drawn| drawn.to_be_bytes()[3]);
        let drawn = u16::from_be_bytes([high & 0x3f, low]);
        if drawn < HALF {
            return drawn;
        }
    }
}
