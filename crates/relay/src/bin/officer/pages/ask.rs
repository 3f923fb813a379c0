//! Asks for a grant: leave to open chosen messages, for one purpose and for some time.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::grant::{Grant, GrantTerms, MAX_GRANTED_REPORTS};
use waxseal_desk::ids::{CaseId, GrantId, OfficerId, VaultId};
use waxseal_desk::policy::{MAX_HOURS, MAX_OPENINGS, Roles};
use waxseal_log::entry::{Number, Purpose};
use waxseal_relay::desk::{CaseDetail, Hex, Open};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;

use crate::app::Desk;
use crate::checks;
use crate::clock::now;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab, hidden};
use crate::pages::case::{case_id, fetch, fetch_page, pages, shown_name};
use crate::pages::choice::{boxes, chosen, readable};
use crate::pages::confirm::confirm;
use crate::parts::{Wrong, amount, button, case_link, cell, errors, select, table, wrong_at};
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;
use crate::words;

const HOUR_MS: u64 = 3_600_000;

pub async fn show(ctx: Ctx, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let id = case_id(&id)?;
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let desk = ctx.app.desk().await?;
    let detail = fetch_page(&ctx, &id, query.get("reports")).await?;
    let form = Form::default()
        .and("reports", query.get("reports"))
        .and("hours", "24")
        .and("openings", "1");
    Ok(page(&ctx, &desk, &detail, &form, &[]))
}

pub async fn prepare(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    let detail = fetch_page(&ctx, &id, form.get("reports")).await?;
    match read(&ctx, &desk, &detail, &form) {
        _ if form.is_changed() => Ok(page(&ctx, &desk, &detail, &form, &[])),
        Ok(act) => {
            let to = Link::to("/case").hex(&id).part("ask");
            confirm(&ctx, &desk, Waiting::made(act, to, form))
        }
        Err(wrong) => Ok(page(&ctx, &desk, &detail, &form, &wrong)),
    }
}

fn read(ctx: &Ctx, desk: &Desk, detail: &CaseDetail, form: &Form) -> Result<Prepared, Vec<Wrong>> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let purpose = form.get("purpose").parse().ok();
    let purpose = purpose.and_then(Purpose::from_number);
    let rule = purpose.map(|purpose| *desk.policy.rule(purpose));
    let approver: Option<Hex<32>> = form.get("approver").parse().ok();
    let within = |name: &str, max: u16| {
        let number: Option<u16> = form.get(name).parse().ok();
        number.filter(|number| (1..=max).contains(number))
    };
    match &rule {
        None => wrong.push(("purpose", "Choose a purpose.".to_owned())),
        Some(rule) if !rule.allowed => {
            let said = "The policy does not allow this purpose. Choose another one.";
            wrong.push(("purpose", said.to_owned()));
        }
        Some(rule) if rule.two_persons && approver.is_none() => {
            let said = "This purpose needs a second person. Choose who approves.";
            wrong.push(("approver", said.to_owned()));
        }
        Some(_) => {}
    }
    let max_hours = rule.map_or(MAX_HOURS, |rule| rule.max_hours);
    let hours = within("hours", max_hours);
    if hours.is_none() {
        let said = format!("Enter a number of hours from 1 to {max_hours}.");
        wrong.push(("hours", said));
    }
    let max_openings = rule.map_or(MAX_OPENINGS, |rule| rule.max_openings);
    let openings = within("openings", max_openings);
    if openings.is_none() {
        let said = format!("Enter a number of openings from 1 to {max_openings}.");
        wrong.push(("openings", said));
    }
    let chosen = chosen(detail, form);
    let said = match &chosen {
        None => Some("The reports changed in between. Choose again."),
        Some(chosen) if chosen.is_empty() => Some("Choose at least one message."),
        Some(chosen) if chosen.len() > MAX_GRANTED_REPORTS => {
            Some("A grant names at most 64 reports. Choose fewer.")
        }
        Some(_) => None,
    };
    wrong.extend(said.map(|said| ("reports", said.to_owned())));
    let (Some(purpose), Some(hours), Some(openings)) = (purpose, hours, openings) else {
        return Err(wrong);
    };
    let Some(mut chosen) = chosen.filter(|_| wrong.is_empty()) else {
        return Err(wrong);
    };
    // A grant sorts its reports by their digests.
    chosen.sort_by_key(|(granted, _)| granted.digest);
    let requested = now();
    let life = u64::from(hours).saturating_mul(HOUR_MS);
    let terms = GrantTerms {
        id: GrantId::from_bytes(*Number::generate(&mut system_rng()).as_bytes()),
        origin: ctx.app.keys.origin().to_owned(),
        vault: VaultId::from_bytes(*ctx.app.keys.vault().key()),
        case: CaseId::from_bytes(detail.case.id.0),
        purpose,
        policy: desk.policy.digest(),
        requester: ctx.app.key.id(),
        approver: approver.map(|key| OfficerId::from_bytes(key.0)),
        requested,
        expires: Timestamp::from_millis(requested.as_millis().saturating_add(life)),
        max_openings: openings,
        reports: chosen.iter().map(|(granted, _)| *granted).collect(),
    };
    let grant = Grant::new(terms).map_err(|_| {
        let said = "The desk says that two reports are the same. Choose one of them.";
        vec![("reports", said.to_owned())]
    })?;
    Ok(Prepared::Grant {
        grant: Box::new(grant),
        reports: chosen.iter().map(|(_, id)| *id).collect(),
    })
}

fn page(ctx: &Ctx, desk: &Desk, detail: &CaseDetail, form: &Form, wrong: &[Wrong]) -> Response {
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ctx.page_as(status, "Ask to open reports", Tab::Queue, |html| {
        errors(html, wrong);
        html.tag("p").put(|html| {
            html.text("About ");
            case_link(html, &detail.case.id);
            html.text(
                ". Ask for what you need and no more: each opening is in the public log, and the \
                 reporter can learn of it.",
            );
        });
        if readable(detail).next().is_none() {
            html.tag("p")
                .class("empty")
                .text("No report of this case has content that is kept.");
            return;
        }
        let to = Link::to("/case").hex(&detail.case.id).part("ask");
        pages(html, &to, form.get("reports"), detail);
        ctx.post(html, &to, |html| {
            hidden(html, "reports", form.get("reports"));
            purposes(html, form);
            let is_wrong = html.wrong("reports").is_some();
            let frame = html.tag("fieldset").id("reports").tab_index("-1");
            let frame = match is_wrong {
                true => frame.aria_describedby("reports-wrong"),
                false => frame,
            };
            frame.put(|html| {
                html.tag("legend").text("Reports and messages");
                wrong_at(html, "reports");
                boxes(html, desk, detail, form);
            });
            approvers(html, ctx, desk, form);
            let hint = "Nothing opens afterwards.";
            amount(
                html,
                ("hours", "Hours until it expires"),
                hint,
                form.get("hours"),
                MAX_HOURS,
            );
            let hint = "One opening shows one report once.";
            let label = ("openings", "Number of openings");
            amount(html, label, hint, form.get("openings"), MAX_OPENINGS);
            button(html, "Continue…");
        });
        rules(html, desk);
    })
}

fn purposes(html: &mut Html, form: &Form) {
    let purposes: Vec<_> = Purpose::ALL
        .iter()
        .map(|purpose| (purpose.number().to_string(), words::purpose(*purpose)))
        .collect();
    let options = purposes
        .iter()
        .map(|(value, words)| (value.as_str(), *words));
    let options = [("", "Choose…")].into_iter().chain(options);
    select(html, ("purpose", "Purpose"), options, form.get("purpose"));
}

fn approvers(html: &mut Html, ctx: &Ctx, desk: &Desk, form: &Form) {
    let me = ctx.app.key.id();
    let officers = desk.policy.terms().officers.iter();
    let officers = officers.filter(|one| one.roles.include(Roles::APPROVE) && one.id != me);
    let officers: Vec<_> = officers
        .map(|one| {
            let key = Hex(*one.id.as_bytes());
            let name = format!("{} {}", shown_name(&one.name), words::short(&key));
            (key.to_string(), name)
        })
        .collect();
    let options = officers
        .iter()
        .map(|(key, name)| (key.as_str(), name.as_str()));
    let options = [("", "No one: I open alone")].into_iter().chain(options);
    select(
        html,
        ("approver", "Who approves"),
        options,
        form.get("approver"),
    );
}

fn rules(html: &mut Html, desk: &Desk) {
    html.tag("h2").text("What the policy allows");
    let heads = [
        "Purpose", "Allowed", "Persons", "Openings", "Hours", "Review",
    ];
    table(html, "Rules of the policy in force", &heads, |html| {
        for purpose in Purpose::ALL {
            let rule = desk.policy.rule(*purpose);
            html.tag("tr").put(|html| {
                html.tag("th").scope("row").text(words::purpose(*purpose));
                cell(html, if rule.allowed { "yes" } else { "no" });
                cell(html, if rule.two_persons { "two" } else { "one" });
                cell(html, &format!("up to {}", rule.max_openings));
                cell(html, &format!("up to {}", rule.max_hours));
                let review = match rule.review_hours {
                    0 => "none".to_owned(),
                    hours => format!("within {hours} hours"),
                };
                cell(html, &review);
            });
        }
    });
}

/// Asks to open a report under a grant.
pub async fn open(ctx: Ctx, Extension(form): Extension<Form>) -> Answer {
    let id = |name| form.get(name).parse().map_err(|_| Problem::Form);
    let (grant, report, case) = (id("grant")?, id("report")?, id("case")?);
    let desk = ctx.app.desk().await?;
    let detail = fetch(&ctx, &case).await?;
    let who = (ctx.app.key.id(), &ctx.app.keys);
    let open = Open { grant, report };
    let (grant, report) = checks::opening(&detail, &open, who)?;
    let act = Prepared::Open {
        case,
        open,
        grant,
        report,
    };
    confirm(&ctx, &desk, act)
}
