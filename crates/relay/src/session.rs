//! What a signed-in client keeps: its token, and the keys that authenticate the relay's answers.

use std::fmt;

use waxseal_interface::{AskedRequest, HttpAnswer, MARK_LEN, Session};
use waxseal_reporting::relay::DeliveryKey;

use crate::error::ClientError;

/// A signed-in device. [`RelayClient::register`](crate::RelayClient::register) and
/// [`sign_in`](crate::RelayClient::sign_in) make it.
#[derive(Clone)]
pub struct DeviceSession {
    pub(crate) session: Session,
    pub(crate) relay_key: [u8; 32],
    pub(crate) delivery_key: DeliveryKey,
    pub(crate) mark: Option<[u8; MARK_LEN]>,
}

impl DeviceSession {
    /// Joins a token that was kept with the pinned relay key and the device's delivery key.
    pub fn new(session: Session, relay_key: [u8; 32], delivery_key: DeliveryKey) -> Self {
        Self {
            session,
            relay_key,
            delivery_key,
            mark: None,
        }
    }

    /// The same session with the device's mark, which is then posted with each message.
    pub fn with_mark(&self, mark: [u8; MARK_LEN]) -> Self {
        let mark = Some(mark);
        Self {
            mark,
            ..self.clone()
        }
    }

    /// The token and when it expires.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for DeviceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSession")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A signed-in reviewer. [`RelayClient::reviewer_sign_in`](crate::RelayClient::reviewer_sign_in)
/// makes it.
#[derive(Clone, Debug)]
pub struct ReviewerSession {
    pub(crate) session: Session,
    pub(crate) relay_key: [u8; 32],
}

/// Whose word a client takes for an answer.
#[derive(Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// A client that knows no key of the relay yet. It takes only a card, and verifies that.
    Stranger,
    /// A client that is not signed in, and knows the relay key.
    Guest(&'a [u8; 32]),
    Reviewer(&'a ReviewerSession),
    Device(&'a DeviceSession),
}

impl<'a> Caller<'a> {
    pub(crate) fn token(self) -> Option<&'a str> {
        match self {
            Self::Stranger | Self::Guest(_) => None,
            Self::Reviewer(reviewer) => Some(&reviewer.session.token),
            Self::Device(device) => Some(&device.session.token),
        }
    }

    pub(crate) fn relay_key(self) -> Option<&'a [u8; 32]> {
        match self {
            Self::Stranger => None,
            Self::Guest(relay_key) => Some(relay_key),
            Self::Reviewer(reviewer) => Some(&reviewer.relay_key),
            Self::Device(device) => Some(&device.relay_key),
        }
    }

    pub(crate) fn delivery_key(self) -> Option<&'a DeliveryKey> {
        match self {
            Self::Device(device) => Some(&device.delivery_key),
            _ => None,
        }
    }
}

pub(crate) const NOT_AUTHENTIC: &str = "not authenticated by the relay";
/// Someone else may have registered the device with another delivery key.
const NOT_UNDER_KEY: &str = "not authenticated by the relay: if this goes on, register again";

/// Checks that the relay made this answer to this request.
pub(crate) fn check_answer(
    caller: Caller<'_>,
    asked: &AskedRequest,
    answer: &HttpAnswer,
) -> Result<(), ClientError> {
    let unauthentic = |reason: &str| ClientError::Unreachable(reason.to_owned());
    let Some(relay_key) = caller.relay_key() else {
        // The card has a signature of its own. An error in its place has none, so anyone can have
        // made it up.
        return answer
            .is_success()
            .then_some(())
            .ok_or_else(|| unauthentic("the answer is not authenticated by the relay"));
    };
    let key = caller.delivery_key();
    let header = |name| answer.header(name);
    if asked.is_authentic(relay_key, key, header, answer.status, &answer.body) {
        return Ok(());
    }
    Err(unauthentic(match key {
        Some(_) => NOT_UNDER_KEY,
        None => NOT_AUTHENTIC,
    }))
}
