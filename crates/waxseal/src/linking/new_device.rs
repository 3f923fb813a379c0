//! The new device's side of a link: from its code to its place in an account.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKey, IdentityKeyPair, PreKeys, ReplayMemory, SessionSet};
use waxseal_reporting::{DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::limits::MAX_DEVICES;
use waxseal_roster::{AccountKey, LinkBundle, LinkCode, Roster, SignedRoster};
use zeroize::Zeroizing;

use super::manager::{first_digits, seal};
use super::messages::{AnswerContent, LinkMessage, LinkSlot, OfferContent, associated_data};
use super::{LinkDigits, LinkingError, check_time};

mod export;

/// A device that is about to join an account. It shows a code, and becomes a client in the end.
///
/// The device has an identity, which never leaves it, and prekeys for one session. It opens one
/// offer and reveals to the offering manager what it had committed to. After the user typed the
/// digits that the manager shows, it answers with its consent. The manager then signs a roster that
/// lists the device: with it, the device is a client of the account.
///
/// ```text
/// generate -> waiting -> open_offer -> offered -> accept -> answered -> take_welcome -> welcome
///                                         wrong digits -> over
/// ```
///
/// # Security
/// To survive a crash, [export](Self::export) and store the device after each call, before its
/// message leaves.
pub struct NewDevice {
    identity: IdentityKeyPair,
    secret: Zeroizing<[u8; 16]>,
    made_at_ms: u64,
    bundle: Vec<u8>,
    stage: Stage,
}

enum Stage {
    Waiting {
        prekeys: Box<PreKeys>,
        opening: Zeroizing<[u8; 16]>,
    },
    Offered {
        offer: OfferContent,
        sessions: Box<SessionSet>,
        opening: Zeroizing<[u8; 16]>,
        reveal: Vec<u8>,
    },
    Answered {
        offer: OfferContent,
        answer: Vec<u8>,
    },
    Welcome {
        offer: OfferContent,
        roster: Box<Roster>,
    },
    Over,
}

/// What a manager offered to a new device. Show the account before the user types the digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The account and the number that the new device gets.
    pub me: DeviceAddress,
    /// The account key.
    pub account_key: AccountKey,
}

impl NewDevice {
    /// Makes a new device with a fresh identity.
    ///
    /// # Errors
    /// None is expected: [`LinkingError::Malformed`] if the prekeys cannot be made.
    ///
    /// # Security
    /// Pass the system's generator as `rng`. A generator in memory is copied by a fork, and both
    /// processes would then have the same identity.
    pub fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Result<Self, LinkingError> {
        let identity = IdentityKeyPair::generate(rng);
        let mut prekeys = PreKeys::generate(&identity, rng);
        let one_time = prekeys.replenish(&identity, 1, rng);
        let one_time = one_time.map_err(|_| LinkingError::Malformed)?.pop();
        let upload = prekeys.upload(&identity);
        let (mut secret, mut opening) = (Zeroizing::new([0; 16]), Zeroizing::new([0; 16]));
        rng.fill_bytes(secret.as_mut());
        rng.fill_bytes(opening.as_mut());
        let base = upload.map_err(|_| LinkingError::Malformed)?.base;
        let bundle = LinkBundle::new(base, one_time.unwrap_or_default(), &opening)?;
        Ok(Self {
            identity,
            secret,
            made_at_ms: now.as_millis(),
            bundle: bundle.encode(),
            stage: Stage::Waiting {
                prekeys: Box::new(prekeys),
                opening,
            },
        })
    }

    /// The code to show. Only the manager's camera should see it.
    #[must_use]
    pub fn code(&self) -> LinkCode {
        LinkCode::new(&self.bundle, &self.secret)
    }

    /// The prekeys, for [`LinkSlot::Bundle`] of the mailbox.
    #[must_use]
    pub fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// This device's identity.
    #[must_use]
    pub fn identity(&self) -> &IdentityKey {
        self.identity.public()
    }

    /// When the device was made, in milliseconds.
    #[cfg(feature = "courier")]
    pub(crate) fn made_at_ms(&self) -> u64 {
        self.made_at_ms
    }

    /// What was offered, once an offer was opened.
    #[must_use]
    pub fn offered(&self) -> Option<Offered> {
        let offer = self.offer()?;
        let roster = verified(offer).ok()?;
        Some(Offered {
            me: me(offer),
            account_key: *roster.account_key(),
        })
    }

    /// The message to put into the mailbox now, with its slot. It is the same until the next step,
    /// so that it can be put there again after a crash.
    #[must_use]
    pub fn message(&self) -> Option<(LinkSlot, &[u8])> {
        match &self.stage {
            Stage::Waiting { .. } => Some((LinkSlot::Bundle, &self.bundle)),
            Stage::Offered { reveal, .. } => Some((LinkSlot::Reveal, reveal)),
            Stage::Answered { answer, .. } => Some((LinkSlot::Answer, answer)),
            Stage::Welcome { .. } | Stage::Over => None,
        }
    }

    /// Opens the offer. Returns what was offered; [`message`](Self::message) is then the reveal.
    ///
    /// Only one offer is ever opened.
    ///
    /// # Errors
    /// [`LinkingError`]: the device is as it was.
    pub fn open_offer(
        &mut self,
        message: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Offered, LinkingError> {
        // CHK-350: the first offer is opened, and no other.
        let (prekeys, opening) = match &self.stage {
            Stage::Waiting { prekeys, opening } => (prekeys, opening),
            Stage::Over => return Err(LinkingError::Over),
            Stage::Offered { .. } | Stage::Answered { .. } | Stage::Welcome { .. } => {
                return Err(LinkingError::WrongStep);
            }
        };
        check_time(self.made_at_ms, now)?;
        let message = LinkMessage::decode(message, LinkSlot::Offer)?;
        let ad = associated_data(&self.secret, LinkSlot::Offer, &message.nonce);
        // The prekeys of this device stay as they are if the offer is refused.
        let mut prekeys =
            PreKeys::import(&prekeys.export()).map_err(|_| LinkingError::Malformed)?;
        let (mut sessions, content) = SessionSet::accept(
            &self.identity,
            &mut prekeys,
            &mut ReplayMemory::new(),
            message.ciphertext,
            &ad,
        )?;
        let offer = OfferContent::decode(&content)?;
        let own = self.identity.public().to_bytes();
        let roster = check_offer(&offer, &sessions.peer().to_bytes(), &own)?;
        let reveal = seal(
            &mut sessions,
            &self.secret,
            LinkSlot::Reveal,
            &**opening,
            rng,
        )?;
        let offered = Offered {
            me: me(&offer),
            account_key: *roster.account_key(),
        };
        self.stage = Stage::Offered {
            offer,
            sessions: Box::new(sessions),
            opening: opening.clone(),
            reveal,
        };
        Ok(offered)
    }

    /// Joins the account that was offered, after the user typed the digits that the manager shows.
    /// [`message`](Self::message) is then the answer.
    ///
    /// # Errors
    /// [`LinkingError::WrongDigits`] ends the link: there is one attempt. After any other error the
    /// device is as it was.
    pub fn accept(
        &mut self,
        typed: &LinkDigits,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), LinkingError> {
        let Stage::Offered {
            offer,
            sessions,
            opening,
            ..
        } = &mut self.stage
        else {
            return Err(self.wrong_step());
        };
        check_time(self.made_at_ms, now)?;
        if let Err(error) = check_typed(typed, &sessions.digest(), opening) {
            self.stage = Stage::Over;
            return Err(error);
        }
        let roster = verified(offer)?;
        let context =
            waxseal_roster::proof_context(roster.account(), roster.account_key(), offer.device);
        let content = AnswerContent {
            last: typed.last(),
            proof: self.identity.prove_device(&context),
        };
        let answer = seal(
            sessions,
            &self.secret,
            LinkSlot::Answer,
            &content.encode(),
            rng,
        )?;
        self.stage = Stage::Answered {
            offer: offer.clone(),
            answer,
        };
        Ok(())
    }

    /// Takes the signed roster that lists this device. It may come at any time, and by any way.
    ///
    /// # Errors
    /// [`LinkingError`]: the device is as it was.
    pub fn take_welcome(&mut self, signed: &[u8]) -> Result<(), LinkingError> {
        let Stage::Answered { offer, .. } = &self.stage else {
            return Err(self.wrong_step());
        };
        let roster = check_welcome(offer, signed, &self.identity.public().to_bytes())?;
        self.stage = Stage::Welcome {
            offer: offer.clone(),
            roster: Box::new(roster),
        };
        Ok(())
    }

    /// Whether the device is in the roster, so that it can become a client.
    #[must_use]
    pub fn is_welcome(&self) -> bool {
        matches!(self.stage, Stage::Welcome { .. })
    }

    /// The identity, the number and the roster of a device that is in it.
    pub(crate) fn into_welcomed(self) -> Option<(IdentityKeyPair, u32, Roster)> {
        match self.stage {
            Stage::Welcome { offer, roster } => Some((self.identity, offer.device, *roster)),
            _ => None,
        }
    }

    fn offer(&self) -> Option<&OfferContent> {
        match &self.stage {
            Stage::Offered { offer, .. }
            | Stage::Answered { offer, .. }
            | Stage::Welcome { offer, .. } => Some(offer),
            Stage::Waiting { .. } | Stage::Over => None,
        }
    }

    fn wrong_step(&self) -> LinkingError {
        match self.stage {
            Stage::Over => LinkingError::Over,
            _ => LinkingError::WrongStep,
        }
    }
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDevice")
            .field("identity", self.identity.public())
            .finish_non_exhaustive()
    }
}

fn me(offer: &OfferContent) -> DeviceAddress {
    DeviceAddress::new(offer.account.clone(), DeviceId(offer.device))
}

fn verified(offer: &OfferContent) -> Result<Roster, LinkingError> {
    Ok(SignedRoster::decode(&offer.roster)?.verify(offer.account.as_str())?)
}

/// Checks what the device with the identity `manager` offers to the device with the identity `own`.
pub(super) fn check_offer(
    offer: &OfferContent,
    manager: &[u8; 64],
    own: &[u8; 64],
) -> Result<Roster, LinkingError> {
    // CHK-351: the roster verifies, its manager offers it, and has room for this device.
    let roster = verified(offer)?;
    if !roster.is_manager(manager) {
        return Err(LinkingError::NotManager);
    }
    if roster.device_of(own).is_some() {
        return Err(LinkingError::Listed);
    }
    if roster.devices().len() >= MAX_DEVICES {
        return Err(LinkingError::Full);
    }
    let mut ids = roster.devices().iter().map(|device| device.id);
    if ids.any(|id| id >= offer.device) {
        return Err(LinkingError::NumberTaken);
    }
    Ok(roster)
}

/// Checks what the user typed.
pub(super) fn check_typed(
    typed: &LinkDigits,
    session_digest: &[u8; 32],
    opening: &[u8; 16],
) -> Result<(), LinkingError> {
    // CHK-353: the first digits are those of this session and of the reveal. One attempt.
    if !typed.first_is(first_digits(session_digest, opening)?) {
        return Err(LinkingError::WrongDigits);
    }
    Ok(())
}

/// Checks the signed roster that answers for the device with the identity `own`.
pub(super) fn check_welcome(
    offer: &OfferContent,
    signed: &[u8],
    own: &[u8; 64],
) -> Result<Roster, LinkingError> {
    let roster = SignedRoster::decode(signed)?.verify(offer.account.as_str())?;
    let offered = verified(offer)?;
    let is_listed = roster
        .device(offer.device)
        .is_some_and(|device| device.identity == *own);
    // CHK-358: the roster is of the account offered, newer, and lists this device as offered.
    if roster.account_key() != offered.account_key()
        || roster.stamp() <= offered.stamp()
        || !is_listed
    {
        return Err(LinkingError::NotWelcome);
    }
    Ok(roster)
}

#[cfg(test)]
mod tests;
