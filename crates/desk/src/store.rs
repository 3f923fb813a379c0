//! The [`Store`] trait, in which the desk keeps everything, and three stores: in memory, in SQLite,
//! and in PostgreSQL.
//!
//! An act of the desk reads what it needs, decides, and passes the store one list of changes with
//! all that it changes: the entry of the log and the row that belongs to it are written together or
//! not at all.
//!
//! ```
//! use waxseal_desk::store::{Change, Conflict, MemoryStore, MetaRow, Store};
//!
//! let mut store = MemoryStore::new();
//! let old = MetaRow { name: "batch".into(), value: vec![1] };
//! store.apply(&[Change::add(old.clone())])?;
//!
//! let new = MetaRow { value: vec![2], ..old.clone() };
//! store.apply(&[Change::swap(old.clone(), new.clone())])?;
//! let late = store.apply(&[Change::swap(old, new)]).unwrap_err();
//! assert!(matches!(late.conflict(), Some(Conflict::Changed { table: "meta" })));
//! # Ok::<(), waxseal_desk::store::StoreError>(())
//! ```

mod bounds;
mod boxed;
mod calls;
mod change;
mod error;
pub mod limits;
mod lists;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stored;
#[cfg(test)]
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

#[cfg(test)]
pub(crate) use self::calls::reads;
pub use self::change::{Change, Condition, Key, Row};
pub use self::error::{Conflict, StoreError};
pub use self::lists::{
    AppealList, CallbackList, ExportList, FetchList, GrantList, NoticeList, OpeningList, ReportList,
};
pub use self::memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use self::postgres::{OneServer, PostgresStore, Tls};
pub use self::queue::{Assigned, Cursor, Order, Page, Query};
pub use self::rows::*;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

/// Keeps the log and the rows of one desk.
///
/// # Contract
/// * [`apply`](Self::apply) applies all changes or none, and returns `Ok` only when they are
///   durable. One call costs one sync, however many acts it holds.
/// * Several threads or processes may use one store, each through its own connection. A call that
///   others have overtaken fails with a [`Conflict`].
/// * Reads see every applied change.
/// * A list holds at most `limit` rows, and never more than [`limits::MAX_LISTED`]. `after` is the
///   position of the last row of the page before: lists go on after it, whether or not the row is
///   still there.
///
/// [`conformance::check`](crate::conformance::check) tests a store.
pub trait Store {
    /// Applies all changes in their order, or none of them.
    ///
    /// # Errors
    /// [`StoreError`]. A [`Conflict`] or any other refusal changed nothing. After
    /// [`StoreError::Failed`] either all changes are stored or none is.
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// Number of entries in the log.
    fn log_size(&self) -> Result<u64, StoreError>;
    /// An entry of the log.
    fn entry(&self, log_index: u64) -> Result<Option<EntryRow>, StoreError>;
    /// Entries from this index on.
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<EntryRow>, StoreError>;
    /// Entries with this number, in the order of the log.
    fn entries_with(&self, number: &[u8; 16], limit: usize) -> Result<Vec<EntryRow>, StoreError>;
    /// A tile.
    fn tile(&self, level: u8, tile_index: u64) -> Result<Option<TileRow>, StoreError>;
    /// The checkpoint of this size.
    fn checkpoint(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError>;
    /// The largest checkpoint, or the largest complete one.
    fn newest_checkpoint(&self, complete: bool) -> Result<Option<CheckpointRow>, StoreError>;
    /// Checkpoints larger than `after`, by ascending size.
    fn checkpoints(&self, after: u64, limit: usize) -> Result<Vec<CheckpointRow>, StoreError>;
    /// The pending leaf with this hash.
    fn pending_leaf(&self, leaf_hash: &[u8; 32]) -> Result<Option<PendingRow>, StoreError>;
    /// Pending leaves of the days before this one, by day and hash.
    fn pending(&self, before_day: u32, limit: usize) -> Result<Vec<PendingRow>, StoreError>;

    /// A report.
    fn report(&self, id: &[u8; 16]) -> Result<Option<ReportRow>, StoreError>;
    /// The report whose sealed form has this digest.
    fn report_with_digest(&self, digest: &[u8; 32]) -> Result<Option<ReportRow>, StoreError>;
    /// The report with this number in the log.
    fn report_with_number(&self, number: &[u8; 16]) -> Result<Option<ReportRow>, StoreError>;
    /// Reports by the time when they were received. `after` is time and identifier of a report.
    fn reports(
        &self,
        list: &ReportList,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<ReportRow>, StoreError>;
    /// The encoded accepted report, unless it was erased.
    fn content(&self, report_id: &[u8; 16]) -> Result<Option<ContentRow>, StoreError>;
    /// Whether the case has a report by this reporter.
    fn has_reported(&self, case_id: &[u8; 16], reporter: &[u8; 32]) -> Result<bool, StoreError>;

    /// A case.
    fn case(&self, id: &[u8; 16]) -> Result<Option<CaseRow>, StoreError>;
    /// The case with this number in the log.
    fn case_with_number(&self, number: &[u8; 16]) -> Result<Option<CaseRow>, StoreError>;
    /// The newest case of an account that is open or waiting.
    fn undecided_case(&self, account: &str) -> Result<Option<CaseRow>, StoreError>;
    /// Cases of an account, the newest first.
    fn cases_of(&self, account: &str, limit: usize) -> Result<Vec<CaseRow>, StoreError>;
    /// One page of a queue.
    fn queue(&self, query: &Query) -> Result<Page, StoreError>;

    /// A grant.
    fn grant(&self, id: &[u8; 16]) -> Result<Option<GrantRow>, StoreError>;
    /// The grant with this digest.
    fn grant_with_digest(&self, digest: &[u8; 32]) -> Result<Option<GrantRow>, StoreError>;
    /// Grants, in the order that the list says.
    fn grants(&self, list: &GrantList, limit: usize) -> Result<Vec<GrantRow>, StoreError>;
    /// An opening.
    fn opening(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
    ) -> Result<Option<OpeningRow>, StoreError>;
    /// Openings in the order of the log. `after` is the log's index of an opening.
    fn openings(
        &self,
        list: &OpeningList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OpeningRow>, StoreError>;

    /// The decision with this leaf hash.
    fn decision(&self, leaf_hash: &[u8; 32]) -> Result<Option<DecisionRow>, StoreError>;
    /// Decisions of a case, in the order of the log.
    fn decisions(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<DecisionRow>, StoreError>;
    /// Notices, by the time when they were written.
    fn notices(&self, list: &NoticeList, limit: usize) -> Result<Vec<NoticeRow>, StoreError>;
    /// The appeal with this leaf hash.
    fn appeal(&self, leaf_hash: &[u8; 32]) -> Result<Option<AppealRow>, StoreError>;
    /// Appeals, in the order of the log.
    fn appeals(
        &self,
        list: &AppealList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AppealRow>, StoreError>;

    /// A legal request.
    fn legal_request(&self, id: &[u8; 16]) -> Result<Option<LegalRow>, StoreError>;
    /// Legal requests by the time when they were received. `after` is time and identifier of one.
    fn legal_requests(
        &self,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<LegalRow>, StoreError>;
    /// A hold.
    fn hold(&self, id: &[u8; 16]) -> Result<Option<HoldRow>, StoreError>;
    /// Holds of a case, lifted ones too, by the time when they were placed.
    fn holds(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<HoldRow>, StoreError>;
    /// A version of the policy.
    fn policy(&self, version: u32) -> Result<Option<PolicyRow>, StoreError>;
    /// The policy with the highest version.
    fn newest_policy(&self) -> Result<Option<PolicyRow>, StoreError>;
    /// Epochs of a kind of key, by ascending ordinal, after this one.
    fn key_epochs(
        &self,
        key_kind: u8,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeyEpochRow>, StoreError>;
    /// An export.
    fn export(&self, id: &[u8; 16]) -> Result<Option<ExportRow>, StoreError>;
    /// Exports, in the order that the list says.
    fn exports(&self, list: &ExportList, limit: usize) -> Result<Vec<ExportRow>, StoreError>;
    /// What an export sends, unless it was taken or given up.
    fn outbox(&self, export_id: &[u8; 16]) -> Result<Option<OutboxRow>, StoreError>;
    /// The fetch of a blob after an opening.
    fn fetch(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
        blob: &[u8; 32],
    ) -> Result<Option<FetchRow>, StoreError>;
    /// Fetches of files, in the order of the log.
    fn fetches(&self, list: &FetchList, limit: usize) -> Result<Vec<FetchRow>, StoreError>;
    /// The callback with this digest.
    fn callback(&self, digest: &[u8; 32]) -> Result<Option<CallbackRow>, StoreError>;
    /// Callbacks, in the order that the list says.
    fn callbacks(&self, list: &CallbackList, limit: usize) -> Result<Vec<CallbackRow>, StoreError>;
    /// A small value.
    fn meta(&self, name: &str) -> Result<Option<MetaRow>, StoreError>;

    /// The time in milliseconds by the clock of the database's server. `None` if the store has no
    /// clock of its own.
    fn clock(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    /// Erases from the disk what removed and replaced rows left behind, as far as the store can.
    ///
    /// # Errors
    /// [`StoreError`]. The rows are as they were.
    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
