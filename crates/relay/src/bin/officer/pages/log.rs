//! The entries of the log, as everyone will be able to read them.

use axum::extract::RawQuery;
use waxseal_log::entry::Kind;
use waxseal_relay::desk::{Entries, EntryItem, Hex};

use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::parts::{cell, fact, fact_text, facts, line, table};
use crate::problem::Problem;
use crate::words;

/// Number of entries on a page.
const PAGE: u64 = 100;

pub async fn show(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let desk = ctx.app.desk().await?;
    let number: Option<Hex<16>> = query.get("number").trim().parse().ok();
    let from: Option<u64> = query.get("from").parse().ok();
    let start = from.unwrap_or(desk.card.log_size.saturating_sub(PAGE));
    let path = match &number {
        Some(number) => format!("/v1/log?number={number}"),
        None => format!("/v1/log?from={start}"),
    };
    let entries: Entries = ctx.app.get(path).await?;
    Ok(ctx.page("Log", Tab::Log, |html| {
        html.tag("p").text(
            "The log has an entry for each step. It names nobody. Entries below the cosigned size \
             are certified by the vault and by witnesses, and can no longer be changed by anyone. \
             The public gets them after seven days.",
        );
        facts(html, |html| {
            fact_text(html, "Entries", &words::number(entries.log_size));
            let cosigned = words::number(entries.cosigned_size);
            fact_text(html, "Cosigned", &cosigned);
            fact(html, "Origin", |html| {
                html.tag("code").text(ctx.app.keys.origin());
            });
        });
        html.tag("form")
            .class("filters")
            .method("get")
            .action(&Link::to("/log"))
            .put(|html| {
                let hint = "Of a case, a report, a grant or a hold: 32 hex digits.";
                let label = ("number", "Number");
                line(html, label, hint, query.get("number").trim(), 32);
                html.tag("button")
                    .class("quiet")
                    .kind("submit")
                    .text("Show");
            });
        let shown = entries.entries.get(..256).unwrap_or(&entries.entries);
        let shown: Vec<_> = match number {
            Some(_) => shown.iter().collect(),
            None => shown
                .iter()
                .take(usize::try_from(PAGE).unwrap_or(0))
                .collect(),
        };
        list(html, &entries, &shown);
        if number.is_none() {
            pages(html, start, entries.log_size);
        }
    }))
}

fn list(html: &mut Html, entries: &Entries, shown: &[&EntryItem]) {
    if shown.is_empty() {
        html.tag("p").class("empty").text("There is no such entry.");
        return;
    }
    let heads = [
        "Entry",
        "Day",
        "What happened",
        "Details",
        "Number",
        "Cosigned",
        "Leaf hash",
    ];
    table(html, "Entries of the log", &heads, |html| {
        for entry in shown {
            html.tag("tr").put(|html| {
                html.tag("th").scope("row").text(&entry.index.to_string());
                cell(html, &words::day(entry.day));
                html.tag("td").put(|html| kind(html, &entry.kind));
                html.tag("td").put(|html| {
                    if !entry.what.is_empty() {
                        html.written(&words::plain(&entry.what));
                    }
                });
                html.tag("td").put(|html| {
                    let number = entry.number.to_string();
                    let link = Link::to("/log").with("number", &number);
                    html.tag("a").href(&link).text(&words::short(&entry.number));
                });
                let is_cosigned = entry.index < entries.cosigned_size;
                cell(html, if is_cosigned { "yes" } else { "not yet" });
                html.tag("td").put(|html| {
                    html.tag("code").text(&words::short(&entry.leaf));
                });
            });
        }
    });
}

fn pages(html: &mut Html, start: u64, size: u64) {
    html.tag("p").class("pages").put(|html| {
        if start > 0 {
            let from = start.saturating_sub(PAGE).to_string();
            let link = Link::to("/log").with("from", &from);
            html.tag("a").href(&link).text("Earlier");
            html.text(" ");
        }
        let next = start.saturating_add(PAGE);
        if next < size {
            let link = Link::to("/log").with("from", &next.to_string());
            html.tag("a").href(&link).text("Later");
        }
    });
}

/// The kind of an entry. One that this version does not know is text from outside.
fn kind(html: &mut Html, name: &str) {
    let known = Kind::ALL.iter().find(|kind| kind.name() == name);
    match known {
        Some(kind) => html.text(&words::plain(kind.name())),
        None => html.written(name),
    }
}
