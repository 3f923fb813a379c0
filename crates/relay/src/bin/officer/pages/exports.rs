//! Exports: what left, and what waits to leave.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::export::{ShownReport, encode_content};
use waxseal_log::entry::Target;
use waxseal_relay::desk::{AskExport, CallbackItem, ExportItem, Exports, Hex};
use waxseal_reporting::intake::ReportId;

use crate::app::Desk;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::case::case_id;
use crate::pages::confirm::confirm;
use crate::parts::{
    Wrong, area, button, case_link, cell, done, entry_link, errors, fact_text, facts, officer,
    select, table, time_cell,
};
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;
use crate::words;

/// Maximum length of the fields of an export as text, in bytes.
const MAX_FIELDS_LEN: usize = 16_384;

pub async fn list(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let desk = ctx.app.desk().await?;
    let exports: Exports = ctx.app.get("/v1/exports".to_owned()).await?;
    Ok(ctx.page("Exports", Tab::Exports, |html| {
        done(html, query.get("done"));
        let targets: Vec<_> = targets(&desk)
            .map(|target| words::target(target.number()))
            .collect();
        let targets = match targets.as_slice() {
            [] => "No target is set up for exports.".to_owned(),
            names => format!("Targets that are set up: {}.", names.join(", ")),
        };
        html.tag("p").text(&targets);
        if exports.exports.is_empty() {
            html.tag("p").class("empty").text("Nothing was exported.");
        } else {
            made(html, &desk, &exports.exports);
        }
        answered(html, &desk, &exports.callbacks);
    }))
}

fn made(html: &mut Html, desk: &Desk, exports: &[ExportItem]) {
    let heads = [
        "Export",
        "Case",
        "To",
        "Made",
        "Asked by",
        "Taken",
        "Last answer",
        "Log",
    ];
    table(html, "Exports, the newest first", &heads, |html| {
        for export in exports {
            html.tag("tr").put(|html| {
                html.tag("th").scope("row").text(&words::short(&export.id));
                html.tag("td").put(|html| case_link(html, &export.case));
                cell(html, words::target(export.target));
                time_cell(html, export.made_at_ms, desk.card.now_ms);
                html.tag("td")
                    .put(|html| officer(html, desk, &export.officer));
                html.tag("td").put(|html| {
                    match (export.taken_at_ms, export.given_up_at_ms) {
                        (Some(at), _) => html.text(&words::time(at)),
                        (None, Some(at)) => html.text(&format!("given up {}", words::time(at))),
                        (None, None) => html.text("waits"),
                    }
                    let tries = words::counted(export.tries.into(), "try").replace("trys", "tries");
                    html.tag("span").class("small").text(&tries);
                });
                html.tag("td").put(|html| {
                    if !export.answer.is_empty() {
                        html.written(&export.answer);
                    }
                });
                html.tag("td")
                    .put(|html| entry_link(html, export.log_index));
            });
        }
    });
}

/// What targets said later.
fn answered(html: &mut Html, desk: &Desk, callbacks: &[CallbackItem]) {
    if callbacks.is_empty() {
        return;
    }
    html.tag("h2").text("What targets said later");
    html.tag("p").text("It decides nothing here.");
    table(
        html,
        "What targets said later",
        &["Case", "Came", "Said"],
        |html| {
            for callback in callbacks {
                html.tag("tr").put(|html| {
                    html.tag("th")
                        .scope("row")
                        .put(|html| match &callback.case {
                            Some(case) => case_link(html, case),
                            None => html.text("none"),
                        });
                    time_cell(html, callback.received_at_ms, desk.card.now_ms);
                    html.tag("td")
                        .put(|html| html.written_lines(&callback.text));
                });
            }
        },
    );
}

pub async fn show(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    Ok(page(&ctx, &desk, &id, &Form::default(), &[]))
}

/// The targets that are set up.
fn targets(desk: &Desk) -> impl Iterator<Item = Target> {
    let names = &desk.card.exports;
    let all = Target::ALL.iter().copied();
    all.filter(|target| names.iter().any(|name| name == target.name()))
}

fn page(ctx: &Ctx, desk: &Desk, case: &Hex<16>, form: &Form, wrong: &[Wrong]) -> Response {
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ctx.page_as(status, "Export the case", Tab::Exports, |html| {
        errors(html, wrong);
        html.tag("p").put(|html| {
            html.text("About ");
            case_link(html, case);
            html.text(". The desk fills in what it knows, and guesses nothing.");
        });
        ctx.post(html, &Link::to("/case").hex(case).part("export"), |html| {
            let known: Vec<_> = targets(desk)
                .map(|target| (target.number().to_string(), words::target(target.number())))
                .collect();
            let options = known.iter().map(|(value, words)| (value.as_str(), *words));
            select(html, ("target", "To"), options, form.get("target"));
            let hint = "What only you know, one field a line: name = value. The desk names what is \
                        missing.";
            let label = ("fields", "Fields");
            area(html, label, hint, form.get("fields"), MAX_FIELDS_LEN);
            content(html, ctx, case, form);
            button(html, "Continue…");
        });
        known_fields(html);
    })
}

/// Lets the officer send along what was opened and is still kept.
fn content(html: &mut Html, ctx: &Ctx, case: &Hex<16>, form: &Form) {
    let views = ctx.app.views().of_case(case);
    html.tag("fieldset").put(|html| {
        html.tag("legend").text("Content that goes along");
        if views.is_empty() {
            html.tag("p").class("hint").text(
                "None. What you opened in this case within the last hour could go along, and a \
                 CyberTip needs it.",
            );
        }
        for opened in &views {
            let value = format!("{}.{}", opened.grant, opened.report);
            html.tag("span").class("box").put(|html| {
                let input = html
                    .tag("input")
                    .kind("checkbox")
                    .id(&value)
                    .name("content");
                let chosen = form.all("content").any(|one| one == value);
                input.value(&value).flag("checked", chosen).end();
                let label = format!("Report {}, as you opened it", words::short(&opened.report));
                html.tag("label").label_for(&value).text(&label);
            });
        }
    });
}

/// The chosen views, each report once.
fn shown(ctx: &Ctx, case: &Hex<16>, form: &Form) -> (Vec<ShownReport>, Vec<(Hex<16>, Hex<16>)>) {
    let mut views = Vec::new();
    let mut shown: Vec<ShownReport> = Vec::new();
    for opened in ctx.app.views().of_case(case) {
        let value = format!("{}.{}", opened.grant, opened.report);
        let report = ReportId::from_bytes(opened.report.0);
        let is_new = !shown.iter().any(|one| one.report == report);
        if is_new && form.all("content").any(|one| one == value) {
            let view = opened.view.clone();
            shown.push(ShownReport { report, view });
            views.push((opened.grant, opened.report));
        }
    }
    (shown, views)
}

/// The fields that only an officer can know, for each target.
fn known_fields(html: &mut Html) {
    let fields = [
        ("ROOST Coop", "report, minor, note, appeal"),
        (
            "NCMEC CyberTipline",
            "minor, escalate, annotations, screen_name, display_name, email, ip_address, ip_event, \
             ip_at, viewed, classified, annotated, additional_info",
        ),
        (
            "EU DSA transparency database",
            "ground, decision_facts, content_type, source_type, content_type_other, legal_ground, \
             explanation, also_illegal, content_date, end_date, minor, keywords, account_type, \
             territorial_scope, content_language, reference_url",
        ),
        ("ROOST Osprey, signed webhook", "none"),
    ];
    html.tag("details").put(|html| {
        html.tag("summary").text("Fields of each target");
        facts(html, |html| {
            for (target, names) in fields {
                fact_text(html, target, names);
            }
        });
    });
}

pub async fn prepare(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    let target = form.get("target").parse().ok();
    let target = target.and_then(Target::from_number);
    let target = target.filter(|target| targets(&desk).any(|known| known == *target));
    let mut wrong: Vec<Wrong> = Vec::new();
    if target.is_none() {
        wrong.push(("target", "Choose a target that is set up.".to_owned()));
    }
    let mut fields = BTreeMap::new();
    let text = form.lines("fields");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                fields.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            _ => wrong.push(("fields", "Each line has the form: name = value.".to_owned())),
        }
    }
    if form.is_changed() {
        return Ok(page(&ctx, &desk, &id, &form, &[]));
    }
    let (Some(target), true) = (target, wrong.is_empty()) else {
        return Ok(page(&ctx, &desk, &id, &form, &wrong));
    };
    let ask = AskExport {
        target: target.number(),
        fields,
        content: Vec::new(),
    };
    let (shown, views) = shown(&ctx, &id, &form);
    let act = Prepared::Export {
        case: id,
        ask,
        content: encode_content(&shown),
        views,
    };
    let to = Link::to("/case").hex(&id).part("export");
    confirm(&ctx, &desk, Waiting::made(act, to, form))
}
