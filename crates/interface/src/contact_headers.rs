//! The headers of requests that are about first contact.
//!
//! | request | header | value |
//! |---|---|---|
//! | message | `waxseal-accepts` | `1` if the sending device's user accepts the recipient |
//! | message | `waxseal-contact-token` | a [`ContactToken`], as base64 |
//! | message | `waxseal-contact-pass` | a [`ContactPass`], as base64 |
//! | entry | `waxseal-contact-tokens` | tokens for the accounts that it adds, between commas |
//! | deliveries | `waxseal-reads-tokens` | `1` if the device reads deliveries with tokens |

use crate::contact::{CONTACT_TOKEN_LEN, ContactPass, ContactToken};

/// The header that says that the sending device's user accepts the recipient: its value is `1`.
pub const ACCEPTS_HEADER: &str = "waxseal-accepts";
/// The header with the token that the recipient's account gave.
pub const CONTACT_TOKEN_HEADER: &str = "waxseal-contact-token";
/// The header with a pass for the sending account.
pub const CONTACT_PASS_HEADER: &str = "waxseal-contact-pass";
/// The header with the tokens for the accounts that an entry of a group adds.
pub const CONTACT_TOKENS_HEADER: &str = "waxseal-contact-tokens";
/// The header of a request for deliveries that says that the device reads tokens: its value is `1`.
pub const READS_TOKENS_HEADER: &str = "waxseal-reads-tokens";

/// Maximum number of accounts that one entry of a group adds: `MAX_OPS` of `waxseal-roster`.
const MAX_ADDED: usize = 64;

/// What a device says of the recipient along with a message to an account.
///
/// # Security
/// Nothing authenticates these headers. A proxy that alters them changes which of the sender's and
/// the recipient's messages cost a budget, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactHeaders {
    /// Whether the device's user accepts the recipient. Then the recipient gets a token with the
    /// message, with which it can write back.
    pub accepts: bool,
    /// The newest token that the recipient's account gave to that of the device.
    pub token: Option<ContactToken>,
    /// A pass for the device's account.
    pub pass: Option<ContactPass>,
}

impl ContactHeaders {
    /// The relay's step: reads the headers of a request. `header` returns the value of a header.
    ///
    /// A header of another form counts as absent. A proxy can alter it, and a client deletes a
    /// message that is refused as `malformed`.
    pub fn read<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        Self {
            accepts: header(ACCEPTS_HEADER) == Some("1"),
            token: header(CONTACT_TOKEN_HEADER).and_then(ContactToken::from_text),
            pass: header(CONTACT_PASS_HEADER).and_then(ContactPass::from_text),
        }
    }

    /// The headers to send, names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let accepts = self.accepts.then(|| (ACCEPTS_HEADER, "1".to_owned()));
        let token = self
            .token
            .map(|token| (CONTACT_TOKEN_HEADER, token.to_text()));
        let pass = self.pass.map(|pass| (CONTACT_PASS_HEADER, pass.to_text()));
        [accepts, token, pass].into_iter().flatten()
    }
}

/// The value of [`CONTACT_TOKENS_HEADER`]: for each account that an entry adds, in the entry's
/// order, the newest token that it gave. `None` if there is not one token.
pub(crate) fn encode_tokens(tokens: &[Option<ContactToken>]) -> Option<String> {
    let texts = tokens.iter().take(MAX_ADDED);
    let texts = texts.map(|token| token.map_or_else(String::new, |token| token.to_text()));
    let texts: Vec<_> = texts.collect();
    texts
        .iter()
        .any(|text| !text.is_empty())
        .then(|| texts.join(","))
}

/// The relay's step: reads the value of [`CONTACT_TOKENS_HEADER`]. What is no token counts as
/// absent, and so does a value that is longer than any.
pub fn decode_tokens(text: &str) -> Vec<Option<ContactToken>> {
    const MAX_LEN: usize = MAX_ADDED * (CONTACT_TOKEN_LEN / 3 * 4 + 1);
    if text.len() > MAX_LEN {
        return Vec::new();
    }
    let texts = text.split(',').take(MAX_ADDED);
    texts.map(ContactToken::from_text).collect()
}

#[cfg(test)]
mod tests;
