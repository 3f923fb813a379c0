//! Linking, on the manager's side: the offer to a new device, in the store.

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;
use waxseal_roster::{LinkCode, Roster};

use super::edit_roster::Welcome;
use super::{Client, keys};
use crate::error::{EditRosterError, LinkDeviceError, StateError};
use crate::linking::{LINK_LIFETIME_MS, LinkDigits, LinkingError, Offer};
use crate::records::{LinkRecord, LinkStep, WelcomeRecord};
use crate::roster_edit::{EditError, RosterEdit};
use crate::store::{Store, Transaction};

/// A link under way on the manager's side: what to do now, also after a crash.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkUnderWay {
    /// Put the offer into the mailbox, and wait for the reveal.
    Offered {
        /// The mailbox.
        mailbox: [u8; 16],
        /// The offer.
        offer: Vec<u8>,
    },
    /// Show the digits, and wait for the answer.
    Shown {
        /// The mailbox.
        mailbox: [u8; 16],
        /// The digits.
        digits: LinkDigits,
    },
    /// Post the [pending roster](Client::pending_roster).
    Posting,
    /// Put the welcome into the mailbox.
    Welcome(Welcome),
}

impl<S: Store> Client<S> {
    /// Offers this device's account to a new device whose code was scanned. `bundle` is what the
    /// code's mailbox has in [`LinkSlot::Bundle`]. Put the returned offer into [`LinkSlot::Offer`].
    ///
    /// This device must manage the account. One link is under way at a time. For the same code,
    /// this returns the same offer.
    ///
    /// # Errors
    /// [`LinkDeviceError::UnderWay`] if another link is not over, [`LinkDeviceError::Pending`] if a
    /// roster is not confirmed. [`LinkingError::OtherBundle`] if the relay exchanged the bundle.
    ///
    /// [`LinkSlot::Bundle`]: crate::linking::LinkSlot::Bundle
    /// [`LinkSlot::Offer`]: crate::linking::LinkSlot::Offer
    pub fn offer_link(
        &mut self,
        code: &LinkCode,
        bundle: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, LinkDeviceError<S::Error>> {
        self.run(|client| {
            // CHK-357: one link at a time.
            if let Some(LinkStep::Offer(ref offer)) = client.link_step()?
                && let Some(offer) = Offer::import(offer)
                && offer.waits(now)
            {
                return match offer.secret() == code.secret() {
                    true => Ok(offer.message().to_vec()),
                    false => Err(LinkDeviceError::UnderWay),
                };
            }
            let signing = client.signing()?;
            if signing.record.pending.is_some() {
                return Err(LinkDeviceError::Pending);
            }
            let device = signing
                .pinned()?
                .next_id()
                .ok_or(EditError::NumbersUsedUp)?;
            let (roster, scanned) = (signing.newest()?, (code, bundle));
            let offer = Offer::make(&client.identity, roster, device, scanned, now, rng)?;
            let mut transaction = Transaction::default();
            put_link(&mut transaction, LinkStep::Offer(offer.export().to_vec()));
            client.commit(transaction)?;
            let me = client.me.account.clone();
            client.keep_peer(&me, signing.own);
            Ok(offer.message().to_vec())
        })
    }

    /// Takes what the new device put into [`LinkSlot::Reveal`](crate::linking::LinkSlot::Reveal).
    /// Show the returned digits with [`LINK_WARNING`](crate::linking::LINK_WARNING): the user types
    /// them into the new device.
    ///
    /// # Errors
    /// [`LinkingError::Commitment`] and [`LinkingError::Malformed`] end the link. After any other
    /// error it goes on.
    pub fn link_digits(
        &mut self,
        reveal: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<LinkDigits, LinkDeviceError<S::Error>> {
        self.run(|client| {
            let mut offer = client.offer_under_way()?;
            let mut transaction = Transaction::default();
            match offer.take_reveal(&client.identity, reveal, now, rng) {
                Ok(digits) => {
                    put_link(&mut transaction, LinkStep::Offer(offer.export().to_vec()));
                    client.commit(transaction)?;
                    Ok(digits)
                }
                Err(error) => Err(client.end_link(&offer, error, transaction)?),
            }
        })
    }

    /// Takes what the new device put into [`LinkSlot::Answer`](crate::linking::LinkSlot::Answer),
    /// and signs the roster that lists it. Post the roster, then call
    /// [`confirm_roster`](Self::confirm_roster).
    ///
    /// # Errors
    /// [`LinkingError::WrongDigits`] if nobody typed the digits into the new device: the link is
    /// over. So it is after [`LinkingError::Proof`], [`LinkingError::Malformed`] and
    /// [`LinkDeviceError::Edit`].
    pub fn finish_link(
        &mut self,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, LinkDeviceError<S::Error>> {
        self.run(|client| {
            let mut offer = client.offer_under_way()?;
            let mut transaction = Transaction::default();
            let entry = match offer.take_answer(&client.identity, answer, now) {
                Ok(entry) => entry,
                Err(error) => return Err(client.end_link(&offer, error, transaction)?),
            };
            let mailbox = offer.mailbox().to_vec();
            put_link(&mut transaction, LinkStep::Posting(mailbox));
            let signing = client.signing()?;
            let edit = RosterEdit::Add(entry);
            match client.sign_edit(signing, &edit, now, &mut transaction) {
                Ok(roster) => Ok(roster),
                Err(EditRosterError::Edit(error)) => {
                    let mut transaction = Transaction::default();
                    transaction.delete(keys::link());
                    client.commit(transaction)?;
                    Err(error.into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// What to do for the link under way. Call this at each start. `None` if there is none, or if
    /// its time is over.
    pub fn link_under_way(
        &self,
        now: Timestamp,
    ) -> Result<Option<LinkUnderWay>, StateError<S::Error>> {
        self.look(|client| {
            Ok(match client.link_step()? {
                Some(LinkStep::Offer(ref offer)) => {
                    let offer = Offer::import(offer).filter(|offer| offer.waits(now));
                    offer.map(|offer| match offer.digits() {
                        None => LinkUnderWay::Offered {
                            mailbox: offer.mailbox(),
                            offer: offer.message().to_vec(),
                        },
                        Some(digits) => LinkUnderWay::Shown {
                            mailbox: offer.mailbox(),
                            digits: digits.clone(),
                        },
                    })
                }
                Some(LinkStep::Posting(_)) => Some(LinkUnderWay::Posting),
                Some(LinkStep::Welcome(ref record)) => {
                    let age_ms = now.as_millis().abs_diff(record.confirmed_ms);
                    let mailbox = record.mailbox.as_slice().try_into().ok();
                    let mailbox = mailbox.filter(|_| age_ms <= LINK_LIFETIME_MS);
                    mailbox.map(|mailbox| {
                        LinkUnderWay::Welcome(Welcome {
                            mailbox,
                            roster: record.roster.clone(),
                        })
                    })
                }
                Some(LinkStep::NewDevice(_)) | None => None,
            })
        })
    }

    /// Ends the link under way, because the user does not want it any more. A roster that was
    /// signed already is still to be posted: remove the device afterwards.
    pub fn cancel_link(&mut self) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            if let Some(LinkStep::Offer(_)) = client.link_step()? {
                let mut transaction = Transaction::default();
                transaction.delete(keys::link());
                client.commit(transaction)?;
            }
            Ok(())
        })
    }

    /// Writes what tells a new device that it is in the roster.
    pub(super) fn welcome(
        &self,
        roster: &Roster,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<Option<Welcome>, StateError<S::Error>> {
        let Some(LinkStep::Posting(ref mailbox)) = self.link_step()? else {
            return Ok(None);
        };
        let Ok(named) = mailbox.as_slice().try_into() else {
            return Ok(None);
        };
        let welcome = Welcome {
            mailbox: named,
            roster: roster.signed().encode(),
        };
        let record = WelcomeRecord {
            mailbox: mailbox.clone(),
            roster: welcome.roster.clone(),
            confirmed_ms: now.as_millis(),
        };
        put_link(transaction, LinkStep::Welcome(record));
        Ok(Some(welcome))
    }

    fn offer_under_way(&self) -> Result<Offer, LinkDeviceError<S::Error>> {
        match self.link_step()? {
            Some(LinkStep::Offer(ref offer)) => Offer::import(offer).ok_or(LinkDeviceError::NoLink),
            _ => Err(LinkDeviceError::NoLink),
        }
    }

    /// Deletes an offer that is over, before the caller learns why.
    fn end_link(
        &mut self,
        offer: &Offer,
        error: LinkingError,
        mut transaction: Transaction,
    ) -> Result<LinkDeviceError<S::Error>, StateError<S::Error>> {
        if offer.is_over() {
            transaction.delete(keys::link());
            self.commit(transaction)?;
        }
        Ok(error.into())
    }

    /// The record of the link under way. A damaged one counts as none.
    fn link_step(&self) -> Result<Option<LinkStep>, StateError<S::Error>> {
        let record: Option<LinkRecord> = self.readable(&keys::link())?;
        Ok(record.and_then(|mut record| record.step.take()))
    }
}

fn put_link(transaction: &mut Transaction, step: LinkStep) {
    let record = LinkRecord { step: Some(step) };
    transaction.put_record(keys::link(), &record);
}

#[cfg(test)]
mod tests;
