//! What all stores need to know of a row: its table and its key.

use super::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow, OutboxRow,
    PendingRow, PolicyRow, ReportRow, TileRow,
};

/// A row that has a key in a table.
pub(super) trait Stored: Clone + PartialEq {
    /// What tells it from the other rows of its table.
    type Key: Clone + Ord;
    /// Name of the table.
    const TABLE: &'static str;
    /// The key of this row.
    fn key(&self) -> Self::Key;
}

macro_rules! stored {
    ($($row:ident in $table:literal by $key:ty: |$this:ident| $value:expr;)+) => {
        $(impl Stored for $row {
            type Key = $key;
            const TABLE: &'static str = $table;
            fn key(&self) -> $key {
                let $this = self;
                $value
            }
        })+
    };
}

stored! {
    EntryRow in "entries" by u64: |row| row.log_index;
    TileRow in "tiles" by (u8, u64): |row| (row.level, row.tile_index);
    CheckpointRow in "checkpoints" by u64: |row| row.size;
    PendingRow in "pending" by [u8; 32]: |row| row.leaf_hash;
    ReportRow in "reports" by [u8; 16]: |row| row.id;
    ContentRow in "contents" by [u8; 16]: |row| row.report_id;
    CaseRow in "cases" by [u8; 16]: |row| row.id;
    GrantRow in "grants" by [u8; 16]: |row| row.id;
    OpeningRow in "openings" by ([u8; 32], u16): |row| (row.grant_digest, row.ordinal);
    DecisionRow in "decisions" by [u8; 32]: |row| row.leaf_hash;
    NoticeRow in "notices" by ([u8; 32], u8, [u8; 16]):
        |row| (row.decision, row.side, row.recipient);
    AppealRow in "appeals" by [u8; 32]: |row| row.leaf_hash;
    LegalRow in "legal_requests" by [u8; 16]: |row| row.id;
    HoldRow in "holds" by [u8; 16]: |row| row.id;
    PolicyRow in "policies" by u32: |row| row.version;
    KeyEpochRow in "key_epochs" by (u8, u64): |row| (row.key_kind, row.epoch);
    ExportRow in "exports" by [u8; 16]: |row| row.id;
    OutboxRow in "outbox" by [u8; 16]: |row| row.export_id;
    FetchRow in "fetches" by ([u8; 32], u16, [u8; 32]):
        |row| (row.grant_digest, row.ordinal, row.blob);
    CallbackRow in "callbacks" by [u8; 32]: |row| row.digest;
    MetaRow in "meta" by String: |row| row.name.clone();
}
