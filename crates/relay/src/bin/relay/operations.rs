//! What the operator's programs ask: whether the relay works, and its numbers.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::errors::Refusal;
use crate::state::Relay;
use crate::store::queue;

/// Whether the process runs, and whether it should get requests. A load balancer asks this where
/// the clients do.
pub fn probes(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .with_state(relay)
}

/// The routes of the operator's own address.
pub fn router(relay: Arc<Relay>) -> Router {
    let metrics = Router::new()
        .route("/metrics", get(metrics))
        .with_state(relay.clone());
    metrics.merge(probes(relay))
}

/// Why the relay should get no requests. Asks nobody, so that anyone may ask at any time.
fn not_ready(relay: &Relay) -> Vec<&'static str> {
    let confirmed = relay.process.check(relay.time.reading()).is_ok();
    let why = [
        (relay.counts.is_draining(), "stopping"),
        (relay.store.is_lost(), "the database is lost"),
        (
            relay.store.lacks_connections(),
            "the database takes no more connections",
        ),
        (
            relay.process.is_clock_off(),
            "the clock is far from those of most others",
        ),
        (
            !relay.counts.keeps_time() || !confirmed,
            "proven time is not kept",
        ),
    ];
    let why = why.into_iter().filter(|(holds, _)| *holds);
    why.map(|(_, why)| why).collect()
}

async fn ready(State(relay): State<Arc<Relay>>) -> Response {
    match not_ready(&relay).as_slice() {
        [] => "ready\n".into_response(),
        why => (StatusCode::SERVICE_UNAVAILABLE, why.join("\n") + "\n").into_response(),
    }
}

async fn metrics(State(relay): State<Arc<Relay>>) -> Response {
    let mut out = String::new();
    let (counts, store) = (&relay.counts, &relay.store);
    let ready = not_ready(&relay).is_empty();
    let (silent, silent_ms) = relay.process.silence(relay.time.reading());
    for (name, kind, value) in [
        ("messages_accepted_total", "counter", counts.accepted()),
        ("deliveries_total", "counter", counts.delivered()),
        ("ready", "gauge", ready.into()),
        ("database_lost", "gauge", store.is_lost().into()),
        ("database_losses_total", "counter", store.losses()),
        (
            "relays",
            "gauge",
            relay.process.alive(relay.time.reading()).into(),
        ),
        ("silent_relays", "gauge", count(silent.len())),
        ("oldest_confirmation_seconds", "gauge", silent_ms / 1_000),
        (
            "proven_time_seconds",
            "gauge",
            relay.time.proven().at_ms / 1_000,
        ),
    ] {
        write(&mut out, name, kind, value);
    }
    // A database that is lost tells nothing.
    let queued: Result<i64, Refusal> = queue::bytes(store).await;
    if let Ok(bytes) = queued {
        write(&mut out, "queue_bytes", "gauge", bytes);
    }
    write(&mut out, "queue_bytes_max", "gauge", store.max_queued());
    out.push_str("# TYPE waxseal_relay_refused_total counter\n");
    for (code, count) in counts.refused() {
        let _ = writeln!(
            out,
            "waxseal_relay_refused_total{{code=\"{code}\"}} {count}"
        );
    }
    store.times.write("waxseal_relay_job_seconds", &mut out);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], out).into_response()
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn write(out: &mut String, name: &str, kind: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "# TYPE waxseal_relay_{name} {kind}");
    let _ = writeln!(out, "waxseal_relay_{name} {value}");
}

#[cfg(test)]
mod tests;
