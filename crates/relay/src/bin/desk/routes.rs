//! The router: which handler answers which route, and the time limit and the count of every
//! request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::errors::Refusal;
use crate::state::Server;
use crate::{acts, blobs, cases, coop, exports, gauges, log, openings, reporters};

/// Maximum time from the head of a request to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/log/{*path}", get(log::public))
        .route("/v1/intake/accepted", post(reporters::accepted))
        .route("/v1/intake/refused", post(reporters::refused))
        .route("/v1/log-keys", get(reporters::log_keys))
        .route("/v1/reports/{id}/receipt", get(reporters::report_receipt))
        .route(
            "/v1/refused/{digest}/receipt",
            get(reporters::refused_receipt),
        )
        .route(
            "/v1/decisions/{leaf}/receipt",
            get(reporters::account_receipt),
        )
        .route("/v1/decisions/{leaf}/appeals", post(reporters::appeal))
        .route("/v1/notices", get(reporters::notices))
        .route("/v1/notices/{leaf}", get(reporters::more_reporters))
        .route("/v1/notices/sent", post(reporters::notice_sent))
        .route("/v1/desk", get(cases::card))
        .route("/v1/queue", get(cases::queue))
        .route("/v1/cases/{id}", get(cases::case))
        .route("/v1/grants", get(cases::grants).post(acts::request_grant))
        .route("/v1/grants/{id}/approval", post(acts::approve_grant))
        .route("/v1/openings", post(openings::open))
        .route("/v1/reports/{id}/blobs/{blob}", get(blobs::fetch))
        .route("/v1/acts", post(acts::act))
        .route("/v1/appeals", get(cases::appeals))
        .route("/v1/cases/{id}/exports", post(exports::ask))
        .route("/v1/exports", get(exports::list))
        .route("/v1/coop/callback", post(coop::callback))
        .route("/v1/log", get(log::entries))
        .route("/v1/transparency", get(log::transparency))
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::not_found())
        .layer(from_fn_with_state(server.clone(), counted))
        .with_state(server)
}

/// The router of the operator's own address. What it counts tells when someone is reported.
pub fn metrics_router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || Refusal::not_found())
        .with_state(server)
}

/// Cuts a request off that takes too long, counts it, and logs its route, status and duration.
/// Never logs the path: it has identifiers.
async fn counted(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (method, began) = (request.method().clone(), Instant::now());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::busy().into_response(),
    };
    let (status, took) = (response.status().as_u16(), began.elapsed());
    server.metrics.count(&route, status, took);
    tracing::info!(%method, route, status, ms = took.as_millis(), "answered");
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

async fn ready(State(server): State<Arc<Server>>) -> Response {
    use waxseal_desk::store::Store as _;
    let stored = server
        .readers
        .read(|desk| {
            desk.store().log_size()?;
            Ok(desk.store().clock()?)
        })
        .await;
    if let Ok(clock) = &stored {
        server.note_clocks(*clock);
    }
    server
        .health
        .note("store", &stored.map_err(|refusal| refusal.message));
    let failing = server.health.failing();
    if failing.is_empty() {
        return "ready\n".into_response();
    }
    let why = failing.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn metrics(State(server): State<Arc<Server>>) -> Result<Response, Refusal> {
    let text = gauges::metrics(&server).await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

#[cfg(test)]
mod tests;
