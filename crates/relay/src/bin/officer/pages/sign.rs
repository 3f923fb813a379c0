//! The second click: signs what was shown, and sends it.

use std::time::Instant;

use axum::Extension;
use waxseal_desk::vault::View;
use zeroize::Zeroizing;

use crate::clock::now;
use crate::form::Form;
use crate::html::Link;
use crate::page::{Answer, Ctx};
use crate::prepared::Prepared;
use crate::problem::Problem;
use crate::views::Opened;

pub async fn sign(ctx: Ctx, Extension(form): Extension<Form>) -> Answer {
    // CHK-648: what is signed is what was shown to this session, once.
    let act = ctx.app.sessions().take(form.get("act"), Instant::now());
    let act = act.ok_or(Problem::NothingPrepared)?;
    // The browser may leave before the desk answers. What was opened is kept all the same, since
    // the vault shows it once.
    let done = tokio::spawn(carry_out(ctx.clone(), act)).await;
    let page = done.unwrap_or(Err(Problem::Failed))?;
    Ok(ctx.go(&page))
}

/// Signs an act and sends it. Returns the page that shows what came of it.
async fn carry_out(ctx: Ctx, act: Prepared) -> Result<Link, Problem> {
    // The desk is asked who it is before each signature.
    ctx.app.desk().await?;
    let case = act.case();
    let page = Link::to("/case").hex(&case);
    let opened = match &act {
        Prepared::Open { open, .. } => Some((open.grant, open.report)),
        _ => None,
    };
    let back = match &act {
        Prepared::Grant { .. } => page.with("done", "grant").at("grants"),
        Prepared::Approval(_) => Link::to("/grants").with("done", "approved"),
        Prepared::Denial { .. } => Link::to("/grants").with("done", "denied"),
        Prepared::Review { .. } => Link::to("/grants").with("done", "reviewed"),
        Prepared::Decision(_) => page.with("done", "decided").at("decisions"),
        Prepared::Appeal { .. } => page.with("done", "appeal").at("appeals"),
        Prepared::Assignment {
            gives_back: true, ..
        } => page.with("done", "back"),
        Prepared::Assignment { .. } => page.with("done", "assigned"),
        Prepared::Hold(_) => page.with("done", "hold").at("holds"),
        Prepared::Open { open, .. } => Link::to("/view").hex(&open.grant).hex(&open.report),
        Prepared::Export { .. } => Link::to("/exports").with("done", "export"),
    };
    let call = act.sign(ctx.app.keys.origin(), &ctx.app.key, now())?;
    let answer = Zeroizing::new(ctx.app.call(call).await?);
    if let Some(opening) = opened {
        let view = View::decode(&answer).map_err(|_| Problem::Malformed)?;
        let opened = Opened::new(case, opening, view, Instant::now());
        ctx.app.views().keep(opened);
    }
    Ok(back)
}
