//! What holds of a database that comes from a backup: it lacks what came after, and the numbers in
//! it go on where they stood then.

use crate::errors::Refusal;
use crate::store::values::values;
use crate::store::{Connection, proven};

/// How far all numbers go on: more than were given since the backup.
const SKIPPED: i64 = 1 << 32;

/// Maximum number of devices in one job.
const BATCH: usize = 2_000;

/// A message that was accepted this long before the time that the backup has is in the backup.
const MARGIN_MS: u64 = 60_000;

/// The time up to which the backup has all messages.
pub fn complete_until(db: &Connection) -> Result<u64, Refusal> {
    let proven = proven::load(db)?;
    Ok(proven.map_or(0, |proven| proven.at_ms.saturating_sub(MARGIN_MS)))
}

/// Gives no row the number of one that was made since the backup. Clients know notices by numbers,
/// and blobs have their names from them.
pub fn skip_rows(db: &Connection) -> Result<(), Refusal> {
    // CHK-730: no number that was given after the backup is given again.
    db.skip_rows(SKIPPED)
}

/// Goes through some devices above `after`. Their next messages have numbers above all that they
/// were given, and they are told that messages between these times may be lost. Returns the last of
/// them.
pub fn tell(
    db: &Connection,
    after: i64,
    (from_ms, to_ms): (u64, u64),
) -> Result<Option<i64>, Refusal> {
    let batch: Vec<i64> = db.all(
        "SELECT id FROM device WHERE id > ?1 ORDER BY id LIMIT ?2",
        values![after, BATCH],
    )?;
    let Some(last) = batch.last() else {
        return Ok(None);
    };
    // CHK-730: see above.
    db.execute(
        "INSERT INTO inbox (recipient, next) SELECT id, ?1 FROM device WHERE id > ?2 AND id <= ?3
         ON CONFLICT (recipient) DO UPDATE SET next = inbox.next + excluded.next",
        values![SKIPPED, after, last],
    )?;
    // CHK-731: a device whose messages the backup may lack is told so.
    let (table, id) = db.losses();
    let tell = format!(
        "UPDATE {table} SET
             lost_from_ms = CASE WHEN lost_from_ms < ?1 THEN lost_from_ms ELSE ?1 END,
             lost_to_ms = CASE WHEN lost_to_ms > ?2 THEN lost_to_ms ELSE ?2 END
         WHERE {id} > ?3 AND {id} <= ?4"
    );
    db.execute(&tell, values![from_ms, to_ms, after, last])?;
    Ok(Some(*last))
}
