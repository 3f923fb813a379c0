//! Sessions of the browser at this program: a code that is valid once, then a cookie.
//!
//! A cookie belongs to a host name, whatever the port. So another program on this machine gets the
//! cookies for `127.0.0.1` as well, if the officer visits it. Therefore all pages are below a
//! random path, which is the path of the cookie too, and which no page tells to others. The cookie
//! of a browser that waits to be let in has a path of its own.

use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use waxseal_relay::desk::Hex;
use zeroize::Zeroize;

use crate::prepared::{Prepared, Waiting};

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

/// The one session of the program, and the way into it.
///
/// Other users of the machine can read the link, because it is an argument of the program that
/// opens the browser. So a link alone begins no session. Its page shows a number, and the session
/// begins once the officer types that number in the terminal.
pub struct Sessions {
    code: Option<(Token, Instant)>,
    used: Option<Token>,
    visit: Option<Visit>,
    session: Option<Session>,
}

/// A browser that used the code.
struct Visit {
    cookie: Token,
    number: String,
    begun: Instant,
    is_let_in: bool,
}

struct Session {
    cookie: Token,
    form: Token,
    begun: Instant,
    used: Instant,
    prepared: VecDeque<(Token, Instant, Waiting)>,
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
            used: None,
            visit: None,
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

    /// A browser uses the code. Returns the cookie of its visit.
    pub fn visit(&mut self, code: &str, now: Instant, rng: &mut impl CryptoRng) -> Option<String> {
        let (valid, drawn) = self.code.as_ref()?;
        let age = now.saturating_duration_since(*drawn);
        // CHK-642: a code is used once, within five minutes.
        if !valid.is(code) || age >= CODE_LIFE {
            return None;
        }
        self.used = self.code.take().map(|(code, _)| code);
        let visit = Visit {
            cookie: Token::draw(rng),
            number: format!("{:06}", rng.next_u32() % 1_000_000),
            begun: now,
            is_let_in: false,
        };
        let cookie = visit.cookie.to_text();
        self.visit = Some(visit);
        Some(cookie)
    }

    /// Whether this is the code that was used last.
    pub fn was_used(&self, code: &str) -> bool {
        self.used.as_ref().is_some_and(|used| used.is(code))
    }

    /// The number that the browser of this visit shows.
    pub fn number(&mut self, cookie: &str, now: Instant) -> Option<String> {
        let visit = self.visit.as_ref()?;
        let age = now.saturating_duration_since(visit.begun);
        if age >= CODE_LIFE {
            self.visit = None;
            return None;
        }
        visit.cookie.is(cookie).then(|| visit.number.clone())
    }

    /// The officer types the number in the terminal. Another number ends the visit.
    pub fn let_in(&mut self, number: &str, now: Instant) -> bool {
        let Some(mut visit) = self.visit.take() else {
            return false;
        };
        let age = now.saturating_duration_since(visit.begun);
        // CHK-654: only the browser that shows what the officer typed is let in.
        if visit.number != number || age >= CODE_LIFE {
            return false;
        }
        visit.is_let_in = true;
        self.visit = Some(visit);
        true
    }

    /// Begins the session of a visit that was let in, and returns its cookie. A session before
    /// ends.
    pub fn enter(
        &mut self,
        cookie: &str,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Option<String> {
        self.number(cookie, now)?;
        let _ = self.visit.take_if(|visit| visit.is_let_in)?;
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
        act: Waiting,
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
    pub fn take(&mut self, name: &str, now: Instant) -> Option<Waiting> {
        self.forget_old(now);
        let prepared = &mut self.session.as_mut()?.prepared;
        let place = prepared.iter().position(|(known, _, _)| known.is(name))?;
        prepared.remove(place).map(|(_, _, act)| act)
    }

    /// Forgets acts that waited too long, and a session that is over.
    pub fn forget_old(&mut self, now: Instant) {
        if self
            .session
            .as_ref()
            .is_some_and(|session| !session.lives(now))
        {
            self.session = None;
        }
        if let Some(session) = &mut self.session {
            let waits = |shown| now.saturating_duration_since(shown) < PREPARED_LIFE;
            session.prepared.retain(|(_, shown, _)| waits(*shown));
        }
    }

    /// Forgets exports of which a part comes from a view that is not kept.
    pub fn forget_exports(&mut self, is_kept: impl Fn(&Hex<16>, &Hex<16>) -> bool) {
        if let Some(session) = &mut self.session {
            session
                .prepared
                .retain(|(_, _, waiting)| match &waiting.act {
                    Prepared::Export { views, .. } => {
                        views.iter().all(|(grant, report)| is_kept(grant, report))
                    }
                    _ => true,
                });
        }
    }

    /// Ends the session.
    pub fn leave(&mut self) {
        self.session = None;
    }
}

#[cfg(test)]
mod tests;
