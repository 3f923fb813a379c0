//! The queue: the cases that wait, by their order, reason, status and officer.

use axum::extract::RawQuery;
use waxseal_relay::desk::{CaseItem, Hex, QueuePage};

use crate::app::Desk;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::parts::{account, cell, done, officer, select, table, time_cell};
use crate::problem::Problem;
use crate::words;

const ORDERS: [(&str, &str); 3] = [
    ("severity", "Gravest first"),
    ("age", "Oldest first"),
    ("reporters", "Most reporters first"),
];
const STATUSES: [(&str, &str); 4] = [
    ("open", "Open"),
    ("waiting", "Waiting"),
    ("decided", "Decided"),
    ("closed", "Closed"),
];
const ASSIGNED: [(&str, &str); 3] = [
    ("", "To anyone or no one"),
    ("free", "To no one"),
    ("me", "To me"),
];

/// What the officer wants to see.
struct Choice {
    order: &'static str,
    status: &'static str,
    assigned: &'static str,
    reason: Option<u8>,
    after: Option<Hex<28>>,
}

impl Choice {
    fn read(query: &Form) -> Self {
        let one = |name, from: &[(&'static str, &str)]| {
            let given = query.get(name);
            let mut all = from.iter().map(|(value, _)| *value);
            let found = all.clone().find(|value| *value == given);
            found.or_else(|| all.next()).unwrap_or_default()
        };
        Self {
            order: one("order", &ORDERS),
            status: one("status", &STATUSES),
            assigned: one("assigned", &ASSIGNED),
            reason: query.get("reason").parse().ok(),
            after: query.get("after").parse().ok(),
        }
    }

    /// The page, or the desk's route, with these choices.
    fn link(&self, path: &'static str, after: Option<&Hex<28>>) -> Link {
        let mut link = Link::to(path)
            .with("order", self.order)
            .with("status", self.status);
        if !self.assigned.is_empty() {
            link = link.with("assigned", self.assigned);
        }
        if let Some(reason) = self.reason {
            link = link.with("reason", &reason.to_string());
        }
        if let Some(after) = after {
            link = link.with("after", &after.to_string());
        }
        link
    }
}

pub async fn show(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let query = Form::read(query.as_bytes()).ok_or(Problem::Form)?;
    let choice = Choice::read(&query);
    let path = choice.link("/v1/queue", choice.after.as_ref()).below("");
    let desk = ctx.app.desk().await?;
    let page: QueuePage = ctx.app.get(path).await?;
    Ok(ctx.page("Queue", Tab::Queue, |html| {
        done(html, query.get("done"));
        filters(html, &choice);
        cases(html, &desk, &page, &choice);
    }))
}

fn filters(html: &mut Html, choice: &Choice) {
    let form = html.tag("form").class("filters").method("get");
    form.action(&Link::to("/queue")).put(|html| {
        select(html, ("order", "Order"), ORDERS, choice.order);
        let numbers: Vec<_> = words::reasons()
            .map(|(code, words)| (code.to_string(), words))
            .collect();
        let reasons = numbers.iter().map(|(code, words)| (code.as_str(), *words));
        let chosen = choice.reason.map(|code| code.to_string());
        let reasons = [("", "Any reason")].into_iter().chain(reasons);
        let chosen = chosen.unwrap_or_default();
        select(html, ("reason", "Reason"), reasons, &chosen);
        select(html, ("status", "Status"), STATUSES, choice.status);
        select(html, ("assigned", "Assigned"), ASSIGNED, choice.assigned);
        html.tag("button")
            .class("quiet")
            .kind("submit")
            .text("Show");
    });
}

fn cases(html: &mut Html, desk: &Desk, page: &QueuePage, choice: &Choice) {
    if page.cases.is_empty() {
        html.tag("p")
            .class("empty")
            .text("No case fits these choices.");
    } else {
        let heads = [
            "Case",
            "Reason",
            "Reports",
            "First report",
            "Assigned to",
            "Status",
        ];
        table(html, "Cases", &heads, |html| {
            for case in &page.cases {
                html.tag("tr").put(|html| row(html, desk, case));
            }
        });
    }
    html.tag("p").class("pages").put(|html| {
        if choice.after.is_some() {
            let first = choice.link("/queue", None);
            html.tag("a").href(&first).text("First page");
            html.text(" ");
        }
        if let Some(next) = &page.next {
            let next = choice.link("/queue", Some(next));
            html.tag("a").href(&next).text("Next page");
        }
    });
}

/// One case of a list of cases.
pub fn row(html: &mut Html, desk: &Desk, case: &CaseItem) {
    html.tag("th").scope("row").put(|html| {
        let link = Link::to("/case").hex(&case.id);
        html.tag("a")
            .href(&link)
            .text(&format!("Case {}", words::short(&case.id)));
        html.tag("span")
            .class("under")
            .put(|html| account(html, case));
    });
    html.tag("td").put(|html| {
        html.text(words::reason(case.reason));
        let class = if case.severity >= 4 {
            "chip grave"
        } else {
            "chip"
        };
        html.tag("span").class("under").put(|html| {
            html.tag("span")
                .class(class)
                .text(words::severity(case.severity));
        });
    });
    html.tag("td").put(|html| {
        html.text(&words::counted(case.reports.into(), "report"));
        let by = words::counted(case.reporters.into(), "person");
        let by = by.replace("persons", "people");
        html.tag("span").class("small").text(&format!("by {by}"));
    });
    time_cell(html, case.first_report_at_ms, desk.card.now_ms);
    html.tag("td").put(|html| {
        let now = desk.card.now_ms;
        match (&case.officer, case.assigned_until_ms) {
            (Some(key), Some(until)) if until > now => {
                officer(html, desk, key);
                let left = words::ago(now, until);
                html.tag("span")
                    .class("small")
                    .text(&format!("{left} left"));
            }
            _ => html.tag("span").class("small").text("no one"),
        }
    });
    let held = if case.is_held { ", on hold" } else { "" };
    cell(html, &format!("{}{held}", words::state(&case.status)));
}
