//! The limits of the crate. Each says its unit and its reason.

/// Longest encoded [`Entry`](crate::entry::Entry) in bytes. The longest kind, `policy_published`,
/// needs 154.
pub const MAX_ENTRY_LEN: usize = 256;
/// Longest [`Detail`](crate::entry::Detail) in bytes, without its salt. Holds a statement of
/// reasons.
pub const MAX_DETAIL_LEN: usize = 4_096;
/// Most hashes in one tile. C2SP tlog-tiles, “Merkle Tree”.
pub const TILE_WIDTH: u16 = 256;
/// Longest hash tile in bytes: [`TILE_WIDTH`] hashes of 32 bytes.
pub const MAX_TILE_LEN: usize = 8_192;
/// Longest entry bundle in bytes: [`TILE_WIDTH`] entries, each with its length in two bytes.
pub const MAX_BUNDLE_LEN: usize = 66_048;
/// Largest size of a tree, in entries. Verifiers written in Go count in signed 64-bit integers.
pub const MAX_TREE_SIZE: u64 = 0x7fff_ffff_ffff_ffff;
/// Most hashes in an inclusion or consistency proof. A tree of [`MAX_TREE_SIZE`] entries needs 64
/// at most.
pub const MAX_PROOF_HASHES: usize = 64;
/// Longest signed note in bytes.
pub const MAX_NOTE_LEN: usize = 65_536;
/// Most signatures of a note. C2SP signed-note demands at least 16.
pub const MAX_NOTE_SIGNATURES: usize = 32;
/// Longest name of a key, and longest origin of a log, in bytes.
pub const MAX_NAME_LEN: usize = 255;
/// Most witnesses in [`LogKeys`](crate::keys::LogKeys). With the log and the vault, they fit into
/// [`MAX_NOTE_SIGNATURES`] twice, so that keys can be replaced.
pub const MAX_WITNESSES: usize = 14;
/// Longest text file of [`LogKeys`](crate::keys::LogKeys) in bytes.
pub const MAX_KEYS_LEN: usize = 16_384;
/// Longest body of an `add-checkpoint` request in bytes: a note and its proof.
pub const MAX_ADD_CHECKPOINT_LEN: usize = 69_632;
/// Most hashes in the proof of an `add-checkpoint` request. C2SP tlog-witness.
pub const MAX_WITNESS_PROOF_HASHES: usize = 63;
/// Most logs that one [`Witness`](crate::witness::Witness) follows.
pub const MAX_WITNESSED_LOGS: usize = 1_024;
/// Longest rule that a decision names, in bytes: its length has one byte.
pub const MAX_RULE_LEN: usize = 255;
/// Longest statement of reasons in bytes: a page of text, which fits a detail with all else.
pub const MAX_STATEMENT_LEN: usize = 3_600;
/// Days after the end of a promise's day by which its entry is in the log. A daily batch that
/// fails can be repeated the next day.
pub const PROMISE_DAYS: u32 = 2;
/// Longest encoded [`Promise`](crate::promise::Promise) in bytes. One with the longest origin, and
/// as many signatures as a note may have, fits.
pub const MAX_PROMISE_LEN: usize = 65_536;
/// Most entries in one [`Receipt`](crate::receipt::Receipt). A grant allows 100 openings of a
/// report.
pub const MAX_RECEIPT_ITEMS: usize = 1_024;
/// Longest encoded [`Receipt`](crate::receipt::Receipt) in bytes. Bounds what a reader holds.
pub const MAX_RECEIPT_LEN: usize = 1_048_576;
/// Most findings of one kind that an [`Audit`](crate::audit::Audit) keeps. A hostile log could have
/// one in each entry, to hide those of another kind.
pub const MAX_FINDINGS_OF_KIND: usize = 64;
/// Longest time between two checkpoints that the vault cosigned, in milliseconds: a day and a half,
/// so that one missed day shows.
pub const MAX_VAULT_SILENCE_MS: u64 = 129_600_000;
/// How far the clock of the vault may be behind that of the log, in milliseconds.
pub const VAULT_CLOCK_SKEW_MS: u64 = 300_000;
