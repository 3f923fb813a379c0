//! The transparency report of a range of days, as anyone can count it from the public log.

use axum::extract::RawQuery;
use axum::http::header;
use axum::response::IntoResponse;
use waxseal_desk::transparency::day;
use waxseal_log::entry::Day;
use waxseal_relay::desk::Transparency;

use crate::clock::now;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::plot::{Plot, plot};
use crate::parts::{cell, table};
use crate::problem::Problem;
use crate::words;

/// Number of days before the last one that are shown if none are chosen.
const DAYS: u32 = 89;

/// The range of a query.
fn range(query: &Form) -> (u32, u32) {
    let today = Day::of_ms(now().as_millis()).0;
    let to = day(query.get("to")).map_or(today, |day| day.0);
    let from = day(query.get("from")).map_or(to.saturating_sub(DAYS), |day| day.0);
    (from.min(to), to)
}

async fn fetch(ctx: &Ctx, (from, to): (u32, u32)) -> Result<Transparency, Problem> {
    ctx.app
        .get(format!("/v1/transparency?from={from}&to={to}"))
        .await
}

pub async fn show(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let range = range(&query);
    let report = fetch(&ctx, range).await?;
    Ok(ctx.page("Transparency", Tab::Transparency, |html| {
        html.tag("p").text(
            "These numbers are counted from the log, and anyone can count them again from the \
             published entries. They hold no personal data.",
        );
        choose(html, range);
        for plotted in Plot::ALL {
            plot(html, plotted, &report.series, range);
        }
        days(html, &report);
        html.tag("h2").text("The whole report");
        html.tag("p").put(|html| {
            let (from, to) = (words::day(range.0), words::day(range.1));
            let link = Link::to("/transparency.csv")
                .with("from", &from)
                .with("to", &to);
            html.tag("a")
                .class("button")
                .href(&link)
                .text("Download as CSV");
            let counted = words::counted(report.log_size, "entry").replace("entrys", "entries");
            html.text(&format!(" counted from {counted} of the log"));
        });
        html.tag("details").put(|html| {
            html.tag("summary").text("Show it here");
            let frame = html.tag("pre").class("csv").tab_index("0");
            frame
                .aria_label("The report as CSV")
                .put(|html| html.written_lines(&report.csv));
        });
    }))
}

fn choose(html: &mut Html, (from, to): (u32, u32)) {
    let form = html.tag("form").class("filters").method("get");
    form.action(&Link::to("/transparency")).put(|html| {
        for (name, label, day) in [("from", "First day", from), ("to", "Last day", to)] {
            html.tag("div").class("field").put(|html| {
                html.tag("label").label_for(name).text(label);
                html.tag("input")
                    .kind("date")
                    .id(name)
                    .name(name)
                    .value(&words::day(day))
                    .end();
            });
        }
        html.tag("button")
            .class("quiet")
            .kind("submit")
            .text("Show");
    });
}

fn days(html: &mut Html, report: &Transparency) {
    if report.series.is_empty() {
        html.tag("p")
            .class("empty")
            .text("Nothing happened on these days.");
        return;
    }
    html.tag("details").put(|html| {
        html.tag("summary").text("The numbers of each day");
        let heads = ["Day", "Reports", "Openings", "Decisions", "Appeals"];
        table(html, "What happened on each day", &heads, |html| {
            for point in &report.series {
                html.tag("tr").put(|html| {
                    html.tag("th").scope("row").text(&words::day(point.day));
                    let numbers = [
                        point.reports,
                        point.openings,
                        point.decisions,
                        point.appeals,
                    ];
                    for number in numbers {
                        cell(html, &words::number(number.into()));
                    }
                });
            }
        });
    });
}

/// The report as a file.
pub async fn csv(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let range = range(&query);
    let report = fetch(&ctx, range).await?;
    let (from, to) = (words::day(range.0), words::day(range.1));
    let name = format!("attachment; filename=\"transparency-{from}-{to}.csv\"");
    let kind = "text/csv; charset=utf-8".to_owned();
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, report.csv).into_response())
}
