//! Decides a case: which reason was found, by which rule, what is done, and why.

use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::decision::Decision;
use waxseal_desk::ids::CaseId;
use waxseal_log::entry::{Measure, ReasonCode};
use waxseal_log::limits::{MAX_RULE_LEN, MAX_STATEMENT_LEN};
use waxseal_relay::desk::CaseDetail;

use crate::app::Desk;
use crate::form::Form;
use crate::html::{Html, Link};
use crate::page::{Answer, Ctx, Tab};
use crate::pages::case::{case_id, fetch};
use crate::pages::confirm::confirm;
use crate::parts::{Wrong, account, area, button, case_link, errors, fact, facts, line, select};
use crate::prepared::{Prepared, Waiting};
use crate::words;

pub async fn show(ctx: Ctx, Path(id): Path<String>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    let detail = fetch(&ctx, &id).await?;
    let form = Form::default().and("reason", &detail.case.reason.to_string());
    Ok(page(&ctx, &desk, &detail, &form, &[]))
}

pub async fn prepare(ctx: Ctx, Path(id): Path<String>, Extension(form): Extension<Form>) -> Answer {
    let id = case_id(&id)?;
    let desk = ctx.app.desk().await?;
    let detail = fetch(&ctx, &id).await?;
    match read(&desk, &detail, &form) {
        _ if form.is_changed() => Ok(page(&ctx, &desk, &detail, &form, &[])),
        Ok(decision) => {
            let to = Link::to("/case").hex(&id).part("decide");
            let act = Prepared::Decision(decision);
            confirm(&ctx, &desk, Waiting::made(act, to, form))
        }
        Err(wrong) => Ok(page(&ctx, &desk, &detail, &form, &wrong)),
    }
}

fn read(desk: &Desk, detail: &CaseDetail, form: &Form) -> Result<Decision, Vec<Wrong>> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let reason = form.get("reason").parse().ok();
    let reason = reason.and_then(ReasonCode::from_number);
    if reason.is_none() {
        wrong.push(("reason", "Choose the reason that you found.".to_owned()));
    }
    let measure = form.get("measure").parse().ok();
    let measure = measure.and_then(Measure::from_number);
    if measure.is_none() {
        wrong.push(("measure", "Choose what is done.".to_owned()));
    }
    let rule = form.get("rule").trim().to_owned();
    check_text(&mut wrong, "rule", "the rule", &rule, MAX_RULE_LEN);
    let statement = form.lines("statement");
    let what = "the statement of reasons";
    check_text(&mut wrong, "statement", what, &statement, MAX_STATEMENT_LEN);
    match (reason, measure) {
        (Some(reason), Some(measure)) if wrong.is_empty() => Ok(Decision {
            case: CaseId::from_bytes(detail.case.id.0),
            policy: desk.policy.digest(),
            reason,
            measure,
            rule,
            statement,
        }),
        _ => Err(wrong),
    }
}

/// Checks that a text is there and not too long.
pub fn check_text(wrong: &mut Vec<Wrong>, field: &'static str, what: &str, text: &str, max: usize) {
    if text.is_empty() {
        wrong.push((field, format!("Write {what}.")));
    } else if text.len() > max {
        let said = format!(
            "Shorten {what}: it has {} bytes of at most {max}.",
            text.len()
        );
        wrong.push((field, said));
    }
}

fn page(ctx: &Ctx, desk: &Desk, detail: &CaseDetail, form: &Form, wrong: &[Wrong]) -> Response {
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ctx.page_as(status, "Decide the case", Tab::Queue, |html| {
        errors(html, wrong);
        facts(html, |html| {
            fact(html, "Case", |html| case_link(html, &detail.case.id));
            fact(html, "Reported account", |html| account(html, &detail.case));
        });
        let shown = detail
            .openings
            .iter()
            .filter(|one| one.shown_at_ms.is_some());
        if shown.count() == 0 {
            html.tag("p").class("note").text(
                "No report of this case was read by anyone. The decision will say that it was made \
                 after 0 openings.",
            );
        }
        let to = Link::to("/case").hex(&detail.case.id).part("decide");
        ctx.post(html, &to, |html| fields(html, form));
        html.tag("details").put(|html| {
            let name = format!("The policy in force ({})", words::policy_name(&desk.policy));
            html.tag("summary").text(&name);
            html.tag("p")
                .put(|html| html.written_lines(&desk.policy.terms().text));
        });
    })
}

fn fields(html: &mut Html, form: &Form) {
    let numbered = |code: u8, words| (code.to_string(), words);
    let reasons: Vec<_> = words::reasons()
        .map(|(code, words)| numbered(code, words))
        .collect();
    let options = reasons.iter().map(|(code, words)| (code.as_str(), *words));
    select(
        html,
        ("reason", "Reason that you found"),
        options,
        form.get("reason"),
    );
    let measures: Vec<_> = Measure::ALL
        .iter()
        .map(|measure| numbered(measure.number(), words::measure(*measure)))
        .collect();
    let options = measures.iter().map(|(code, words)| (code.as_str(), *words));
    let options = [("", "Choose…")].into_iter().chain(options);
    select(
        html,
        ("measure", "What is done"),
        options,
        form.get("measure"),
    );
    let hint = "The rule that was broken, or by which nothing is done. Both sides read it.";
    line(html, ("rule", "Rule"), hint, form.get("rule"), MAX_RULE_LEN);
    let hint = "Why you decide so. Both sides read it, so name nobody and quote no message.";
    let label = ("statement", "Statement of reasons");
    area(html, label, hint, form.get("statement"), MAX_STATEMENT_LEN);
    button(html, "Continue…");
}
