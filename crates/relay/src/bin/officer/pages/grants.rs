//! Grants that wait for an approval, and emergencies that wait for a review.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use waxseal_desk::emergency::{EmergencyReview, MAX_REVIEW_LEN};
use waxseal_desk::grant::{Grant, GrantDenial};
use waxseal_desk::policy::Roles;
use waxseal_log::entry::ReviewOutcome;
use waxseal_relay::desk::{GrantItem, Grants, Hex};

use crate::app::Desk;
use crate::checks;
use crate::fields::{grant_fields, grant_of};
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::confirm::confirm;
use crate::pages::decide::check_text;
use crate::parts::{
    Wrong, area, button, case_link, done, errors, fact, fact_text, facts, log_link, select,
};
use crate::prepared::{Prepared, Waiting};
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
    fn find(&self, id: &str) -> Result<(&GrantItem, Box<Grant>), Problem> {
        let id: Hex<16> = id.parse().map_err(|_| Problem::NotFound)?;
        let mut all = self.requested.grants.iter().chain(&self.to_review.grants);
        let item = all.find(|item| item.id == id).ok_or(Problem::NotFound)?;
        let grant = grant_of(item).ok_or(Problem::Malformed)?;
        Ok((item, Box::new(grant)))
    }
}

pub async fn list(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let lists = Lists::fetch(&ctx).await?;
    Ok(ctx.page("Grants", Tab::Grants, |html| {
        done(html, query.get("done"));
        html.tag("h2").text("Waiting for an approval");
        if lists.requested.grants.is_empty() {
            html.tag("p").class("empty").text("No request waits.");
        }
        for item in &lists.requested.grants {
            html.tag("section").class("card").put(|html| {
                if let Some(grant) = card(html, &ctx, &lists.desk, item) {
                    approval(html, &ctx, &lists.desk, &grant);
                }
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
                if let Some(grant) = card(html, &ctx, &lists.desk, item) {
                    review(html, &ctx, &lists.desk, &grant);
                }
            });
        }
    }))
}

/// Shows a grant by its own bytes, with what the desk says about its use.
fn card(html: &mut Html, ctx: &Ctx, desk: &Desk, item: &GrantItem) -> Option<Grant> {
    let Some(grant) = grant_of(item) else {
        html.tag("h3").text("A grant that cannot be shown");
        html.tag("p")
            .class("note")
            .text("What the desk says about this grant is not what its bytes say.");
        return None;
    };
    html.tag("h3").text(words::purpose(grant.terms().purpose));
    facts(html, |html| {
        fact(html, "Case", |html| case_link(html, &item.case));
        for field in grant_fields(&grant, &[], desk, &ctx.app.me()) {
            field.show(html, desk);
        }
        let used = format!("{} of {}", item.openings, grant.terms().max_openings);
        fact_text(html, "Openings used, as the desk says", &used);
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
    Some(grant)
}

fn approval(html: &mut Html, ctx: &Ctx, desk: &Desk, grant: &Grant) {
    let (me, terms) = (ctx.app.key.id(), grant.terms());
    if terms.requester == me {
        html.tag("p")
            .class("note")
            .text("You asked for this, so another officer approves it.");
        return;
    }
    if !desk.policy.has_roles(&me, Roles::APPROVE) {
        html.tag("p")
            .class("note")
            .text("The policy does not let you approve.");
        return;
    }
    let to = |part| link(grant, part);
    if terms.approver == Some(me) {
        ctx.post(html, &to("approve"), |html| button(html, "Approve…"));
    }
    html.tag("p").put(|html| {
        html.tag("a").href(&to("deny")).text("Deny it…");
    });
}

fn review(html: &mut Html, ctx: &Ctx, desk: &Desk, grant: &Grant) {
    let (me, terms) = (ctx.app.key.id(), grant.terms());
    let took_part = terms.requester == me || terms.approver == Some(me);
    if took_part || !desk.policy.has_roles(&me, Roles::REVIEW) {
        let said = "An officer reviews this who may review, and had no part in it.";
        html.tag("p").class("note").text(said);
        return;
    }
    html.tag("p").put(|html| {
        let link = link(grant, "review");
        html.tag("a")
            .class("button")
            .href(&link)
            .text("Review this emergency…");
    });
}

/// The page of an act about a grant.
fn link(grant: &Grant, part: &'static str) -> Link {
    let id = Hex(*grant.terms().id.as_bytes());
    Link::to("/grants").hex(&id).part(part)
}

pub async fn approve(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (_, grant) = lists.find(&id)?;
    if !checks::is_ours(&grant, &ctx.app.keys) {
        return Err(Problem::Refused("this grant is for another log or vault").into());
    }
    confirm(&ctx, &lists.desk, Prepared::Approval(grant))
}

/// An act about a grant for which the officer writes why.
#[derive(Clone, Copy)]
enum Writing {
    Denial,
    Review,
}

fn write(
    ctx: &Ctx,
    lists: &Lists,
    id: &str,
    (what, form, wrong): (Writing, &Form, &[Wrong]),
) -> Answer {
    let (item, grant) = lists.find(id)?;
    let (title, part) = match what {
        Writing::Denial => ("Deny a grant", "deny"),
        Writing::Review => ("Review an emergency", "review"),
    };
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(ctx.page_as(status, title, Tab::Grants, |html| {
        errors(html, wrong);
        html.tag("h2").text("The grant");
        html.tag("section").class("card").put(|html| {
            card(html, ctx, &lists.desk, item);
        });
        html.tag("h2").text("Your answer");
        ctx.post(html, &link(&grant, part), |html| {
            match what {
                Writing::Denial => {
                    let hint = "The requester reads it. It is not in the public log.";
                    area(html, ("why", "Why"), hint, form.get("why"), MAX_DENIAL_LEN);
                }
                Writing::Review => {
                    let outcomes = [
                        ("", "Choose…"),
                        ("1", words::review_outcome(1)),
                        ("2", words::review_outcome(2)),
                    ];
                    select(html, ("outcome", "Outcome"), outcomes, form.get("outcome"));
                    let (label, hint) = (("statement", "Statement"), "Why you judge so.");
                    area(html, label, hint, form.get("statement"), MAX_REVIEW_LEN);
                }
            }
            button(html, "Continue…");
        });
    }))
}

pub async fn denial(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    write(&ctx, &lists, &id, (Writing::Denial, &Form::default(), &[]))
}

pub async fn deny(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (_, grant) = lists.find(&id)?;
    let reason = form.lines("why");
    let mut wrong = Vec::new();
    let what = "why you deny it";
    check_text(&mut wrong, "why", what, &reason, MAX_DENIAL_LEN);
    if form.is_changed() {
        return write(&ctx, &lists, &id, (Writing::Denial, &form, &[]));
    }
    if !wrong.is_empty() {
        return write(&ctx, &lists, &id, (Writing::Denial, &form, &wrong));
    }
    let (denial, to) = (grant.digest(), link(&grant, "deny"));
    let denial = GrantDenial {
        grant: denial,
        reason,
    };
    let act = Prepared::Denial { grant, denial };
    confirm(&ctx, &lists.desk, Waiting::made(act, to, form))
}

pub async fn reviewing(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    write(&ctx, &lists, &id, (Writing::Review, &Form::default(), &[]))
}

pub async fn reviewed(
    ctx: Ctx,
    Path(id): Path<String>,
    Extension(form): Extension<Form>,
) -> Answer {
    let lists = Lists::fetch(&ctx).await?;
    let (_, grant) = lists.find(&id)?;
    let outcome = form.get("outcome").parse().ok();
    let outcome = outcome.and_then(ReviewOutcome::from_number);
    let statement = form.lines("statement");
    let mut wrong: Vec<Wrong> = Vec::new();
    if outcome.is_none() {
        let said = "Choose whether there was an emergency.";
        wrong.push(("outcome", said.to_owned()));
    }
    let what = "the statement";
    check_text(&mut wrong, "statement", what, &statement, MAX_REVIEW_LEN);
    if form.is_changed() {
        return write(&ctx, &lists, &id, (Writing::Review, &form, &[]));
    }
    let (Some(outcome), true) = (outcome, wrong.is_empty()) else {
        return write(&ctx, &lists, &id, (Writing::Review, &form, &wrong));
    };
    let (digest, to) = (grant.digest(), link(&grant, "review"));
    let review = EmergencyReview {
        grant: digest,
        outcome,
        statement,
    };
    let act = Prepared::Review { grant, review };
    confirm(&ctx, &lists.desk, Waiting::made(act, to, form))
}
