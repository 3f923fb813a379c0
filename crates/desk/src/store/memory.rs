//! A store in memory.

mod lists;
mod table;

use self::table::Table;
use super::bounds;
use super::change::{Change, Condition, Key, Row, with_row, with_rows};
use super::error::{Conflict, StoreError};
use super::queue::{Order, Query};
use super::rows::{
    AppealRow, CallbackRow, CaseRow, CaseStatus, CheckpointRow, ContentRow, DecisionRow, EntryRow,
    ExportRow, FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow,
    OutboxRow, PendingRow, PolicyRow, ReportRow, TileRow,
};
use super::stored::Stored;

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $key:ty => $value:ty,)+) => {
        /// A store in memory, for tests and experiments. Nothing survives the process.
        #[derive(Default)]
        pub struct MemoryStore {
            $($(#[$doc])* $table: Table<$key, $value>,)+
        }

        impl MemoryStore {
            fn keep(&mut self) {
                $(self.$table.keep();)+
            }

            fn undo(&mut self) {
                $(self.$table.undo();)+
            }
        }
    };
}

type Id = [u8; 16];
type Hash = [u8; 32];

tables! {
    entries: u64 => EntryRow,
    tiles: (u8, u64) => TileRow,
    checkpoints: u64 => CheckpointRow,
    pending: Hash => PendingRow,
    reports: Id => ReportRow,
    contents: Id => ContentRow,
    cases: Id => CaseRow,
    grants: Id => GrantRow,
    openings: (Hash, u16) => OpeningRow,
    decisions: Hash => DecisionRow,
    notices: (Hash, u8, Id) => NoticeRow,
    appeals: Hash => AppealRow,
    legal_requests: Id => LegalRow,
    holds: Id => HoldRow,
    policies: u32 => PolicyRow,
    key_epochs: (u8, u64) => KeyEpochRow,
    exports: Id => ExportRow,
    outbox: Id => OutboxRow,
    fetches: (Hash, u16, Hash) => FetchRow,
    callbacks: Hash => CallbackRow,
    meta: String => MetaRow,

    /// Number and index of each entry.
    entry_numbers: (Id, u64) => (),
    report_digests: Hash => Id,
    report_numbers: Id => Id,
    /// Time and identifier of each report.
    report_times: (u64, Id) => (),
    /// Case, time and identifier of each report in a case.
    case_reports: (Id, u64, Id) => (),
    case_numbers: Id => Id,
    /// Account, time of the first report, and identifier of each case.
    case_accounts: (String, u64, Id) => (),
    /// Status, order, rank, time of the first report, and identifier of each case, in each order.
    queue: (CaseStatus, Order, u32, u64, Id) => Facets,
    grant_digests: Hash => Id,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn apply_all(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        bounds::check(changes)?;
        let applied = changes.iter().try_for_each(|change| self.apply_one(change));
        match applied {
            Ok(()) => self.keep(),
            Err(_) => self.undo(),
        }
        Ok(applied?)
    }

    fn apply_one(&mut self, change: &Change) -> Result<(), Conflict> {
        match change {
            Change::Expect(condition) => self.expect(condition),
            Change::Append(entry) => self.append(entry),
            Change::Tile(tile) => {
                self.tiles.put(tile.key(), tile.clone());
                Ok(())
            }
            Change::Checkpoint(checkpoint) => self.put_checkpoint(checkpoint),
            Change::Add(row) => with_row!(row, row => self.add(row)),
            Change::Swap { old, new } => self.swap(old, new),
            Change::Remove(key) => self.remove(key),
        }
    }

    fn expect(&self, condition: &Condition) -> Result<(), Conflict> {
        match condition {
            Condition::LogSize(size) => self.expect_size(*size),
            Condition::Unchanged(row) => with_row!(row, row => self.expect_row(row)),
            Condition::Checkpoint { size, row } if self.checkpoints.get(size) == row.as_ref() => {
                Ok(())
            }
            Condition::Checkpoint { .. } => Err(Conflict::Changed {
                table: CheckpointRow::TABLE,
            }),
            Condition::NoUndecidedCase(account) => match self.find_undecided(account) {
                Some(_) => Err(Conflict::UndecidedCase),
                None => Ok(()),
            },
        }
    }

    fn size(&self) -> u64 {
        let last = self.entries.range(..).next_back();
        last.map_or(0, |(index, _)| index.saturating_add(1))
    }

    fn expect_size(&self, expected: u64) -> Result<(), Conflict> {
        let found = self.size();
        if found == expected {
            Ok(())
        } else {
            Err(Conflict::LogSize { expected, found })
        }
    }

    fn expect_row<R: InMemory>(&self, row: &R) -> Result<(), Conflict> {
        match R::table(self).get(&row.key()) {
            Some(stored) if stored == row => Ok(()),
            _ => Err(Conflict::Changed { table: R::TABLE }),
        }
    }

    fn append(&mut self, entry: &EntryRow) -> Result<(), Conflict> {
        self.expect_size(entry.log_index)?;
        self.entry_numbers.put((entry.number, entry.log_index), ());
        self.entries.put(entry.log_index, entry.clone());
        Ok(())
    }

    fn put_checkpoint(&mut self, checkpoint: &CheckpointRow) -> Result<(), Conflict> {
        let found = self.size();
        if checkpoint.size > found {
            return Err(Conflict::LogSize {
                expected: checkpoint.size,
                found,
            });
        }
        self.checkpoints.put(checkpoint.size, checkpoint.clone());
        Ok(())
    }

    fn add<R: InMemory>(&mut self, row: &R) -> Result<(), Conflict> {
        if R::table(self).get(&row.key()).is_some() {
            return Err(Conflict::Exists { table: R::TABLE });
        }
        row.link(self)?;
        R::table_mut(self).put(row.key(), row.clone());
        Ok(())
    }

    fn swap(&mut self, old: &Row, new: &Row) -> Result<(), Conflict> {
        with_rows!((old, new), old, new => {
            self.expect_row(old)?;
            old.unlink(self);
            new.link(self)?;
            self.put_row(new);
            Ok(())
        }, Ok(())) // `bounds` refused rows of two tables
    }

    fn put_row<R: InMemory>(&mut self, row: &R) {
        R::table_mut(self).put(row.key(), row.clone());
    }

    fn remove(&mut self, key: &Key) -> Result<(), Conflict> {
        let (was_there, table) = match key {
            Key::Pending(leaf_hash) => (self.pending.remove(leaf_hash), PendingRow::TABLE),
            Key::Content(id) => (self.contents.remove(id), ContentRow::TABLE),
            Key::Outbox(id) => (self.outbox.remove(id), OutboxRow::TABLE),
            Key::Meta(name) => (self.meta.remove(name), MetaRow::TABLE),
            Key::Detail(index) => (self.remove_detail(*index), EntryRow::TABLE),
        };
        if was_there {
            Ok(())
        } else {
            Err(Conflict::Missing { table })
        }
    }

    fn remove_detail(&mut self, index: u64) -> bool {
        let entry = self
            .entries
            .get(&index)
            .filter(|entry| entry.detail.is_some());
        let Some(entry) = entry else { return false };
        let (salt, detail) = (None, None);
        let entry = entry.clone();
        self.entries.put(
            index,
            EntryRow {
                salt,
                detail,
                ..entry
            },
        );
        true
    }
}

/// What a queue filters by, so that it skips cases without reading them.
#[derive(Clone, Copy, Debug)]
struct Facets {
    reason: u8,
    officer: Option<Hash>,
    assigned_until_ms: Option<u64>,
}

impl Facets {
    fn of(case: &CaseRow) -> Self {
        Self {
            reason: case.reason,
            officer: case.officer,
            assigned_until_ms: case.assigned_until_ms,
        }
    }

    fn fit(&self, query: &Query) -> bool {
        let (officer, until) = (self.officer, self.assigned_until_ms);
        let assigned = query.assigned;
        query.reason.is_none_or(|reason| reason == self.reason)
            && assigned.is_none_or(|wanted| wanted.fits(officer, until, query.now_ms))
    }
}

/// A row with a table in memory, and perhaps indexes.
trait InMemory: Stored {
    fn table(store: &MemoryStore) -> &Table<Self::Key, Self>;
    fn table_mut(store: &mut MemoryStore) -> &mut Table<Self::Key, Self>;

    /// Enters the row into the indexes of its table.
    fn link(&self, _store: &mut MemoryStore) -> Result<(), Conflict> {
        Ok(())
    }

    /// Takes the row out of the indexes of its table.
    fn unlink(&self, _store: &mut MemoryStore) {}
}

macro_rules! in_memory {
    ($row:ident, $table:ident $(, $link:item $unlink:item)?) => {
        impl InMemory for $row {
            fn table(store: &MemoryStore) -> &Table<Self::Key, Self> {
                &store.$table
            }
            fn table_mut(store: &mut MemoryStore) -> &mut Table<Self::Key, Self> {
                &mut store.$table
            }
            $($link $unlink)?
        }
    };
}

in_memory!(PendingRow, pending);
in_memory!(ContentRow, contents);
in_memory!(OpeningRow, openings);
in_memory!(DecisionRow, decisions);
in_memory!(NoticeRow, notices);
in_memory!(AppealRow, appeals);
in_memory!(LegalRow, legal_requests);
in_memory!(HoldRow, holds);
in_memory!(PolicyRow, policies);
in_memory!(KeyEpochRow, key_epochs);
in_memory!(ExportRow, exports);
in_memory!(OutboxRow, outbox);
in_memory!(FetchRow, fetches);
in_memory!(CallbackRow, callbacks);
in_memory!(MetaRow, meta);

in_memory! {
    ReportRow, reports,
    fn link(&self, store: &mut MemoryStore) -> Result<(), Conflict> {
        link_unique::<_, Self>(&mut store.report_digests, self.digest, self.id)?;
        link_unique::<_, Self>(&mut store.report_numbers, self.number, self.id)?;
        store.report_times.put((self.received_at_ms, self.id), ());
        if let Some(case_id) = self.case_id {
            let place = (case_id, self.received_at_ms, self.id);
            store.case_reports.put(place, ());
        }
        Ok(())
    }
    fn unlink(&self, store: &mut MemoryStore) {
        store.report_digests.remove(&self.digest);
        store.report_numbers.remove(&self.number);
        store.report_times.remove(&(self.received_at_ms, self.id));
        if let Some(case_id) = self.case_id {
            let place = (case_id, self.received_at_ms, self.id);
            store.case_reports.remove(&place);
        }
    }
}

in_memory! {
    CaseRow, cases,
    fn link(&self, store: &mut MemoryStore) -> Result<(), Conflict> {
        link_unique::<_, Self>(&mut store.case_numbers, self.number, self.id)?;
        for order in Order::ALL {
            store.queue.put(self.place(order), Facets::of(self));
        }
        if let Some(account) = self.account.clone() {
            let place = (account, self.first_report_at_ms, self.id);
            store.case_accounts.put(place, ());
        }
        Ok(())
    }
    fn unlink(&self, store: &mut MemoryStore) {
        store.case_numbers.remove(&self.number);
        for order in Order::ALL {
            store.queue.remove(&self.place(order));
        }
        if let Some(account) = self.account.clone() {
            let place = (account, self.first_report_at_ms, self.id);
            store.case_accounts.remove(&place);
        }
    }
}

in_memory! {
    GrantRow, grants,
    fn link(&self, store: &mut MemoryStore) -> Result<(), Conflict> {
        link_unique::<_, Self>(&mut store.grant_digests, self.digest, self.id)
    }
    fn unlink(&self, store: &mut MemoryStore) {
        store.grant_digests.remove(&self.digest);
    }
}

impl CaseRow {
    /// Its place in a queue.
    fn place(&self, order: Order) -> (CaseStatus, Order, u32, u64, Id) {
        let rank = order.rank(self);
        (self.status, order, rank, self.first_report_at_ms, self.id)
    }
}

fn link_unique<K: Clone + Ord, R: Stored>(
    index: &mut Table<K, Id>,
    key: K,
    id: Id,
) -> Result<(), Conflict> {
    if index.get(&key).is_some() {
        return Err(Conflict::Exists { table: R::TABLE });
    }
    index.put(key, id);
    Ok(())
}
