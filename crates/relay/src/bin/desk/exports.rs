//! Exports: an officer asks for one, and reads what became of all.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use waxseal_desk::desk::Desk;
use waxseal_desk::export::{Form, decode_content, make};
use waxseal_desk::ids::{CaseId, OfficerId};
use waxseal_desk::outbox::NewExport;
use waxseal_desk::policy::Roles;
use waxseal_desk::store::{
    CallbackList, CallbackRow, ExportList, ExportRow, ExportState, Store as _,
};
use waxseal_log::entry::Target;
use waxseal_relay::desk::{AskExport, CallbackItem, DeskCode, ExportItem, Exported, Exports, Hex};
use waxseal_relay::system_rng;

use crate::clock::now;
use crate::errors::Refusal;
use crate::export_targets::Targets;
use crate::files::AnyStore;
use crate::signed::FromOfficer;
use crate::signed::{FromOfficerWithContent, json};
use crate::state::Server;

/// Maximum number of exports, and of callbacks, in an answer.
const MAX_LISTED: usize = 1_000;

/// `POST /v1/cases/{id}/exports`.
pub async fn ask(
    State(server): State<Arc<Server>>,
    Path(id): Path<Hex<16>>,
    asked: FromOfficerWithContent,
) -> Result<Json<Exported>, Refusal> {
    let ask: AskExport = json(&asked.body)?;
    let (case, officer) = (CaseId::from_bytes(id.0), asked.officer);
    let shared = server.clone();
    let made = server
        .readers
        .read(move |desk| made(desk, &shared.targets, &case, &officer, &ask));
    let (form, body) = made.await?;
    let sent = body.clone();
    let enter = server.office.act(move |desk, now| {
        let export = NewExport {
            case,
            form,
            officer,
            body: &body,
        };
        let id = desk.export(&export, now, &mut system_rng())?;
        Ok((id, desk.log_size()))
    });
    let (id, log_size) = enter.await?;
    server.outbox.wake();
    Ok(Json(Exported {
        id: Hex(id),
        sent,
        log_size,
    }))
}

/// Makes what leaves. Nothing is entered yet.
fn made(
    desk: &Desk<AnyStore>,
    targets: &Targets,
    case: &CaseId,
    officer: &OfficerId,
    ask: &AskExport,
) -> Result<(Form, Vec<u8>), Refusal> {
    // The desk checks it again when it enters the export (check 680). Here it keeps others from
    // having the facts of a case gathered.
    let may = |policy: &waxseal_desk::policy::Policy| policy.has_roles(officer, Roles::DECIDE);
    if !desk.policy().is_some_and(may) {
        return Err(waxseal_desk::DeskError::from(waxseal_desk::Refused::NotAllowed).into());
    }
    let target = Target::from_number(ask.target).ok_or_else(Refusal::malformed)?;
    if targets.way(target).is_none() {
        let message = format!("exports to {target} are not set up: see targets.json");
        return Err(Refusal::new(DeskCode::Incomplete, message));
    }
    let form = Form::of_target(target, ask.fields.contains_key("appeal"));
    let shown = decode_content(&ask.content).map_err(|_| Refusal::malformed())?;
    let facts = desk.case_facts(case, officer, shown)?;
    let made = make(form, &facts, &targets.settings, &ask.fields, now());
    match made {
        Ok(body) => Ok((form, body)),
        Err(error) => Err(Refusal::new(DeskCode::Incomplete, error.to_string())),
    }
}

/// The query of `GET /v1/exports`.
#[derive(Deserialize)]
pub struct ExportsQuery {
    case: Option<Hex<16>>,
}

/// `GET /v1/exports`.
pub async fn list(
    State(server): State<Arc<Server>>,
    query: Result<Query<ExportsQuery>, axum::extract::rejection::QueryRejection>,
    _: FromOfficer,
) -> Result<Json<Exports>, Refusal> {
    let Query(query) = query.map_err(|_| Refusal::malformed())?;
    let (exports, callbacks) = match query.case {
        Some(case) => (ExportList::OfCase(case.0), CallbackList::OfCase(case.0)),
        None => (ExportList::Newest, CallbackList::Newest),
    };
    let listed = server.readers.read(move |desk| {
        let exports = desk.store().exports(&exports, MAX_LISTED)?;
        let callbacks = desk.store().callbacks(&callbacks, MAX_LISTED)?;
        Ok(Exports {
            exports: exports.into_iter().filter_map(item).collect(),
            callbacks: callbacks.into_iter().map(callback).collect(),
        })
    });
    Ok(Json(listed.await?))
}

fn item(row: ExportRow) -> Option<ExportItem> {
    let is_taken = row.state == ExportState::Taken;
    Some(ExportItem {
        id: Hex(row.id),
        case: Hex(row.case_id),
        target: Form::from_number(row.form)?.target().number(),
        officer: Hex(row.officer),
        log_index: row.log_index,
        made_at_ms: row.made_at_ms,
        taken_at_ms: row.ended_at_ms.filter(|_| is_taken),
        given_up_at_ms: row.ended_at_ms.filter(|_| !is_taken),
        tries: row.tries,
        answer: row.answer,
    })
}

fn callback(row: CallbackRow) -> CallbackItem {
    CallbackItem {
        case: row.case_id.map(Hex),
        text: String::from_utf8_lossy(&row.body).into_owned(),
        received_at_ms: row.received_at_ms,
    }
}
