//! Places a hold on a case, or lifts one.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::hold::{Hold, MAX_HOLD_STATEMENT_LEN};
use waxseal_desk::ids::CaseId;
use waxseal_log::entry::Number;
use waxseal_relay::desk::Hex;
use waxseal_relay::system_rng;

use crate::form::Form;
use crate::html::Link;
use crate::page::{Answer, Ctx, Tab, hidden};
use crate::pages::case::case_id;
use crate::pages::confirm::confirm;
use crate::pages::decide::check_text;
use crate::parts::{Wrong, area, button, case_link, errors, fact, fact_id, facts, line};
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;

pub async fn show(ctx: Ctx, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let id = case_id(&id)?;
    let form = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    Ok(page(&ctx, &id, &form, &[]))
}

fn page(ctx: &Ctx, case: &Hex<16>, form: &Form, wrong: &[Wrong]) -> Response {
    let lifted: Option<Hex<16>> = form.get("lift").parse().ok();
    let (title, status) = match (&lifted, wrong) {
        (Some(_), []) => ("Lift a hold", StatusCode::OK),
        (None, []) => ("Place a hold", StatusCode::OK),
        (Some(_), _) => ("Lift a hold", StatusCode::UNPROCESSABLE_ENTITY),
        (None, _) => ("Place a hold", StatusCode::UNPROCESSABLE_ENTITY),
    };
    ctx.page_as(status, title, Tab::Queue, |html| {
        errors(html, wrong);
        facts(html, |html| {
            fact(html, "Case", |html| case_link(html, case));
            if let Some(id) = &lifted {
                fact_id(html, "Hold", id);
            }
        });
        ctx.post(html, &Link::to("/case").hex(case).part("hold"), |html| {
            match &lifted {
                Some(id) => hidden(html, "lift", &id.to_string()),
                None => {
                    let hint = "Its number in the register, 32 hex digits. Empty if there is none.";
                    let label = ("request", "Legal request");
                    line(html, label, hint, form.get("request"), 32);
                }
            }
            let hint = "It is kept by the desk, and is not in the public log.";
            let label = ("statement", "Why");
            area(
                html,
                label,
                hint,
                form.get("statement"),
                MAX_HOLD_STATEMENT_LEN,
            );
            button(html, "Continue…");
        });
    })
}

pub async fn prepare(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    let lifted: Option<Hex<16>> = form.get("lift").parse().ok();
    let request: Option<Hex<16>> = form.get("request").trim().parse().ok();
    let statement = form.lines("statement");
    let mut wrong = Vec::new();
    if request.is_none() && !form.get("request").trim().is_empty() {
        let said = "Enter the 32 hex digits of a legal request, or nothing.";
        wrong.push(("request", said.to_owned()));
    }
    check_text(
        &mut wrong,
        "statement",
        "why",
        &statement,
        MAX_HOLD_STATEMENT_LEN,
    );
    if form.is_changed() {
        return Ok(page(&ctx, &id, &form, &[]));
    }
    if !wrong.is_empty() {
        return Ok(page(&ctx, &id, &form, &wrong));
    }
    let hold = Hold {
        id: match &lifted {
            Some(lifted) => Number::from_bytes(lifted.0),
            None => Number::generate(&mut system_rng()),
        },
        case: CaseId::from_bytes(id.0),
        lift: lifted.is_some(),
        request: request.map(|request| Number::from_bytes(request.0)),
        statement,
    };
    let to = Link::to("/case").hex(&id).part("hold");
    confirm(&ctx, &desk, Waiting::made(Prepared::Hold(hold), to, form))
}
