//! Limits of what a store takes. A change past a limit is refused before anything is written.

use waxseal_reporting::limits::MAX_ACCEPTED_LEN;

/// Maximum number of changes in one [`apply`](super::Store::apply). Bounds the memory of a
/// transaction.
pub const MAX_CHANGES: usize = 65_536;
/// Maximum number of rows that a call lists. A larger limit is taken as this one.
pub const MAX_LISTED: usize = 1_000;
/// Maximum number of cases on a page of a queue. A larger limit is taken as this one.
pub const MAX_PAGE: usize = 200;

/// Minimum length of an entry: its kind, day, number and digest.
pub const MIN_ENTRY_LEN: usize = 1 + 1 + 4 + 16 + 32;
/// Maximum length of an entry. The log's format.
pub const MAX_ENTRY_LEN: usize = 256;
/// Maximum length of the private detail of an entry. The log's format.
pub const MAX_DETAIL_LEN: usize = 4_096;
/// Maximum length of a tile: 256 hashes. C2SP tlog-tiles.
pub const MAX_TILE_LEN: usize = 8_192;
/// Maximum length of a signed note. The log's format.
pub const MAX_NOTE_LEN: usize = 65_536;

/// Maximum length of the content of a report.
pub const MAX_CONTENT_LEN: usize = MAX_ACCEPTED_LEN;
/// Maximum length of an account's name in bytes. The limit of reports.
pub const MAX_ACCOUNT_LEN: usize = 128;
/// Maximum length of what officers or the log signed: grants, decisions, promises.
pub const MAX_SIGNED_LEN: usize = 16_384;
/// Maximum length of a text in bytes: of an appeal, a notice or a field of the registers.
pub const MAX_TEXT_LEN: usize = 65_536;
/// Maximum length of what an export sends. Bounds what the outbox reads at once. A report with as
/// many messages as it may have fits.
pub const MAX_EXPORT_LEN: usize = 4 << 20;
/// Maximum length of what a target said about an export.
pub const MAX_ANSWER_LEN: usize = 1_024;
/// Maximum length of a policy document. The policy's format.
pub const MAX_POLICY_LEN: usize = 65_536;
/// Maximum length of the name of a small value in bytes.
pub const MAX_NAME_LEN: usize = 64;
/// Maximum length of a small value and of a public key.
pub const MAX_VALUE_LEN: usize = 65_536;
