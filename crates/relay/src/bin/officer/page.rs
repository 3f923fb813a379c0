//! What all pages have in common: head, navigation, forms.

use std::sync::{Arc, LazyLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use waxseal_relay::desk::Hex;

use crate::app::App;
use crate::html::{Html, Link};
use crate::problem::Problem;

/// The style sheet.
pub const STYLE: &str = include_str!("style.css");

/// The name of the style sheet, which differs with its content.
pub static STYLE_NAME: LazyLock<String> = LazyLock::new(|| {
    let digest: [u8; 32] = Sha256::digest(STYLE).into();
    let start = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("style-{}.css", Hex(start))
});

/// A request within the session.
#[derive(Clone)]
pub struct Ctx {
    pub app: Arc<App>,
    /// What each form sends along.
    pub form_token: String,
}

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let ctx = parts.extensions.get::<Self>().cloned();
        ctx.ok_or(Failure(Problem::NoSession))
    }
}

/// A problem as an answer. The guard makes a page of it.
#[derive(Clone)]
pub struct Failure(pub Problem);

impl<T: Into<Problem>> From<T> for Failure {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = self.0.status().into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// What a handler answers.
pub type Answer = Result<Response, Failure>;

/// The parts of the program, as the navigation lists them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Queue,
    Grants,
    Appeals,
    Log,
    Transparency,
    Exports,
    None,
}

const TABS: [(Tab, &str, &str); 6] = [
    (Tab::Queue, "/queue", "Queue"),
    (Tab::Grants, "/grants", "Grants"),
    (Tab::Appeals, "/appeals", "Appeals"),
    (Tab::Log, "/log", "Log"),
    (Tab::Transparency, "/transparency", "Transparency"),
    (Tab::Exports, "/exports", "Exports"),
];

impl Ctx {
    /// A page with this title, which is its first heading too.
    pub fn page(&self, title: &str, tab: Tab, body: impl FnOnce(&mut Html)) -> Response {
        self.page_as(StatusCode::OK, title, tab, body)
    }

    /// A page with another status than 200.
    pub fn page_as(
        &self,
        status: StatusCode,
        title: &str,
        tab: Tab,
        body: impl FnOnce(&mut Html),
    ) -> Response {
        let mut html = Html::new(&self.app.base);
        html.tag("html").lang("en").translate("no").put(|html| {
            head(html, title);
            html.tag("body").put(|html| {
                html.tag("a")
                    .class("skip")
                    .href(&Link::here("main"))
                    .text("Skip to the content");
                html.tag("header")
                    .class("top")
                    .put(|html| self.top(html, tab));
                html.tag("main").id("main").tab_index("-1").put(|html| {
                    html.tag("h1").text(title);
                    body(html);
                });
                html.tag("footer").class("foot").put(|html| self.foot(html));
            });
        });
        answer(status, html)
    }

    fn top(&self, html: &mut Html, tab: Tab) {
        html.tag("p").class("brand").text("Waxseal desk");
        html.tag("nav").aria_label("Main").put(|html| {
            html.tag("ul").put(|html| {
                for (one, path, name) in TABS {
                    html.tag("li").put(|html| {
                        let link = Link::to(path);
                        let item = html.tag("a").href(&link);
                        let item = if one == tab {
                            item.aria_current("page")
                        } else {
                            item
                        };
                        item.text(name);
                    });
                }
            });
        });
        self.post(html, &Link::to("/leave"), |html| {
            html.tag("button")
                .class("plain")
                .kind("submit")
                .text("Sign out");
        });
    }

    fn foot(&self, html: &mut Html) {
        html.tag("p").put(|html| {
            html.text("Log ");
            html.tag("code").text(self.app.keys.origin());
            html.text(", its key ");
            html.tag("code")
                .text(&Hex(self.app.keys.log().id()).to_string());
            html.text(". Your key ");
            html.tag("code").text(&self.app.me().to_string());
            html.text(".");
        });
    }

    /// A form that changes something. It has the token of the session.
    pub fn post(&self, html: &mut Html, to: &Link, fields: impl FnOnce(&mut Html)) {
        html.tag("form").method("post").action(to).put(|html| {
            hidden(html, "token", &self.form_token);
            fields(html);
        });
    }

    /// Sends the browser to another page.
    pub fn go(&self, to: &Link) -> Response {
        let to = to.below(&self.app.base);
        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
    }
}

/// A page without a session.
pub fn bare(base: &str, status: StatusCode, title: &str, body: impl FnOnce(&mut Html)) -> Response {
    let mut html = Html::new(base);
    html.tag("html").lang("en").translate("no").put(|html| {
        head(html, title);
        html.tag("body").put(|html| {
            html.tag("header").class("top").put(|html| {
                html.tag("p").class("brand").text("Waxseal desk");
            });
            html.tag("main").id("main").put(|html| {
                html.tag("h1").text(title);
                body(html);
            });
        });
    });
    answer(status, html)
}

fn head(html: &mut Html, title: &str) {
    html.tag("head").put(|html| {
        html.tag("meta").charset("utf-8").end();
        html.tag("title").text(&format!("{title} – Waxseal desk"));
        html.tag("meta")
            .name("viewport")
            .content("width=device-width, initial-scale=1")
            .end();
        // No browser sends a page away to have it translated.
        html.tag("meta").name("google").content("notranslate").end();
        html.tag("meta")
            .name("color-scheme")
            .content("light dark")
            .end();
        html.tag("link")
            .rel("stylesheet")
            .href(&Link::public(&STYLE_NAME))
            .end();
        html.tag("link")
            .rel("icon")
            .href(&Link::public("icon.svg"))
            .kind("image/svg+xml")
            .end();
    });
}

fn answer(status: StatusCode, html: Html) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, html.finish()).into_response()
}

/// A field that the officer does not see.
pub fn hidden(html: &mut Html, name: &str, value: &str) {
    html.tag("input")
        .kind("hidden")
        .name(name)
        .value(value)
        .end();
}
