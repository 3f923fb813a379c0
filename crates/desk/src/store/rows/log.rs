//! Rows of the log: entries with their private details, tiles, checkpoints, and the leaves that
//! wait for the daily batch.

/// An entry of the log, with the private detail that its digest commits to.
///
/// Entries are only appended. Of an existing entry, only salt and detail can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Position in the log, starting at 0.
    pub log_index: u64,
    /// Kind of the event, as in the entry.
    pub kind: u8,
    /// Day of the event, as in the entry.
    pub day: u32,
    /// Number of the report, case or grant, as in the entry.
    pub number: [u8; 16],
    /// The public bytes, 54 to 256 of them.
    pub entry: Vec<u8>,
    /// Salt of the entry's digest. `None` once erased.
    pub salt: Option<[u8; 32]>,
    /// What the digest commits to. `None` once erased, together with the salt.
    pub detail: Option<Vec<u8>>,
}

impl EntryRow {
    /// Makes the row of an entry. `None` if the bytes cannot be an entry.
    pub fn new(log_index: u64, entry: Vec<u8>, salt: [u8; 32], detail: Vec<u8>) -> Option<Self> {
        let (kind, day, number) = header(&entry)?;
        Some(Self {
            log_index,
            kind,
            day,
            number,
            entry,
            salt: Some(salt),
            detail: Some(detail),
        })
    }
}

/// A leaf that was promised and waits for the batch of its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRow {
    /// Hash of the leaf. Leaves of one day are listed by it, so not in the order of arrival.
    pub leaf_hash: [u8; 32],
    /// Day of the event, as in the entry.
    pub day: u32,
    /// The public bytes, 54 to 256 of them.
    pub entry: Vec<u8>,
    /// Salt of the entry's digest.
    pub salt: [u8; 32],
    /// What the digest commits to.
    pub detail: Vec<u8>,
}

impl PendingRow {
    /// Makes the row of a leaf. `None` if the bytes cannot be an entry.
    pub fn new(
        leaf_hash: [u8; 32],
        entry: Vec<u8>,
        salt: [u8; 32],
        detail: Vec<u8>,
    ) -> Option<Self> {
        let (_, day, _) = header(&entry)?;
        Some(Self {
            leaf_hash,
            day,
            entry,
            salt,
            detail,
        })
    }
}

/// Kind, day and number of an entry: `01 || kind u8 || day be32 || number 16 || ..`.
pub(in crate::store) fn header(entry: &[u8]) -> Option<(u8, u32, [u8; 16])> {
    let (&[1, kind], rest) = entry.split_first_chunk()? else {
        return None;
    };
    let (day, rest) = rest.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    Some((kind, u32::from_be_bytes(*day), *number))
}

/// A tile of the tree. It replaces the shorter one that was stored for the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileRow {
    /// Level of the tile, 0 for leaf hashes.
    pub level: u8,
    /// Position of the tile in its level.
    pub tile_index: u64,
    /// Up to 256 hashes of 32 bytes.
    pub bytes: Vec<u8>,
}

/// A signed checkpoint. A note with further cosignatures replaces the one of the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Number of entries that it covers.
    pub size: u64,
    /// The signed note.
    pub note: Vec<u8>,
    /// When the log signed it.
    pub made_at_ms: u64,
    /// Whether it carries the vault's cosignature and those of enough witnesses.
    pub is_complete: bool,
}
