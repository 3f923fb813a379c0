//! Budgets of what is scarce, which the relays of a database share.

use crate::errors::Refusal;
use crate::limits::scarce::Scarce;
use crate::store::Connection;

/// Takes one of what is scarce from the budget of `key`. Returns `false` if there is none left. On
/// SQLite, the only relay has its budgets in memory, and this takes nothing.
pub fn take(db: &Connection, scarce: Scarce, key: &str) -> Result<bool, Refusal> {
    let rate = scarce.rate();
    let micros = |seconds: f64| (seconds * 1e6) as i64;
    let (cost, burst) = (
        micros(1.0 / rate.per_second),
        micros(rate.burst / rate.per_second),
    );
    db.take_budget(scarce.number(), key, cost, burst)
}

/// Forgets the budgets that are full again. Returns whether there may be more.
pub fn sweep(db: &Connection) -> Result<bool, Refusal> {
    db.read_committed()?;
    db.sweep_budgets()
}
