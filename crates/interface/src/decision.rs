//! What devices and relay say about decisions of the provider's desk.

use serde::{Deserialize, Serialize};

use crate::b64;

/// Maximum length of the text of an appeal, in bytes.
pub const MAX_APPEAL_LEN: usize = 16_384;

/// Maximum number of notices in one answer.
pub const MAX_NOTICES: usize = 100;

/// `GET /v1/notices`: of which decisions the provider told this account, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionNotices {
    /// At most [`MAX_NOTICES`]. If there are as many, ask for those after the last one.
    pub notices: Vec<DecisionNotice>,
}

/// The provider tells the account of a decision.
///
/// # Security
/// It is unverified: it says what to ask a receipt for. Only the receipt shows what was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionNotice {
    /// The relay's number of the notice. Those of later notices are higher.
    pub number: u64,
    /// The leaf hash of the decision's entry in the log, which names the decision.
    #[serde(with = "b64")]
    pub decision: [u8; 32],
    /// 1 if the account reported, 2 if the decision is against it.
    pub side: u8,
    /// With side 1: the account's report, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
}

/// `POST /v1/decisions/{leaf}/appeals`: the account appeals against a decision.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// 1 if the account reported, 2 if the decision is against it.
    pub side: u8,
    /// With side 1: the account's report, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
    /// What the user writes: 1 to [`MAX_APPEAL_LEN`] bytes. The relay and the desk can read it.
    pub text: String,
}

impl std::fmt::Debug for Appeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Appeal");
        out.field("side", &self.side).finish_non_exhaustive()
    }
}

/// The desk has filed an appeal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealTaken {
    /// The leaf hash of the appeal's entry in the log, which names the appeal.
    #[serde(with = "b64")]
    pub appeal: [u8; 32],
}

/// A leaf hash as text: 64 lower-case hex digits.
pub fn leaf_text(leaf: &[u8; 32]) -> String {
    leaf.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a leaf hash from 64 lower-case hex digits. Returns `None` for anything else.
pub fn parse_leaf(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64
        || !text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let mut leaf = [0; 32];
    for (byte, digits) in leaf.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(leaf)
}

#[cfg(test)]
mod tests;
