//! A client of a relay. Each request is one blocking call. The client keeps only its connections.

use rand_core::CryptoRng;
use serde::de::DeserializeOwned;
use waxseal_interface::http::Link;
use waxseal_interface::{
    AskedRequest, CardError, Challenge, ErrorCode, HttpAnswer, HttpRequest, Leave, Register,
    RelayCard, ReportState, ReportTaken, Request, SignIn, account_name, leave_context,
    parse_report_id, register_context, seal_delivery_key, session_context,
};
use waxseal_reporting::DeviceAddress;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::relay::DeliveryKey;

use crate::deliveries::Deliveries;
use crate::error::ClientError;
use crate::session::{Caller, DeviceSession, check_answer};
use crate::system_rng::system_rng;

/// A relay, reached over HTTPS, or over plain HTTP on the same machine. Clone it for other threads.
///
/// It adds sessions and the check of answers to a [`Link`], which sends the [`Request`]s.
///
/// The client does not retry by itself. [`ClientError::is_transient`] says which errors are worth
/// another try. Repeating a call does no harm, except that each [`bundles`](Self::bundles) uses up
/// one-time parts.
///
/// # Security
/// Every answer but the card must be authenticated by the relay, for this request: with a MAC under
/// the device's delivery key, or with the pinned relay key. An answer that is not, whatever it
/// says, counts as a broken connection ([`ClientError::Unreachable`]). So does an error in place of
/// the card.
///
/// TLS hides from the network who talks to whom, and the tokens. Plain HTTP to another machine is
/// refused unless you use [`with_plain_http`](Self::with_plain_http). The client follows no
/// redirects and uses no proxy.
#[derive(Clone, Debug)]
pub struct RelayClient {
    link: Link,
}

impl RelayClient {
    /// A client of the relay at `https://HOST:PORT`, whose certificate is by one of the platform's
    /// authorities. Takes `http://` only for this machine: `localhost`, `127.0.0.1` or `[::1]`.
    /// Does not connect yet.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::PlainHttp`], [`ClientError::NoAuthority`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Ok(Self {
            link: Link::new(url)?,
        })
    }

    /// A client that accepts only certificates by the authorities in this PEM file, such as the
    /// own authority or the self-signed certificate of a self-hosted relay. For the rest, like
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::PlainHttp`], [`ClientError::NoAuthority`].
    pub fn with_ca(url: &str, pem: &[u8]) -> Result<Self, ClientError> {
        Ok(Self {
            link: Link::with_ca(url, pem)?,
        })
    }

    /// A client of the relay at `http://HOST:PORT`, also on another machine.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], also for `https://`.
    ///
    /// # Security
    /// Anyone who listens learns who talks to whom, and can use a token for up to an hour. See
    /// [the crate's documentation](crate#security).
    pub fn with_plain_http(url: &str) -> Result<Self, ClientError> {
        Ok(Self {
            link: Link::with_plain_http(url)?,
        })
    }

    /// Fetches and verifies the relay's card. Check it against the
    /// [`PinnedKeys`](waxseal_interface::PinnedKeys), or pin its keys now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn card(&self) -> Result<RelayCard, ClientError> {
        let card: RelayCard = self.ask(Caller::Stranger, &Request::Card)?;
        card.verify()?;
        Ok(card)
    }

    /// Registers a device, or signs it in if it is registered already, and replaces its delivery
    /// key by this one. Call `Client::renew_delivery_key` before, and
    /// `Client::confirm_delivery_key` next. Pass `Client::prove_account` as `prove`. It signs
    /// [`account_proof_input`](waxseal_interface::account_proof_input) of the given context with
    /// the device's identity.
    ///
    /// # Errors
    /// [`ClientError`]; [`AccountTaken`](waxseal_interface::ErrorCode::AccountTaken) if the name
    /// belongs to another account, or looks like a registered one, or if the account's roster does
    /// not list this device: then [`ClientError::newest_roster`] has that roster.
    pub fn register(
        &self,
        card: &RelayCard,
        device: &Registrant<'_>,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
        rng: &mut impl CryptoRng,
    ) -> Result<DeviceSession, ClientError> {
        let (me, identity) = (device.me, device.identity);
        account_name(me.account.as_str())?;
        let sealed = seal_delivery_key(&card.sealing_key()?, device.delivery_key, me, rng)
            .map_err(|_| CardError::NotSigned)?;
        let challenge = self.challenge(&card.relay_key)?;
        let context = register_context(&card.relay_key, &challenge, me, identity, &sealed);
        let register = Register {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            identity: *identity,
            sealed_delivery_key: sealed,
            proof: prove(&context),
            challenge,
            roster: device.roster.map(<[u8]>::to_vec),
        };
        let guest = Caller::Guest(&card.relay_key);
        let session = self.ask(guest, &Request::Register(register))?;
        let key = device.delivery_key.clone();
        Ok(DeviceSession::new(session, card.relay_key, key))
    }

    /// Signs a registered device in. `relay_key` is the pinned key; `delivery_key` and `prove` are
    /// the same as for [`register`](Self::register).
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sign_in(
        &self,
        relay_key: &[u8; 32],
        me: &DeviceAddress,
        delivery_key: &DeliveryKey,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<DeviceSession, ClientError> {
        let challenge = self.challenge(relay_key)?;
        let sign_in = SignIn {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            proof: prove(&session_context(relay_key, &challenge, me)),
            challenge,
        };
        let guest = Caller::Guest(relay_key);
        let session = self.ask(guest, &Request::SignIn(sign_in))?;
        let key = delivery_key.clone();
        Ok(DeviceSession::new(session, *relay_key, key))
    }

    /// Has a device that is no manager leave its account. The relay stops it at once. First post
    /// what `Client::leave` says, and call this once `Client::leaving` is `Told`. `relay_key` is
    /// the pinned key, and `prove` is the same as for [`register`](Self::register).
    ///
    /// # Errors
    /// [`ClientError`]; [`Removed`](waxseal_interface::ErrorCode::Removed) if it has left already.
    pub fn leave(
        &self,
        relay_key: &[u8; 32],
        me: &DeviceAddress,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<(), ClientError> {
        let challenge = self.challenge(relay_key)?;
        let leave = Leave {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            proof: prove(&leave_context(relay_key, &challenge, me)),
            challenge,
        };
        let guest = Caller::Guest(relay_key);
        self.request(guest, &Request::Leave(leave))?.into_body()?;
        Ok(())
    }

    /// Connects for deliveries. The relay closes any earlier connection of this device.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn deliveries(&self, session: &DeviceSession) -> Result<Deliveries, ClientError> {
        Deliveries::connect(&self.link, session)
    }

    /// Puts content into an empty slot of a mailbox, for ten minutes. `caller` is a session, or the
    /// pinned relay key of a device that has none.
    ///
    /// # Errors
    /// [`ClientError`]; [`SlotTaken`](waxseal_interface::ErrorCode::SlotTaken) if the slot has
    /// other content.
    pub fn put_mailbox<'a>(
        &self,
        caller: impl Into<MailboxCaller<'a>>,
        mailbox: [u8; 16],
        slot: u8,
        content: &[u8],
    ) -> Result<(), ClientError> {
        let request = Request::PutMailbox {
            mailbox,
            slot,
            content: content.to_vec(),
        };
        self.request(caller.into().0, &request)?.into_body()?;
        Ok(())
    }

    /// Fetches what is in a slot of a mailbox. `None` if nothing is there, or not any more.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn mailbox<'a>(
        &self,
        caller: impl Into<MailboxCaller<'a>>,
        mailbox: [u8; 16],
        slot: u8,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let request = Request::Mailbox { mailbox, slot };
        let answer = self.request(caller.into().0, &request)?;
        if answer.error().error == ErrorCode::NoSuchMailbox && !answer.is_success() {
            return Ok(None);
        }
        Ok(Some(answer.into_body()?))
    }

    /// Submits an encoded report. The relay has stored it when this returns, so call
    /// `Client::confirm_report` next.
    ///
    /// # Errors
    /// [`ClientError`]. On [`OtherModerationKey`], fetch the card and seal the report again.
    ///
    /// [`OtherModerationKey`]: waxseal_interface::ErrorCode::OtherModerationKey
    pub fn report(
        &self,
        session: &DeviceSession,
        report: &[u8],
    ) -> Result<ReportTaken, ClientError> {
        let request = Request::Report(report.to_vec());
        self.ask(Caller::Device(session), &request)
    }

    /// Asks what became of a report that this account submitted, by the id that the relay gave it.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchReport`](waxseal_interface::ErrorCode::NoSuchReport) also for a
    /// report of another account.
    pub fn report_state(
        &self,
        session: &DeviceSession,
        report_id: &str,
    ) -> Result<ReportState, ClientError> {
        let request = Request::ReportState(checked_report_id(report_id)?);
        self.ask(Caller::Device(session), &request)
    }

    fn challenge(&self, relay_key: &[u8; 32]) -> Result<Vec<u8>, ClientError> {
        let challenge: Challenge = self.ask(Caller::Guest(relay_key), &Request::Challenge)?;
        Ok(challenge.challenge)
    }

    /// Asks for a JSON body.
    fn ask<T: DeserializeOwned>(
        &self,
        caller: Caller<'_>,
        request: &Request,
    ) -> Result<T, ClientError> {
        Ok(self.request(caller, request)?.json()?)
    }

    fn request(&self, caller: Caller<'_>, request: &Request) -> Result<HttpAnswer, ClientError> {
        let (request, asked) = request.ask(caller.token(), &mut system_rng())?;
        self.call(caller, &request, &asked)
    }

    /// Sends a request. Returns the answer, which may be a refusal, if the relay made it.
    fn call(
        &self,
        caller: Caller<'_>,
        request: &HttpRequest,
        asked: &AskedRequest,
    ) -> Result<HttpAnswer, ClientError> {
        let answer = self.link.call(request)?;
        check_answer(caller, asked, &answer)?;
        Ok(answer)
    }
}

/// A device that registers.
#[derive(Clone, Copy)]
pub struct Registrant<'a> {
    /// The account's name and the device's number.
    pub me: &'a DeviceAddress,
    /// The device's public identity.
    pub identity: &'a [u8; 64],
    /// The key that the device and the relay will share.
    pub delivery_key: &'a DeliveryKey,
    /// A signed roster that lists the device, encoded. The first device of an account needs one.
    pub roster: Option<&'a [u8]>,
}

impl std::fmt::Debug for Registrant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registrant").finish_non_exhaustive()
    }
}

/// Who asks for a mailbox: a device with a session, or one that only knows the relay key.
#[derive(Clone, Copy)]
pub struct MailboxCaller<'a>(Caller<'a>);

impl<'a> From<&'a DeviceSession> for MailboxCaller<'a> {
    fn from(session: &'a DeviceSession) -> Self {
        Self(Caller::Device(session))
    }
}

impl<'a> From<&'a [u8; 32]> for MailboxCaller<'a> {
    fn from(relay_key: &'a [u8; 32]) -> Self {
        Self(Caller::Guest(relay_key))
    }
}

impl std::fmt::Debug for MailboxCaller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailboxCaller").finish_non_exhaustive()
    }
}

/// Reads a report id, which comes from a command line or a relay, before it goes into a path.
fn checked_report_id(id: &str) -> Result<ReportId, ClientError> {
    parse_report_id(id).ok_or_else(|| {
        let body = br#"{"error":"no_such_report","message":"a report id is 32 hex digits"}"#;
        ClientError::refused(404, body)
    })
}

mod blobs;
mod groups;
mod messages;
mod prekeys;
mod reviewing;
#[cfg(test)]
mod tests;
