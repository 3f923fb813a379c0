//! The record of looks: what the reviewer listed, opened and fetched. It is final.

use waxseal_reporting::BlobId;

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;

/// Records that a reviewer lists the reports (`None`) or opens one.
pub fn record(
    db: &Connection,
    at_ms: i64,
    reviewer: &str,
    report: Option<i64>,
) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO look (at_ms, reviewer, report) VALUES (?1, ?2, ?3)",
        values![at_ms, reviewer, report],
    )?;
    Ok(())
}

/// Records that a reviewer fetches a blob of a report: once for each session.
pub fn record_blob(
    db: &Connection,
    at_ms: i64,
    reviewer: &str,
    (report, blob): (i64, &BlobId),
    session_ms: u64,
) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO blob_look (at_ms, reviewer, report, public_id, session_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (report, public_id, reviewer, session_ms) DO NOTHING",
        values![at_ms, reviewer, report, blob.as_bytes(), session_ms],
    )?;
    Ok(())
}
