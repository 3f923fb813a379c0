//! The router: which handler answers which route.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use waxseal_relay::desk::DeskCard;

use crate::clock::now;
use crate::errors::Refusal;
use crate::signed::{FromOfficer, FromRelay};
use crate::state::Server;

/// Maximum time from the head of a request to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/v1/log-keys", get(log_keys))
        .route("/v1/desk", get(card))
        .fallback(async || Refusal::not_found())
        .layer(from_fn(in_time))
        .with_state(server)
}

/// Cuts a request off that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::busy().into_response(),
    }
}

async fn log_keys(State(server): State<Arc<Server>>, _: FromRelay) -> String {
    server.keys.to_string()
}

async fn card(
    State(server): State<Arc<Server>>,
    _: FromOfficer,
) -> Result<Json<DeskCard>, Refusal> {
    let keys = server.keys.clone();
    let card = server.readers.read(move |desk| {
        use waxseal_desk::store::Store as _;
        let cosigned = desk.store().newest_checkpoint(true)?;
        let policy = desk.policy().map(|policy| policy.encode().to_vec());
        Ok(DeskCard {
            origin: keys.origin().to_owned(),
            vault: waxseal_relay::desk::Hex(*keys.vault().key()),
            policy: policy.unwrap_or_default(),
            keys: keys.to_string(),
            log_size: desk.store().log_size()?,
            cosigned_size: cosigned.map_or(0, |row| row.size),
            now_ms: now().as_millis(),
            exports: Vec::new(),
        })
    });
    Ok(Json(card.await?))
}
