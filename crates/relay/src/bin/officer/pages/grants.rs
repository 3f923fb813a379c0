//! Grants that wait for an approval, and emergencies that wait for a review.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::emergency::{EmergencyReview, MAX_REVIEW_LEN};
use waxseal_desk::grant::{Grant, GrantDenial};
use waxseal_desk::policy::Roles;
use waxseal_log::entry::ReviewOutcome;
use waxseal_relay::desk::{GrantItem, Grants, Hex};

use crate::app::Desk;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::confirm::confirm;
use crate::pages::decide::check_text;
use crate::pages::steps::messages;
use crate::parts::{
    Wrong, area, button, case_link, done, errors, fact, fact_text, facts, log_link, officer, select,
};
use crate::prepared::Prepared;
use crate::problem::Problem;
use crate::words;

/// Maximum length of the reason of a denial, in bytes.
const MAX_DENIAL_LEN: usize = 2_000;

/// The two lists.
struct Lists {
    desk: Desk,
    requested: Grants,
    to_review: Grants,
}

impl Lists {
    async fn fetch(ctx: &Ctx) -> Result<Self, Problem> {
        let list = |name| format!("/v1/grants?list={name}");
        Ok(Self {
            desk: ctx.app.desk().await?,
            requested: ctx.app.get(list("requested")).await?,
            to_review: ctx.app.get(list("to_review")).await?,
        })
    }

    /// The grant with this id, read from its own bytes.
    fn find(&self, id: &str) -> Result<(&GrantItem, Grant), Problem> {
        let id: Hex<16> = id.parse().map_err(|_| Problem::NotFound)?;
        let mut all = self.requested.grants.iter().chain(&self.to_review.grants);
        let item = all.find(|item| item.id == id).ok_or(Problem::NotFound)?;
        Ok((item, of_item(item).ok_or(Problem::Malformed)?))
    }
}

/// A grant from its bytes, if they are what the desk says about it.
fn of_item(item: &GrantItem) -> Option<Grant> {
    let grant = Grant::decode(&item.grant).ok()?;
    let terms = grant.terms();
    let is_same = *terms.id.as_bytes() == item.id.0
        && *grant.digest().as_bytes() == item.digest.0
        && *terms.case.as_bytes() == item.case.0
        && *terms.requester.as_bytes() == item.requester.0;
    is_same.then_some(grant)
}

pub async fn list(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let lists = Lists::fetch(&ctx).await?;
    Ok(page(&ctx, &lists, query.get("done"), &[]))
}

fn page(ctx: &Ctx, lists: &Lists, was_done: &str, wrong: &[Wrong]) -> Response {
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ctx.page_as(status, "Grants", Tab::Grants, |html| {
        errors(html, wrong);
        done(html, was_done);
        html.tag("h2").text("Waiting for an approval");
        if lists.requested.grants.is_empty() {
            html.tag("p").class("empty").text("No request waits.");
        }
        for item in &lists.requested.grants {
            html.tag("section").class("card").put(|html| {
                card(html, &lists.desk, item);
                approval(html, ctx, &lists.desk, item);
            });
        }
        html.tag("h2").text("Emergencies to review");
        if lists.to_review.grants.is_empty() {
            html.tag("p")
                .class("empty")
                .text("No emergency waits for a review.");
        }
        for item in &lists.to_review.grants {
            html.tag("section").class("card").put(|html| {
                card(html, &lists.desk, item);
                review(html, ctx, &lists.desk, item);
            });
        }
    })
}

fn card(html: &mut Html, desk: &Desk, item: &GrantItem) {
    html.tag("h3").text(words::purpose_of(item.purpose));
    facts(html, |html| {
        fact(html, "Case", |html| case_link(html, &item.case));
        fact(html, "Asked by", |html| {
            officer(html, desk, &item.requester)
        });
        if let Some(approver) = &item.approver {
            fact(html, "Who approves", |html| officer(html, desk, approver));
        }
        fact_text(html, "Asked on", &words::time(item.requested_at_ms));
        fact_text(html, "Expires", &words::time(item.expires_at_ms));
        let used = format!("{} of {}", item.openings, item.max_openings);
        fact_text(html, "Openings used", &used);
        if let Some(grant) = of_item(item) {
            fact(html, "Opens", |html| {
                html.tag("ul").class("plain").put(|html| {
                    for report in &grant.terms().reports {
                        let digest = words::short(&Hex(*report.digest.as_bytes()));
                        let what = messages(report.messages);
                        html.tag("li").text(&format!("report {digest}: {what}"));
                    }
                });
            });
        }
        if let Some(until) = item.review_until_ms {
            let late = if until < desk.card.now_ms {
                ", overdue"
            } else {
                ""
            };
            let until = format!("{}{late}", words::time(until));
            fact_text(html, "Review until", &until);
        }
        fact(html, "Log", |html| log_link(html, &item.id));
    });
}

fn approval(html: &mut Html, ctx: &Ctx, desk: &Desk, item: &GrantItem) {
    let me = ctx.app.me();
    let may = desk.policy.has_roles(&ctx.app.key.id(), Roles::APPROVE);
    if item.requester == me {
        html.tag("p")
            .class("note")
            .text("You asked for this, so another officer approves it.");
        return;
    }
    if !may {
        html.tag("p")
            .class("note")
            .text("The policy does not let you approve.");
        return;
    }
    if of_item(item).is_none() {
        html.tag("p")
            .class("note")
            .text("The desk's copy of this grant cannot be read.");
        return;
    }
    let to = |part| Link::to("/grants").hex(&item.id).part(part);
    if item.approver == Some(me) {
        ctx.post(html, &to("approve"), |html| button(html, "Approve…"));
    }
    html.tag("details").put(|html| {
        html.tag("summary").text("Deny it");
        ctx.post(html, &to("deny"), |html| {
            let hint = "The requester reads it. It is not in the public log.";
            area(html, ("why", "Why"), hint, "", MAX_DENIAL_LEN);
            html.tag("button")
                .class("quiet")
                .kind("submit")
                .text("Deny…");
        });
    });
}

fn review(html: &mut Html, ctx: &Ctx, desk: &Desk, item: &GrantItem) {
    let me = ctx.app.me();
    let took_part = item.requester == me || item.approver == Some(me);
    if took_part || !desk.policy.has_roles(&ctx.app.key.id(), Roles::REVIEW) {
        let said = "An officer reviews this who may review, and had no part in it.";
        html.tag("p").class("note").text(said);
        return;
    }
    let to = Link::to("/grants").hex(&item.id).part("review");
    ctx.post(html, &to, |html| {
        let outcomes = [
            ("", "Choose…"),
            ("1", words::review_outcome(1)),
            ("2", words::review_outcome(2)),
        ];
        select(html, ("outcome", "Outcome"), outcomes, "");
        area(
            html,
            ("statement", "Statement"),
            "Why you judge so.",
            "",
            MAX_REVIEW_LEN,
        );
        button(html, "Continue…");
    });
}

pub async fn approve(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (_, grant) = lists.find(&id)?;
    // An approval is for the pinned desk and vault, or it is of no use to anyone honest.
    let terms = grant.terms();
    let is_ours = terms.origin == ctx.app.keys.origin()
        && terms.vault.as_bytes() == ctx.app.keys.vault().key();
    if !is_ours {
        return Err(Problem::Refused("this grant is for another log or vault").into());
    }
    confirm(&ctx, &lists.desk, Prepared::Approval(Box::new(grant)))
}

pub async fn deny(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (item, grant) = lists.find(&id)?;
    let reason = form.lines("why");
    let mut wrong = Vec::new();
    check_text(
        &mut wrong,
        "why",
        "why you deny it",
        &reason,
        MAX_DENIAL_LEN,
    );
    if !wrong.is_empty() {
        return Ok(page(&ctx, &lists, "", &wrong));
    }
    let case = item.case;
    let denial = GrantDenial {
        grant: grant.digest(),
        reason,
    };
    confirm(&ctx, &lists.desk, Prepared::Denial { case, denial })
}

pub async fn reviewed(
    ctx: Ctx,
    Path(id): Path<String>,
    Extension(form): Extension<Form>,
) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (item, grant) = lists.find(&id)?;
    let outcome = form.get("outcome").parse().ok();
    let outcome = outcome.and_then(ReviewOutcome::from_number);
    let statement = form.lines("statement");
    let mut wrong = Vec::new();
    if outcome.is_none() {
        wrong.push((
            "outcome",
            "Choose whether there was an emergency.".to_owned(),
        ));
    }
    check_text(
        &mut wrong,
        "statement",
        "the statement",
        &statement,
        MAX_REVIEW_LEN,
    );
    let (Some(outcome), true) = (outcome, wrong.is_empty()) else {
        return Ok(page(&ctx, &lists, "", &wrong));
    };
    let case = item.case;
    let review = EmergencyReview {
        grant: grant.digest(),
        outcome,
        statement,
    };
    confirm(&ctx, &lists.desk, Prepared::Review { case, review })
}
