//! A case with all that belongs to it.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use waxseal_desk::case::Assignment;
use waxseal_desk::ids::{CaseId, OfficerId};
use waxseal_relay::desk::{CaseDetail, CaseItem, Hex, ReportItem};
use waxseal_reporting::Timestamp;

use crate::app::Desk;
use crate::clock::now;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::confirm::confirm;
use crate::pages::{queue, steps};
use crate::parts::{
    account, button, cell, done, fact, fact_id, fact_text, facts, log_link, officer, select, table,
    time_cell,
};
use crate::prepared::Prepared;
use crate::problem::Problem;
use crate::words;

const DAY_MS: u64 = 86_400_000;

/// Reads the id of a case in a path.
pub fn case_id(text: &str) -> Result<Hex<16>, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

/// Asks the desk for a case.
pub async fn fetch(ctx: &Ctx, id: &Hex<16>) -> Result<CaseDetail, Problem> {
    fetch_page(ctx, id, "").await
}

/// Asks the desk for a case, with the page of its reports that starts after `reports`. The first
/// page if this is empty.
pub async fn fetch_page(ctx: &Ctx, id: &Hex<16>, reports: &str) -> Result<CaseDetail, Problem> {
    let after = match reports {
        "" => String::new(),
        after => {
            let after: Hex<24> = after.parse().map_err(|_| Problem::Form)?;
            format!("?reports_after={after}")
        }
    };
    let detail: CaseDetail = ctx.app.get(format!("/v1/cases/{id}{after}")).await?;
    // The officer acts on the case that the page names.
    if detail.case.id == *id {
        Ok(detail)
    } else {
        Err(Problem::Malformed)
    }
}

pub async fn show(ctx: Ctx, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let id = case_id(&id)?;
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let desk = ctx.app.desk().await?;
    let page = query.get("reports");
    let detail = fetch_page(&ctx, &id, page).await?;
    let title = format!("Case {}", words::short(&id));
    Ok(ctx.page(&title, Tab::Queue, |html| {
        done(html, query.get("done"));
        summary(html, &desk, &detail.case);
        next_steps(html, &ctx, &desk, (&detail, page));
        reports(html, &desk, &detail.reports);
        pages(html, &Link::to("/case").hex(&id), page, &detail);
        steps::grants(html, &ctx, &desk, &detail);
        steps::decisions(html, &desk, &detail.decisions);
        steps::appeals(html, &desk, &detail.appeals);
        steps::holds(html, &id, &detail.holds);
        earlier(html, &desk, &detail.earlier);
    }))
}

fn summary(html: &mut Html, desk: &Desk, case: &CaseItem) {
    facts(html, |html| {
        fact(html, "Reported account", |html| account(html, case));
        fact_text(html, "Gravest reason", words::reason(case.reason));
        fact_text(html, "Severity", words::severity(case.severity));
        let (reports, by) = (case.reports.into(), case.reporters.into());
        let by = words::counted(by, "person").replace("persons", "people");
        let reports = format!("{} by {by}", words::counted(reports, "report"));
        fact_text(html, "Reports", &reports);
        let first = words::time(case.first_report_at_ms);
        fact_text(html, "First report", &first);
        fact_text(html, "Last report", &words::time(case.last_report_at_ms));
        fact_text(html, "Status", words::state(&case.status));
        fact(html, "Assigned to", |html| {
            match (&case.officer, case.assigned_until_ms) {
                (Some(key), Some(until)) if until > desk.card.now_ms => {
                    officer(html, desk, key);
                    html.text(&format!(" until {}", words::time(until)));
                }
                _ => html.text("no one"),
            }
        });
        if case.is_held {
            fact_text(html, "Hold", "The content is kept, see below");
        }
        fact_id(html, "Case", &case.id);
        fact(html, "Log", |html| log_link(html, &case.id));
    });
}

fn next_steps(html: &mut Html, ctx: &Ctx, desk: &Desk, (detail, page): (&CaseDetail, &str)) {
    let case = &detail.case;
    let path = || Link::to("/case").hex(&case.id);
    html.tag("h2").id("next").text("What you can do");
    html.tag("ul").class("actions").put(|html| {
        let link = |html: &mut Html, link: Link, words: &str| {
            html.tag("li").put(|html| {
                html.tag("a").class("button").href(&link).text(words);
            });
        };
        let ask = path().part("ask");
        let ask = match page {
            "" => ask,
            page => ask.with("reports", page),
        };
        link(html, ask, "Ask to open reports…");
        let reversed = detail
            .appeals
            .iter()
            .any(|appeal| appeal.outcome == Some(2));
        if matches!(case.status.as_str(), "open" | "waiting") || reversed {
            link(html, path().part("decide"), "Decide the case…");
        }
        if !desk.card.exports.is_empty() {
            link(html, path().part("export"), "Export…");
        }
    });
    if !matches!(case.status.as_str(), "open" | "waiting") {
        return;
    }
    html.tag("details").put(|html| {
        html.tag("summary").text("Assign the case");
        ctx.post(html, &path().part("assign"), |html| {
            let me = ctx.app.me().to_string();
            let officers: Vec<_> = desk
                .policy
                .terms()
                .officers
                .iter()
                .map(|officer| {
                    let key = Hex(*officer.id.as_bytes()).to_string();
                    let is_me = if key == me { " (you)" } else { "" };
                    let short = words::short(&Hex(*officer.id.as_bytes()));
                    let words = format!("{} {short}{is_me}", shown_name(&officer.name));
                    (key, words)
                })
                .collect();
            let officers = officers
                .iter()
                .map(|(key, name)| (key.as_str(), name.as_str()));
            select(html, ("officer", "To"), officers, &me);
            let days = [
                ("1", "1 day"),
                ("2", "2 days"),
                ("7", "7 days"),
                ("13", "13 days"),
            ];
            select(html, ("days", "For"), days, "1");
            button(html, "Assign…");
        });
        if case.officer == Some(ctx.app.me()) {
            ctx.post(html, &path().part("back"), |html| {
                html.tag("button")
                    .class("quiet")
                    .kind("submit")
                    .text("Give the case back…");
            });
        }
    });
}

/// A name where only text can be: its invisible characters are shown.
pub fn shown_name(name: &str) -> String {
    let pieces = crate::text::pieces(name, false).into_iter();
    pieces
        .map(|piece| match piece {
            crate::text::Piece::Text(text) => text,
            crate::text::Piece::Mark(mark) => format!("[{mark}]"),
        })
        .collect()
}

fn reports(html: &mut Html, desk: &Desk, reports: &[ReportItem]) {
    html.tag("h2").id("reports").text("Reports");
    let heads = ["Report", "Reason", "Came in", "Messages", "Files", "Log"];
    table(html, "Reports of this case", &heads, |html| {
        for report in reports {
            html.tag("tr").put(|html| {
                html.tag("th").scope("row").put(|html| {
                    html.tag("code").text(&words::short(&report.id));
                });
                let reason = report.reason.map_or("not told yet", words::reason);
                cell(html, reason);
                time_cell(html, report.received_at_ms, desk.card.now_ms);
                let messages = match (report.is_erased, report.messages) {
                    (true, _) => "content erased".to_owned(),
                    (false, 0) => "none: about the account".to_owned(),
                    (false, messages) => messages.to_string(),
                };
                cell(html, &messages);
                cell(html, &report.blobs.len().to_string());
                html.tag("td").put(|html| log_link(html, &report.number));
            });
        }
    });
}

/// Links to the other pages of reports.
pub fn pages(html: &mut Html, to: &Link, page: &str, detail: &CaseDetail) {
    if page.is_empty() && detail.reports_next.is_none() {
        return;
    }
    html.tag("p").class("pages").put(|html| {
        let of = detail.case.reports;
        html.text(&format!(
            "These are {} of {of} reports. ",
            detail.reports.len()
        ));
        if !page.is_empty() {
            html.tag("a").href(to).text("First reports");
            html.text(" ");
        }
        if let Some(next) = &detail.reports_next {
            let next = to.clone().with("reports", &next.to_string());
            html.tag("a").href(&next).text("Next reports");
        }
    });
}

fn earlier(html: &mut Html, desk: &Desk, cases: &[CaseItem]) {
    if cases.is_empty() {
        return;
    }
    html.tag("h2")
        .id("earlier")
        .text("Earlier cases about this account");
    let heads = [
        "Case",
        "Reason",
        "Reports",
        "First report",
        "Assigned to",
        "Status",
    ];
    table(html, "Earlier cases", &heads, |html| {
        for case in cases {
            html.tag("tr").put(|html| queue::row(html, desk, case));
        }
    });
}

pub async fn assign(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let id = case_id(&id)?;
    let days: u64 = form.get("days").parse().map_err(|_| Problem::Form)?;
    let officer: Hex<32> = form.get("officer").parse().map_err(|_| Problem::Form)?;
    let for_ms = days.clamp(1, 13).saturating_mul(DAY_MS);
    prepare(&ctx, id, officer, for_ms, false).await
}

pub async fn back(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let (id, me) = (case_id(&id)?, ctx.app.me());
    // Its end is set when it is signed.
    prepare(&ctx, id, me, 0, true).await
}

async fn prepare(
    ctx: &Ctx,
    id: Hex<16>,
    officer: Hex<32>,
    for_ms: u64,
    gives_back: bool,
) -> Answer {
    let desk = ctx.app.desk().await?;
    let until = now().as_millis().saturating_add(for_ms);
    let assignment = Assignment {
        case: CaseId::from_bytes(id.0),
        officer: OfficerId::from_bytes(officer.0),
        until: Timestamp::from_millis(until),
    };
    confirm(
        ctx,
        &desk,
        Prepared::Assignment {
            assignment,
            gives_back,
        },
    )
}
