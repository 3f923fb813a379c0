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
