//! A client of a relay. Each request is one blocking call. The client keeps only its connections.

use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use rand_core::CryptoRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::{Method, Request};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress};

use crate::card::RelayCard;
use crate::deliveries::Deliveries;
use crate::error::ClientError;
use crate::message::{
    Bundle, Challenge, PreKeys, PreKeysLeft, Register, Rejected, ReportList, ReportTaken,
    ReviewerSignIn, SealedKey, Session, SignIn,
};
use crate::name::account_name;
use crate::proof::{acceptance_context, register_context, reviewer_context, session_context};
use crate::sealing::seal_delivery_key;

/// Maximum time for a whole request and its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum length in bytes of an answer. The largest is an accepted report with thirty messages.
const MAX_ANSWER_LEN: u64 = 4 << 20;

const JSON: &str = "application/json";
const OCTETS: &str = "application/octet-stream";

/// A relay, reached over plain HTTP. Clone it for other threads.
///
/// The client does not retry by itself. [`ClientError::is_transient`] says which errors are worth
/// another try. Repeating a call does no harm, except that each [`bundle`](Self::bundle) uses up a
/// one-time part.
#[derive(Clone, Debug)]
pub struct RelayClient {
    agent: Agent,
    /// The relay's address: `HOST:PORT`, or `HOST` for port 80.
    authority: String,
}

impl RelayClient {
    /// A client of the relay at `http://HOST:PORT`. Does not connect yet.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let authority = url.strip_prefix("http://").ok_or(ClientError::BadUrl)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if authority.is_empty() || !authority.chars().all(plain) {
            return Err(ClientError::BadUrl);
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        let authority = authority.to_owned();
        Ok(Self { agent, authority })
    }

    /// Fetches and verifies the relay's card. Compare its `relay_key` with the pinned key, or pin
    /// it now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn card(&self) -> Result<RelayCard, ClientError> {
        let card: RelayCard = self.get("/v1/relay", None)?;
        card.verify()?;
        Ok(card)
    }

    /// Registers this device. If it is registered already with the same keys, this signs it in.
    ///
    /// Pass `Client::prove_account` as `prove`. It signs
    /// [`account_proof_input`](crate::account_proof_input) of the given context with the device's
    /// identity.
    ///
    /// # Errors
    /// [`ClientError`]; [`AccountTaken`](crate::ErrorCode::AccountTaken) if another device has the
    /// name, or one that differs only in case.
    pub fn register(
        &self,
        card: &RelayCard,
        me: &DeviceAddress,
        identity: &[u8; 64],
        delivery_key: &DeliveryKey,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
        rng: &mut impl CryptoRng,
    ) -> Result<Session, ClientError> {
        account_name(me.account.as_str())?;
        let sealed = seal_delivery_key(&card.sealing_key()?, delivery_key, me, rng)
            .map_err(|_| ClientError::BadCard)?;
        let challenge = self.challenge()?;
        let context = register_context(&card.relay_key, &challenge, me, identity, &sealed);
        let register = Register {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            identity: *identity,
            sealed_delivery_key: sealed,
            proof: prove(&context),
            challenge,
        };
        self.json(Method::POST, "/v1/accounts", None, &register)
    }

    /// Signs a registered device in. `relay_key` is the pinned key, and `prove` is the same as for
    /// [`register`](Self::register).
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sign_in(
        &self,
        relay_key: &[u8; 32],
        me: &DeviceAddress,
        prove: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Session, ClientError> {
        let challenge = self.challenge()?;
        let sign_in = SignIn {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            proof: prove(&session_context(relay_key, &challenge, me)),
            challenge,
        };
        self.json(Method::POST, "/v1/sessions", None, &sign_in)
    }

    /// The number of one-time parts that the relay has left. Pass it to `Client::publish_prekeys`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn prekeys_left(&self, session: &Session) -> Result<usize, ClientError> {
        let left: PreKeysLeft = self.get("/v1/prekeys", Some(session))?;
        Ok(left.one_time_left)
    }

    /// Publishes prekeys. The relay has stored them when this returns, so call
    /// `Client::confirm_prekeys` next.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put_prekeys(
        &self,
        session: &Session,
        base: &[u8],
        one_time: &[Vec<u8>],
    ) -> Result<(), ClientError> {
        let prekeys = PreKeys {
            base: base.to_vec(),
            one_time: one_time.to_vec(),
        };
        let body = serde_json::to_vec(&prekeys).map_err(|_| ClientError::Malformed)?;
        self.send_body(Method::PUT, "/v1/prekeys", Some(session), JSON, &body)?;
        Ok(())
    }

    /// Fetches the prekey bundle that starts a conversation with `peer`. Fetch it once per
    /// conversation, because one-time parts are few.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchAccount`](crate::ErrorCode::NoSuchAccount),
    /// [`NoPreKeys`](crate::ErrorCode::NoPreKeys).
    pub fn bundle(&self, session: &Session, peer: &AccountId) -> Result<Bundle, ClientError> {
        let peer = account_name(peer.as_str())?;
        let path = format!("/v1/accounts/{}/bundle", peer.as_str());
        self.get(&path, Some(session))
    }

    /// Sends an encoded envelope. Returns the encoded receipt; pass it to `Client::confirm`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn send(
        &self,
        session: &Session,
        peer: &AccountId,
        envelope: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        let peer = account_name(peer.as_str())?;
        let path = format!("/v1/messages/{}", peer.as_str());
        self.send_body(Method::POST, &path, Some(session), OCTETS, envelope)
    }

    /// Connects for deliveries. The relay closes any earlier connection of this device.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn deliveries(&self, session: &Session) -> Result<Deliveries, ClientError> {
        Deliveries::connect(&self.authority, session)
    }

    /// Submits an encoded report. The relay has stored it when this returns, so call
    /// `Client::confirm_report` next.
    ///
    /// # Errors
    /// [`ClientError`]; on [`OtherModerationKey`](crate::ErrorCode::OtherModerationKey), fetch the
    /// card and seal the report again.
    pub fn report(&self, session: &Session, report: &[u8]) -> Result<ReportTaken, ClientError> {
        let answer = self.send_body(Method::POST, "/v1/reports", Some(session), OCTETS, report)?;
        parse(&answer)
    }

    /// Signs the reviewer in. `relay_key` is the pinned key. Pass
    /// [`ReviewerKeys::prove`](crate::ReviewerKeys::prove) as `prove`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reviewer_sign_in(
        &self,
        relay_key: &[u8; 32],
        prove: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Session, ClientError> {
        let challenge = self.challenge()?;
        let sign_in = ReviewerSignIn {
            proof: prove(&reviewer_context(relay_key, &challenge)),
            challenge,
        };
        self.json(Method::POST, "/v1/reviewer/sessions", None, &sign_in)
    }

    /// Fetches the acceptance key, with which the reviewer checks that the intake accepted a
    /// report. It is sealed to the reviewer. Checks that the pinned `relay_key` signed it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn acceptance_key(
        &self,
        reviewer: &Session,
        relay_key: &[u8; 32],
        reviewer_key: &[u8; 32],
    ) -> Result<Vec<u8>, ClientError> {
        let key: SealedKey = self.get("/v1/review/key", Some(reviewer))?;
        let context = acceptance_context(reviewer_key, &key.sealed);
        VerifyingKey::from_bytes(relay_key)
            .and_then(|relay| relay.verify_strict(&context, &Signature::from_bytes(&key.signature)))
            .map_err(|_| ClientError::BadCard)?;
        Ok(key.sealed)
    }

    /// Lists at most 100 reports, beginning with the first one if `after` is 0. For the next list,
    /// pass [`ReportList::next`] as `after`. The relay records that the reviewer listed reports.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reports(&self, reviewer: &Session, after: u64) -> Result<ReportList, ClientError> {
        let path = format!("/v1/review/reports?after={after}");
        self.get(&path, Some(reviewer))
    }

    /// Fetches an encoded accepted report. The relay records that the reviewer opened it.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchReport`](crate::ErrorCode::NoSuchReport).
    pub fn accepted_report(
        &self,
        reviewer: &Session,
        report_id: &str,
    ) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/review/reports/{}", checked_report_id(report_id)?);
        self.call(Method::GET, &path, Some(reviewer), None)
    }

    /// Tells the relay that a report failed in review. Its messages can then be reported again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn report_rejected(
        &self,
        reviewer: &Session,
        report_id: &str,
        check: u8,
    ) -> Result<(), ClientError> {
        let report_id = checked_report_id(report_id)?;
        let path = format!("/v1/review/reports/{report_id}/rejected");
        let body = serde_json::to_vec(&Rejected { check }).map_err(|_| ClientError::Malformed)?;
        self.send_body(Method::POST, &path, Some(reviewer), JSON, &body)?;
        Ok(())
    }

    fn challenge(&self) -> Result<Vec<u8>, ClientError> {
        let answer = self.send_body(Method::POST, "/v1/challenges", None, JSON, b"")?;
        let challenge: Challenge = parse(&answer)?;
        Ok(challenge.challenge)
    }

    fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        session: Option<&Session>,
    ) -> Result<T, ClientError> {
        parse(&self.call(Method::GET, path, session, None)?)
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        session: Option<&Session>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|_| ClientError::Malformed)?;
        parse(&self.send_body(method, path, session, JSON, &body)?)
    }

    fn send_body(
        &self,
        method: Method,
        path: &str,
        session: Option<&Session>,
        content_type: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        self.call(method, path, session, Some((content_type, body)))
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        session: Option<&Session>,
        body: Option<(&str, &[u8])>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.authority));
        if let Some(session) = session {
            request = request.header("authorization", format!("Bearer {}", session.token));
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
        let unreachable = |error: ureq::Error| ClientError::Unreachable(error.to_string());
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let limited = answer.body_mut().with_config().limit(MAX_ANSWER_LEN);
        let body = limited.read_to_vec().map_err(unreachable)?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(ClientError::refused(status.as_u16(), &body))
        }
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(answer).map_err(|_| ClientError::Malformed)
}

/// Checks a report id before it goes into a path, because it comes from a command line or a relay.
fn checked_report_id(id: &str) -> Result<&str, ClientError> {
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        let body = br#"{"error":"no_such_report","message":"a report id is 32 hex digits"}"#;
        Err(ClientError::refused(404, body))
    }
}

#[cfg(test)]
mod tests;
