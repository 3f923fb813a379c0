//! The way in and out.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use waxseal_relay::system_rng;

use crate::app::App;
use crate::form::Form;
use crate::guard::COOKIE;
use crate::page::{Answer, Ctx, Failure, STYLE, bare};
use crate::problem::Problem;

/// Begins a session with the code of the printed link.
pub async fn enter(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes()).ok_or(Problem::Form)?;
    let code = form.get("code");
    let cookie = app
        .sessions()
        .enter(code, Instant::now(), &mut system_rng());
    let cookie = cookie.ok_or(Failure(Problem::NoSession))?;
    let base = &app.base;
    let cookie = format!("{COOKIE}={cookie}; Path={base}/; HttpOnly; SameSite=Strict");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, format!("{base}/queue")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Ends the session, and wipes the opened views.
pub async fn leave(ctx: Ctx) -> Response {
    ctx.app.sessions().leave();
    ctx.app.views().close_all();
    let base = &ctx.app.base;
    let cookie = format!("{COOKIE}=; Path={base}/; HttpOnly; SameSite=Strict; Max-Age=0");
    let mut page = bare(base, StatusCode::OK, "Signed out", |html| {
        html.tag("p").text(
            "The opened views are wiped. To sign in again, press Enter in the terminal where the \
             program runs, and open the new link.",
        );
    });
    if let Ok(cookie) = cookie.parse() {
        page.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    page
}

/// The style sheet.
pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// The picture in the browser's tab.
pub async fn icon() -> Response {
    let icon = include_str!("../icon.svg");
    ([(header::CONTENT_TYPE, "image/svg+xml")], icon).into_response()
}
