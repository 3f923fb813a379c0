//! Lists every label of this crate. Each input of a hash or signature starts with one.
//!
//! No label is a prefix of another, so it is always clear where a label ends. `waxseal-core` holds
//! the two labels of what a device's identity signs, too: neither crate depends on the other.

/// The account key's signature over a delegation.
pub(crate) const DELEGATION: &[u8] = b"waxseal/1/roster/delegation";
/// Hash of a roster, which the next roster names.
pub(crate) const ROSTER_HASH: &[u8] = b"waxseal/1/roster/roster-hash";
/// Digest of a link bundle, which the link code shows.
pub(crate) const LINK_BUNDLE: &[u8] = b"waxseal/1/roster/link-bundle";
/// Number of the mailbox in which two devices meet to link.
pub(crate) const LINK_MAILBOX: &[u8] = b"waxseal/1/roster/link-mailbox";
/// Commitment of the new device to the random bytes that it reveals later.
pub(crate) const LINK_COMMITMENT: &[u8] = b"waxseal/1/roster/link-commitment";
/// First half of the digits that the user types into the new device.
pub(crate) const LINK_DIGITS: &[u8] = b"waxseal/1/roster/link-digits";
/// Id of a group, as of any conversation of a group. `waxseal-reporting` holds it, too: neither
/// crate depends on the other.
pub(crate) const CONVERSATION_GROUP: &[u8] = b"waxseal/1/conversation-group";
/// Starts the name of a group in its id. The first authority's public key follows.
pub(crate) const GROUP_AUTHORITY: &[u8] = b"waxseal/1/roster/group-authority";
/// Hash of a group's state, which entries and messages name.
pub(crate) const GROUP_STATE: &[u8] = b"waxseal/1/roster/group-state";
/// The authority's signature over an entry.
pub(crate) const GROUP_ENTRY: &[u8] = b"waxseal/1/roster/group-entry";
/// Digest of the devices to which a message to a group goes.
pub(crate) const GROUP_TARGETS: &[u8] = b"waxseal/1/roster/group-targets";
/// A device's signature that it belongs to an account. Made by `waxseal-core`.
pub(crate) const DEVICE_PROOF: &[u8] = b"waxseal/2/core/device-proof";
/// A manager's signature over a roster. Made by `waxseal-core`.
pub(crate) const ROSTER: &[u8] = b"waxseal/2/core/roster";

#[cfg(test)]
mod tests;
