//! Limits of what accounts that the user has not accepted can make this device store.

/// Maximum number of messages of one request: more than anyone needs to say who they are, and few
/// enough to read before a decision.
pub const MAX_REQUEST_MESSAGES: u32 = 32;

/// Maximum length of one request in the store, in bytes: its messages, and the sessions with the
/// account's devices. Four of the longest messages fit, or 32 usual ones with eight devices.
pub const MAX_REQUEST_BYTES: u64 = 256 * 1_024;

/// Maximum number of requests. A user can look through this many. Those that nobody decides about
/// are dropped after [`REQUEST_DAYS`] and make room.
pub const MAX_REQUESTS: usize = 128;

/// Maximum length of all requests together, in bytes: on average 64 KiB each.
pub const MAX_ALL_REQUESTS_BYTES: u64 = 8 * 1_024 * 1_024;

/// Number of days after which a request is dropped, counted from its first message by the times of
/// deliveries. What a declined account sends is dropped for as many days. A message can be reported
/// for as long.
pub const REQUEST_DAYS: u64 = 30;

pub(in crate::client) const REQUEST_MS: u64 = REQUEST_DAYS * 24 * 3_600_000;

/// Maximum length of the sessions with the devices of an account that is not accepted, in bytes.
/// Eight fresh ones take less than half of it. Skipped keys count.
pub(super) const MAX_SESSIONS_LEN: u64 = 96 * 1_024;

/// Maximum number of rows that an account causes besides its messages before it is accepted:
/// sessions that it begins, and tags of messages that say nothing.
pub(super) const MAX_ROWS: u32 = 64;
