//! The thread that sends what waits in the outbox, one export after the other.
//!
//! An export is tried until its target takes it or refuses it for good. It is sent at least once:
//! after a crash between the answer and its row, it is sent again with the same bytes and the same
//! `idempotency-key`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use waxseal_desk::export::{Form, ncmec, webhook};
use waxseal_desk::outbox::Tried;
use waxseal_desk::store::{ExportRow, Store as _};
use waxseal_desk::{DeskError, Refused};
use waxseal_interface::HttpRequest;
use waxseal_relay::desk::Hex;

use crate::clock::now;
use crate::errors::Refusal;
use crate::export_targets::{Address, Way};
use crate::files::{Result, replace};
use crate::state::Server;

/// How often it looks, if nothing wakes it.
const TICK: Duration = Duration::from_secs(10);
/// Number of exports that are read at one time.
const MAX_DUE: usize = 1_000;
/// The longest pause after failures of the store.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);
/// Maximum length of what is kept of an answer, in characters.
const MAX_SAID: usize = 300;

/// Runs until the server stops.
pub fn run(server: &Arc<Server>, woken: &Receiver<()>) {
    let mut failed = 0;
    while !server.is_stopping() {
        match send_due(server) {
            Ok(sent) => {
                failed = 0;
                // More may wait.
                if sent == 0 {
                    let _ = woken.recv_timeout(TICK);
                }
            }
            Err(refusal) => {
                tracing::warn!(message = refusal.message, "the outbox waits");
                failed += 1;
                wait(server, woken, pause(failed));
            }
        }
    }
}

/// How long to wait after the store failed this many times in a row. Meanwhile nothing is sent:
/// what was sent could not be entered, and would be sent again and again.
fn pause(failed: u32) -> Duration {
    let times = 1_u32.checked_shl(failed.saturating_sub(1).min(16));
    TICK.saturating_mul(times.unwrap_or(u32::MAX))
        .min(MAX_PAUSE)
}

/// Waits whatever wakes it, but for the server's end.
fn wait(server: &Server, woken: &Receiver<()>, pause: Duration) {
    let end = Instant::now() + pause;
    while !server.is_stopping() {
        let left = end.saturating_duration_since(Instant::now());
        match woken.recv_timeout(left) {
            Ok(()) => {}
            Err(_) => return,
        }
    }
}

/// Tries what is due. Returns the number of exports of which the outcome is entered. A target that
/// does not take one is asked no more in this round, so that it holds the others up once.
///
/// # Errors
/// The store's. The round ends with the first outcome that could not be entered.
pub fn send_due(server: &Server) -> std::result::Result<usize, Refusal> {
    let due = server
        .readers
        .read_now(|desk| Ok(desk.due_exports(now(), MAX_DUE)?))?;
    let (mut tried, mut slow) = (0, Vec::new());
    for row in due {
        if server.is_stopping() {
            break;
        }
        let target = Form::from_number(row.form).map(Form::target);
        if slow.contains(&target) {
            continue;
        }
        let body = server.readers.read_now(|desk| {
            let body = desk.store().outbox(&row.id)?;
            server.folder.check_place(desk.store())?;
            Ok(body)
        })?;
        // Its case was erased meanwhile.
        let Some(body) = body else { continue };
        let (outcome, answer) = send(server, &row, &body.body);
        let id = row.id;
        if outcome == Tried::Later {
            slow.push(target);
        }
        let enter = move |desk: &mut waxseal_desk::desk::Desk<_>, now| {
            match desk.export_tried(&id, outcome, &answer, now) {
                // It ended meanwhile.
                Err(DeskError::Refused(Refused::NoExport)) => Ok(None),
                entered => entered.map(Some),
            }
        };
        // CHK-699: an outcome that cannot be entered ends the round.
        let state = server.office.act_now(enter)?;
        tracing::info!(?state, "an export was tried");
        tried += 1;
    }
    Ok(tried)
}

/// Sends one export. Returns what came of it, and what the target said.
fn send(server: &Server, row: &ExportRow, body: &[u8]) -> (Tried, String) {
    let Some(form) = Form::from_number(row.form) else {
        return (Tried::Refused, "the form is not known".to_owned());
    };
    let Some(way) = server.targets.way(form.target()) else {
        return (Tried::Later, "the target is not set up".to_owned());
    };
    let id = Hex(row.id).to_string();
    let mut headers = vec![
        ("content-type", form.media_type().to_owned()),
        ("accept", "application/json".to_owned()),
        ("idempotency-key", id.clone()),
    ];
    match way {
        Way::File => match write(server, form, &id, body) {
            Ok(name) => (Tried::Taken, format!("written to {name}")),
            Err(error) => {
                tracing::error!(error = error.to_string(), "an export was not written");
                (Tried::Later, "it could not be written".to_owned())
            }
        },
        Way::Coop(address, key) => {
            let path = match form {
                Form::CoopAppeal => "/api/v1/report/appeal",
                _ => "/api/v1/report",
            };
            headers.push(("x-api-key", key.to_string()));
            post(address, path, headers, body, |_, _| false)
        }
        Way::Osprey(address) => post(address, "", headers, body, |_, _| false),
        Way::Dsa(address, token) => {
            headers.push(("authorization", format!("Bearer {}", **token)));
            let path = "/api/v1/statement";
            // The identifier follows from the decision. Only if no other statement of reasons was
            // made for it is the one that is there this one.
            let first = server
                .readers
                .read_now(|desk| Ok(desk.is_first_statement(row)?));
            match first {
                Ok(true) => post(address, path, headers, body, is_known),
                Ok(false) => post(address, path, headers, body, |_, _| false),
                Err(refusal) => (Tried::Later, refusal.message),
            }
        }
        Way::Webhook(address, key) => {
            let at_secs = now().as_millis() / 1_000;
            let signature = webhook::sign(key, &row.id, at_secs, body);
            headers.extend([
                ("waxseal-export", id),
                ("waxseal-timestamp", at_secs.to_string()),
                ("waxseal-signature", signature),
            ]);
            post(address, "", headers, body, |_, _| false)
        }
    }
}

/// Whether the database answers that it has this statement already: an earlier try arrived.
fn is_known(status: u16, body: &[u8]) -> bool {
    let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let errors = answer.as_ref().and_then(|answer| answer.get("errors"));
    let errors = errors.and_then(|errors| errors.as_object());
    status == 422 && errors.is_some_and(|errors| errors.len() == 1 && errors.contains_key("puid"))
}

fn post(
    address: &Address,
    path: &str,
    headers: Vec<(&'static str, String)>,
    body: &[u8],
    is_known: fn(u16, &[u8]) -> bool,
) -> (Tried, String) {
    let path = format!("{}{path}", address.path);
    let request = HttpRequest {
        method: "POST",
        path: if path.is_empty() {
            "/".to_owned()
        } else {
            path
        },
        headers,
        body: body.to_vec(),
    };
    // CHK-696: the same bytes leave at each try.
    let answer = match address.link.call(&request) {
        Ok(answer) => answer,
        Err(error) => return (Tried::Later, error.to_string()),
    };
    let tried = match answer.status {
        200..=299 => Tried::Taken,
        status if is_known(status, &answer.body) => Tried::Taken,
        // The request is wrong, and will be wrong again. A key or an address can be corrected.
        400 | 413 | 415 | 422 => Tried::Refused,
        _ => Tried::Later,
    };
    let said = String::from_utf8_lossy(&answer.body);
    let said: String = said.chars().take(MAX_SAID).collect();
    (tried, format!("{} {said}", answer.status))
}

/// Writes an export into the folder `outbox`. Returns the name of the file.
fn write(server: &Server, form: Form, id: &str, body: &[u8]) -> Result<String> {
    let folder = server.folder.path("outbox");
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.map_err(|error| crate::files::failed(&folder, &error))?;
    let name = match form {
        Form::CyberTip => {
            let report = ncmec::report_of(body)?;
            let path = folder.join(format!("cybertip-{id}.xml"));
            replace(&path, 0o600, report.as_bytes())?;
            format!("cybertip-{id}.json")
        }
        _ => format!("{}-{id}.jsonl", form.target()),
    };
    // The file whose digest is in the log comes last: with it, all is there.
    replace(&folder.join(&name), 0o600, body)?;
    Ok(name)
}

#[cfg(test)]
pub mod tests;
