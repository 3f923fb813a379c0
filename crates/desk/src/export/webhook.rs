//! A plain webhook: one signed event about a case.
//!
//! # What is sent
//! A JSON object with the case's pseudonym, the reported account, the reason, counts of reports and
//! openings, and the decision with measure, rule and statement.
//!
#![doc = concat!("```json\n", include_str!("examples/webhook.json"), "```\n")]
//!
//! # What never is
//! What messages say, reporters, and other participants. The form has no fields.
//!
//! # Signature
//! The sender adds three headers. The receiver computes the MAC over the raw body, compares it in
//! constant time, and refuses a time that is more than five minutes off. The identifier is the same
//! when an export is sent again, so a receiver that has it already answers 200 and does nothing.
//!
//! | header | value |
//! |---|---|
//! | `waxseal-export` | the export, 32 hex digits |
//! | `waxseal-timestamp` | seconds since the Unix epoch, decimal |
//! | `waxseal-signature` | `v1=` and HMAC-SHA-256 in hexadecimal |
//!
//! ```text
//! MAC = HMAC-SHA-256(key, timestamp in decimal || "." || export in hexadecimal || "." || body)
//! ```
//!
//! ```
//! use waxseal_desk::export::webhook::{sign, verify};
//!
//! let (key, export, body) = ([7; 32], [1; 16], b"{}");
//! let signature = sign(&key, &export, 1_800_000_000, body);
//! assert!(verify(&key, &export, 1_800_000_000, body, &signature, 1_800_000_299));
//! assert!(!verify(&key, &export, 1_800_000_000, b"{} ", &signature, 1_800_000_000));
//! ```
//!
//! # Source
//! None: this form is the desk's own.

use std::collections::BTreeMap;

use serde_json::json;
use waxseal_reporting::Timestamp;

use super::coop::hex;
use super::fields::Fields;
use super::time::date_time;
use super::{CaseFacts, ExportError, missing, put};
use crate::hash;

/// How far the time of a request may be off: five minutes.
pub const MAX_SKEW_SECS: u64 = 300;

/// Makes the body.
///
/// # Errors
/// [`ExportError::Missing`] if the account is not known.
pub fn event(
    facts: &CaseFacts,
    fields: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Vec<u8>, ExportError> {
    Fields::new(fields, &[])?;
    let account = facts.account.as_ref().ok_or(missing("account"))?;
    let mut body = json!({
        "version": 1,
        "type": "case",
        "case": facts.pseudonyms.of("case", facts.case.as_bytes()),
        "account": account.as_str(),
        "reason": facts.reason.name(),
        "reports": facts.reports.len(),
        "openings": facts.openings,
        "first_report_at": date_time(facts.first_report_at),
        "made_at": date_time(now),
    });
    if let Some(decision) = &facts.decision {
        put(
            &mut body,
            "decision",
            json!({
                "reason": decision.reason.name(),
                "measure": decision.measure.name(),
                "rule": decision.rule,
                "statement": decision.statement,
                "decided_at": date_time(decision.decided_at),
            }),
        );
    }
    Ok(body.to_string().into_bytes())
}

/// The value of `waxseal-signature`.
pub fn sign(key: &[u8; 32], export: &[u8; 16], at_secs: u64, body: &[u8]) -> String {
    let (at, export) = (at_secs.to_string(), hex(export));
    let mac = hash::mac(key, &[at.as_bytes(), b".", export.as_bytes(), b".", body]);
    format!("v1={}", hex(&mac))
}

/// Whether a request is genuine and recent, as a receiver checks it.
pub fn verify(
    key: &[u8; 32],
    export: &[u8; 16],
    at_secs: u64,
    body: &[u8],
    signature: &str,
    now_secs: u64,
) -> bool {
    // CHK-691: the time is near, and the MAC is over time, export and body.
    let digits = signature.strip_prefix("v1=").and_then(unhex);
    let (at, export) = (at_secs.to_string(), hex(export));
    let fields: [&[u8]; 5] = [at.as_bytes(), b".", export.as_bytes(), b".", body];
    digits.is_some_and(|mac| hash::verify_mac(key, &fields, &mac))
        && at_secs.abs_diff(now_secs) <= MAX_SKEW_SECS
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    super::coop::unhex(text)
}

#[cfg(test)]
mod tests;
