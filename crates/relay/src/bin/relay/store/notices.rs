//! Notices of decisions, a row for each account that is told.

use waxseal_interface::DecisionNotice;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// Keeps a notice for an account, unless it has it. `report` is empty for an account that was
/// decided against.
pub fn keep(
    db: &Connection,
    account: &str,
    decision: &[u8; 32],
    side: u8,
    report: &str,
    at_ms: i64,
) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO notice (account, decision, side, report, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account, decision, side, report) DO NOTHING",
        values![account, decision, side, report, at_ms],
    )?;
    Ok(())
}

/// The next notices to an account after a number.
pub fn list(
    db: &Connection,
    account: &str,
    after: i64,
    max: usize,
) -> Result<Vec<DecisionNotice>, Refusal> {
    let rows: Vec<(u64, [u8; 32], u8, String)> = db.all(
        "SELECT number, decision, side, report FROM notice WHERE account = ?1 AND number > ?2
         ORDER BY number LIMIT ?3",
        values![account, after, max],
    )?;
    let notices = rows
        .into_iter()
        .map(|(number, decision, side, report)| DecisionNotice {
            number,
            decision,
            side,
            report_id: Some(report).filter(|report| !report.is_empty()),
        });
    Ok(notices.collect())
}

/// Whether an account was told of a decision on this side, about this report.
pub fn was_told(
    db: &Connection,
    account: &str,
    decision: &[u8; 32],
    side: u8,
    report: &str,
) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM notice
         WHERE account = ?1 AND decision = ?2 AND side = ?3 AND report = ?4",
        values![account, decision, side, report],
    )
}

/// Deletes at most `max` notices from before a time, the oldest first. Returns how many.
pub fn expire(db: &Connection, before_ms: i64, max: usize) -> Result<usize, Refusal> {
    db.execute(
        "DELETE FROM notice WHERE number IN
             (SELECT number FROM notice WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
        values![before_ms, max],
    )
}
