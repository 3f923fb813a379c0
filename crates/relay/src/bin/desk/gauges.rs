//! The numbers of `GET /metrics`.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use waxseal_desk::store::{AppealList, GrantList, NoticeList, ReportList, Store as _};

use crate::errors::Refusal;
use crate::state::Server;

/// The numbers of the store that an operator watches.
struct Gauges {
    log_size: u64,
    cosigned_size: u64,
    /// When the newest complete checkpoint was signed.
    cosigned_at_ms: u64,
    /// Lists stop at 1,000.
    unsorted: usize,
    requested_grants: usize,
    appeals: usize,
    notices: usize,
}

/// All numbers, as Prometheus reads them.
pub async fn metrics(server: &Server) -> Result<String, Refusal> {
    const MAX: usize = 1_000;
    let gauges = server.readers.read(|desk| {
        let store = desk.store();
        let complete = store.newest_checkpoint(true)?;
        Ok(Gauges {
            log_size: store.log_size()?,
            cosigned_size: complete.as_ref().map_or(0, |row| row.size),
            cosigned_at_ms: complete.map_or(0, |row| row.made_at_ms),
            unsorted: store.reports(&ReportList::Unsorted, None, MAX)?.len(),
            requested_grants: store.grants(&GrantList::Requested, MAX)?.len(),
            appeals: store.appeals(&AppealList::Undecided, None, MAX)?.len(),
            notices: store.notices(&NoticeList::Unsent, MAX)?.len(),
        })
    });
    let gauges = gauges.await?;
    let mut out = String::new();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let shown = server.metrics.shown.load(Ordering::Relaxed);
    let failing = count(server.health.failing().len());
    for (name, kind, value) in [
        ("log_entries", "gauge", gauges.log_size),
        ("cosigned_entries", "gauge", gauges.cosigned_size),
        (
            "cosigned_at_seconds",
            "gauge",
            gauges.cosigned_at_ms / 1_000,
        ),
        ("reports_unsorted", "gauge", count(gauges.unsorted)),
        ("grants_waiting", "gauge", count(gauges.requested_grants)),
        ("appeals_waiting", "gauge", count(gauges.appeals)),
        ("notices_waiting", "gauge", count(gauges.notices)),
        ("failing_parts", "gauge", failing),
        ("openings_shown_total", "counter", shown),
    ] {
        let _ = writeln!(out, "# TYPE waxseal_desk_{name} {kind}");
        let _ = writeln!(out, "waxseal_desk_{name} {value}");
    }
    server.metrics.write(&mut out);
    Ok(out)
}
