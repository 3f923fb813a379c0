//! Proven time, in one row.

use crate::errors::Refusal;
use crate::store::Connection;
use crate::store::values::values;
use crate::time::Proven;

/// Reads proven time. Returns `None` in a database that has none yet.
pub fn load(db: &Connection) -> Result<Option<Proven>, Refusal> {
    let proven = "SELECT at_ms, began_ms, settled, steady_ms, clock_ms FROM proven";
    let row: Option<(u64, u64, bool, u64, u64)> = db.one(proven, &[])?;
    let proven = row.map(|(at_ms, began_ms, settled, steady_ms, clock_ms)| Proven {
        at_ms,
        began_ms,
        settled,
        steady_ms,
        clock_ms,
    });
    Ok(proven)
}

/// Stores proven time.
pub fn save(db: &Connection, proven: &Proven) -> Result<(), Refusal> {
    db.execute(
        "INSERT INTO proven (id, at_ms, began_ms, settled, steady_ms, clock_ms, drop_before)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, 0)
         ON CONFLICT (id) DO UPDATE SET
             at_ms = excluded.at_ms, began_ms = excluded.began_ms, settled = excluded.settled,
             steady_ms = excluded.steady_ms, clock_ms = excluded.clock_ms",
        values![
            proven.at_ms,
            proven.began_ms,
            proven.settled,
            proven.steady_ms,
            proven.clock_ms
        ],
    )?;
    Ok(())
}
