//! The limits of the crate. Each says its unit and its reason.

/// Longest name of an account, in bytes. The limit of account ids in `waxseal-reporting`.
pub const MAX_ACCOUNT_LEN: usize = 128;
/// Most devices of an account. Each message is sealed once for each device. Signal allows 6.
pub const MAX_DEVICES: usize = 8;
/// Most managers that a delegation names. Any of them can change the roster.
pub const MAX_MANAGERS: usize = 4;
/// Longest signed delegation in bytes: the longest name and [`MAX_MANAGERS`] managers.
pub const MAX_DELEGATION_LEN: usize = 487;
/// Longest signed roster in bytes: the longest name, [`MAX_DEVICES`] devices and [`MAX_MANAGERS`]
/// managers. Bounds what a peer can make anyone keep.
pub const MAX_SIGNED_ROSTER_LEN: usize = 1_867;
/// Longest encoded [`Pinned`](crate::Pinned) in bytes: a signed roster and 7 bytes.
pub const MAX_PINNED_LEN: usize = 1_874;
/// How far the version of a roster may be above the one known of the same epoch. A thief of a
/// manager's key can otherwise use up all versions of the epoch with one roster.
pub const MAX_VERSION_STEP: u32 = 1_000;
/// How far the largest device id of a roster may be above the largest seen in the same epoch.
pub const MAX_ID_STEP: u32 = 100;
/// Age in milliseconds up to which a roster counts for all its devices: 60 days. Bounds how long a
/// relay can hide that a device was removed.
pub const MAX_ROSTER_AGE_MS: u64 = 5_184_000_000;
/// How far in milliseconds a roster may be dated ahead and still count for all its devices: one
/// week. A relay that makes a manager date a roster far ahead could otherwise hide for as long that
/// a device was removed.
pub const MAX_ROSTER_AHEAD_MS: u64 = 604_800_000;
/// Age in milliseconds from which on a manager signs a roster again: 30 days. The other 30 days are
/// time for a manager that is offline.
pub const RENEW_AFTER_MS: u64 = 2_592_000_000;
/// Longest part of a link bundle in bytes: of its prekeys, and of its one-time prekey. The limit of
/// bundles in `waxseal-core`.
pub const MAX_BUNDLE_PART_LEN: usize = 2_048;
/// Longest link bundle in bytes: both parts and 37 bytes.
pub const MAX_LINK_BUNDLE_LEN: usize = 4_133;
/// Longest text in bytes that is read as a link code or as words, before anything is decoded.
pub const MAX_TEXT_LEN: usize = 1_024;
/// Most members of a group. A message to all of their devices fits into one request. WhatsApp
/// allows 1,024, Signal 1,000.
pub const MAX_MEMBERS: usize = 1_024;
/// Most operations of an entry. Bounds how long an entry is.
pub const MAX_OPS: usize = 64;
/// Longest encoded [`GroupState`](crate::group::GroupState) in bytes: [`MAX_MEMBERS`] members with
/// the longest names.
pub const MAX_GROUP_STATE_LEN: usize = 174_156;
/// Longest signed entry in bytes: [`MAX_OPS`] additions, with the longest names.
pub const MAX_ENTRY_LEN: usize = 10_771;
/// Most changes of a group's authority key. Bounds the signatures that a newcomer verifies: 1,024
/// take about 40 ms. One change a week lasts for 19 years.
pub const MAX_AUTHORITY_CHANGES: usize = 1_024;
/// Longest encoded [`AuthorityChain`](crate::group::AuthorityChain) in bytes. That is 97 entries of
/// the greatest length, and all [`MAX_AUTHORITY_CHANGES`] at up to 1,021 bytes each.
pub const MAX_AUTHORITY_CHAIN_LEN: usize = 1_048_576;
/// How many hashes of earlier states a [`GroupLog`](crate::group::GroupLog) keeps. Messages of late
/// name earlier states.
pub const MAX_RECENT_STATES: usize = 64;
/// Longest encoded [`GroupLog`](crate::group::GroupLog) in bytes: state, entry, chain, hashes, and
/// 12 bytes.
pub const MAX_GROUP_LOG_LEN: usize = 1_235_563;
/// Most devices to which a message to a group goes. The limit of sender chains in `waxseal-core`.
pub const MAX_GROUP_TARGETS: usize = 4_096;
