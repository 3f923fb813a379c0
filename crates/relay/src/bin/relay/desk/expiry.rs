//! Deletes notices by age.

use crate::errors::Refusal;
use crate::store::{Connection, notices};

/// For how long a notice is kept: 400 days. Devices that were off for longer ask no more.
const KEPT_MS: i64 = 400 * 86_400_000;

/// Maximum number of notices that are deleted at once.
const EXPIRED_AT_ONCE: usize = 1_000;

/// Deletes notices whose time is over. Returns whether there may be more.
pub fn expire(db: &Connection, proven_ms: i64) -> Result<bool, Refusal> {
    let before_ms = proven_ms.saturating_sub(KEPT_MS);
    let deleted = notices::expire(db, before_ms, EXPIRED_AT_ONCE)?;
    Ok(deleted == EXPIRED_AT_ONCE)
}
