//! What [`Store::apply`](super::Store::apply) changes.

use super::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow, OutboxRow,
    PendingRow, PolicyRow, ReportRow, TileRow,
};

/// One change, or a condition for all changes of the same call.
///
/// Changes apply in their order, so a later one sees what an earlier one wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a change lives as long as one call"
)]
pub enum Change {
    /// Goes on only if this holds.
    Expect(Condition),
    /// Appends an entry. Its index must be the size of the log.
    Append(EntryRow),
    /// Stores a tile, and replaces the shorter one in its place.
    Tile(TileRow),
    /// Stores a checkpoint, and replaces the one of the same size. It must not be larger than the
    /// log.
    Checkpoint(CheckpointRow),
    /// Adds a row. There must be none with its key.
    Add(Row),
    /// Replaces a row by one with the same key. The stored row must be equal to `old`.
    Swap {
        /// The row as it was read.
        old: Row,
        /// The row as it shall be.
        new: Row,
    },
    /// Removes something. It must be there.
    Remove(Key),
}

impl Change {
    /// Adds a row.
    pub fn add(row: impl Into<Row>) -> Self {
        Self::Add(row.into())
    }

    /// Replaces the row `old`, as it was read, by `new`.
    pub fn swap<R: Into<Row>>(old: R, new: R) -> Self {
        Self::Swap {
            old: old.into(),
            new: new.into(),
        }
    }

    /// Goes on only if the row is still as it was read.
    pub fn unchanged(row: impl Into<Row>) -> Self {
        Self::Expect(Condition::Unchanged(row.into()))
    }
}

/// What must hold for a call's changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The log has this many entries.
    LogSize(u64),
    /// The row is stored exactly so.
    Unchanged(Row),
    /// The checkpoint of this size is stored exactly so, or there is none.
    Checkpoint {
        /// Size of the checkpoint.
        size: u64,
        /// The checkpoint as it was read.
        row: Option<CheckpointRow>,
    },
    /// This account has no case that is open or waiting.
    NoUndecidedCase(String),
}

/// What can be removed. All else stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The pending leaf with this hash.
    Pending([u8; 32]),
    /// The content of the report with this identifier.
    Content([u8; 16]),
    /// Salt and detail of the entry with this index. The entry stays.
    Detail(u64),
    /// What the export with this identifier sends.
    Outbox([u8; 16]),
    /// The small value with this name.
    Meta(String),
}

macro_rules! rows {
    ($($(#[$doc:meta])* $variant:ident($row:ident),)+) => {
        /// A row of any table but those of the log.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Row { $($(#[$doc])* $variant($row),)+ }

        $(impl From<$row> for Row {
            fn from(row: $row) -> Self {
                Self::$variant(row)
            }
        })+

        /// Runs the same code for the row inside a [`Row`], of any table.
        macro_rules! with_row {
            ($any:expr, $name:ident => $run:expr) => {
                match $any { $(crate::store::Row::$variant($name) => $run,)+ }
            };
        }

        /// Runs the same code for two rows of one table, or `$else` if they are of two.
        macro_rules! with_rows {
            ($any:expr, $name:ident, $other:ident => $run:expr, $else:expr) => {
                match $any {
                    $((crate::store::Row::$variant($name), crate::store::Row::$variant($other)) => {
                        $run
                    })+
                    _ => $else,
                }
            };
        }
        pub(super) use {with_row, with_rows};
    };
}

rows! {
    /// A leaf that waits for the daily batch.
    Pending(PendingRow),
    /// A report.
    Report(ReportRow),
    /// The content of a report.
    Content(ContentRow),
    /// A case.
    Case(CaseRow),
    /// A grant.
    Grant(GrantRow),
    /// An opening.
    Opening(OpeningRow),
    /// A decision.
    Decision(DecisionRow),
    /// A notice.
    Notice(NoticeRow),
    /// An appeal.
    Appeal(AppealRow),
    /// A legal request.
    Legal(LegalRow),
    /// A hold.
    Hold(HoldRow),
    /// A version of the policy.
    Policy(PolicyRow),
    /// An epoch of a key.
    KeyEpoch(KeyEpochRow),
    /// An export.
    Export(ExportRow),
    /// What an export sends.
    Outbox(OutboxRow),
    /// A file that an officer fetched.
    Fetch(FetchRow),
    /// What a target said later.
    Callback(CallbackRow),
    /// A small value.
    Meta(MetaRow),
}
