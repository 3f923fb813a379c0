//! The rows of a store: plain values with public fields.
//!
//! Times are milliseconds since the Unix epoch, days are days since then. Identifiers, digests and
//! keys are plain bytes; the modules that write them give them their types. In SQL each row is a
//! row of one table, and each field is a column with the same name.

mod content;
mod exports;
mod log;
mod openings;
mod outcomes;
mod register;

pub use self::content::{CaseRow, CaseStatus, ContentRow, ReportRow};
pub use self::exports::{CallbackRow, ExportRow, ExportState, FetchRow, OutboxRow};
pub(super) use self::log::header;
pub use self::log::{CheckpointRow, EntryRow, PendingRow, TileRow};
pub use self::openings::{GrantRow, GrantState, OpeningRow};
pub use self::outcomes::{AppealRow, DecisionRow, NoticeRow};
pub use self::register::{HoldRow, KeyEpochRow, LegalRow, MetaRow, PolicyRow};
