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
