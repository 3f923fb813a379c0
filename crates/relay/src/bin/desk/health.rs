//! Whether the desk works, and numbers about it. Neither holds a name or an identifier.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

    /// Writes them as Prometheus reads them.
    pub fn write(&self, out: &mut String) {
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
