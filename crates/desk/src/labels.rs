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

#[cfg(test)]
mod tests;
