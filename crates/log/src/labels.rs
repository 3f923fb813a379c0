//! Lists every label of this crate. Each input of a hash or signature starts with one, except the
//! tree's hashes, which RFC 6962 defines.
//!
//! No label is a prefix of another, so it is always clear where a label ends.

/// Digest of a detail and its salt.
pub(crate) const DETAIL: &[u8] = b"waxseal/log/1/detail";
/// The policy key's signature of a published policy.
pub(crate) const POLICY: &[u8] = b"waxseal/log/1/policy";
/// Digest of a sealed report.
pub(crate) const REPORT: &[u8] = b"waxseal/log/1/report";
/// Number of a report's entries, derived from its digest.
pub(crate) const NUMBER: &[u8] = b"waxseal/log/1/number";
/// Commitment to the account that a decision is about.
pub(crate) const ACCOUNT: &[u8] = b"waxseal/log/1/account";
/// Commitment to a report of the case that a decision is about.
pub(crate) const REPORT_LINK: &[u8] = b"waxseal/log/1/link-to-report";
/// Commitment to the officer who decided.
pub(crate) const OFFICER: &[u8] = b"waxseal/log/1/officer";
/// First line of what a cosigner signs. C2SP tlog-cosignature.
pub(crate) const COSIGNATURE: &[u8] = b"cosignature/v1\n";
/// First line of a promise, which the log key signs as it signs checkpoints. No log has it as its
/// origin.
pub(crate) const PROMISE: &[u8] = b"waxseal.promise/1\n";

#[cfg(test)]
mod tests;
