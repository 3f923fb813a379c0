//! Whether the desk works, and numbers about it. Neither holds a name or an identifier.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::errors::Refusal;
use crate::state::Server;

/// Upper bounds of the buckets of latencies, in milliseconds.
const BUCKETS_MS: [u64; 9] = [5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000];

/// What fails now, by the part that fails.
#[derive(Default)]
pub struct Health(Mutex<BTreeMap<&'static str, String>>);

impl Health {
    /// Notes whether a part works.
    pub fn note<T>(&self, part: &'static str, done: &Result<T, String>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match done {
            Ok(_) => {
                failing.remove(part);
            }
            Err(why) => {
                failing.insert(part, why.clone());
            }
        }
    }

    /// What fails, in words.
    pub fn failing(&self) -> Vec<String> {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = failing.iter();
        failing
            .map(|(part, why)| format!("{part}: {why}"))
            .collect()
    }
}

/// Requests by route and status, and how long they took.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    latencies: Mutex<BTreeMap<String, Latency>>,
    /// Openings that were shown since the start.
    pub shown: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Latency {
    buckets: [u64; BUCKETS_MS.len()],
    count: u64,
    sum_micros: u64,
}

impl Metrics {
    /// Counts a request. `route` is the route's pattern, so it names nothing.
    pub fn count(&self, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
        drop(requests);
        let mut latencies = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let latency = latencies.entry(route.to_owned()).or_default();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, limit) in latency.buckets.iter_mut().zip(BUCKETS_MS) {
            *bucket += u64::from(micros <= limit * 1_000);
        }
        latency.count += 1;
        latency.sum_micros = latency.sum_micros.saturating_add(micros);
    }

    fn write(&self, out: &mut String) {
        out.push_str("# TYPE waxseal_desk_requests_total counter\n");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), count) in &*requests {
            let _ = writeln!(
                out,
                "waxseal_desk_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            );
        }
        drop(requests);
        let name = "waxseal_desk_request_seconds";
        let _ = writeln!(out, "# TYPE {name} histogram");
        let latencies = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (route, latency) in &*latencies {
            for (count, limit) in latency.buckets.iter().zip(BUCKETS_MS) {
                let le = Duration::from_millis(limit).as_secs_f64();
                let _ = writeln!(
                    out,
                    "{name}_bucket{{route=\"{route}\",le=\"{le}\"}} {count}"
                );
            }
            let count = latency.count;
            let _ = writeln!(
                out,
                "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}"
            );
            let sum = Duration::from_micros(latency.sum_micros).as_secs_f64();
            let _ = writeln!(out, "{name}_sum{{route=\"{route}\"}} {sum}");
            let _ = writeln!(out, "{name}_count{{route=\"{route}\"}} {count}");
        }
    }
}

/// The numbers of the store that an operator watches.
pub struct Gauges {
    pub log_size: u64,
    pub cosigned_size: u64,
    /// When the newest complete checkpoint was signed.
    pub cosigned_at_ms: u64,
    /// Lists stop at 1,000.
    pub unsorted: usize,
    pub requested_grants: usize,
    pub appeals: usize,
    pub notices: usize,
}

/// All numbers, as Prometheus reads them.
pub async fn metrics(server: &Server) -> Result<String, Refusal> {
    use waxseal_desk::store::{AppealList, GrantList, NoticeList, ReportList, Store as _};
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
