//! Appeals: those that wait, and the decision of one.

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use waxseal_desk::appeal::AppealDecision;
use waxseal_log::entry::AppealOutcome;
use waxseal_log::limits::MAX_STATEMENT_LEN;
use waxseal_log::tree::TreeHash;
use waxseal_relay::desk::{AppealItem, Appeals, CaseDetail, Hex};

use crate::app::Desk;
use crate::form::Form;
use crate::html::Link;
use crate::page::{Answer, Ctx, Tab};
use crate::pages::case::{case_id, fetch};
use crate::pages::confirm::confirm;
use crate::pages::decide::check_text;
use crate::pages::steps::{appeal_card, decisions};
use crate::parts::{Wrong, area, button, case_link, done, errors, select};
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;
use crate::words;

pub async fn list(ctx: Ctx, RawQuery(query): RawQuery) -> Answer {
    let query = Form::read(query.unwrap_or_default().as_bytes()).ok_or(Problem::Form)?;
    let desk = ctx.app.desk().await?;
    let appeals: Appeals = ctx.app.get("/v1/appeals".to_owned()).await?;
    Ok(ctx.page("Appeals", Tab::Appeals, |html| {
        done(html, query.get("done"));
        html.tag("p").text(
            "An appeal is decided by an officer who neither decided the case nor approved or denied \
             a grant in it.",
        );
        html.tag("h2").text("Waiting for a decision");
        if appeals.appeals.is_empty() {
            html.tag("p").class("empty").text("No appeal waits.");
        }
        for appeal in &appeals.appeals {
            html.tag("section").class("card").put(|html| {
                html.tag("p").put(|html| case_link(html, &appeal.case));
                appeal_card(html, &desk, appeal);
            });
        }
    }))
}

pub async fn show(ctx: Ctx, Path((case, leaf)): Path<(String, String)>) -> Answer {
    let (desk, detail, leaf) = fetched(&ctx, &case, &leaf).await?;
    page(&ctx, &desk, &detail, &leaf, &Form::default(), &[])
}

pub async fn prepare(
    ctx: Ctx,
    Path((case, leaf)): Path<(String, String)>,
    Extension(form): Extension<Form>,
) -> Answer {
    let (desk, detail, leaf) = fetched(&ctx, &case, &leaf).await?;
    match read(&leaf, &form) {
        _ if form.is_changed() => page(&ctx, &desk, &detail, &leaf, &form, &[]),
        Ok(decision) => {
            let case = detail.case.id;
            let mut appeals = detail.appeals.into_iter();
            let appeal = appeals.find(|appeal| appeal.leaf == leaf);
            let appeal = Box::new(appeal.ok_or(Problem::NotFound)?);
            let act = Prepared::Appeal {
                case,
                decision,
                appeal,
            };
            let to = Link::to("/case").hex(&case).part("appeal").hex(&leaf);
            confirm(&ctx, &desk, Waiting::made(act, to, form))
        }
        Err(wrong) => page(&ctx, &desk, &detail, &leaf, &form, &wrong),
    }
}

async fn fetched(
    ctx: &Ctx,
    case: &str,
    leaf: &str,
) -> Result<(Desk, CaseDetail, Hex<32>), Problem> {
    let id = case_id(case)?;
    let leaf = leaf.parse().map_err(|_| Problem::NotFound)?;
    Ok((ctx.app.desk().await?, fetch(ctx, &id).await?, leaf))
}

fn read(leaf: &Hex<32>, form: &Form) -> Result<AppealDecision, Vec<Wrong>> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let outcome = form.get("outcome").parse().ok();
    let outcome = outcome.and_then(AppealOutcome::from_number);
    let statement = form.lines("statement");
    let what = "the statement of reasons";
    check_text(&mut wrong, "statement", what, &statement, MAX_STATEMENT_LEN);
    match outcome {
        Some(outcome) if wrong.is_empty() => Ok(AppealDecision {
            appeal: TreeHash::from_bytes(leaf.0),
            outcome,
            statement,
        }),
        Some(_) => Err(wrong),
        None => {
            wrong.insert(
                0,
                ("outcome", "Choose whether the decision stands.".to_owned()),
            );
            Err(wrong)
        }
    }
}

fn page(
    ctx: &Ctx,
    desk: &Desk,
    detail: &CaseDetail,
    leaf: &Hex<32>,
    form: &Form,
    wrong: &[Wrong],
) -> Answer {
    let is = |appeal: &&AppealItem| appeal.leaf == *leaf;
    let appeal = detail.appeals.iter().find(is).ok_or(Problem::NotFound)?;
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page: Response = ctx.page_as(status, "Decide the appeal", Tab::Appeals, |html| {
        errors(html, wrong);
        html.tag("p").put(|html| {
            html.text("About ");
            case_link(html, &detail.case.id);
            html.text(". To read the messages again, ask for a grant with the purpose “");
            html.text(words::purpose_of(2));
            html.text("”.");
        });
        html.tag("section").class("card").put(|html| {
            html.tag("h2")
                .text(&format!("{} appeals", words::side(appeal.side)));
            html.tag("blockquote").put(|html| match &appeal.text {
                Some(text) => html.said_lines(text),
                None => html.text("The text was erased."),
            });
        });
        let about = detail
            .decisions
            .iter()
            .filter(|one| one.leaf == appeal.decision);
        let about: Vec<_> = about.cloned().collect();
        decisions(html, desk, &about);
        html.tag("h2").text("Your decision");
        let to = Link::to("/case").hex(&detail.case.id);
        ctx.post(html, &to.part("appeal").hex(leaf), |html| {
            let outcomes = [
                ("", "Choose…"),
                ("1", words::appeal_outcome(1)),
                ("2", words::appeal_outcome(2)),
            ];
            select(html, ("outcome", "Outcome"), outcomes, form.get("outcome"));
            let hint = "Why. The side that appealed reads it.";
            let label = ("statement", "Statement of reasons");
            area(html, label, hint, form.get("statement"), MAX_STATEMENT_LEN);
            button(html, "Continue…");
        });
    });
    Ok(page)
}
