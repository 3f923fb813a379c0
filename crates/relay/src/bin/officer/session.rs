//! Sessions of the browser at this program: a code that is valid once, then a cookie.
//!
//! A cookie belongs to a host name, whatever the port. So another program on this machine gets the
//! cookies for `127.0.0.1` as well, if the officer visits it. Therefore all pages are below a
//! random path, which is the path of the cookie too, and which no page tells to others.

use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use waxseal_relay::desk::Hex;
use zeroize::Zeroize;

use crate::prepared::Prepared;

/// How long the code of the printed link is valid.
pub const CODE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long a session lasts, at most.
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// How long a session lasts without a request.
pub const SESSION_IDLE: Duration = Duration::from_secs(3_600);
/// How long what is prepared waits for its signature.
const PREPARED_LIFE: Duration = Duration::from_secs(15 * 60);
/// Maximum number of acts that wait for their signature. The oldest one goes.
const MAX_PREPARED: usize = 32;

/// A secret that the browser sends back: 32 random bytes.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The token as 64 hex digits.
    pub fn to_text(&self) -> String {
        Hex(self.0).to_string()
    }

    /// Whether the text is this token.
    pub fn is(&self, text: &str) -> bool {
        let given = text.parse().unwrap_or(Hex([0; 32]));
        // No token is all zeros, which is drawn once in 2^256.
        bool::from(self.0.ct_eq(&given.0)) && self.0 != [0; 32]
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The one session of the program, or the code that begins it.
pub struct Sessions {
    code: Option<(Token, Instant)>,
    session: Option<Session>,
}

struct Session {
    cookie: Token,
    form: Token,
    begun: Instant,
    used: Instant,
    prepared: VecDeque<(Token, Instant, Prepared)>,
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) < SESSION_LIFE
            && now.saturating_duration_since(self.used) < SESSION_IDLE
    }
}

impl Sessions {
    /// Draws the first code.
    pub fn new(now: Instant, rng: &mut impl CryptoRng) -> Self {
        Self {
            code: Some((Token::draw(rng), now)),
            session: None,
        }
    }

    /// Draws another code. The one before is of no use any more.
    pub fn new_code(&mut self, now: Instant, rng: &mut impl CryptoRng) -> String {
        let code = Token::draw(rng);
        let text = code.to_text();
        self.code = Some((code, now));
        text
    }

    /// The code that is valid, to print it.
    pub fn code(&self) -> Option<String> {
        self.code.as_ref().map(|(code, _)| code.to_text())
    }

    /// Begins a session with a code, and returns its cookie. A session before ends.
    pub fn enter(&mut self, code: &str, now: Instant, rng: &mut impl CryptoRng) -> Option<String> {
        let (valid, drawn) = self.code.as_ref()?;
        let age = now.saturating_duration_since(*drawn);
        // CHK-642: a code begins one session, within five minutes.
        if !valid.is(code) || age >= CODE_LIFE {
            return None;
        }
        self.code = None;
        let session = Session {
            cookie: Token::draw(rng),
            form: Token::draw(rng),
            begun: now,
            used: now,
            prepared: VecDeque::new(),
        };
        let cookie = session.cookie.to_text();
        self.session = Some(session);
        Some(cookie)
    }

    /// Whether the cookie is that of a session that lasts. Returns what its forms must send along.
    pub fn resume(&mut self, cookie: &str, now: Instant) -> Option<String> {
        // CHK-643: a session ends after twelve hours, or after one without a request.
        if !self.session.as_ref()?.lives(now) {
            self.session = None;
        }
        let session = self.session.as_mut()?;
        if !session.cookie.is(cookie) {
            return None;
        }
        session.used = now;
        Some(session.form.to_text())
    }

    /// Whether a form comes from a page of this session.
    pub fn is_own_form(&self, token: &str) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.form.is(token))
    }

    /// Keeps an act until the officer has read it, and returns its name.
    pub fn prepare(
        &mut self,
        act: Prepared,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Option<String> {
        let session = self.session.as_mut()?;
        let name = Token::draw(rng);
        let text = name.to_text();
        if session.prepared.len() >= MAX_PREPARED {
            session.prepared.pop_front();
        }
        session.prepared.push_back((name, now, act));
        Some(text)
    }

    /// Takes an act that was shown, to sign it. It can be taken once.
    pub fn take(&mut self, name: &str, now: Instant) -> Option<Prepared> {
        let prepared = &mut self.session.as_mut()?.prepared;
        prepared.retain(|(_, shown, _)| now.saturating_duration_since(*shown) < PREPARED_LIFE);
        let place = prepared.iter().position(|(known, _, _)| known.is(name))?;
        prepared.remove(place).map(|(_, _, act)| act)
    }

    /// Ends the session.
    pub fn leave(&mut self) {
        self.session = None;
    }
}

#[cfg(test)]
mod tests;
