//! The router: which handler answers which route, and the time limit and the log line of every
//! request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use waxseal_interface::{ErrorCode, RelayCard};

use crate::errors::Refusal;
use crate::extract::ClientAddress;
use crate::state::Relay;
use crate::{
    accounts, answers, blobs, deliveries, desk, entries, group_messages, group_rosters, leave,
    mailboxes, messages, operations, prekeys, reports, reseals, reviewer, rosters,
};

/// Maximum time from the head of a request to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

pub fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/v1/relay", get(card))
        .route("/v1/challenges", post(accounts::challenge))
        .route("/v1/accounts", post(accounts::register))
        .route("/v1/sessions", post(accounts::sign_in))
        .route("/v1/leave", post(leave::leave))
        .route("/v1/prekeys", get(prekeys::left).put(prekeys::publish))
        .route("/v1/roster", put(rosters::publish))
        .route("/v1/accounts/{name}/roster", get(rosters::newest))
        .route("/v1/bundles", post(prekeys::bundles))
        .route("/v1/messages/{name}", post(messages::send))
        .route("/v1/reseals/{name}", post(reseals::send_again))
        .route("/v1/groups/{group}", get(entries::fetch).put(entries::put))
        .route("/v1/groups/{group}/rosters", post(group_rosters::fetch))
        .route("/v1/groups/{group}/messages", post(group_messages::send))
        .route("/v1/groups/{group}/leave", post(entries::leave))
        .route("/v1/deliveries", get(deliveries::connect))
        .route("/v1/reports", post(reports::submit))
        .route("/v1/reports/{id}", get(reports::state))
        .route("/v1/log/keys", get(desk::keys))
        .route("/v1/reports/{id}/promise", get(desk::promise_of_report))
        .route("/v1/reports/{id}/receipt", get(desk::report_receipt))
        .route("/v1/refused/{digest}/receipt", get(desk::refused_receipt))
        .route("/v1/notices", get(desk::list))
        .route("/v1/decisions/{leaf}/receipt", get(desk::decision_receipt))
        .route("/v1/decisions/{leaf}/appeals", post(desk::appeal))
        .route(
            "/v1/mailboxes/{mailbox}/{slot}",
            get(mailboxes::fetch).put(mailboxes::fill),
        )
        .route("/v1/blobs/{blob}", get(blobs::state).put(blobs::put))
        .route("/v1/blobs/{blob}/bytes", get(blobs::fetch))
        .route("/v1/reviewer/sessions", post(reviewer::sign_in))
        .route("/v1/review/key", get(reviewer::acceptance_keys))
        .route("/v1/review/reports", get(reviewer::list))
        .route("/v1/review/reports/{id}", get(reviewer::open))
        .route("/v1/review/reports/{id}/rejected", post(reviewer::rejected))
        .route("/v1/review/reports/{id}/closed", post(reviewer::closed))
        .route("/v1/review/reports/{id}/blobs", get(reviewer::blobs_of))
        .route("/v1/review/reports/{id}/blobs/{blob}", get(reviewer::blob))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(from_fn_with_state(relay.clone(), observe))
        .layer(from_fn_with_state(relay.clone(), answers::authenticate))
        .with_state(relay.clone())
        .merge(operations::probes(relay))
}

async fn card(State(relay): State<Arc<Relay>>, _: ClientAddress) -> Json<RelayCard> {
    Json(relay.card.clone())
}

/// Limits the time a request takes, counts it if it is refused, and logs its route, status and
/// duration. Logs the route and never the path, because the path contains account names.
async fn observe(
    State(relay): State<Arc<Relay>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let (method, begun) = (request.method().clone(), Instant::now());
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| Refusal::from(ErrorCode::TooSlow).into_response());
    if let Some(code) = response.extensions().get() {
        relay.counts.refuse(*code);
    }
    let route = path.as_ref().map_or("", MatchedPath::as_str);
    let (status, ms) = (response.status().as_u16(), begun.elapsed().as_millis());
    tracing::info!(%method, route, status, ms, "answered");
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::fixture::{World, device};

    #[test]
    fn every_route_is_documented() {
        let documents = [
            include_str!("../../../../interface/SPEC.md"),
            include_str!("../../../README.md"),
        ];
        let routes = include_str!("routes.rs").split("\n        .route(").skip(1);
        let routes: Vec<_> = routes.filter_map(|rest| rest.split('"').nth(1)).collect();
        assert!(routes.len() > 15);
        for route in routes {
            let row = |document: &&str| {
                document.contains(&format!("| `{route}` |"))
                    || document.contains(&format!("| `{route}?"))
            };
            assert!(documents.iter().any(row), "{route}");
        }
    }

    #[tokio::test]
    async fn an_address_that_asks_for_the_card_too_often_is_told_to_wait() {
        let world = World::at(21_000 * 86_400_000);
        let router = router(world.open().await);
        let ask = async |address: [u8; 4]| {
            let mut request = Request::get("/v1/relay").body(Body::empty()).unwrap();
            let peer = SocketAddr::from((address, 1));
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request).await.unwrap().status()
        };
        let (mut asked, mut status) = (0, StatusCode::OK);
        while status == StatusCode::OK {
            assert!(asked < 20_000);
            asked += 1;
            status = ask([192, 0, 2, 1]).await;
        }
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask([192, 0, 2, 2]).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn an_account_that_asks_for_rosters_too_often_is_told_to_wait() {
        let world = World::at(21_000 * 86_400_000);
        let relay = world.open().await;
        let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
        let [of_alice, of_bob] = [&alice, &bob].map(|device| {
            let session = relay
                .tokens
                .issue(&device.holder(), relay.now().as_millis());
            format!("Bearer {}", session.token)
        });
        let router = router(relay);
        let ask = async |token: &str| {
            let request = Request::get("/v1/accounts/bob/roster").header("authorization", token);
            let request = request.body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        let (mut asked, mut status) = (0, StatusCode::OK);
        while status == StatusCode::OK {
            assert!(asked < 20_000);
            asked += 1;
            status = ask(&of_alice).await;
        }
        assert!(asked > 1_000);
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask(&of_bob).await, StatusCode::OK);
    }
}
