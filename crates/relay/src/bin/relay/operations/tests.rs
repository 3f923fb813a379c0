use axum::body::{Body, to_bytes};
use axum::extract::Request;
use tower::ServiceExt as _;
use waxseal_interface::ErrorCode;

use super::*;
use crate::fixture::{World, device, send};
use crate::routes;

const NOON: u64 = 21_000 * 86_400_000;

async fn get_text(router: Router, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_relay_is_ready_while_it_keeps_time_and_until_it_is_told_to_stop() {
    let world = World::at(NOON);
    let relay = Arc::new(world.try_open().await.unwrap());
    let ask = async |path| get_text(routes::router(relay.clone()), path).await;
    assert_eq!(ask("/health").await, (200, "ok\n".to_owned()));
    let (status, why) = ask("/ready").await;
    assert_eq!((status, why.as_str()), (503, "proven time is not kept\n"));
    relay.keep_time().await.unwrap();
    assert_eq!(ask("/ready").await.0, 200);
    // The clock is years off.
    world.clocks.set(NOON + 1_000 * 86_400_000);
    for failed in 1..=24 {
        // Where others may count this relay's keys as destroyed, such a step ends its lease.
        let is_ready = ask("/ready").await.0 == 200;
        assert_eq!(is_ready, !relay.process.me.is_shared, "{failed}");
        relay.keep_time().await.unwrap_err();
    }
    assert_eq!(ask("/ready").await.0, 503);
    world.clocks.set(NOON);
    relay.keep_time().await.unwrap();
    assert_eq!(ask("/ready").await.0, 200);
    relay.counts.drain();
    assert_eq!(ask("/ready").await, (503, "stopping\n".to_owned()));
    assert_eq!(ask("/health").await.0, 200);
    // The numbers are not for clients.
    assert_eq!(ask("/metrics").await.0, 404);
}

#[tokio::test]
async fn the_numbers_tell_what_was_accepted_and_refused_and_name_nobody() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    for _ in 0..3 {
        send(&relay, &alice, &bob, "hello").await.unwrap();
    }
    for _ in 0..2 {
        let (status, _) = get_text(routes::router(relay.clone()), "/v1/prekeys").await;
        assert_eq!(status, ErrorCode::Unauthorized.status());
    }
    let queued = |text: &str| {
        let mut lines = text.lines();
        let bytes = lines.find_map(|line| line.strip_prefix("waxseal_relay_queue_bytes "));
        bytes.map_or(0, |bytes| bytes.parse::<u64>().unwrap())
    };
    // What PostgreSQL has is counted every few seconds.
    let began = std::time::Instant::now();
    let text = loop {
        let (status, text) = get_text(router(relay.clone()), "/metrics").await;
        assert_eq!(status, 200);
        if queued(&text) > 300 {
            break text;
        }
        assert!(began.elapsed().as_secs() < 20, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    for line in [
        "waxseal_relay_messages_accepted_total 3",
        "waxseal_relay_deliveries_total 0",
        "waxseal_relay_ready 1",
        "waxseal_relay_relays 1",
        "waxseal_relay_silent_relays 0",
        "waxseal_relay_oldest_confirmation_seconds 0",
        "waxseal_relay_database_lost 0",
        "waxseal_relay_refused_total{code=\"unauthorized\"} 2",
        "# TYPE waxseal_relay_job_seconds histogram",
    ] {
        assert!(text.lines().any(|of| of == line), "{line} is not in {text}");
    }
    assert!(!text.contains("alice") && !text.contains("bob"));
}
