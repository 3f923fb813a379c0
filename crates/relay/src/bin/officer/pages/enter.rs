//! The way in and out.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use waxseal_relay::desk::Hex;
use waxseal_relay::system_rng;

use crate::app::App;
use crate::form::Form;
use crate::guard::{COOKIE, cookie};
use crate::html::Link;
use crate::page::{Answer, Ctx, STYLE, bare};
use crate::problem::Problem;
use crate::terminal::say;
use crate::views::Views;

/// The name of the cookie of a browser that waits to be let in.
const WAITING: &str = "waxseal-officer-waiting";

/// The way in. The printed link shows a number, and the session begins once the officer has typed
/// it in the terminal.
pub async fn enter(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes()).ok_or(Problem::Form)?;
    let (code, now, rng) = (form.get("code"), Instant::now(), &mut system_rng());
    let mut sessions = app.sessions();
    if let Some(visit) = sessions.visit(code, now, rng) {
        say("The link was opened. Type the number that your browser shows, and press Enter.");
        let number = sessions.number(&visit, now).ok_or(Problem::Failed)?;
        let place = place_of(&visit);
        let mut page = number_page(&app, &number, &place);
        let path = place.below("");
        let cookie = format!("{WAITING}={visit}; Path={path}; HttpOnly; SameSite=Strict");
        if let Ok(cookie) = cookie.parse() {
            page.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        return Ok(page);
    }
    if sessions.was_used(code) {
        say(
            "The link was opened AGAIN. If your browser does not show a number, someone else opened \
             it first: type nothing, and press Enter for another link.",
        );
    }
    Err(Problem::NoSession.into())
}

/// Where the browser waits that has the number.
pub async fn wait(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let (now, rng) = (Instant::now(), &mut system_rng());
    let waiting = cookie(&headers, WAITING).unwrap_or_default();
    let mut sessions = app.sessions();
    let number = sessions.number(waiting, now).ok_or(Problem::NoSession)?;
    Ok(match sessions.enter(waiting, now, rng) {
        Some(cookie) => begun(&app.base, &cookie),
        None => number_page(&app, &number, &place_of(waiting)),
    })
}

/// The place of a visit. Its cookie has this path, which follows from the cookie and does not tell
/// it: other programs of the machine, to which the browser would send a cookie of a known path,
/// cannot guess it.
fn place_of(visit: &str) -> Link {
    let digest: [u8; 32] = Sha256::digest(visit).into();
    Link::public("enter").hex(&Hex(digest))
}

fn begun(base: &str, cookie: &str) -> Response {
    let cookie = format!("{COOKIE}={cookie}; Path={base}/; HttpOnly; SameSite=Strict");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, format!("{base}/queue")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn number_page(app: &App, number: &str, place: &Link) -> Response {
    bare(&app.base, StatusCode::OK, "Is it you?", |html| {
        html.tag("p").text(
            "Type this number in the terminal where the program runs, and press Enter there. Then \
             continue here.",
        );
        html.tag("p").class("number").text(number);
        html.tag("p").put(|html| {
            html.tag("a").class("button").href(place).text("Continue");
        });
    })
}

/// Ends the session, and closes the opened views.
pub async fn leave(ctx: Ctx) -> Response {
    ctx.app.sessions().leave();
    ctx.app.close(Views::close_all);
    let base = &ctx.app.base;
    let cookie = format!("{COOKIE}=; Path={base}/; HttpOnly; SameSite=Strict; Max-Age=0");
    let mut page = bare(base, StatusCode::OK, "Signed out", |html| {
        html.tag("p").text(
            "The opened views are closed. To sign in again, press Enter in the terminal where the \
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
