//! The time of this computer.

use std::time::{SystemTime, UNIX_EPOCH};

use waxseal_reporting::Timestamp;

/// The time of this computer. Before 1970 it is 0.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
