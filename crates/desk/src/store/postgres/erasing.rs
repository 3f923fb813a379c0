//! Removes what erased rows left behind.

use std::thread;
use std::time::{Duration, Instant};

use postgres::types::ToSql;

use super::session::Session;
use super::{PostgresStore, failed};
use crate::store::error::StoreError;

/// How long to wait for transactions that still see what was erased.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether they have ended.
const TICK: Duration = Duration::from_millis(200);

/// The next transaction. All that have committed came before it.
const NEXT: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";

/// The tables that can still hold a row of a transaction before this one, erased or not.
///
/// `VACUUM (FREEZE)` takes the transactions from all rows that everyone sees, waits for whoever
/// reads a page, and notes from which transaction on there can be some. It stops at what the oldest
/// snapshot sees: of a transaction, a prepared one, a replication slot, or a standby.
const UNCLEAN: &str = "
    SELECT c.oid::regclass::text FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace AND c.relkind = 'r'
            AND greatest(age(c.relfrozenxid), age(t.relfrozenxid)) > age($1::text::xid8::xid)
";

impl PostgresStore {
    /// Removes all versions of rows that were erased or replaced before this call, from tables and
    /// indexes. Fails with [`StoreError::InUse`] if someone still sees them.
    pub(super) fn erase_traces(&self) -> Result<(), StoreError> {
        let next = self.with(|session| texts(session, NEXT, &[]))?;
        let next = next.first().ok_or(StoreError::Damaged)?;
        let began = Instant::now();
        loop {
            let unclean = self.with(|session| texts(session, UNCLEAN, &[next]))?;
            if unclean.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(StoreError::InUse);
            }
            if began.elapsed() > TICK {
                thread::sleep(TICK);
            }
            for table in unclean {
                self.with(|session| vacuum(session, &table))?;
            }
        }
    }
}

/// Removes what it can from a table. A reader that stays on a page holds it up for a minute.
fn vacuum(session: &mut Session, table: &str) -> Result<(), StoreError> {
    session.run("SET statement_timeout = '1min'")?;
    // A statement of its own, since it cannot be in a transaction. The options remove keys from
    // indexes too, such as names of accounts, however few they are.
    let done = session.run(&format!("VACUUM (FREEZE, INDEX_CLEANUP TRUE) {table}"));
    if !matches!(done, Err(StoreError::Failed(_))) {
        session.run("RESET statement_timeout")?;
    }
    done
}

/// The texts in the first column of an answer.
fn texts(
    session: &mut Session,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<String>, StoreError> {
    let rows = session.client()?.query(sql, params).map_err(failed)?;
    let texts = rows.iter().map(|row| row.try_get(0));
    texts.collect::<Result<_, _>>().map_err(failed)
}
