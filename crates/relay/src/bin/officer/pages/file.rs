//! Files of a view, after a click: fetched through the desk, verified, and shown as a picture or
//! given out as a file.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use waxseal_desk::vault::{ChunkedFile, ViewedAttachment};

use crate::app::aside;
use crate::fetch::fetch;
use crate::form::Form;
use crate::page::{Answer, Ctx, Tab};
use crate::pages::view::opened;
use crate::parts::view_link;
use crate::pictures::kind_of;
use crate::problem::Problem;
use crate::views::Opened;

/// A file of a view.
fn find(opened: &Opened, (ordinal, part): (u8, u8)) -> Option<&ChunkedFile> {
    let mut messages = opened.view.messages.iter();
    let message = messages.find(|message| message.ordinal == ordinal)?;
    let mut attachments = message.attachments.iter();
    match &attachments.find(|(at, _)| *at == part)?.1 {
        ViewedAttachment::Chunked(file) => Some(file),
        _ => None,
    }
}

/// Fetches and verifies a file.
pub async fn load(
    ctx: Ctx,
    Path((grant, report)): Path<(String, String)>,
    Extension(form): Extension<Form>,
) -> Answer {
    let opened = opened(&ctx, &grant, &report)?;
    let number = |name| form.get(name).parse().map_err(|_| Problem::Form);
    let at: (u8, u8) = (number("message")?, number("part")?);
    if opened.file(at).is_none() {
        let (app, view) = (ctx.app.clone(), opened.clone());
        let file = aside(move || {
            let file = find(&view, at).ok_or(Problem::NotFound)?;
            fetch(&app, &view.report, file)
        });
        if !opened.keep(at, file.await?) {
            let said = "the files of this view fill the memory that is for them; close the view";
            return Err(Problem::Refused(said).into());
        }
    }
    let message = format!("m{}", at.0.saturating_add(1));
    Ok(ctx.go(&view_link(&opened).at(&message)))
}

/// Grant, report, message and part, as a path has them.
type At = (String, String, String, String);

/// The view that a path names, and the place in it.
fn at(ctx: &Ctx, (grant, report, message, part): &At) -> Result<(Arc<Opened>, (u8, u8)), Problem> {
    let number = |text: &str| text.parse().map_err(|_| Problem::NotFound);
    let place = (number(message)?, number(part)?);
    Ok((opened(ctx, grant, report)?, place))
}

/// The small picture that came with a file.
fn small(opened: &Opened, place: (u8, u8)) -> Option<(&'static str, &[u8])> {
    let preview = find(opened, place)?.preview.as_ref()?;
    Some((kind_of(&preview.picture)?, &preview.picture))
}

/// A picture that was fetched.
pub async fn picture(ctx: Ctx, Path(path): Path<At>) -> Answer {
    let (opened, place) = at(&ctx, &path)?;
    let file = opened.file(place).ok_or(Problem::NotFound)?;
    let kind = file.picture.ok_or(Problem::NotFound)?;
    Ok(shown(kind, &file.bytes))
}

/// The small picture that came with a file.
pub async fn preview(ctx: Ctx, Path(path): Path<At>) -> Answer {
    let (opened, place) = at(&ctx, &path)?;
    let (kind, bytes) = small(&opened, place).ok_or(Problem::NotFound)?;
    Ok(shown(kind, bytes))
}

/// The page with a picture that was fetched.
pub async fn picture_page(ctx: Ctx, Path(path): Path<At>) -> Answer {
    let (opened, place) = at(&ctx, &path)?;
    let file = opened.file(place).ok_or(Problem::NotFound)?;
    file.picture.ok_or(Problem::NotFound)?;
    Ok(with_picture(&ctx, &opened, place, "picture"))
}

/// The page with the small picture.
pub async fn preview_page(ctx: Ctx, Path(path): Path<At>) -> Answer {
    let (opened, place) = at(&ctx, &path)?;
    small(&opened, place).ok_or(Problem::NotFound)?;
    Ok(with_picture(&ctx, &opened, place, "preview"))
}

/// A page that has one picture and nothing else of the report.
fn with_picture(
    ctx: &Ctx,
    opened: &Opened,
    (message, part): (u8, u8),
    what: &'static str,
) -> Response {
    let number = message.saturating_add(1);
    let title = format!("Picture of message {number}");
    ctx.page(&title, Tab::Queue, |html| {
        html.tag("p").put(|html| {
            let back = view_link(opened).at(&format!("m{number}"));
            html.tag("a").href(&back).text("Back to the message");
        });
        let link = view_link(opened).part(what);
        let link = link.number(message.into()).number(part.into());
        let alt = "Picture of the report, as its sender made it";
        html.tag("figure").class("picture").put(|html| {
            html.tag("img").src(&link).alt(alt).end();
        });
    })
}

/// Bytes of users as a picture.
fn shown(kind: &'static str, bytes: &[u8]) -> Response {
    // CHK-651: bytes of users are a picture of a known format, or a file without a type.
    ([(header::CONTENT_TYPE, kind)], bytes.to_vec()).into_response()
}

/// A file that was fetched, to save it.
pub async fn save(ctx: Ctx, Path(path): Path<At>) -> Answer {
    let (opened, (message, part)) = at(&ctx, &path)?;
    let file = opened.file((message, part)).ok_or(Problem::NotFound)?;
    let mut start = opened.report.to_string();
    start.truncate(8);
    let number = message.saturating_add(1);
    let name = format!("attachment; filename=\"report-{start}-message-{number}-part-{part}.bin\"");
    let kind = "application/octet-stream".to_owned();
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, file.bytes.to_vec()).into_response())
}
