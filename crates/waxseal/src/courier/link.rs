//! The manager's side of a link: a new device joins this account.

use rand_core::CryptoRng;
use waxseal_interface::{ErrorBody, ErrorCode, Request as Call};
use waxseal_reporting::{DeviceId, Timestamp};
use waxseal_roster::LinkCode;

use super::event::LinkFailure;
use super::next::Aim;
use super::pause::later;
use super::stranger::{POLL_MS, next_look};
use super::{Courier, Event};
use crate::client::LinkUnderWay;
use crate::error::{LinkDeviceError, StateError};
use crate::linking::{LINK_LIFETIME_MS, LinkSlot, LinkingError};
use crate::store::Store;

/// How long after a refusal a mailbox is tried again: five seconds.
const REFUSED_MS: u64 = 5_000;

/// The link under way, as far as it is not in the store.
pub(super) struct Link {
    /// Whether there may be one.
    is_open: bool,
    /// Whether the application waits for its end.
    is_awaited: bool,
    /// A code that was scanned, and when. The account is not offered yet.
    code: Option<(LinkCode, Timestamp)>,
    /// What is in the mailbox of what this device puts there, as far as it knows.
    put: Option<LinkSlot>,
    /// Whether the digits were told.
    has_told: bool,
    /// Whether the roster with the new device is signed.
    is_signed: bool,
    look_at: Timestamp,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            is_open: true,
            is_awaited: false,
            code: None,
            put: None,
            has_told: false,
            is_signed: false,
            look_at: Timestamp::from_millis(0),
        }
    }
}

impl Link {
    /// When to look into the mailbox again.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.is_open.then(|| self.look_at.min(next_look(now)))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        // A time that is too far ahead was chosen while the clock was wrong.
        let left = self.look_at.as_millis().saturating_sub(now.as_millis());
        !(1..=REFUSED_MS).contains(&left)
    }

    /// Goes on with the link, which has another step now.
    fn go_on(&mut self) {
        (self.is_open, self.look_at) = (true, Timestamp::from_millis(0));
    }
}

impl<S: Store> Courier<S> {
    /// Adds a device to this account, whose code the user scanned or typed. This device must manage
    /// the account. A link with another code that is under way is over; one with this code goes on.
    ///
    /// [`Event::LinkDigits`] follows, then [`Event::Linked`] or [`Event::LinkFailed`]. If the
    /// process ends before the digits were told, the user may have to scan the code again.
    ///
    /// # Errors
    /// [`LinkingError::Malformed`] if it is no code, [`LinkingError::NotManager`].
    pub fn link_device(
        &mut self,
        code: &str,
        now: Timestamp,
    ) -> Result<(), LinkDeviceError<S::Error>> {
        let code = LinkCode::from_text(code).map_err(|_| LinkingError::Malformed)?;
        let own = self.own_roster()?;
        let identity = self.client.identity().to_bytes();
        let Some(own) = own else {
            return Err(LinkDeviceError::NoAccountKey);
        };
        if !own.is_manager(&identity) {
            return Err(LinkingError::NotManager.into());
        }
        let under_way = self.client.link_under_way(self.relay_time(now))?;
        if let Some(LinkUnderWay::Offered { mailbox, .. } | LinkUnderWay::Shown { mailbox, .. }) =
            under_way
            && mailbox == code.mailbox()
        {
            self.link.is_awaited = true;
            self.link.go_on();
            return Ok(());
        }
        self.cancel_link()?;
        self.link = Link {
            is_awaited: true,
            code: Some((code, now)),
            ..Link::default()
        };
        Ok(())
    }

    /// Ends the link under way. If the user typed the digits already, the device may join
    /// nevertheless: [remove](Self::remove_device) it then.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn cancel_link(&mut self) -> Result<(), StateError<S::Error>> {
        self.client.cancel_link()?;
        self.forget_mail();
        if self.link.is_awaited {
            self.link_failed(LinkFailure::Cancelled);
        }
        Ok(())
    }

    /// Ignores what a mailbox answers to a request on its way: it may be that of another link.
    fn forget_mail(&mut self) {
        let is_mail = |aim: &Aim| matches!(aim, Aim::Mail(_) | Aim::PutMail(_));
        self.in_flight.take_if(|flight| is_mail(&flight.aim));
    }

    pub(super) fn choose_link(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if !self.link.is_open || !self.link.is_due(now) {
            return Ok(None);
        }
        if let Some((code, at)) = &self.link.code {
            if at.as_millis().abs_diff(now.as_millis()) > LINK_LIFETIME_MS {
                self.link_failed(LinkingError::Expired);
                return Ok(None);
            }
            return Ok(Some(look(code.mailbox(), LinkSlot::Bundle)));
        }
        let put = self.link.put;
        Ok(match self.client.link_under_way(self.relay_time(now))? {
            None => {
                self.link.is_open = false;
                match (self.link.is_awaited, self.link.is_signed) {
                    (true, true) => self.link_failed(LinkFailure::Roster),
                    (true, false) => self.link_failed(LinkingError::Expired),
                    (false, _) => {}
                }
                None
            }
            Some(LinkUnderWay::Offered { mailbox, offer }) => Some(match put {
                Some(LinkSlot::Offer) => look(mailbox, LinkSlot::Reveal),
                _ => put_into(mailbox, LinkSlot::Offer, offer),
            }),
            Some(LinkUnderWay::Shown { mailbox, digits }) => {
                if !self.link.has_told {
                    (self.link.has_told, self.link.is_awaited) = (true, true);
                    self.tell(Event::LinkDigits(digits));
                }
                Some(look(mailbox, LinkSlot::Answer))
            }
            Some(LinkUnderWay::Posting) => {
                // Until the relay has the roster, or it cannot be published any more.
                (self.link.is_open, self.link.is_signed) = (false, true);
                None
            }
            Some(LinkUnderWay::Welcome(welcome)) => match put {
                Some(LinkSlot::Welcome) => {
                    self.link.is_open = false;
                    None
                }
                _ => Some(put_into(welcome.mailbox, LinkSlot::Welcome, welcome.roster)),
            },
        })
    }

    /// Takes what is in the mailbox.
    pub(super) fn take_mail(
        &mut self,
        slot: LinkSlot,
        content: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let relay_now = self.relay_time(now);
        let taken = match (slot, self.link.code.as_ref()) {
            (LinkSlot::Bundle, Some((code, _))) => {
                let offered = self.client.offer_link(code, content, relay_now, rng);
                offered.map(|_| self.link.code = None)
            }
            (LinkSlot::Bundle, None) => Ok(()),
            (LinkSlot::Reveal, _) => self.client.link_digits(content, relay_now, rng).map(|_| ()),
            _ => {
                let finished = self.client.finish_link(content, relay_now);
                finished.map(|_| self.publish())
            }
        };
        match taken {
            Ok(()) => self.link.go_on(),
            Err(LinkDeviceError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            // Another roster is on its way to the relay.
            Err(LinkDeviceError::Pending) => self.link.look_at = later(now, REFUSED_MS),
            // What is in a slot is never replaced, so nothing else comes.
            Err(error) => {
                self.client.cancel_link()?;
                self.link_failed(match error {
                    LinkDeviceError::Link(error) => error.into(),
                    _ => LinkFailure::Roster,
                });
            }
        }
        Ok(())
    }

    /// The relay has what this device put into the mailbox.
    pub(super) fn take_put(&mut self, slot: LinkSlot) -> Result<(), StateError<S::Error>> {
        self.link.put = Some(slot);
        if slot == LinkSlot::Welcome {
            (self.link.is_open, self.link.is_awaited) = (false, false);
            // The device that this version added.
            let own = self.own_roster()?;
            let added = own.as_ref().and_then(|own| {
                let mut devices = own.devices().iter();
                devices.find(|entry| entry.since == own.version())
            });
            if let Some(added) = added {
                let device = DeviceId(added.id);
                self.tell(Event::Linked { device });
            }
        } else {
            self.link.look_at = Timestamp::from_millis(0);
        }
        Ok(())
    }

    /// The relay refused to store or to hand out something.
    pub(super) fn mail_refused(
        &mut self,
        aim: &Aim,
        body: &ErrorBody,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match (body.error, aim) {
            // A device that shows its code has put its prekeys there, or will soon.
            (ErrorCode::NoSuchMailbox, _) => self.link.look_at = later(now, POLL_MS),
            (ErrorCode::SlotTaken, Aim::PutMail(_)) => {
                self.client.cancel_link()?;
                self.link_failed(LinkFailure::SlotTaken);
            }
            _ => {
                self.link.look_at = later(now, REFUSED_MS);
                self.tell_refused(body);
            }
        }
        Ok(())
    }

    /// Goes on with a link once the relay has the roster, or once there is no such roster any more.
    pub(super) fn link_goes_on(&mut self) {
        self.link.go_on();
    }

    fn link_failed(&mut self, why: impl Into<LinkFailure>) {
        self.link = Link {
            is_open: false,
            ..Link::default()
        };
        self.tell(Event::LinkFailed(why.into()));
    }
}

fn look(mailbox: [u8; 16], slot: LinkSlot) -> (Aim, Call) {
    let number = slot.number();
    (
        Aim::Mail(slot),
        Call::Mailbox {
            mailbox,
            slot: number,
        },
    )
}

fn put_into(mailbox: [u8; 16], slot: LinkSlot, content: Vec<u8>) -> (Aim, Call) {
    let number = slot.number();
    (
        Aim::PutMail(slot),
        Call::PutMailbox {
            mailbox,
            slot: number,
            content,
        },
    )
}
