//! Reports: each until its review has ended, and what of it stays.

use waxseal_relay::ReportListed;

use crate::errors::Refusal;
use crate::store::values::values;
use crate::store::{Connection, holds};

/// An accepted report.
pub struct Accepted<'a> {
    pub public_id: &'a str,
    /// Of the report as it came in.
    pub digest: &'a [u8],
    pub reporter: &'a str,
    pub at_ms: i64,
    pub messages: usize,
    /// Encoded, under the acceptance key.
    pub content: &'a [u8],
}

/// Stores a report with its nullifiers. Returns its row.
///
/// A nullifier marks a message, or an account, as reported by this account. Each report has its own
/// rows, so that a rejected one does not release what another one reports too.
pub fn accept<'n>(
    db: &Connection,
    report: &Accepted<'_>,
    nullifiers: impl IntoIterator<Item = &'n [u8]>,
) -> Result<i64, Refusal> {
    let id = db.only(
        "INSERT INTO report (public_id, digest, reporter, accepted_at_ms, messages, accepted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
        values![
            report.public_id,
            report.digest,
            report.reporter,
            report.at_ms,
            report.messages,
            report.content
        ],
    )?;
    for nullifier in nullifiers {
        let mark = "INSERT INTO nullifier (nullifier, report) VALUES (?1, ?2)";
        db.execute(mark, values![nullifier, id])?;
    }
    Ok(id)
}

/// The report with this digest: row and public id.
pub fn same(db: &Connection, digest: &[u8]) -> Result<Option<(i64, String)>, Refusal> {
    let same = "SELECT id, public_id FROM report WHERE digest = ?1";
    db.one(same, values![digest])
}

/// Whether a report has this nullifier.
pub fn is_known(db: &Connection, nullifier: &[u8]) -> Result<bool, Refusal> {
    let known = "SELECT 1 FROM nullifier WHERE nullifier = ?1";
    db.exists(known, values![nullifier])
}

/// The first report with this nullifier: row and public id.
pub fn first_with(db: &Connection, nullifier: &[u8]) -> Result<(i64, String), Refusal> {
    db.only(
        "SELECT r.id, public_id FROM report r JOIN nullifier n ON r.id = n.report
         WHERE nullifier = ?1 ORDER BY r.id LIMIT 1",
        values![nullifier],
    )
}

/// Number and size of the reports of an account that wait for review. Those of all are under the
/// name "".
pub fn waiting(db: &Connection, reporter: &str) -> Result<(i64, i64), Refusal> {
    let waiting = "SELECT reports, bytes FROM waiting WHERE reporter = ?1";
    let waiting: Option<(i64, i64)> = db.one(waiting, values![reporter])?;
    Ok(waiting.unwrap_or_default())
}

/// How many reports of an account were accepted after a time, up to another.
pub fn count_between(
    db: &Connection,
    reporter: &str,
    after_ms: i64,
    up_to_ms: i64,
) -> Result<i64, Refusal> {
    db.only(
        "SELECT count(*) FROM report
         WHERE reporter = ?1 AND accepted_at_ms > ?2 AND accepted_at_ms <= ?3",
        values![reporter, after_ms, up_to_ms],
    )
}

/// The row of the report with this public id.
pub fn find(db: &Connection, public_id: &str) -> Result<Option<i64>, Refusal> {
    db.one(
        "SELECT id FROM report WHERE public_id = ?1",
        values![public_id],
    )
}

/// What became of a report.
pub struct State {
    /// The check that it failed in review.
    pub rejected: Option<u8>,
    /// Whether the reviewer closed it.
    pub is_closed: bool,
    /// Whether its content is deleted, without a promise of the desk.
    pub is_deleted: bool,
}

/// What became of a report of this account.
pub fn state(db: &Connection, public_id: &str, reporter: &str) -> Result<Option<State>, Refusal> {
    let row: Option<(Option<u8>, bool, bool)> = db.one(
        "SELECT rejected, closed,
             CASE WHEN length(accepted) = 0 AND promise IS NULL THEN 1 ELSE 0 END
         FROM report WHERE public_id = ?1 AND reporter = ?2",
        values![public_id, reporter],
    )?;
    Ok(row.map(|(rejected, is_closed, is_deleted)| State {
        rejected,
        is_closed,
        is_deleted,
    }))
}

/// The next reports after a row, with their rows.
pub fn list(db: &Connection, after: u32, max: usize) -> Result<Vec<(u64, ReportListed)>, Refusal> {
    type Row = (u64, String, u64, String, usize, Option<u8>, bool, u64);
    let rows: Vec<Row> = db.all(
        "SELECT id, public_id, accepted_at_ms, reporter, messages, rejected, closed,
             (SELECT count(*) FROM look WHERE look.report = report.id)
         FROM report WHERE id > ?1 ORDER BY id LIMIT ?2",
        values![after, max],
    )?;
    let listed = rows.into_iter().map(|row| {
        let (id, report_id, accepted_at_ms, reporter, messages, rejected, closed, opened) = row;
        let listed = ReportListed {
            report_id,
            accepted_at_ms,
            reporter,
            messages,
            rejected,
            closed,
            opened,
        };
        (id, listed)
    });
    Ok(listed.collect())
}

/// The public id of a report, and its content, which is empty once it is deleted.
pub fn content(db: &Connection, id: i64) -> Result<(String, Vec<u8>), Refusal> {
    let content = "SELECT public_id, accepted FROM report WHERE id = ?1";
    db.only(content, values![id])
}

/// Records that a report failed this check in review. Its messages can then be reported again.
/// Returns `false`, and changes nothing, if its review was closed: what was reviewed to its end
/// stays reported.
pub fn reject(db: &Connection, id: i64, check: u8) -> Result<bool, Refusal> {
    let reject = "UPDATE report SET rejected = ?1 WHERE id = ?2 AND closed = 0";
    if db.execute(reject, values![check, id])? == 0 {
        return Ok(false);
    }
    db.execute("DELETE FROM nullifier WHERE report = ?1", values![id])?;
    Ok(true)
}

/// Ends the review of a report. Its messages stay reported. An account without messages can be
/// reported again. Deletes the content.
pub fn close(db: &Connection, id: i64) -> Result<(), Refusal> {
    db.execute("UPDATE report SET closed = 1 WHERE id = ?1", values![id])?;
    db.execute(
        "DELETE FROM nullifier
         WHERE report = ?1 AND 0 = (SELECT messages FROM report WHERE id = ?1)",
        values![id],
    )?;
    delete_content(db, id)
}

/// Deletes what was reported, and ends the holds of blobs. The space counts for the reporting
/// account no more.
pub fn delete_content(db: &Connection, id: i64) -> Result<(), Refusal> {
    holds::release(db, id)?;
    let delete = "UPDATE report SET accepted = ?1 WHERE id = ?2";
    db.execute(delete, values![[0; 0], id])?;
    Ok(())
}

/// The desk's promise about a report.
pub fn promise(db: &Connection, id: i64) -> Result<Option<Vec<u8>>, Refusal> {
    db.only("SELECT promise FROM report WHERE id = ?1", values![id])
}

/// The desk's promise about a report of this account. `None` if the account has no such report.
pub fn promise_to(
    db: &Connection,
    public_id: &str,
    reporter: &str,
) -> Result<Option<Option<Vec<u8>>>, Refusal> {
    let promise = "SELECT promise FROM report WHERE public_id = ?1 AND reporter = ?2";
    db.one(promise, values![public_id, reporter])
}

/// Keeps the desk's promise about a report, unless it has one. The content is deleted: the desk has
/// it. The row and the blobs that it names stay.
pub fn keep_promise(db: &Connection, id: i64, promise: &[u8]) -> Result<(), Refusal> {
    db.execute(
        "UPDATE report SET promise = ?1, accepted = ?2 WHERE id = ?3 AND promise IS NULL",
        values![promise, [0; 0], id],
    )?;
    Ok(())
}

/// The next reports after a row about which the desk has promised nothing.
pub fn without_promise(db: &Connection, after: i64, max: i64) -> Result<Vec<i64>, Refusal> {
    db.all(
        "SELECT id FROM report
         WHERE promise IS NULL AND closed = 0 AND rejected IS NULL AND id > ?1
         ORDER BY id LIMIT ?2",
        values![after, max],
    )
}
