//! Challenges and session tokens. Both carry a MAC, so the relay need not store anything for
//! clients that never come back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use waxseal_interface::{ErrorCode, Session, TOKEN_MS, account_name};
use waxseal_relay::system_rng;
use waxseal_reporting::limits::MAX_CLOCK_SKEW_MS;
use waxseal_reporting::{DeviceAddress, DeviceId};
use zeroize::Zeroizing;

use crate::errors::Refusal;
use crate::keys::random;

const CHALLENGE: &[u8] = b"waxseal/1/relay/challenge-mac";
const BUDGET: &[u8] = b"waxseal/1/relay/budget-mac";
const TOKEN: &[u8] = b"waxseal/1/relay/token-mac";

/// Time in which a challenge can be answered.
const CHALLENGE_MS: u64 = 60_000;

/// Maximum number of challenges answered within [`CHALLENGE_MS`].
const MAX_ANSWERED: usize = 100_000;

/// Maximum length of a token in base64. A token with the longest account name is shorter.
const MAX_TOKEN_LEN: usize = 300;

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A device, with the signing key of its identity. If the database is lost and someone else
    /// registers the name, the key makes the earlier holder's token invalid.
    Device(DeviceAddress, [u8; 32]),
    /// The reviewer, by its key. If the relay is started again for another reviewer, the earlier
    /// reviewer's token is invalid.
    Reviewer([u8; 32]),
}

pub struct Tokens {
    /// Read from the root key file, so that sessions survive a restart.
    token_key: Zeroizing<[u8; 32]>,
    /// A random key, drawn when the relay starts. No challenge survives a restart, so none is
    /// answered twice.
    challenge_key: Zeroizing<[u8; 32]>,
    /// The answered challenges, each with a time at which it has certainly expired.
    answered: Mutex<HashMap<[u8; 64], u64>>,
}

impl Tokens {
    pub fn new(token_key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            token_key,
            challenge_key: random(&mut system_rng()),
            answered: Mutex::default(),
        }
    }

    /// Makes a challenge: `expiry be64 || nonce 24 || MAC 32`. It expires along the time for which
    /// the relay has run, because a clock that was ahead would make it valid for longer.
    pub fn challenge(&self, uptime_ms: u64) -> Vec<u8> {
        let mut challenge = (uptime_ms + CHALLENGE_MS).to_be_bytes().to_vec();
        challenge.extend_from_slice(&*random::<24>(&mut system_rng()));
        let mac = mac(&self.challenge_key, CHALLENGE, &challenge).finalize();
        challenge.extend_from_slice(&mac.into_bytes());
        challenge
    }

    /// What stands for a budget's key in the database, which has no addresses, and does not say who
    /// reports or who gets whose prekeys.
    pub fn pseudonym(&self, key: &str) -> String {
        let mac = mac(&self.token_key, BUDGET, key.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Checks that a challenge is from this process, has not expired and was not answered.
    pub fn check_challenge(&self, challenge: &[u8], uptime_ms: u64) -> Result<(), Refusal> {
        let refused = ErrorCode::ChallengeRefused;
        let challenge: &[u8; 64] = challenge.try_into().map_err(|_| refused)?;
        let body = verified_body(&self.challenge_key, CHALLENGE, challenge).ok_or(refused)?;
        let expires_at_ms = body.first_chunk().map_or(0, |at| u64::from_be_bytes(*at));
        if expires_at_ms <= uptime_ms || self.answered().contains_key(challenge) {
            return Err(refused.into());
        }
        Ok(())
    }

    /// Marks a challenge as answered, so that it cannot be answered again. Call
    /// [`check_challenge`](Self::check_challenge) and verify the proof first.
    pub fn answer_challenge(&self, challenge: &[u8], uptime_ms: u64) -> Result<(), Refusal> {
        let refused = ErrorCode::ChallengeRefused;
        let challenge: [u8; 64] = challenge.try_into().map_err(|_| refused)?;
        let mut answered = self.answered();
        if answered.len() >= MAX_ANSWERED {
            answered.retain(|_, expires_at_ms| *expires_at_ms > uptime_ms);
        }
        if answered.len() >= MAX_ANSWERED {
            return Err(Refusal::retry_after(ErrorCode::Busy, 60));
        }
        match answered.insert(challenge, uptime_ms + CHALLENGE_MS) {
            Some(_) => Err(refused.into()),
            None => Ok(()),
        }
    }

    fn answered(&self) -> MutexGuard<'_, HashMap<[u8; 64], u64>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a token. It is the base64url encoding of
    ///
    /// ```text
    /// device:    expiry be64 || 1 || device be32 || identity's signing key 32 || account || MAC 32
    /// reviewer:  expiry be64 || 2 || reviewer key 32 || MAC 32
    /// ```
    pub fn issue(&self, holder: &Holder, now_ms: u64) -> Session {
        let expires_at_ms = now_ms + TOKEN_MS;
        let mut token = expires_at_ms.to_be_bytes().to_vec();
        match holder {
            Holder::Device(device, identity) => {
                token.push(1);
                token.extend_from_slice(&device.device.0.to_be_bytes());
                token.extend_from_slice(identity);
                token.extend_from_slice(device.account.as_str().as_bytes());
            }
            Holder::Reviewer(key) => {
                token.push(2);
                token.extend_from_slice(key);
            }
        }
        let mac = mac(&self.token_key, TOKEN, &token).finalize();
        token.extend_from_slice(&mac.into_bytes());
        Session {
            mark: None,
            token: URL_SAFE_NO_PAD.encode(token),
            expires_at_ms,
        }
    }

    /// Verifies a token. Returns its holder and when it expires.
    pub fn holder(&self, token: &str, now_ms: u64) -> Result<(Holder, u64), Refusal> {
        let unauthorized = ErrorCode::Unauthorized;
        if token.len() > MAX_TOKEN_LEN {
            return Err(unauthorized.into());
        }
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| unauthorized)?;
        let body = verified_body(&self.token_key, TOKEN, &token).ok_or(unauthorized)?;
        let (expires_at_ms, holder) = decode_body(body).ok_or(unauthorized)?;
        // A token that is valid for longer than any is from a time when the clock was ahead.
        let longest_ms = TOKEN_MS + MAX_CLOCK_SKEW_MS;
        if expires_at_ms <= now_ms || expires_at_ms > now_ms.saturating_add(longest_ms) {
            return Err(ErrorCode::TokenExpired.into());
        }
        Ok((holder, expires_at_ms))
    }
}

fn decode_body(body: &[u8]) -> Option<(u64, Holder)> {
    let (expires_at_ms, body) = body.split_first_chunk()?;
    let holder = match body.split_first()? {
        (1, body) => {
            let (device, body) = body.split_first_chunk()?;
            let (identity, account) = body.split_first_chunk()?;
            let account = account_name(std::str::from_utf8(account).ok()?).ok()?;
            let device = DeviceId(u32::from_be_bytes(*device));
            Holder::Device(DeviceAddress::new(account, device), *identity)
        }
        (2, key) => Holder::Reviewer(key.try_into().ok()?),
        _ => return None,
    };
    Some((u64::from_be_bytes(*expires_at_ms), holder))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8; 32], label: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(label);
    mac.update(body);
    mac
}

/// Verifies the MAC at the end of `bytes` and returns the bytes before it.
fn verified_body<'a>(key: &[u8; 32], label: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (body, tag) = bytes.split_last_chunk::<32>()?;
    mac(key, label, body).verify_slice(tag).ok()?;
    Some(body)
}

#[cfg(test)]
mod tests;
