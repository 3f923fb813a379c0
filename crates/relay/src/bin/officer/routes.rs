//! Which page answers which request.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::guard::guard;
use crate::page::{Failure, STYLE_NAME};
use crate::pages::{
    appeals, ask, case, decide, enter, exports, file, grants, holds, log, queue, sign,
    transparency, view,
};
use crate::problem::Problem;

/// All pages, after the guard.
pub fn router(app: Arc<App>) -> Router {
    let pages = Router::new()
        .route("/queue", get(queue::show))
        .route("/case/{id}", get(case::show))
        .route("/case/{id}/assign", post(case::assign))
        .route("/case/{id}/back", post(case::back))
        .route("/case/{id}/ask", get(ask::show).post(ask::prepare))
        .route("/case/{id}/decide", get(decide::show).post(decide::prepare))
        .route("/case/{id}/hold", get(holds::show).post(holds::prepare))
        .route(
            "/case/{id}/export",
            get(exports::show).post(exports::prepare),
        )
        .route(
            "/case/{id}/appeal/{leaf}",
            get(appeals::show).post(appeals::prepare),
        )
        .route("/grants", get(grants::list))
        .route("/grants/{id}/approve", post(grants::approve))
        .route("/grants/{id}/deny", get(grants::denial).post(grants::deny))
        .route(
            "/grants/{id}/review",
            get(grants::reviewing).post(grants::reviewed),
        )
        .route("/open", post(ask::open))
        .route("/view/{grant}/{report}", get(view::show))
        .route("/view/{grant}/{report}/close", post(view::close))
        .route("/view/{grant}/{report}/fetch", post(file::load))
        .route(
            "/view/{grant}/{report}/picture/{message}/{part}",
            get(file::picture),
        )
        .route(
            "/view/{grant}/{report}/picture/{message}/{part}/page",
            get(file::picture_page),
        )
        .route(
            "/view/{grant}/{report}/preview/{message}/{part}",
            get(file::preview),
        )
        .route(
            "/view/{grant}/{report}/preview/{message}/{part}/page",
            get(file::preview_page),
        )
        .route(
            "/view/{grant}/{report}/file/{message}/{part}",
            get(file::save),
        )
        .route("/appeals", get(appeals::list))
        .route("/log", get(log::show))
        .route("/transparency", get(transparency::show))
        .route("/transparency.csv", get(transparency::csv))
        .route("/exports", get(exports::list))
        .route("/sign", post(sign::sign))
        .route("/leave", post(enter::leave))
        .fallback(async || Failure(Problem::NotFound));
    let style = format!("/{}", *STYLE_NAME);
    Router::new()
        .nest(&app.base, pages)
        .route("/enter", get(enter::enter))
        .route("/enter/{place}", get(enter::wait))
        .route(&style, get(enter::style))
        .route("/icon.svg", get(enter::icon))
        .fallback(async || Failure(Problem::NotFound))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}
