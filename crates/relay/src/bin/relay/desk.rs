//! The provider's desk: reports are handed on to it, and what it says goes to the devices.

pub mod client;
pub mod expiry;
mod handing;
mod notices;
pub mod options;
mod routes;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use waxseal_interface::ErrorCode;
use waxseal_relay::desk::DeskError;

pub use self::handing::{promise, promise_of_refused};
pub use self::routes::{
    appeal, decision_receipt, keys, list, promise_of_report, refused_receipt, report_receipt,
};
use crate::errors::Refusal;
use crate::serve::Stopping;
use crate::state::Relay;
use crate::store::{Connection, reports};

/// How often reports are handed on that the desk has not answered.
const HAND_ON_INTERVAL: Duration = Duration::from_secs(5);

/// How long a device is told to wait for a promise or a receipt.
const RETRY_SECS: u64 = 60;

/// What a device is told if the desk did not answer as it should. The reason goes to the log.
fn no_receipt(error: &DeskError) -> Refusal {
    tracing::warn!(%error, "the desk has no answer");
    Refusal::retry_after(ErrorCode::NoReceipt, RETRY_SECS)
}

/// Hands reports on that the desk has not answered yet, and fetches its notices, until the relay
/// stops.
pub async fn work(relay: Arc<Relay>, mut stopping: Stopping) {
    let Ok(desk) = relay.desk() else {
        return;
    };
    let mut ticks = tokio::time::interval(HAND_ON_INTERVAL.min(desk.interval));
    let mut asked_at: Option<tokio::time::Instant> = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.wait() => return,
        }
        // A failure is in the log already, and the next turn goes on.
        let turn = async {
            handing::hand_on_all(&relay, desk).await;
            if asked_at.is_none_or(|at| at.elapsed() >= desk.interval) {
                asked_at = Some(tokio::time::Instant::now());
                notices::fetch(&relay, desk).await;
            }
        };
        tokio::select! {
            () = turn => {}
            () = stopping.wait() => return,
        }
    }
}

/// Proven time, for rows that are deleted by age.
fn proven_ms(relay: &Relay) -> i64 {
    i64::try_from(relay.time.proven().at_ms).unwrap_or(i64::MAX)
}

/// The promise in a report's row, by the report's public id and its reporter.
fn promise_in(
    db: &Connection,
    report_id: &str,
    reporter: &str,
) -> Result<Option<Vec<u8>>, Refusal> {
    // CHK-660: an account gets promises and receipts of its own reports alone.
    let promise = reports::promise_to(db, report_id, reporter)?;
    promise.ok_or_else(|| ErrorCode::NoSuchReport.into())
}

#[cfg(test)]
mod tests;
