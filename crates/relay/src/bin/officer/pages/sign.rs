//! The second click: signs what was shown, and sends it.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use waxseal_relay::desk::{DeskCode, DeskError};
use zeroize::Zeroizing;

use crate::checks;
use crate::clock::now;
use crate::form::Form;
use crate::html::Link;
use crate::page::{Answer, Ctx};
use crate::pages::confirm::again;
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;
use crate::views::Opened;

pub async fn sign(ctx: Ctx, Extension(form): Extension<Form>) -> Answer {
    // The desk is asked who it is before each signature. Without an answer, the act still waits.
    let desk = ctx.app.desk().await?;
    // CHK-648: what is signed is what was shown to this session, once.
    let waiting = ctx.app.sessions().take(form.get("act"), Instant::now());
    let waiting = waiting.ok_or(Problem::NothingPrepared)?;
    if !checks::is_in_force(&waiting.act, &desk) {
        return again(&ctx, &desk, waiting, &Problem::PolicyChanged);
    }
    // The browser may leave before the desk answers. What was opened is kept all the same, since
    // the vault shows it once.
    let waiting = Arc::new(waiting);
    let done = tokio::spawn(carry_out(ctx.clone(), Arc::clone(&waiting))).await;
    match (
        done.unwrap_or(Err(Problem::Failed)),
        Arc::into_inner(waiting),
    ) {
        (Ok(page), _) => Ok(ctx.go(&page)),
        (Err(problem), Some(waiting)) if !is_over(&problem) => {
            again(&ctx, &desk, waiting, &problem)
        }
        (Err(problem), _) => Err(problem.into()),
    }
}

/// Whether the act cannot be carried out any more.
fn is_over(problem: &Problem) -> bool {
    let code = match problem {
        Problem::Desk(DeskError::Refused { code, .. }) => code,
        _ => return false,
    };
    matches!(code, DeskCode::Conflict | DeskCode::NotFound)
}

/// Signs an act and sends it. Returns the page that shows what came of it.
async fn carry_out(ctx: Ctx, waiting: Arc<Waiting>) -> Result<Link, Problem> {
    let act = &waiting.act;
    let case = act.case();
    let page = Link::to("/case").hex(&case);
    let back = match act {
        Prepared::Grant { .. } => page.with("done", "grant"),
        Prepared::Approval(_) => Link::to("/grants").with("done", "approved"),
        Prepared::Denial { .. } => Link::to("/grants").with("done", "denied"),
        Prepared::Review { .. } => Link::to("/grants").with("done", "reviewed"),
        Prepared::Decision(_) => page.with("done", "decided"),
        Prepared::Appeal { .. } => page.with("done", "appeal"),
        Prepared::Assignment {
            gives_back: true, ..
        } => page.with("done", "back"),
        Prepared::Assignment { .. } => page.with("done", "assigned"),
        Prepared::Hold(_) => page.with("done", "hold"),
        Prepared::Open { open, .. } => Link::to("/view").hex(&open.grant).hex(&open.report),
        Prepared::Export { .. } => Link::to("/exports").with("done", "export"),
    };
    let call = act.sign(ctx.app.keys.origin(), &ctx.app.key, now())?;
    let answer = Zeroizing::new(ctx.app.call(call).await?);
    if let Prepared::Open {
        open,
        grant,
        report,
        ..
    } = act
    {
        let view = checks::view(&answer, grant, report)?;
        let opened = Opened::new(case, (open.grant, open.report), view, Instant::now());
        ctx.app.views().keep(opened);
    }
    Ok(back)
}
