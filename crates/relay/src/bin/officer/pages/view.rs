//! An opened report: the messages that the grant names, in the order of the conversation.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Path;
use waxseal_desk::vault::{Names, View};
use waxseal_relay::desk::Hex;

use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::message::{message, participant};
use crate::parts::{case_link, fact, fact_text, facts, log_link, view_link};
use crate::problem::Problem;
use crate::views::Opened;
use crate::words;

/// The view that a path names.
pub fn opened(ctx: &Ctx, grant: &str, report: &str) -> Result<Arc<Opened>, Problem> {
    let id = |text: &str| text.parse::<Hex<16>>().map_err(|_| Problem::NotFound);
    let (grant, report) = (id(grant)?, id(report)?);
    let opened = ctx.app.views().get(&grant, &report, Instant::now());
    opened.ok_or(Problem::Closed)
}

pub async fn show(ctx: Ctx, Path((grant, report)): Path<(String, String)>) -> Answer {
    let opened = opened(&ctx, &grant, &report)?;
    let title = format!("Report {}", words::short(&opened.report));
    Ok(ctx.page(&title, Tab::Queue, |html| {
        let minutes = opened.left(Instant::now()).as_secs().div_ceil(60);
        let left = words::counted(minutes, "minute");
        html.tag("p").class("note").text(&format!(
            "This program keeps the view for {left} more, in memory only. Text with a bar at its \
             left was written by users. What is in a grey box is this program's own note."
        ));
        summary(html, &opened);
        messages(html, &ctx, &opened);
        ctx.post(html, &view_link(&opened).part("close"), |html| {
            let button = html.tag("button").class("quiet").kind("submit");
            button.text("Close this view");
        });
    }))
}

fn summary(html: &mut Html, opened: &Opened) {
    let view = &opened.view;
    facts(html, |html| {
        fact(html, "Reported account", |html| match &view.reported {
            Some(account) => html.said(account.as_str()),
            None => html.text("none: the report shows only the reporter's own messages in a group"),
        });
        fact_text(
            html,
            "Reporter's reason",
            words::reason(view.reason.number()),
        );
        fact(html, "Reporter's note", |html| match view.note.as_str() {
            "" => html.text("none"),
            note => html.said_lines(note),
        });
        let accepted = words::time(view.accepted_at.as_millis());
        fact_text(html, "Report came in", &accepted);
        fact_text(html, "Messages", &shown(view));
        if view.clock_stepped_back {
            fact_text(
                html,
                "Clock",
                "The relay's clock was set back in between. Order by what was seen, not by time.",
            );
        }
        if let Some(names) = &view.names {
            fact(html, "Reporter", |html| html.said(names.reporter.as_str()));
        }
        fact(html, "Case", |html| case_link(html, &opened.case));
        fact(html, "Log", |html| log_link(html, &opened.grant));
    });
    if let Some(names) = &view.names {
        participants(html, names);
    }
}

fn participants(html: &mut Html, names: &Names) {
    if names.participants.is_empty() {
        return;
    }
    html.tag("h2").text("Names");
    facts(html, |html| {
        for (number, account) in &names.participants {
            let name = format!("Participant {number:08x}");
            fact(html, &name, |html| html.said(account.as_str()));
        }
    });
}

fn shown(view: &View) -> String {
    if view.about_account {
        return "none: the report is about the account".to_owned();
    }
    format!(
        "{} of {} in the report are granted and shown",
        view.messages.len(),
        view.messages_in_report
    )
}

fn messages(html: &mut Html, ctx: &Ctx, opened: &Opened) {
    let view = &opened.view;
    if view.about_account {
        return;
    }
    html.tag("h2").id("messages").text("Messages");
    html.tag("ol").class("messages").put(|html| {
        let mut next = 0_u8;
        for one in &view.messages {
            skipped(html, next, one.ordinal);
            next = one.ordinal.saturating_add(1);
            match one.gap_before {
                None | Some(0) => {}
                // A device that was set back to an older store goes on at a multiple of 2^32.
                Some(missing) if missing >= 1 << 31 => gap(
                    html,
                    "This sender's numbers jump here, as after a restored backup.",
                ),
                Some(missing) => {
                    let missing = words::counted(missing, "earlier message");
                    let who = participant(view, &one.sender);
                    gap(html, &format!("{missing} of {who} not in the report"));
                }
            }
            let id = format!("m{}", one.ordinal.saturating_add(1));
            let class = match one.sender {
                waxseal_desk::vault::Participant::Reported => "message reported",
                waxseal_desk::vault::Participant::Number(_) => "message",
            };
            html.tag("li").put(|html| {
                html.tag("article").class(class).id(&id).put(|html| {
                    message(html, ctx, opened, one);
                });
            });
        }
        skipped(html, next, view.messages_in_report);
    });
}

/// Says which messages of the report the grant does not name.
fn skipped(html: &mut Html, next: u8, until: u8) {
    let count = until.saturating_sub(next);
    if count > 0 {
        let count = words::counted(count.into(), "message");
        gap(html, &format!("{count} of the report not granted"));
    }
}

fn gap(html: &mut Html, words: &str) {
    html.tag("li").class("gap").put(|html| {
        html.tag("p").text(words);
    });
}

pub async fn close(ctx: Ctx, Path((grant, report)): Path<(String, String)>) -> Answer {
    let opened = opened(&ctx, &grant, &report)?;
    ctx.app
        .close(|views| views.close(&opened.grant, &opened.report));
    let case = Link::to("/case").hex(&opened.case);
    Ok(ctx.go(&case.with("done", "closed")))
}
