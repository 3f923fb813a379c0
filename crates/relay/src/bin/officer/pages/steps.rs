//! What was done in a case: grants, openings, decisions, appeals, holds.

use waxseal_desk::grant::Grant;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_relay::desk::{
    AppealItem, CaseDetail, DecisionItem, GrantItem, Hex, HoldItem, OpeningItem, ReportItem,
};
use waxseal_reporting::Timestamp;

use crate::app::Desk;
use crate::fields::grant_of;
use crate::html::{Html, Link};
use crate::page::{Ctx, hidden};
use crate::parts::{cell, entry_link, fact, fact_text, facts, log_link, officer, table, time_cell};
use crate::words;

/// The reports that a grant names, with their bits.
pub fn granted<'a>(grant: &Grant, reports: &'a [ReportItem]) -> Vec<(&'a ReportItem, u32)> {
    let bits = |report: &'a ReportItem| {
        let digest = AcceptedDigest::from_bytes(report.accepted_digest?.0);
        let granted = grant.report(&digest)?;
        Some((report, granted.messages))
    };
    reports.iter().filter_map(bits).collect()
}

/// The grants of a case, with a button for each report that the officer can open.
pub fn grants(html: &mut Html, ctx: &Ctx, desk: &Desk, detail: &CaseDetail) {
    html.tag("h2").id("grants").text("Grants and openings");
    if detail.grants.is_empty() {
        html.tag("p")
            .class("empty")
            .text("Nobody asked to open anything yet.");
    }
    for grant in &detail.grants {
        html.tag("section").class("card").put(|html| {
            grant_card(html, ctx, desk, detail, grant);
        });
    }
    openings(html, desk, &detail.openings);
}

fn grant_card(html: &mut Html, ctx: &Ctx, desk: &Desk, detail: &CaseDetail, item: &GrantItem) {
    let now = desk.card.now_ms;
    let Some(grant) = grant_of(item) else {
        html.tag("h3").text("A grant that cannot be shown");
        html.tag("p")
            .class("note")
            .text("What the desk says about this grant is not what its bytes say.");
        return;
    };
    let terms = grant.terms();
    html.tag("h3").put(|html| {
        html.text(words::purpose(terms.purpose));
        html.text(" ");
        html.tag("span")
            .class("chip")
            .text(words::state(&item.state));
    });
    facts(html, |html| {
        fact(html, "Asked by", |html| {
            officer(html, desk, &Hex(*terms.requester.as_bytes()))
        });
        if let Some(approver) = &terms.approver {
            let approver = Hex(*approver.as_bytes());
            fact(html, "Approver", |html| officer(html, desk, &approver));
        }
        let time = |at: Timestamp| words::time(at.as_millis());
        fact_text(html, "Asked on", &time(terms.requested));
        fact_text(html, "Expires", &time(terms.expires));
        let used = format!("{} of {}", item.openings, terms.max_openings);
        fact_text(html, "Openings used", &used);
        if let Some(outcome) = item.review {
            fact_text(html, "Review", words::review_outcome(outcome));
        }
        fact(html, "Log", |html| log_link(html, &item.id));
    });
    let is_mine =
        item.state == "approved" && item.requester == ctx.app.me() && item.expires_at_ms > now;
    let can_open = |report: &ReportItem| {
        // What was entered and not shown is shown if it is asked for again, and needs no further
        // opening.
        let mut openings = detail.openings.iter();
        let waits = openings.any(|one| {
            one.grant_digest == item.digest && one.report == report.id && one.shown_at_ms.is_none()
        });
        is_mine && !report.is_erased && (waits || item.openings < item.max_openings)
    };
    html.tag("ul").class("actions").put(|html| {
        let all = granted(&grant, &detail.reports).into_iter();
        for (report, bits) in all.chain(granted(&grant, &detail.granted)) {
            html.tag("li").put(|html| {
                let what = format!(
                    "Report {}: {}. ",
                    words::short(&report.id),
                    words::messages(bits)
                );
                html.text(&what);
                open_or_view(html, ctx, (item, report), can_open(report));
            });
        }
    });
}

fn open_or_view(
    html: &mut Html,
    ctx: &Ctx,
    (item, report): (&GrantItem, &ReportItem),
    can_open: bool,
) {
    if ctx.app.views().has(&item.id, &report.id) {
        let link = Link::to("/view").hex(&item.id).hex(&report.id);
        let label = format!("Opened view of report {}", words::short(&report.id));
        html.tag("a")
            .href(&link)
            .aria_label(&label)
            .text("Opened view");
        return;
    }
    if can_open {
        ctx.post(html, &Link::to("/open"), |html| {
            hidden(html, "grant", &item.id.to_string());
            hidden(html, "report", &report.id.to_string());
            hidden(html, "case", &item.case.to_string());
            let label = format!("Open report {}", words::short(&report.id));
            let button = html.tag("button").class("quiet").kind("submit");
            button.aria_label(&label).text("Open…");
        });
    }
}

fn openings(html: &mut Html, desk: &Desk, openings: &[OpeningItem]) {
    if openings.is_empty() {
        return;
    }
    let heads = ["Report", "Officer", "Entered", "Shown", "Log"];
    table(html, "Openings", &heads, |html| {
        for opening in openings {
            html.tag("tr").put(|html| {
                html.tag("th")
                    .scope("row")
                    .text(&words::short(&opening.report));
                html.tag("td")
                    .put(|html| officer(html, desk, &opening.officer));
                time_cell(html, opening.logged_at_ms, desk.card.now_ms);
                match opening.shown_at_ms {
                    Some(at) => cell(html, &words::time(at)),
                    None => cell(html, "entered, not shown"),
                }
                html.tag("td")
                    .put(|html| entry_link(html, opening.log_index));
            });
        }
    });
}

/// The decisions of a case.
pub fn decisions(html: &mut Html, desk: &Desk, decisions: &[DecisionItem]) {
    html.tag("h2").id("decisions").text("Decisions");
    if decisions.is_empty() {
        html.tag("p")
            .class("empty")
            .text("The case is not decided.");
    }
    for decision in decisions {
        html.tag("section").class("card").put(|html| {
            let measure = words::measure_of(decision.measure);
            html.tag("h3").text(measure);
            facts(html, |html| {
                fact_text(html, "Reason found", words::reason(decision.reason));
                fact(html, "Rule", |html| html.written(&decision.rule));
                fact(html, "Statement of reasons", |html| {
                    html.written_lines(&decision.statement);
                });
                fact(html, "Decided by", |html| {
                    officer(html, desk, &decision.officer);
                });
                fact_text(html, "Decided", &words::time(decision.decided_at_ms));
                let until = words::time(decision.appeal_until_ms);
                fact_text(html, "Appeals until", &until);
                let openings = words::counted(decision.openings.into(), "opening");
                fact_text(html, "After", &openings);
                let told: Vec<_> = decision
                    .told
                    .iter()
                    .map(|side| words::side(*side))
                    .collect();
                let told = if told.is_empty() {
                    "no one yet".to_owned()
                } else {
                    told.join(", ")
                };
                fact_text(html, "Told", &told);
                fact(html, "Log", |html| entry_link(html, decision.log_index));
            });
        });
    }
}

/// The appeals of a case.
pub fn appeals(html: &mut Html, desk: &Desk, appeals: &[AppealItem]) {
    html.tag("h2").id("appeals").text("Appeals");
    if appeals.is_empty() {
        html.tag("p").class("empty").text("Nobody appealed.");
    }
    for appeal in appeals {
        html.tag("section").class("card").put(|html| {
            appeal_card(html, desk, appeal);
        });
    }
}

/// An appeal, and a link to decide it while it waits.
pub fn appeal_card(html: &mut Html, desk: &Desk, appeal: &AppealItem) {
    let title = format!("{} appeals", words::side(appeal.side));
    html.tag("h3").text(&title);
    facts(html, |html| {
        fact(html, "What they write", |html| match &appeal.text {
            Some(text) => html.said_lines(text),
            None => html.text("erased"),
        });
        fact_text(html, "Filed", &words::time(appeal.filed_at_ms));
        fact(html, "Log", |html| entry_link(html, appeal.log_index));
        match appeal.outcome {
            Some(outcome) => {
                fact_text(html, "Outcome", words::appeal_outcome(outcome));
                fact(html, "Statement of reasons", |html| {
                    html.written_lines(appeal.statement.as_deref().unwrap_or_default());
                });
                if let Some(key) = &appeal.officer {
                    fact(html, "Decided by", |html| officer(html, desk, key));
                }
            }
            None => fact_text(html, "Outcome", "waits for a decision"),
        }
    });
    if appeal.outcome.is_none() {
        html.tag("p").put(|html| {
            let link = Link::to("/case").hex(&appeal.case);
            let link = link.part("appeal").hex(&appeal.leaf);
            html.tag("a")
                .class("button")
                .href(&link)
                .text("Decide this appeal");
        });
    }
}

/// The holds on a case.
pub fn holds(html: &mut Html, case: &Hex<16>, holds: &[HoldItem]) {
    html.tag("h2").id("holds").text("Holds");
    let place = Link::to("/case").hex(case).part("hold");
    if holds.is_empty() {
        html.tag("p")
            .class("empty")
            .text("The content is erased when its time is over.");
    } else {
        table(
            html,
            "Holds on this case",
            &["Hold", "Placed", "Lifted", "Log"],
            |html| {
                for hold in holds {
                    html.tag("tr").put(|html| {
                        html.tag("th").scope("row").text(&words::short(&hold.id));
                        cell(html, &words::time(hold.placed_at_ms));
                        html.tag("td").put(|html| match hold.lifted_at_ms {
                            Some(at) => html.text(&words::time(at)),
                            None => {
                                let lift = place.clone().with("lift", &hold.id.to_string());
                                html.tag("a").href(&lift).text("Lift…");
                            }
                        });
                        html.tag("td").put(|html| log_link(html, &hold.id));
                    });
                }
            },
        );
    }
    html.tag("p").put(|html| {
        html.tag("a").href(&place).text("Place a hold…");
    });
}
