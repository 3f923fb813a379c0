//! A client of a relay. Each request is one blocking call. The client keeps only its connections.

use std::time::Duration;

use rand_core::CryptoRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::{Method, Request};
use waxseal_interface::{
    AskedRequest, CardError, Challenge, MARK_HEADER, Register, RelayCard, ReportState, ReportTaken,
    SignIn, account_name, encode_mark, parse_report_id, register_context, seal_delivery_key,
    session_context,
};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress};

use crate::deliveries::Deliveries;
use crate::error::ClientError;
use crate::link::{Link, Trust, io_reason};
use crate::session::{Caller, DeviceSession, check_answer};
use crate::system_rng::system_rng;

/// Maximum time for a whole request and its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum length in bytes of an answer. The largest is an accepted report with thirty messages.
const MAX_ANSWER_LEN: u64 = 4 << 20;

const NOT_HTTP: &str = "it does not answer in HTTP: if this relay has TLS, give https://";

const JSON: &str = "application/json";
const OCTETS: &str = "application/octet-stream";

/// A relay, reached over HTTPS, or over plain HTTP on the same machine. Clone it for other threads.
///
/// The client does not retry by itself. [`ClientError::is_transient`] says which errors are worth
/// another try. Repeating a call does no harm, except that each [`bundle`](Self::bundle) uses up a
/// one-time part.
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
    agent: Agent,
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
        Self::trusting(url, &Trust::Platform)
    }

    /// A client that accepts only certificates by the authorities in this PEM file, such as the
    /// own authority or the self-signed certificate of a self-hosted relay. For the rest, like
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::PlainHttp`], [`ClientError::NoAuthority`].
    pub fn with_ca(url: &str, pem: &[u8]) -> Result<Self, ClientError> {
        Self::trusting(url, &Trust::Only(pem))
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
        Self::trusting(url, &Trust::PlainHttp)
    }

    fn trusting(url: &str, trust: &Trust<'_>) -> Result<Self, ClientError> {
        let link = Link::new(url, trust)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(link.is_tls())
            .tls_config(link.tls_config())
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        Ok(Self { agent, link })
    }

    /// Fetches and verifies the relay's card. Check it against the
    /// [`PinnedKeys`](waxseal_interface::PinnedKeys), or pin its keys now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn card(&self) -> Result<RelayCard, ClientError> {
        let card: RelayCard = self.get("/v1/relay", Caller::Stranger)?;
        card.verify()?;
        Ok(card)
    }

    /// Registers this device, or signs it in if it is registered already, and replaces its delivery
    /// key by this one. Call `Client::renew_delivery_key` before, and
    /// `Client::confirm_delivery_key` next. Pass `Client::prove_account` as `prove`. It signs
    /// [`account_proof_input`](waxseal_interface::account_proof_input) of the given context with
    /// the device's identity.
    ///
    /// # Errors
    /// [`ClientError`]; [`AccountTaken`](waxseal_interface::ErrorCode::AccountTaken) if another
    /// device has the name, or one that looks like it.
    pub fn register(
        &self,
        card: &RelayCard,
        me: &DeviceAddress,
        identity: &[u8; 64],
        delivery_key: &DeliveryKey,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
        rng: &mut impl CryptoRng,
    ) -> Result<DeviceSession, ClientError> {
        account_name(me.account.as_str())?;
        let sealed = seal_delivery_key(&card.sealing_key()?, delivery_key, me, rng)
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
        };
        let guest = Caller::Guest(&card.relay_key);
        let session = self.json(Method::POST, "/v1/accounts", guest, &register)?;
        let key = delivery_key.clone();
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
        let session = self.json(Method::POST, "/v1/sessions", guest, &sign_in)?;
        let key = delivery_key.clone();
        Ok(DeviceSession::new(session, *relay_key, key))
    }

    /// Sends a posted envelope. Returns the encoded receipt; pass it to `Client::confirm`.
    ///
    /// # Errors
    /// [`ClientError`]; on [`ClockDiffers`](waxseal_interface::ErrorCode::ClockDiffers), post the
    /// envelope again with [`ClientError::relay_time_ms`].
    pub fn send(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
        posted: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        let peer = account_name(peer.as_str())?;
        let path = format!("/v1/messages/{}", peer.as_str());
        self.send_body(Method::POST, &path, Caller::Device(session), OCTETS, posted)
    }

    /// Sends a message that was sealed again for one device of `peer`, as `Envelope::post_again`
    /// encodes it. Returns the encoded receipt of the new stamp.
    ///
    /// # Errors
    /// [`ClientError`]; on [`ClockDiffers`], post it again with [`ClientError::relay_time_ms`]. On
    /// [`TooOldToReseal`] and [`NotStamped`], send the message as a new one.
    ///
    /// [`ClockDiffers`]: waxseal_interface::ErrorCode::ClockDiffers
    /// [`TooOldToReseal`]: waxseal_interface::ErrorCode::TooOldToReseal
    /// [`NotStamped`]: waxseal_interface::ErrorCode::NotStamped
    pub fn send_again(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
        posted: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        let peer = account_name(peer.as_str())?;
        let path = format!("/v1/reseals/{}", peer.as_str());
        self.send_body(Method::POST, &path, Caller::Device(session), OCTETS, posted)
    }

    /// Connects for deliveries. The relay closes any earlier connection of this device.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn deliveries(&self, session: &DeviceSession) -> Result<Deliveries, ClientError> {
        Deliveries::connect(&self.link, session)
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
        let answer = self.send_body(
            Method::POST,
            "/v1/reports",
            Caller::Device(session),
            OCTETS,
            report,
        )?;
        parse(&answer)
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
        let path = format!("/v1/reports/{}", checked_report_id(report_id)?);
        self.get(&path, Caller::Device(session))
    }

    fn challenge(&self, relay_key: &[u8; 32]) -> Result<Vec<u8>, ClientError> {
        let guest = Caller::Guest(relay_key);
        let answer = self.send_body(Method::POST, "/v1/challenges", guest, JSON, b"")?;
        let challenge: Challenge = parse(&answer)?;
        Ok(challenge.challenge)
    }

    fn get<T: DeserializeOwned>(&self, path: &str, caller: Caller<'_>) -> Result<T, ClientError> {
        parse(&self.call(Method::GET, path, caller, None)?)
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        caller: Caller<'_>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|_| ClientError::Malformed)?;
        parse(&self.send_body(method, path, caller, JSON, &body)?)
    }

    fn send_body(
        &self,
        method: Method,
        path: &str,
        caller: Caller<'_>,
        content_type: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        self.call(method, path, caller, Some((content_type, body)))
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        caller: Caller<'_>,
        body: Option<(&str, &[u8])>,
    ) -> Result<Vec<u8>, ClientError> {
        let sent_body = body.map_or(b"".as_slice(), |(_, body)| body);
        let asked = AskedRequest::new(method.as_str(), path, sent_body, &mut system_rng());
        let mut request = Request::builder()
            .method(method)
            .uri(self.link.url("http", path));
        for (name, value) in asked.headers() {
            request = request.header(name, value);
        }
        if let Some(token) = caller.token() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(mark) = caller.mark() {
            request = request.header(MARK_HEADER, encode_mark(mark));
        }
        let answer = match body {
            Some((content_type, body)) => {
                let request = request.header("content-type", content_type).body(body);
                self.agent.run(request.map_err(|_| ClientError::BadUrl)?)
            }
            None => {
                let request = request.body(());
                self.agent.run(request.map_err(|_| ClientError::BadUrl)?)
            }
        };
        let unreachable = |error: ureq::Error| {
            ClientError::Unreachable(match &error {
                ureq::Error::Io(error) => io_reason(error),
                ureq::Error::Protocol(_) if !self.link.is_tls() => NOT_HTTP.to_owned(),
                _ => error.to_string(),
            })
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let limited = answer.body_mut().with_config().limit(MAX_ANSWER_LEN);
        let body = limited.read_to_vec().map_err(unreachable)?;
        let header = |name| answer.headers().get(name)?.to_str().ok();
        check_answer(caller, &asked, header, status.as_u16(), &body)?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(ClientError::refused(status.as_u16(), &body))
        }
    }
}

/// Checks a report id before it goes into a path, because it comes from a command line or a relay.
fn checked_report_id(id: &str) -> Result<&str, ClientError> {
    if parse_report_id(id).is_some() {
        Ok(id)
    } else {
        let body = br#"{"error":"no_such_report","message":"a report id is 32 hex digits"}"#;
        Err(ClientError::refused(404, body))
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(answer).map_err(|_| ClientError::Malformed)
}

mod prekeys;
mod reviewing;
#[cfg(test)]
mod tests;
