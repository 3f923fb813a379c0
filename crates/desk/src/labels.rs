//! Lists every label of this crate. Each input of a hash, MAC or signature starts with one.
//!
//! No label is a prefix of another, so it is always clear where a label ends.

/// Digest of a policy document.
pub(crate) const POLICY: &[u8] = b"waxseal/desk/1/policy";
/// What an officer signs.
pub(crate) const ACT: &[u8] = b"waxseal/desk/1/act";
/// Digest of an encoded accepted report, by which a grant names it.
pub(crate) const ACCEPTED: &[u8] = b"waxseal/desk/1/accepted";
/// Digest of a grant.
pub(crate) const GRANT: &[u8] = b"waxseal/desk/1/grant-digest";
/// What requester and approver of a grant sign.
pub(crate) const GRANT_SIGNATURE: &[u8] = b"waxseal/desk/1/grant-signature";
/// Digest of a challenge, which the entry of an opening holds.
pub(crate) const CHALLENGE: &[u8] = b"waxseal/desk/1/challenge";
/// From the vault's secret to the key of the marks.
pub(crate) const MARK_KEY: &[u8] = b"waxseal/desk/1/mark-key";
/// From the vault's secret to the key of the stored state.
pub(crate) const STATE_KEY: &[u8] = b"waxseal/desk/1/state-key";
/// From the vault's secret to the key of the participants' numbers.
pub(crate) const PARTICIPANT_KEY: &[u8] = b"waxseal/desk/1/participant-key";
/// Digest of the keys that are pinned in a vault, which its state names.
pub(crate) const SETUP: &[u8] = b"waxseal/desk/1/setup";
/// Keyed hash of a reporter's account, to count the distinct reporters of a case.
pub(crate) const REPORTER: &[u8] = b"waxseal/desk/1/reporter";
/// From the desk's secret to the salt of a commitment in a decision.
pub(crate) const SALT: &[u8] = b"waxseal/desk/1/salt";
/// Digest of a signed act.
pub(crate) const SIGNED_ACT: &[u8] = b"waxseal/desk/1/signed-act";
/// Digest of a legal request.
pub(crate) const LEGAL_REQUEST: &[u8] = b"waxseal/desk/1/legal-request";
/// Digest of what was exported.
pub(crate) const EXPORT: &[u8] = b"waxseal/desk/1/export";
/// From the desk's secret to the pseudonyms in exports.
pub(crate) const PSEUDONYM: &[u8] = b"waxseal/desk/1/pseudonym";
/// Digest of what was shown of a report.
pub(crate) const VIEW: &[u8] = b"waxseal/desk/1/view";
/// Digest of a key's epoch.
pub(crate) const KEY_EPOCH: &[u8] = b"waxseal/desk/1/key-epoch";
/// Digest of the digests of the reports that were erased.
pub(crate) const ERASED: &[u8] = b"waxseal/desk/1/erased";

/// What an officer or the relay signs to ask the desk's server.
pub(crate) const REQUEST: &[u8] = b"waxseal/desk/1/request";

#[cfg(test)]
mod tests;
