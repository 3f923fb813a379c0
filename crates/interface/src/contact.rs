//! First contact: the token with which an account writes to one that accepts it, and the pass that
//! refills its budget of strangers.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::Sha256;
use waxseal_reporting::AccountId;
use zeroize::Zeroizing;

/// Length of a token in bytes: its epoch be32, and a MAC that only the relay can verify.
pub const CONTACT_TOKEN_LEN: usize = 36;

/// Length of a pass in bytes: when it expires be64, and a MAC that only the relay can verify.
pub const CONTACT_PASS_LEN: usize = 40;

/// Number of days in an epoch of tokens. A token is valid in its epoch and in the next one: for 14
/// to 28 days.
pub const CONTACT_EPOCH_DAYS: u32 = 14;

/// Maximum number of accounts to which an account can write within 24 hours without a token. A
/// person hardly meets more in a day, and an account that writes to everyone reaches no more.
pub const STRANGERS_A_DAY: usize = 50;

/// Maximum number of fellow members of groups that count on their own within 24 hours, and not as
/// strangers. A device that was set back asks the devices of its groups to seal messages again, and
/// leaves its user's budget alone.
pub const FELLOWS_A_DAY: usize = 500;

/// Maximum time in milliseconds for which a pass is valid. The relay remembers a used pass until it
/// expires.
pub const MAX_PASS_MS: u64 = 86_400_000;

/// Maximum length in bytes of the challenge in a refusal: room for a text with a URL.
pub const MAX_STRANGER_CHALLENGE_LEN: usize = 2_048;

const TOKEN: &[u8] = b"waxseal/1/relay/contact-token";
const PASS: &[u8] = b"waxseal/1/relay/contact-pass";
const KEY: &[u8] = b"waxseal/1/relay/contact-key";

/// A token: one account may write to another. The other's relay gives it to the first with each
/// message of a device whose user [accepts](crate::ContactHeaders::accepts) the first.
///
/// ```text
/// epoch be32 || HMAC-SHA-256(K_contact, "waxseal/1/relay/contact-token" || epoch be32
///     || short(account that may write) || short(account that accepts it))
/// short(x) = len u8 || x
/// ```
///
/// # Size
/// 36 bytes.
///
/// # Security
/// The relay looks up who sends. So the token is of no use to anyone but the account for which it
/// was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContactToken([u8; CONTACT_TOKEN_LEN]);

impl ContactToken {
    /// The token with these bytes. Only the relay knows whether it is valid.
    pub const fn from_bytes(bytes: [u8; CONTACT_TOKEN_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the token.
    pub const fn as_bytes(&self) -> &[u8; CONTACT_TOKEN_LEN] {
        &self.0
    }

    /// The epoch of the token: the number of 14 days that passed since the Unix epoch, by the
    /// relay's proven time. Keep the token that came last, whatever its epoch: a relay whose clock
    /// was wrong may have given one of a later epoch before.
    pub fn epoch(&self) -> u32 {
        self.0.first_chunk().copied().map_or(0, u32::from_be_bytes)
    }

    /// Reads a header's value. `None` if it is not the base64 of 36 bytes.
    pub fn from_text(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    /// The value of [`CONTACT_TOKEN_HEADER`](crate::CONTACT_TOKEN_HEADER).
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Debug for ContactToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ContactToken");
        shown.field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

/// A pass: it refills the budget of strangers of one account, once. The operator of the relay gives
/// it to a user who answered the challenge.
///
/// ```text
/// expires be64 || HMAC-SHA-256(K_pass, "waxseal/1/relay/contact-pass" || short(lower(account))
///     || expires be64)
/// ```
///
/// `lower` turns the letters A to Z into a to z. No two accounts differ in these alone. So it does
/// not matter how the user spells the name.
///
/// # Size
/// 40 bytes. As text, which the user pastes into the app: 56 ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContactPass([u8; CONTACT_PASS_LEN]);

impl ContactPass {
    /// The pass with these bytes. Only the relay knows whether it is valid.
    pub const fn from_bytes(bytes: [u8; CONTACT_PASS_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the pass.
    pub const fn as_bytes(&self) -> &[u8; CONTACT_PASS_LEN] {
        &self.0
    }

    /// When the pass expires, in milliseconds since the Unix epoch.
    pub fn expires_at_ms(&self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// Reads what the operator gave to the user: the base64 of 40 bytes. White space around it is
    /// ignored, because users paste it. `None` if it is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        decode(text.trim_ascii()).map(Self)
    }

    /// The pass as text, which is also the value of
    /// [`CONTACT_PASS_HEADER`](crate::CONTACT_PASS_HEADER).
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Debug for ContactPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ContactPass");
        shown.field("expires_at_ms", &self.expires_at_ms());
        shown.finish_non_exhaustive()
    }
}

/// What a user can do to get a [`ContactPass`], such as visit a page: text of the relay's operator.
///
/// # Size
/// 1 to [`MAX_STRANGER_CHALLENGE_LEN`] bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StrangerChallenge(String);

impl StrangerChallenge {
    /// The challenge with this text. `None` if it is empty, too long, or has control characters.
    pub fn new(text: String) -> Option<Self> {
        let fits = (1..=MAX_STRANGER_CHALLENGE_LEN).contains(&text.len());
        (fits && !text.contains(char::is_control)).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the field of a refusal. A text of another form counts as absent, so that the rest of
    /// the refusal is read.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Self>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.and_then(Self::new).map(Box::new))
    }
}

/// The relay's key for tokens. The relay stores no token: it makes one when it hands out a message,
/// and verifies those that come back.
pub struct ContactKey(Zeroizing<[u8; 32]>);

impl ContactKey {
    /// The key that follows from a secret of the relay:
    /// `HMAC-SHA-256(secret, "waxseal/1/relay/contact-key")`.
    pub fn derive(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(
            mac(secret, &[KEY]).finalize().into_bytes().into(),
        ))
    }

    /// Makes the token with which `writer` can write to `acceptor`, on this day since the Unix
    /// epoch. Pass the day of proven time: a clock that is ahead makes tokens that are not valid
    /// once it is right. `None` if a name is longer than 255 bytes, which no relay's account has.
    pub fn token(
        &self,
        day: u32,
        writer: &AccountId,
        acceptor: &AccountId,
    ) -> Option<ContactToken> {
        let epoch = (day / CONTACT_EPOCH_DAYS).to_be_bytes();
        let tag = self.mac(epoch, writer, acceptor)?.finalize().into_bytes();
        let mut bytes = [0; CONTACT_TOKEN_LEN];
        bytes
            .iter_mut()
            .zip(epoch.into_iter().chain(tag))
            .for_each(|(to, from)| *to = from);
        Some(ContactToken(bytes))
    }

    /// Whether a token lets `writer` write to `acceptor`. `oldest_day` is the day that certainly
    /// began, and `newest_day` the present one by the relay's clock, which may be ahead.
    pub fn is_valid(
        &self,
        token: &ContactToken,
        writer: &AccountId,
        acceptor: &AccountId,
        oldest_day: u32,
        newest_day: u32,
    ) -> bool {
        let (epoch, tag) = token.0.split_at(4);
        let Ok(epoch) = <[u8; 4]>::try_from(epoch) else {
            return false;
        };
        // CHK-600: the token has the relay's MAC for these two accounts, in this order.
        let is_mine = self
            .mac(epoch, writer, acceptor)
            .is_some_and(|mac| mac.verify_slice(tag).is_ok());
        // CHK-601: the token is of the present epoch, or of the one before.
        let is_new = token.epoch().saturating_add(1) >= oldest_day / CONTACT_EPOCH_DAYS
            && token.epoch() <= newest_day / CONTACT_EPOCH_DAYS;
        is_mine && is_new
    }

    fn mac(
        &self,
        epoch: [u8; 4],
        writer: &AccountId,
        acceptor: &AccountId,
    ) -> Option<Hmac<Sha256>> {
        let [writer_len, acceptor_len] = [writer, acceptor].map(short_len);
        let parts: [&[u8]; 6] = [
            TOKEN,
            &epoch,
            &[writer_len?],
            writer.as_str().as_bytes(),
            &[acceptor_len?],
            acceptor.as_str().as_bytes(),
        ];
        Some(mac(&self.0, &parts))
    }
}

impl fmt::Debug for ContactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactKey").finish_non_exhaustive()
    }
}

/// The key of passes: the operator's page makes passes with it, and the relay verifies them.
pub struct PassKey(Zeroizing<[u8; 32]>);

impl PassKey {
    /// The key with these bytes. Draw them at random.
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Makes a pass for an account. It is valid for [`MAX_PASS_MS`] at most. `None` if the name is
    /// longer than 255 bytes, which no relay's account has.
    pub fn pass(&self, account: &AccountId, expires_at_ms: u64) -> Option<ContactPass> {
        let expires = expires_at_ms.to_be_bytes();
        let tag = self.mac(account, expires)?.finalize().into_bytes();
        let mut bytes = [0; CONTACT_PASS_LEN];
        bytes
            .iter_mut()
            .zip(expires.into_iter().chain(tag))
            .for_each(|(to, from)| *to = from);
        Some(ContactPass(bytes))
    }

    /// Whether a pass is valid for an account at this time. The relay must also check that it was
    /// not used.
    pub fn is_valid(&self, pass: &ContactPass, account: &AccountId, now_ms: u64) -> bool {
        let (expires, tag) = pass.0.split_at(8);
        let Ok(expires) = <[u8; 8]>::try_from(expires) else {
            return false;
        };
        // CHK-602: the pass has the operator's MAC for this account.
        let is_mine = self
            .mac(account, expires)
            .is_some_and(|mac| mac.verify_slice(tag).is_ok());
        // CHK-603: the pass is not expired, and not valid for longer than any is.
        let (expires_at_ms, longest) = (pass.expires_at_ms(), now_ms.saturating_add(MAX_PASS_MS));
        is_mine && expires_at_ms > now_ms && expires_at_ms <= longest
    }

    fn mac(&self, account: &AccountId, expires: [u8; 8]) -> Option<Hmac<Sha256>> {
        // "Alice" and "alice" are the same account.
        let name = account.as_str().to_ascii_lowercase();
        let parts: [&[u8]; 4] = [PASS, &[short_len(account)?], name.as_bytes(), &expires];
        Some(mac(&self.0, &parts))
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassKey").finish_non_exhaustive()
    }
}

fn short_len(account: &AccountId) -> Option<u8> {
    u8::try_from(account.as_str().len()).ok()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

fn decode<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    // The length comes first, so that a long header is not decoded.
    let is_whole = text.len() == LEN.div_ceil(3).saturating_mul(4);
    let bytes = STANDARD.decode(text).ok().filter(|_| is_whole)?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
