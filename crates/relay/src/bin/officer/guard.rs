//! What every request passes before a page sees it, and every answer before the browser does.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use waxseal_relay::desk::DeskError;

use crate::app::App;
use crate::form::{Form, MAX_FORM_LEN};
use crate::html::{Html, Link};
use crate::page::{Ctx, Failure, STYLE_NAME, Tab, bare};
use crate::problem::Problem;

/// The name of the session's cookie.
pub const COOKIE: &str = "waxseal-officer";

/// No script, no plug-in, no frame, no connection. Styles and pictures come from here alone.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";

/// What a page may not use. It needs nothing of all this.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), \
                           clipboard-write=(), display-capture=(), encrypted-media=(), \
                           fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), \
                           idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), \
                           midi=(), payment=(), picture-in-picture=(), \
                           publickey-credentials-get=(), screen-wake-lock=(), serial=(), \
                           storage-access=(), usb=(), xr-spatial-tracking=()";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

/// Lets a request pass or refuses it, and adds the headers to the answer.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut answer = match admit(&app, request).await {
        Ok(request) => {
            let ctx = request.extensions().get::<Ctx>().cloned();
            let answer = next.run(request).await;
            match answer.extensions().get::<Failure>() {
                Some(Failure(problem)) => problem_page(&app, ctx.as_ref(), problem),
                None if is_bare(&answer) => problem_page(&app, ctx.as_ref(), &Problem::NotFound),
                None => answer,
            }
        }
        Err(problem) => problem_page(&app, None, &problem),
    };
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        // CHK-649: every answer has the policy, and no browser keeps, frames or guesses it.
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Checks that a request is from the browser of this session, and from a page of this program.
async fn admit(app: &Arc<App>, mut request: Request) -> Result<Request, Problem> {
    // CHK-644: the request is for the address that this program listens on. Another name that
    // leads here is one that someone else gave (DNS rebinding).
    if text(request.headers(), &header::HOST) != Some(&app.host) {
        return Err(Problem::Elsewhere);
    }
    let method = request.method().clone();
    let path = request.uri().path();
    if method == Method::GET && is_public(path) {
        return Ok(request);
    }
    let below = path.strip_prefix(&app.base);
    if !below.is_some_and(|rest| rest.starts_with('/')) {
        return Err(Problem::NoSession);
    }
    if !(method == Method::GET || method == Method::POST) {
        return Err(Problem::NotFound);
    }
    // CHK-645: a page of this program asks, or the officer by hand. Forms come from a page.
    if !is_own(request.headers(), &method, app) {
        return Err(Problem::Elsewhere);
    }
    let cookie = cookie(request.headers(), COOKIE).ok_or(Problem::NoSession)?;
    // CHK-646: the browser has the cookie of the session, and the path that only its pages have.
    let token = app.sessions().resume(cookie, Instant::now());
    let form_token = token.ok_or(Problem::NoSession)?;
    if method == Method::POST {
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let bytes = to_bytes(body, MAX_FORM_LEN).await;
        let form = bytes.ok().and_then(|bytes| Form::read(&bytes));
        let form = form.ok_or(Problem::Form)?;
        // CHK-647: a form has the token that only pages of this session have.
        if !app.sessions().is_own_form(form.get("token")) {
            return Err(Problem::Elsewhere);
        }
        request.extensions_mut().insert(form);
    }
    let app = Arc::clone(app);
    request.extensions_mut().insert(Ctx { app, form_token });
    Ok(request)
}

/// Whether the router refused the request by itself, in words that are not of these pages.
fn is_bare(answer: &Response) -> bool {
    let kind = text(answer.headers(), &header::CONTENT_TYPE).unwrap_or_default();
    answer.status().is_client_error() && !kind.starts_with("text/html")
}

fn is_public(path: &str) -> bool {
    path == "/enter"
        || path.starts_with("/enter/")
        || path == "/icon.svg"
        || path.strip_prefix('/') == Some(&STYLE_NAME)
}

/// Whether a browser says that a page of this program, or the officer, sent the request. With the
/// referrer policy of our pages, browsers send `Origin: null` along with our own forms, so that
/// alone says nothing.
fn is_own(headers: &HeaderMap, method: &Method, app: &App) -> bool {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let origin = text(headers, &header::ORIGIN);
    let own = origin.is_some_and(|origin| origin.strip_prefix("http://") == Some(&app.host));
    match (site, origin) {
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin"), Some(_)) => own,
        (Some("none"), None) => method == Method::GET,
        (Some(_), _) => false,
        (None, Some(_)) => own,
        (None, None) => method == Method::GET,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok();
    // Two values of what has one are a trick.
    if values.next().is_some() {
        return Some("");
    }
    value.or(Some(""))
}

/// The cookie with this name.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter();
    let all = all.filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn problem_page(app: &App, ctx: Option<&Ctx>, problem: &Problem) -> Response {
    let (status, title) = (problem.status(), problem.title());
    let body = |html: &mut Html| {
        told(html, problem);
        if ctx.is_some() {
            html.tag("p").put(|html| {
                html.tag("a").href(&Link::to("/queue")).text("To the queue");
            });
        }
    };
    match ctx {
        Some(ctx) => ctx.page_as(status, title, Tab::None, body),
        None => bare(&app.base, status, title, body).into_response(),
    }
}

/// Says what did not work, and what to do about it.
pub fn told(html: &mut Html, problem: &Problem) {
    let alert = html.tag("div").class("errors").role("alert");
    alert.put(|html| {
        let said = problem.to_string();
        html.tag("p").put(|html| match problem {
            // The relay's words for a link name a relay.
            Problem::Desk(DeskError::Link(_)) => html.text("The desk did not answer."),
            Problem::Desk(_) => html.written(&said),
            _ => html.text(&sentence(&said)),
        });
        if let Some(advice) = problem.advice() {
            html.tag("p").text(advice);
        }
    });
}

/// A message as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
