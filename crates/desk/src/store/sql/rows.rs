//! Rows of the store as rows of a table. Each field is the column with its name.

use super::columns::{Column, Kind, Value, int};
use super::{Columns, Database, Refused};
use crate::store::bounds::Bounded;
use crate::store::error::{Conflict, StoreError};
use crate::store::limits::{
    MAX_ACCOUNT_LEN, MAX_ANSWER_LEN, MAX_CONTENT_LEN, MAX_DETAIL_LEN, MAX_EXPORT_LEN, MAX_LISTED,
    MAX_NOTE_LEN, MAX_POLICY_LEN, MAX_SIGNED_LEN, MAX_TEXT_LEN, MAX_TILE_LEN, MAX_VALUE_LEN,
};
use crate::store::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow, OutboxRow,
    PendingRow, PolicyRow, ReportRow, TileRow,
};
use crate::store::stored::Stored;

/// A row that is a row of a table.
pub(crate) trait InTable: Stored + Bounded {
    /// Names of the columns, comma separated.
    const COLUMNS: &'static str;
    /// A question mark for each column, comma separated.
    const PLACES: &'static str;
    /// Names of the columns of the key, comma separated.
    const KEY: &'static str;
    /// Sets each column to its value in the new row. It follows `DO UPDATE SET`.
    const REPLACE: &'static str;
    /// A condition for the key.
    const IS_KEY: &'static str;

    fn values(&self) -> Vec<Value<'_>>;
    fn key_values(&self) -> Vec<Value<'_>>;
    /// Reads a row with all columns. It may still break the bounds.
    fn read(columns: &dyn Columns) -> Result<Self, StoreError>;
}

/// What a table of the store must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Name, kind, and whether it may hold nothing, of each column.
    pub(crate) columns: Vec<(&'static str, Kind, bool)>,
}

/// The column of a field.
fn column<R, T: Column>(name: &'static str, _: fn(&R) -> &T) -> (&'static str, Kind, bool) {
    (name, T::KIND, T::IS_OPTIONAL)
}

/// Reads the column at the next place.
fn field<T: Column>(
    columns: &dyn Columns,
    places: &mut impl Iterator<Item = usize>,
    longest: usize,
) -> Result<T, StoreError> {
    let place = places.next().ok_or(StoreError::Damaged)?;
    T::read(&columns.value(place)?, longest).ok_or(StoreError::Damaged)
}

macro_rules! place {
    ($column:ident) => {
        "?"
    };
}

macro_rules! in_tables {
    ($($row:ident, $longest:expr, $key:ident $(+ $keys:ident)*: $first:ident $(, $field:ident)*;)+) => {
        $(impl InTable for $row {
            const COLUMNS: &'static str = concat!(stringify!($first) $(, ", ", stringify!($field))*);
            const PLACES: &'static str = concat!(place!($first) $(, ", ", place!($field))*);
            const KEY: &'static str = concat!(stringify!($key) $(, ", ", stringify!($keys))*);
            const REPLACE: &'static str = concat!(
                stringify!($first), " = excluded.", stringify!($first)
                $(, ", ", stringify!($field), " = excluded.", stringify!($field))*
            );
            const IS_KEY: &'static str =
                concat!(stringify!($key), " = ?" $(, " AND ", stringify!($keys), " = ?")*);

            fn values(&self) -> Vec<Value<'_>> {
                vec![self.$first.write() $(, self.$field.write())*]
            }
            fn key_values(&self) -> Vec<Value<'_>> {
                vec![self.$key.write() $(, self.$keys.write())*]
            }
            fn read(columns: &dyn Columns) -> Result<Self, StoreError> {
                let (longest, mut places): (usize, _) = ($longest, 0..);
                Ok(Self {
                    $first: field(columns, &mut places, longest)?,
                    $($field: field(columns, &mut places, longest)?,)*
                })
            }
        })+

        #[cfg_attr(
            not(feature = "postgres"),
            expect(dead_code, reason = "SQLite compares the text of its tables")
        )]
        /// All tables.
        pub(crate) fn tables() -> Vec<Table> {
            vec![$(Table {
                name: $row::TABLE,
                columns: vec![
                    column(stringify!($first), |row: &$row| &row.$first)
                    $(, column(stringify!($field), |row: &$row| &row.$field))*
                ],
            },)+]
        }
    };
}

in_tables! {
    EntryRow, MAX_DETAIL_LEN, log_index: log_index, kind, day, number, entry, salt, detail;
    TileRow, MAX_TILE_LEN, level + tile_index: level, tile_index, bytes;
    CheckpointRow, MAX_NOTE_LEN, size: size, note, made_at_ms, is_complete;
    PendingRow, MAX_DETAIL_LEN, leaf_hash: leaf_hash, day, entry, salt, detail;
    ReportRow, MAX_SIGNED_LEN, id:
        id, digest, accepted_digest, number, promise, reason, rejected, received_day,
        received_at_ms, case_id, reporter, is_erased, reporter_account;
    ContentRow, MAX_CONTENT_LEN, report_id: report_id, accepted;
    CaseRow, MAX_ACCOUNT_LEN, id:
        id, number, account, reason, severity, first_report_at_ms, last_report_at_ms, reports,
        reporters, status, officer, assigned_until_ms, is_held;
    GrantRow, MAX_SIGNED_LEN, id:
        id, digest, number, case_id, purpose, signed, state, requester, approver, requested_at_ms,
        expires_at_ms, max_openings, openings, review_until_ms, review, is_overdue;
    OpeningRow, 0, grant_digest + ordinal:
        grant_digest, ordinal, report_digest, report_id, case_id, officer, log_index, logged_at_ms,
        shown_at_ms, view_digest;
    DecisionRow, MAX_SIGNED_LEN, leaf_hash:
        leaf_hash, log_index, case_id, officer, reason, measure, openings, decided_at_ms,
        appeal_until_ms, signed;
    NoticeRow, MAX_TEXT_LEN, decision + side + recipient:
        decision, side, recipient, body, made_at_ms, sent_at_ms, log_index;
    AppealRow, MAX_TEXT_LEN, leaf_hash:
        leaf_hash, log_index, decision, case_id, side, text, filed_at_ms, outcome, officer,
        decided_at_ms, signed;
    LegalRow, MAX_TEXT_LEN, id:
        id, number, basis, authority, asked, received_at_ms, outcome, items, produced, not_held,
        officer, answered_at_ms;
    HoldRow, MAX_TEXT_LEN, id:
        id, number, case_id, legal_id, statement, officer, placed_at_ms, lifted_at_ms;
    PolicyRow, MAX_POLICY_LEN, version: version, document, signature, log_index, published_at_ms;
    KeyEpochRow, MAX_VALUE_LEN, key_kind + epoch:
        key_kind, epoch, public, created_at_ms, destroyed_at_ms;
    ExportRow, MAX_ANSWER_LEN, id:
        id, case_id, form, officer, log_index, made_at_ms, state, tries, next_try_at_ms,
        ended_at_ms, answer;
    OutboxRow, MAX_EXPORT_LEN, export_id: export_id, body;
    FetchRow, 0, grant_digest + ordinal + blob:
        grant_digest, ordinal, blob, report_id, log_index, fetched_at_ms, handed_out;
    CallbackRow, MAX_TEXT_LEN, digest: digest, case_id, body, received_at_ms;
    MetaRow, MAX_VALUE_LEN, name: name, value;
}

/// Reads a row of an answer, and refuses one that no desk writes.
fn read<R: InTable>(columns: &dyn Columns) -> Result<R, StoreError> {
    let row = R::read(columns)?;
    row.check().map_err(|_| StoreError::Damaged)?;
    Ok(row)
}

/// The first row that `tail` selects: conditions, and the order.
pub(super) fn one<R: InTable>(
    db: &dyn Database,
    tail: &str,
    params: &[Value<'_>],
) -> Result<Option<R>, StoreError> {
    Ok(many(db, tail, params, 1)?.pop())
}

/// The first `limit` rows that `tail` selects: conditions, and the order.
pub(super) fn many<R: InTable>(
    db: &dyn Database,
    tail: &str,
    params: &[Value<'_>],
    limit: usize,
) -> Result<Vec<R>, StoreError> {
    let sql = format!("SELECT {} FROM {} {tail} LIMIT ?", R::COLUMNS, R::TABLE);
    let limit = Value::Integer(int(limit.min(MAX_LISTED) as u64));
    let params = [params, &[limit]].concat();
    let mut rows = Vec::new();
    db.query(&sql, &params, &mut |columns| {
        rows.push(read(columns)?);
        Ok(())
    })?;
    Ok(rows)
}

/// The stored row with the key of this one.
pub(super) fn stored<R: InTable>(db: &dyn Database, row: &R) -> Result<Option<R>, StoreError> {
    one(db, &format!("WHERE {}", R::IS_KEY), &row.key_values())
}

/// Adds the row.
pub(super) fn insert<R: InTable>(db: &dyn Database, row: &R) -> Result<(), StoreError> {
    let (table, columns, places) = (R::TABLE, R::COLUMNS, R::PLACES);
    let sql = format!("INSERT INTO {table} ({columns}) VALUES ({places})");
    write(db, &sql, row)
}

/// Adds the row, or replaces the one with its key.
pub(super) fn put<R: InTable>(db: &dyn Database, row: &R) -> Result<(), StoreError> {
    let (table, columns, places) = (R::TABLE, R::COLUMNS, R::PLACES);
    let sql = format!(
        "INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT ({}) DO UPDATE SET {}",
        R::KEY,
        R::REPLACE,
    );
    write(db, &sql, row)
}

fn write<R: InTable>(db: &dyn Database, sql: &str, row: &R) -> Result<(), StoreError> {
    match db.execute(sql, &row.values()) {
        Ok(_) => Ok(()),
        Err(Refused::Taken) => Err(Conflict::Exists { table: R::TABLE }.into()),
        Err(Refused::Failed(error)) => Err(error),
    }
}

/// The number in the only column of the first row.
pub(super) fn number(
    db: &dyn Database,
    sql: &str,
    params: &[Value<'_>],
) -> Result<Option<i64>, StoreError> {
    let mut found = None;
    db.query(sql, params, &mut |columns| {
        found = match columns.value(0)? {
            Value::Integer(number) => Some(number),
            Value::Null => None,
            _ => return Err(StoreError::Damaged),
        };
        Ok(())
    })?;
    Ok(found)
}
